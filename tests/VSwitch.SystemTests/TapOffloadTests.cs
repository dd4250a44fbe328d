using System.Diagnostics;
using System.Security.Cryptography;
using VSwitch.DataPlane.Counters;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Super-packets and partial checksums between real guests: whole where both ends take them, segmented where one does
/// not (semantics.md decision 15).</summary>
public sealed class TapOffloadTests : IDisposable
{
    private const int LargestFrame = 1514;

    private const string Yaml = """
        internet:
          device: { tap: vso-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: near, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }
              - { name: far, cidrs: [10.0.2.0/24, "fd00:b:0:2::/64"] }
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - name: g
            vpc: blue
            ingress:
              - { protocol: tcp, ports: "80,5201,9000", source: 0.0.0.0/0 }
              - { protocol: udp, ports: "9000", source: 0.0.0.0/0 }
              - { protocol: tcp, ports: "80,5201,9000", source: "::/0" }
              - { protocol: udp, ports: "9000", source: "::/0" }
        enis:
          - { name: off-a, subnet: near, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [g], device: { tap: vso-a } }
          - { name: off-b, subnet: far, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10, "fd00:b:0:2::10"], securityGroups: [g], device: { tap: vso-b } }
          - { name: off-plain, subnet: near, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11, "fd00:b:0:1::11"], securityGroups: [g], device: { tap: vso-p, offload: false } }
          - { name: off-file, subnet: near, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12, "fd00:b:0:1::12"], securityGroups: [g], device: { pcap: { out: "FILE" } } }
        elasticIps:
          - { name: e-a, address: 203.0.113.10, eni: off-a }
          - { name: e-p, address: 203.0.113.11, eni: off-plain }
        """;

    /// <summary>Sends one super-packet of datagrams: address, port, bytes of each, bytes in all.</summary>
    private const string SendDatagrams = """
        import socket, sys
        a, port, size, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
        s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(17, 103, size)
        s.sendto(bytes(i // size % 251 for i in range(total)), (a, port))
        """;

    /// <summary>Says how long each datagram is, and what its bytes are: family, port, bytes in all.</summary>
    private const string TakeDatagrams = """
        import socket, sys
        s = socket.socket(socket.AF_INET6 if sys.argv[1] == '6' else socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(('', int(sys.argv[2])))
        s.settimeout(20)
        print('ready', flush=True)
        left = int(sys.argv[3])
        while left > 0:
            d = s.recv(65536)
            left -= len(d)
            print(len(d), *sorted(set(d)))
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-offload-").FullName;

    private string Capture => Path.Combine(_folder, "out.pcap");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("curl", "python3")]
    public void A_file_comes_through_between_ports_with_and_without_offload_through_EIPs_and_over_both_families()
    {
        using LabFixture lab = MakeLab();
        byte[] content = RandomNumberGenerator.GetBytes(8_000_000);
        File.WriteAllBytes(Path.Combine(_folder, "f"), content);
        foreach ((string server, (string Client, string Host)[] clients) in new (string, (string, string)[])[]
        {
            ("off-a", [("off-b", "10.0.1.10"), ("off-b", "[fd00:b:0:1::10]"), ("off-plain", "10.0.1.10"), ("off-plain", "[fd00:b:0:1::10]"),
                ("internet", "203.0.113.10"), ("off-b", "10.0.1.10"), ("off-plain", "203.0.113.10")]),
            ("off-plain", [("off-b", "10.0.1.11"), ("off-b", "[fd00:b:0:1::11]"), ("internet", "203.0.113.11"), ("off-a", "203.0.113.11")]),
        })
        {
            using Process http = lab.Start(server, "python3", "-m", "http.server", "80", "--bind", "::", "--directory", _folder);
            try
            {
                lab.WaitForListener(server, 80);
                foreach ((string client, string host) in clients)
                {
                    string got = Path.Combine(_folder, "got");
                    (int exit, string output) = lab.Run(client, "curl", "-s", "-m", "25", "-o", got, $"http://{host}/f");
                    Assert.True(exit == 0, $"{client} {host}: {exit} {output}");
                    Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(got)), $"{client} {host}");
                    File.Delete(got);
                }
            }
            finally
            {
                http.Kill(entireProcessTree: true);
                http.WaitForExit();
            }
        }

        // Whole between ports that take super-packets, in frames to and from the one that does not.
        PortCounters a = lab.Counters("off-a");
        PortCounters plain = lab.Counters("off-plain");
        Assert.True(a.ReceivedBytes / a.ReceivedPackets > LargestFrame, $"{a.ReceivedBytes} bytes in {a.ReceivedPackets}");
        Assert.True(plain.SentBytes / plain.SentPackets <= LargestFrame, $"{plain.SentBytes} bytes in {plain.SentPackets}");
        Assert.True(plain.Generated > 1000, $"{plain.Generated} segments");
        Assert.All(lab.Host.Devices, d => Assert.Equal((0, 0), (d.Device.Status.TransmitErrorCount, d.Device.Status.LostCount)));
    }

    [RootFact("python3")]
    public void Datagrams_that_are_sent_at_once_come_one_by_one()
    {
        using LabFixture lab = MakeLab();
        foreach ((string from, string to, string address) in new[]
        {
            ("off-a", "off-b", "10.0.2.10"), ("off-a", "off-b", "fd00:b:0:2::10"), ("off-a", "off-plain", "10.0.1.11"),
            ("off-a", "off-plain", "fd00:b:0:1::11"), ("off-plain", "off-b", "10.0.2.10"), ("internet", "off-a", "203.0.113.10"),
        })
        {
            string family = address.Contains(':', StringComparison.Ordinal) ? "6" : "4";
            using Process taker = lab.Start(to, "python3", "-c", TakeDatagrams, family, "9000", "40500");
            Assert.Equal("ready", taker.StandardOutput.ReadLine());
            (int exit, string output) = lab.Run(from, "python3", "-c", SendDatagrams, address, "9000", "1000", "40500");
            Assert.True(exit == 0, $"{from} {address}: {output}");
            string[] expected = [.. Enumerable.Range(0, 40).Select(i => $"1000 {i}"), "500 40"];
            Assert.Equal(expected, taker.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries));
            taker.WaitForExit();
        }

        PortCounters a = lab.Counters("off-a");
        Assert.True(a.ReceivedBytes > 4 * 40_500 && a.ReceivedPackets < 4 * 40, $"{a.ReceivedPackets} packets of {a.ReceivedBytes} bytes");
    }

    [RootFact("python3")]
    public void A_capture_file_gets_segments_with_right_checksums()
    {
        using (LabFixture lab = MakeLab())
        {
            foreach (string address in new[] { "10.0.1.12", "fd00:b:0:1::12" })
            {
                foreach (string size in new[] { "1000", "60000" })
                {
                    string total = size == "1000" ? "30300" : "1200";
                    (int exit, string output) = lab.Run("off-a", "python3", "-c", SendDatagrams, address, "9000", size, total);
                    Assert.True(exit == 0, output);
                }
            }

            bool came = SpinWait.SpinUntil(() => lab.Counters("off-file").SentPackets >= 64, TimeSpan.FromSeconds(10));
            Assert.True(came, $"{lab.Counters("off-file").SentPackets} packets");
        }

        var frames = new List<byte[]>();
        using (CaptureReader reader = CaptureReader.Open(Capture))
        {
            while (reader.TryReadNext(out CaptureRecord record))
            {
                frames.Add(record.Bytes.ToArray());
            }
        }

        Assert.Equal(64, frames.Count);
        Assert.All(frames, PacketAssert.IsValid);
        Assert.All(frames, frame => Assert.InRange(frame.Length, 300, LargestFrame));
    }

    /// <summary>The kernel sends what a TAP queue's connection gets on the queue that its last frame came from, so that frames
    /// reach the connection's own worker.</summary>
    [RootFact("iperf3")]
    public void Replies_bring_a_connection_to_the_queue_of_its_worker()
    {
        using LabFixture lab = MakeLab();
        using Process server = lab.Start("off-b", "iperf3", "-s", "-1");
        lab.WaitForListener("off-b", 5201);
        (int exit, string output) = lab.Run("off-a", "iperf3", "-c", "10.0.2.10", "-t", "3", "-P", "8", "--connect-timeout", "5000");
        Assert.True(exit == 0, output);
        server.WaitForExit(10_000);
        long handedOver = lab.Host.Workers.Workers.Sum(w => w.Counters.HandedOver);
        long received = new[] { "off-a", "off-b" }.Sum(p => lab.Counters(p).ReceivedPackets);
        Assert.True(handedOver * 50 < received, $"{handedOver} of {received} were handed over");
    }

    private LabFixture MakeLab() => new(Yaml.Replace("FILE", Capture, StringComparison.Ordinal));
}
