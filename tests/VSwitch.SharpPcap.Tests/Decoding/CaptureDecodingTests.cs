using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Pcap;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Tests;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Every capture by PacketDotNet: its frames as they are, the same moved into a lab, and what the switch sends in a replay of
/// them.</summary>
public class CaptureDecodingTests(ITestOutputHelper output)
{
    private const int Ethernet = 1;

    [Fact]
    public void The_demo_is_decoded_alike_before_and_behind_the_switch()
    {
        string folder = Path.Combine(RepositoryRoot.Folder, "captures");
        string capture = Path.Combine(folder, "demo.pcap");
        ConfigResult read = ConfigReader.Parse("demo.yaml", File.ReadAllText(Path.Combine(folder, "demo.yaml")));
        Assert.Empty(read.Errors);
        var received = new DecodingTally("captures/demo.pcap, received");
        var sent = new DecodingTally("captures/demo.pcap, sent");
        foreach (CapturedFrame frame in CapturedFrame.Read(capture, out _))
        {
            received.Add(frame.Bytes);
        }

        Replay(read.Config!, capture, sent);
        output.WriteLine($"{received}\n{sent}");
        Assert.Equal(14, received.Frames);
        Assert.InRange(sent.Frames, 7, 20);
        Assert.Equal(0, sent.Refused);
    }

    [SharedFact]
    public void Frames_of_every_capture_are_decoded_alike()
    {
        var tally = new DecodingTally("captures as they are");
        int files = 0;
        foreach (string file in Captures())
        {
            files++;
            foreach (CapturedFrame frame in CapturedFrame.Read(file, out _).Where(f => f.LinkType == Ethernet))
            {
                tally.Add(frame.Bytes, Path.GetFileName(file));
            }
        }

        output.WriteLine($"{files} files; {tally}");
        Assert.Equal(91, files);
        tally.AssertSeen("VLAN", "ARP", "IPv4", "IPv6", "IPv6 extensions", "TCP", "UDP", "ICMP", "ICMPv6", "ICMP errors", "ND", "fragments", "DHCP");
        Assert.True(tally.Frames > 2000 && tally.Malformed > 20, tally.ToString());
    }

    /// <summary>Three labs a capture: all hosts in one subnet, and those with an even or an odd address behind EIPs, the others beyond the
    /// internet port.</summary>
    [SharedFact]
    public void What_the_switch_sends_for_every_capture_is_decoded_alike()
    {
        Func<IpAddress, bool>?[] places = [null, address => (address.Bits & 1) == 0, address => (address.Bits & 1) != 0];
        var received = new DecodingTally("captures in a lab, received");
        var sent = new DecodingTally("captures, sent by the switch");
        int files = 0;
        foreach (string file in Captures())
        {
            files++;
            IReadOnlyList<CapturedFrame> frames = CapturedFrame.Read(file, out _);
            foreach (Func<IpAddress, bool>? inside in places)
            {
                var lab = new CaptureLab(frames, new LabOptions { Inside = inside, Loose = true, Unicast = true });
                foreach (LabFrame frame in lab.Frames)
                {
                    received.Add(frame.Bytes, Path.GetFileName(file));
                }

                ReplayLab(lab, sent);
            }
        }

        output.WriteLine($"{files} files\n{received}\n{sent}");
        Assert.Equal(91, files);
        received.AssertSeen("ARP", "TCP", "UDP", "ICMP", "IPv6");
        sent.AssertSeen("ARP", "IPv4", "IPv6", "TCP", "UDP", "ICMP", "ICMPv6", "ICMP errors", "ND", "fragments", "DHCP");
        Assert.True(sent.Frames > 3000, sent.ToString());
        Assert.Equal(0, sent.Refused);
    }

    private static IEnumerable<string> Captures() => File
        .ReadLines(Path.Combine(RepositoryRoot.Shared!, "captures", "ORACLE.tsv")).Skip(1)
        .Select(line => Path.Combine(RepositoryRoot.Shared!, "captures", line.Split('\t')[0]));

    private static void ReplayLab(CaptureLab lab, DecodingTally sent)
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-decoding-").FullName;
        try
        {
            string file = Path.Combine(folder, "lab.pcap");
            using (var writer = new PcapWriter(file))
            {
                foreach (LabFrame frame in lab.Frames)
                {
                    writer.Write(frame.Bytes, frame.TimestampNs);
                }
            }

            Replay(lab.Config, file, sent);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Replays a file by the command's own path, and adds what every port sent.</summary>
    private static void Replay(SwitchConfig config, string file, DecodingTally sent)
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-decoding-").FullName;
        try
        {
            long before = sent.Frames;
            ReplaySummary summary;
            using (var runner = new ReplayRunner(config, new ReplayOptions([("auto", file)], folder, 1, 0)))
            {
                summary = runner.Run(CancellationToken.None);
            }

            foreach (string port in Directory.GetFiles(folder, "*.pcap").Order(StringComparer.Ordinal))
            {
                foreach (CapturedFrame frame in CapturedFrame.Read(port, out _))
                {
                    sent.Add(frame.Bytes, $"{Path.GetFileName(file)} to {Path.GetFileName(port)}");
                }
            }

            Assert.Equal(summary.Ports.Values.Sum(p => p.Sent), sent.Frames - before);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
