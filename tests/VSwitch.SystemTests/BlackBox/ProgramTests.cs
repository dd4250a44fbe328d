using System.Security.Cryptography;
using VSwitch.Testing;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>The black-box cases that run the program itself, with real clients in the namespaces.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-bb-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("ping", "tshark")]
    public void BB01_ping_in_a_subnet() => ProgramBench.Run(
        new BenchSetup { Kernel = [A, B], RulesB = "{ protocol: icmp, source: 10.1.0.10/32 }" },
        bench =>
        {
            bench.Network.Touch(B);
            (int exit, string output) = bench.Network.Run(A, "ping", "-c10", "-i.2", "10.1.0.11");
            Assert.True(exit == 0, output);
            Assert.Contains(" 10 received, 0% packet loss", output, StringComparison.Ordinal);
            IReadOnlyList<PacketFields> requests = bench.Network[B].Where("ip.protocol", "1");
            Assert.Equal(10, requests.Count);
            Assert.All(requests, f => Assert.Equal("64", f["ip.ttl"]));
        },
        summary =>
        {
            Assert.Equal(1, summary.Connections);
            Assert.Equal((10, 10), (summary.Of(A, "forwarded"), summary.Of(B, "forwarded")));
        });

    [RootFact("curl", "python3", "tshark")]
    public void BB02_http_with_return_traffic()
    {
        byte[] content = new byte[5_000_000];
        new Random(2).NextBytes(content);
        File.WriteAllBytes(Path.Combine(_folder, "f"), content);
        string expected = Convert.ToHexStringLower(SHA256.HashData(content));
        string target = Path.Combine(_folder, "got");
        ProgramBench.Run(
            new BenchSetup { Kernel = [A, B, C], RulesB = "{ protocol: tcp, ports: \"80\", source: 10.1.0.10/32 }" },
            bench =>
            {
                bench.Network.Serve(B, _folder, 80);
                for (int i = 0; i < 20; i++)
                {
                    (int exit, string output) = bench.Network.Run(A, "curl", "-s", "-m", "15", "-o", target,
                        "http://10.1.0.11/f");
                    Assert.True(exit == 0, $"{i}: {exit} {output}");
                    Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(target))));
                }

                Assert.Equal(28, bench.Network.Run(C, "curl", "-s", "-m", "2", "http://10.1.0.11/f").Exit);
                Assert.Empty(bench.Network[B].Where("ip.src", "10.1.1.10"));
            },
            summary =>
            {
                Assert.True(summary.Drops(C, "security-group-ingress") > 0);
                Assert.Equal(summary.Of(C, "dropped"), summary.Drops(C, "security-group-ingress"));
            });
    }

    [RootFact("curl", "python3", "ping", "tshark")]
    public void BB28_an_eip_out_and_in()
    {
        File.WriteAllText(Path.Combine(_folder, "page"), "hello");
        const string Outside = "198.51.100.0/24";
        var setup = new BenchSetup
        {
            Kernel = [A, C, X],
            RulesA = $"{{ protocol: tcp, ports: \"8080\", source: {Outside} }}, " +
                $"{{ protocol: icmp, source: {Outside} }}",
        };
        ProgramBench.Run(setup, BB28, summary =>
        {
            Assert.Equal(2, summary.Drops(C, "eip-unbound"));
            Assert.True(summary.Drops(X, "security-group-ingress") > 0);
        });
    }

    private void BB28(ProgramBench bench)
    {
        BenchNetwork network = bench.Network;
        BenchProgram outside = network.Serve(X, _folder, 80);
        (int exit, string output) = network.Run(A, "curl", "-s", "-m", "5", "--local-port", "45001",
            "http://198.51.100.10/page");
        Assert.Equal((0, "hello"), (exit, output));
        Assert.Contains("203.0.113.10 - -", outside.Stop(), StringComparison.Ordinal);
        Assert.All(network[X].Where("ip.protocol", "6"),
            f => Assert.Equal(("203.0.113.10", "45001"), (f["ip.src"], f["tcp.src"])));

        BenchProgram inside = network.Serve(A, _folder, 8080);
        Assert.Equal((0, "hello"), network.Run(X, "curl", "-s", "-m", "5", "http://203.0.113.10:8080/page"));
        Assert.Contains(network[A].Where("tcp.dst", "8080"), f => f["ip.src"] == "198.51.100.10");

        // An outside address that the rule does not name.
        BenchNetwork.Ip(X, $"addr add 192.0.2.10/32 dev {X.Namespace}");
        Assert.Equal(28, network.Run(X, "curl", "-s", "-m", "2", "--interface", "192.0.2.10",
            "http://203.0.113.10:8080/page").Exit);
        Assert.Empty(network[A].Where("ip.src", "192.0.2.10"));
        Assert.Contains("198.51.100.10 - -", inside.Stop(), StringComparison.Ordinal);

        foreach ((BenchPort from, BenchPort to) in new[] { (A, X), (X, A) })
        {
            string target = (to.Eip ?? to.Ip).ToString();
            (exit, output) = network.Run(from, "ping", "-c", "2", "-i", ".2", "-W", "2", "-e", "4660", target);
            Assert.True(exit == 0, output);
            static bool HasIdentifier(PacketFields f) => f["icmp.rest"]!.StartsWith("1234", StringComparison.Ordinal);
            Assert.Equal(2, network[to].Where("icmp.type", "8").Count(HasIdentifier));
            Assert.Equal(2, network[from].Where("icmp.type", "0").Count(HasIdentifier));
        }

        Assert.NotEqual(0, network.Run(C, "ping", "-c", "2", "-i", ".2", "-W", "1", "198.51.100.10").Exit);
        Assert.All(network[X].Where("eth.type", "0x0800"), f => Assert.Equal("203.0.113.10", f["ip.src"]));
    }
}
