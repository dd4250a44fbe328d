using System.Diagnostics;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.SystemTests.BlackBox;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Several namespaces behind one NAT gateway with one EIP; real programs on both sides.</summary>
public class NatGatewayTests
{
    private const string Outside = "198.51.100.254";
    private const string NatIp = "203.0.113.20";

    private const string Yaml = """
        internet:
          device: { tap: vst-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: "nat:out" }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        natGateways: [{ name: out, vpc: blue }]
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vst-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: vst-b } }
          - { name: c, subnet: blue-a, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [open], device: { tap: vst-c } }
        elasticIps:
          - { name: nat, address: 203.0.113.20, natGateway: out }
          - { name: e-c, address: 203.0.113.12, eni: c }
        """;

    /// <summary>A server of TCP and UDP that says who asked: "ADDRESS PORT".</summary>
    private const string Mirror = """
        import socket, threading
        def datagrams():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 7000))
            while True:
                _, who = s.recvfrom(2000); s.sendto(f"{who[0]} {who[1]}".encode(), who)
        threading.Thread(target=datagrams, daemon=True).start()
        t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind(("", 7000)); t.listen(64)
        while True:
            c, who = t.accept(); c.sendall(f"{who[0]} {who[1]}".encode()); c.close()
        """;

    /// <summary>Asks the mirror from one port of its own, by TCP and UDP.</summary>
    private const string Ask = """
        import socket, sys
        host, port = sys.argv[1], int(sys.argv[2])
        t = socket.socket(); t.settimeout(10); t.bind(("", port)); t.connect((host, 7000)); print("tcp", t.recv(100).decode()); t.close()
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(10); u.bind(("", port)); u.sendto(b"x", (host, 7000)); print("udp", u.recv(100).decode())
        """;

    [RootFact("python3", "ping", "traceroute", "iperf3")]
    public void Several_go_out_by_one_EIP_and_all_is_answered()
    {
        using var lab = new LabFixture(Yaml);
        using Process mirror = lab.Start("internet", "python3", "-c", Mirror);
        try
        {
            lab.WaitForListener("internet", 7000);
            string[] a = AskFrom(lab, "a");
            string[] b = AskFrom(lab, "b");
            Assert.Equal([$"tcp {NatIp} 6000", $"udp {NatIp} 6000"], a);
            Assert.Equal([$"tcp {NatIp} 6002", $"udp {NatIp} 6002"], b);
            foreach (string eni in new[] { "a", "b", "c" })
            {
                (int exit, string output) = lab.Run(eni, "ping", "-c", "3", "-i", "0.2", "-W", "5", Outside);
                Assert.True(exit == 0, $"{eni}: {output}");
            }

            (_, string route) = lab.Run("b", "traceroute", "-n", "-q", "1", "-w", BenchNetwork.TracerouteWait, "-m", "4", Outside);
            Assert.Contains(" 10.0.1.1 ", route, StringComparison.Ordinal);
            Assert.Contains($" {Outside} ", route.Split('\n', 2)[1], StringComparison.Ordinal);
            Carry(lab);
            NatTable table = lab.Host.Workers.Shared.Nat;
            NatGateway gateway = lab.Host.Snapshot.NatGateways[1];
            NatPool pool = table.PoolOf(gateway.Pools[0])!;
            Assert.True(pool.InUse(NatTable.Udp) >= 2 && pool.InUse(NatTable.Icmp) == 3, $"{pool.InUse(NatTable.Udp)} and {pool.InUse(NatTable.Icmp)}");
            Assert.True(table.ConnectionsOf(gateway) >= 7, $"{table.ConnectionsOf(gateway)} connections");
        }
        finally
        {
            mirror.Kill(entireProcessTree: true);
        }
    }

    [RootFact("python3", "ping")]
    public void What_comes_in_by_an_EIP_is_answered_by_it_and_what_goes_out_leaves_by_the_gateway()
    {
        using var lab = new LabFixture(Yaml);
        using Process outside = lab.Start("internet", "python3", "-c", Mirror);
        using Process inside = lab.Start("c", "python3", "-c", Mirror);
        try
        {
            lab.WaitForListener("internet", 7000);
            lab.WaitForListener("c", 7000);
            Assert.Equal([$"tcp {NatIp} 6000", $"udp {NatIp} 6000"], AskFrom(lab, "c"));

            // The client outside gets its answer from the address that it asked, or none at all.
            Assert.Equal([$"tcp {Outside} 6001", $"udp {Outside} 6001"], AskFrom(lab, "internet", "203.0.113.12", 6001));
            Assert.Equal(0, lab.Run("internet", "ping", "-c", "2", "-i", "0.2", "-W", "5", "203.0.113.12").Exit);

            // From behind the gateway the EIP of a neighbour sees the gateway's.
            Assert.Equal([$"tcp {NatIp} 6003", $"udp {NatIp} 6003"], AskFrom(lab, "a", "203.0.113.12", 6003));
            (int exit, _) = lab.Run("internet", "ping", "-c", "1", "-W", "1", NatIp);
            Assert.NotEqual(0, exit);
            Assert.Equal(1, lab.Drops("internet", DropReason.NatUnsolicited));
        }
        finally
        {
            outside.Kill(entireProcessTree: true);
            inside.Kill(entireProcessTree: true);
        }
    }

    private static string[] AskFrom(LabFixture lab, string who, string host = Outside, int port = 6000)
    {
        (int exit, string output) = lab.Run(who, "python3", "-c", Ask, host, $"{port}");
        Assert.True(exit == 0, $"{who}: {output}");
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Streams both ways; super-packets with a partial checksum are translated, too.</summary>
    private static void Carry(LabFixture lab)
    {
        using Process server = lab.Start("internet", "iperf3", "-s");
        try
        {
            lab.WaitForListener("internet", 5201);
            foreach (string way in new[] { "--forceflush", "-R" })
            {
                (int exit, string output) = lab.Run("a", "iperf3", "-c", Outside, "-n", "20M", way);
                Assert.True(exit == 0, output);
            }
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }
    }
}
