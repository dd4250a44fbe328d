using System.Text.Json;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>The stock clients, on the bench of the black-box cases, over IPv4 and IPv6, through security groups, the
/// router and an EIP.</summary>
public sealed class RealClientTests : IDisposable
{
    private const string Page = "hello";
    private const string ServicePorts = "80,5201";
    private const string ProbePorts = "5201,33434-33600,44444-44600";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-clients-").FullName;

    public RealClientTests() => File.WriteAllText(Path.Combine(_folder, "page"), Page);

    /// <summary>What each group lets in: the web, iperf3, and the probes of traceroute and tracepath, of both
    /// families.</summary>
    private static string Rules => string.Join(", ", new[] { "0.0.0.0/0", "\"::/0\"" }.Select(from =>
        $"{{ protocol: tcp, ports: \"{ServicePorts}\", source: {from} }}, " +
        $"{{ protocol: udp, ports: \"{ProbePorts}\", source: {from} }}, " +
        $"{{ protocol: {(from[0] == '0' ? "icmp" : "icmpv6")}, source: {from} }}"));

    private static BenchSetup Setup => new()
    {
        Kernel = [A, B, C, X],
        IsDual = true,
        RulesA = Rules,
        RulesB = Rules,
        RulesC = Rules,
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("ping")]
    public void Ping_reaches_peers_router_and_outside_in_both_families() => Bench.Run(Setup, bench =>
    {
        TouchAll(bench);
        foreach ((BenchPort from, string target) in new[]
        {
            (A, "10.1.0.11"), (A, "10.1.1.10"), (A, "10.1.0.1"), (A, "198.51.100.10"), (X, "203.0.113.10"),
            (A, "203.0.113.11"),
            (A, "fd00:1:0:1::b"), (A, "fd00:1:0:2::c"), (A, "fd00:1:0:1::1"), (A, "2001:db8:100::10"),
            (X, "fd00:1:0:1::a"),
        })
        {
            (int exit, string output) = bench.Network.Run(from, "ping", "-c", "2", "-i", ".1", "-W", "2", target);
            Assert.True(exit == 0 && output.Contains(" 2 received", StringComparison.Ordinal),
                $"{from} to {target}: {output}");
        }
    });

    [RootFact("traceroute")]
    public void Traceroute_by_udp_icmp_and_tcp_sees_each_hop() => Bench.Run(Setup, bench =>
    {
        TouchAll(bench);
        foreach ((BenchPort from, string router, string target) in new[]
        {
            (A, "10.1.0.1", "10.1.1.10"), (A, "10.1.0.1", "198.51.100.10"), (X, "198.51.100.1", "203.0.113.10"),
            (A, "fd00:1:0:1::1", "fd00:1:0:2::c"), (A, "fd00:1:0:1::1", "2001:db8:100::10"),
            (X, "2001:db8:100::1", "fd00:1:0:1::a"),
        })
        {
            foreach (string[] kind in (string[][])[[], ["-I"], ["-T", "-p", "80"]])
            {
                (int exit, string output) = bench.Network.Run(from,
                    ["traceroute", "-n", "-q", "1", "-w", BenchNetwork.TracerouteWait, "-m", "4", .. kind, target]);
                IEnumerable<string> hops = output.Split('\n').Skip(1).Where(l => l.Length > 0)
                    .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
                Assert.True(exit == 0 && hops.SequenceEqual([router, target]),
                    $"{from} {string.Join(' ', kind)} {target}: {output}");
            }
        }
    });

    /// <summary>The switch tells about the smaller MTU of the port that a packet would leave by: to the sender within a
    /// subnet, through the router, through an EIP in both directions and in a hairpin.</summary>
    [RootFact("tracepath")]
    public void Tracepath_finds_the_smallest_mtu_of_the_path() => Bench.Run(
        Setup with { EniB = "mtu: 1350", EniC = "mtu: 1400", Internet = "mtu: 1300" }, bench =>
        {
            TouchAll(bench);
            foreach ((BenchPort from, string target, int mtu) in new[]
            {
                (A, "10.1.0.11", 1350), (A, "10.1.1.10", 1400), (A, "198.51.100.10", 1300), (X, "203.0.113.11", 1350),
                (A, "203.0.113.11", 1350), (A, "fd00:1:0:1::b", 1350), (A, "fd00:1:0:2::c", 1400),
                (A, "2001:db8:100::10", 1300), (X, "fd00:1:0:1::b", 1350),
            })
            {
                (int exit, string output) = bench.Network.Run(from, "tracepath", "-n", "-m", "4", target);
                bool isFound = output.Contains($"Resume: pmtu {mtu} hops ", StringComparison.Ordinal);
                Assert.True(exit == 0 && isFound, $"{from}: {output}");
            }
        });

    [RootFact("curl", "python3")]
    public void Curl_fetches_a_page_everywhere_that_rules_allow() => Bench.Run(Setup, bench =>
    {
        TouchAll(bench);
        foreach (BenchPort server in (BenchPort[])[A, C, X])
        {
            bench.Network.Start(server, "python3", "-u", "-m", "http.server", "80", "--bind", "::", "--directory",
                _folder);
            bench.Network.WaitForListener(server, 80);
        }

        foreach ((BenchPort from, string host) in new[]
        {
            (A, "10.1.1.10"), (A, "198.51.100.10"), (X, "203.0.113.10"), (B, "203.0.113.10"), (A, "[fd00:1:0:2::c]"),
            (A, "[2001:db8:100::10]"),
            (X, "[fd00:1:0:1::a]"),
        })
        {
            Assert.Equal((0, Page), bench.Network.Run(from, "curl", "-s", "-g", "-m", "5", $"http://{host}/page"));
        }

        Assert.Equal(28, bench.Network.Run(A, "curl", "-s", "-m", "1", "http://10.1.1.10:81/page").Exit);
    });

    [RootFact("iperf3")]
    public void Iperf3_carries_tcp_and_udp() => Bench.Run(Setup, bench =>
    {
        TouchAll(bench);
        foreach (BenchPort server in (BenchPort[])[A, C, X])
        {
            bench.Network.Start(server, "iperf3", "-s");
            bench.Network.WaitForListener(server, 5201);
        }

        foreach ((BenchPort from, string target) in new[]
        {
            (A, "10.1.1.10"), (A, "198.51.100.10"), (X, "203.0.113.10"), (A, "fd00:1:0:2::c"), (X, "fd00:1:0:1::a"),
        })
        {
            foreach (string[] kind in (string[][])[["-n", "10M"], ["-u", "-b", "20M", "-n", "1M", "-l", "1200"]])
            {
                (int exit, string output) = bench.Network.Run(from,
                    ["iperf3", "-J", "--connect-timeout", "5000", "-c", target, .. kind]);
                Assert.True(exit == 0, $"{from} to {target} {string.Join(' ', kind)}: {output}");
                JsonElement end = JsonDocument.Parse(output).RootElement.GetProperty("end");
                double bytes = end.GetProperty(kind[0] == "-u" ? "sum" : "sum_received").GetProperty("bytes")
                    .GetDouble();
                Assert.InRange(bytes, 1_000_000, double.MaxValue);
            }
        }
    });

    private static void TouchAll(Bench bench)
    {
        foreach (BenchPort port in (BenchPort[])[A, B, C, X])
        {
            bench.Network.Touch(port);
        }
    }
}
