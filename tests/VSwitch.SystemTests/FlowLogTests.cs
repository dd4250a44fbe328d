using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Flow logs of real traffic over TAPs, read by nfdump's collector, and as text.</summary>
public sealed class FlowLogTests : IDisposable
{
    private const string Yaml = """
        vpcs:
          - { name: blue, cidrs: [10.0.0.0/16, "fd00:b::/48"], subnets: [{ name: near, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }] }
        securityGroups:
          - { name: open, vpc: blue, template: open }
          - { name: closed, vpc: blue }
        enis:
          - { name: a, subnet: near, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [open], device: { tap: vst-a } }
          - { name: b, subnet: near, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11, "fd00:b:0:1::11"], securityGroups: [open], device: { tap: vst-b } }
          - { name: c, subnet: near, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [closed], device: { tap: vst-c } }
        flowLogs:
          - { name: collector, vpc: blue, interval: 1s, to: { ipfix: "127.0.0.1:PORT" } }
          - { name: lines, eni: b, interval: 1s, format: "${interface-id} ${flow-direction} ${srcaddr} ${protocol} ${dstport} ${packets} ${bytes} ${action}", to: { file: FOLDER/b.log } }

        """;

    /// <summary>100 datagrams of 472 bytes of payload each: 500 bytes an IP packet.</summary>
    private const string Sender = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("10.0.1.10", 4000))
        for i in range(100):
            s.sendto(b"x" * 472, ("10.0.1.11", 5000))
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-flows-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("ping", "python3", "nfcapd", "nfdump")]
    public void Nfdump_and_the_text_show_each_flow_with_its_packets_and_bytes()
    {
        int port = FreePort();
        string flows = Directory.CreateDirectory(Path.Combine(_folder, "nfcapd")).FullName;
        using Process collector = Begin("nfcapd", "-b", "127.0.0.1", "-p", port.ToString(CultureInfo.InvariantCulture), "-w", flows, "-t", "3600");
        try
        {
            bool listens = SpinWait.SpinUntil(() => IsBound(port), TimeSpan.FromSeconds(20));
            Assert.True(listens, "nfcapd listens");
            string yaml = Yaml.Replace("PORT", port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("FOLDER", _folder, StringComparison.Ordinal);
            using (var lab = new LabFixture(yaml))
            {
                Assert.Equal(0, lab.Run("a", "ping", "-c", "5", "-i", "0.2", "-s", "1000", "-W", "2", "10.0.1.11").Exit);
                Assert.Equal(0, lab.Run("a", "ping", "-6", "-c", "4", "-i", "0.2", "-s", "200", "-W", "2", "fd00:b:0:1::11").Exit);
                Assert.NotEqual(0, lab.Run("a", "ping", "-c", "3", "-i", "0.2", "-W", "1", "10.0.1.12").Exit);
                Assert.Equal(0, lab.Run("a", "python3", "-c", Sender).Exit);

                // What still waits in a TAP goes with it.
                Assert.True(SpinWait.SpinUntil(() => lab.Counters("a").Forwarded >= 5 + 4 + 100, TimeSpan.FromSeconds(20)), "the switch took all");
            }

            Assert.True(SpinWait.SpinUntil(() => IsRead(port), TimeSpan.FromSeconds(20)), "nfcapd took all");
        }
        finally
        {
            End(collector);
        }

        // As "source,destination,source port,destination port,protocol,direction,packets,bytes", of all intervals together.
        Dictionary<string, (long Packets, long Bytes)> seen = Dump(flows);
        foreach ((string flow, long packets, long bytes) in new[]
        {
            ("10.0.1.10,10.0.1.11,0,1,1", 5L, 5L * 1028), ("10.0.1.10,10.0.1.11,0,1,0", 5, 5 * 1028),
            ("10.0.1.11,10.0.1.10,0,1,1", 5, 5 * 1028), ("10.0.1.11,10.0.1.10,0,1,0", 5, 5 * 1028),
            ("fd00:b:0:1::10,fd00:b:0:1::11,0,58,1", 4, 4 * 248), ("fd00:b:0:1::11,fd00:b:0:1::10,0,58,0", 4, 4 * 248),
            ("10.0.1.10,10.0.1.11,4000,17,1", 100, 50_000), ("10.0.1.10,10.0.1.11,4000,17,0", 100, 50_000),
            ("10.0.1.10,10.0.1.12,0,1,0", 3, 3 * 84),
        })
        {
            Assert.True(seen.TryGetValue(flow, out (long, long) counts), $"{flow} among\n{string.Join('\n', seen)}");
            Assert.Equal((packets, bytes), counts);
        }

        Assert.DoesNotContain("10.0.1.10,10.0.1.12,0,1,1", seen.Keys);
        var lines = File.ReadAllLines(Path.Combine(_folder, "b.log")).Select(l => l.Split(' ')).Where(c => c[5] != "-")
            .GroupBy(c => string.Join(' ', c[..5])).ToDictionary(g => g.Key, g => (g.Sum(c => long.Parse(c[5], CultureInfo.InvariantCulture)), g.Sum(c => long.Parse(c[6], CultureInfo.InvariantCulture))));
        Assert.Equal((100, 50_000), lines["b ingress 10.0.1.10 17 5000"]);
        Assert.Equal((5, 5 * 1028), lines["b egress 10.0.1.11 1 0"]);
    }

    private static Dictionary<string, (long Packets, long Bytes)> Dump(string folder)
    {
        using Process nfdump = Begin("nfdump", "-R", folder, "-q", "-N", "-6", "-o", "fmt:%sa,%da,%sp,%pr,%dir,%pkt,%byt");
        string output = nfdump.StandardOutput.ReadToEnd();
        nfdump.WaitForExit();
        var seen = new Dictionary<string, (long Packets, long Bytes)>();
        foreach (string[] columns in output.Split('\n').Select(l => l.Split(',', StringSplitOptions.TrimEntries)).Where(c => c.Length == 7))
        {
            string direction = columns[4] is "E" or "1" ? "1" : "0";
            string protocol = columns[3] switch { "ICMP" => "1", "UDP" => "17", "ICMP6" => "58", string other => other };
            string flow = string.Join(',', columns[0], columns[1], columns[2], protocol, direction);
            (long packets, long bytes) = seen.GetValueOrDefault(flow);
            seen[flow] = (packets + long.Parse(columns[5], CultureInfo.InvariantCulture), bytes + long.Parse(columns[6], CultureInfo.InvariantCulture));
        }

        return seen;
    }

    private static int FreePort()
    {
        using var probe = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.Client.LocalEndPoint!).Port;
    }

    private static bool IsBound(int port) => System.Net.NetworkInformation.IPGlobalProperties.GetIPGlobalProperties()
        .GetActiveUdpListeners().Any(end => end.Port == port);

    /// <summary>True when nothing waits in the socket that is bound to a UDP port (proc_net_udp: tx_queue:rx_queue).</summary>
    private static bool IsRead(int port) => File.ReadLines("/proc/net/udp").Skip(1)
        .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(c => c[1].EndsWith($":{port:X4}", StringComparison.Ordinal))
        .All(c => c[4].EndsWith(":00000000", StringComparison.Ordinal));

    private static Process Begin(string program, params string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>By SIGTERM, so that it writes what it has.</summary>
    private static void End(Process process)
    {
        using Process kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        if (!process.WaitForExit(20_000))
        {
            process.Kill();
            process.WaitForExit();
        }
    }
}
