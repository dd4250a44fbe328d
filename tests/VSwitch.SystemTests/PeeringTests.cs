using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Peerings under real programs: a chain of three VPCs, blue (ENI a), green (g, h without a way back), red (r), and teal (t),
/// which has blue's range and is joined with green, too.</summary>
public sealed class PeeringTests : IDisposable
{
    private const string G = "10.1.1.10";
    private const string Yaml = """
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }]
            routeTables:
              - name: m
                main: true
                routes:
                  - { destination: 10.1.0.0/16, target: "peering:bg" }
                  - { destination: 10.2.0.0/16, target: "peering:bg" }
                  - { destination: "fd00:c::/48", target: "peering:bg" }
          - name: green
            cidrs: [10.1.0.0/16, "fd00:c::/48"]
            subnets:
              - { name: green-a, cidrs: [10.1.1.0/24, "fd00:c:0:1::/64"] }
              - { name: green-b, cidrs: [10.1.2.0/24], routeTable: teal-only }
            routeTables:
              - name: m
                main: true
                routes:
                  - { destination: 10.0.0.0/16, target: "peering:bg" }
                  - { destination: 10.2.0.0/16, target: "peering:gr" }
                  - { destination: "fd00:b::/48", target: "peering:bg" }
              - { name: teal-only, routes: [{ destination: 10.0.0.0/16, target: "peering:gt" }] }
          - name: red
            cidrs: [10.2.0.0/16]
            subnets: [{ name: red-a, cidrs: [10.2.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 10.0.0.0/8, target: "peering:gr" }] }]
          - name: teal
            cidrs: [10.0.0.0/16]
            subnets: [{ name: teal-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 10.1.0.0/16, target: "peering:gt" }] }]
        peerings:
          - { name: bg, requester: blue, accepter: green, accepted: true }
          - { name: gr, requester: green, accepter: red, accepted: true }
          - { name: gt, requester: green, accepter: teal, accepted: true }
        securityGroups:
          - { name: blue-open, vpc: blue, template: open }
          - { name: blue-web, vpc: blue }
          - name: green-sg
            vpc: green
            ingress:
              - { protocol: icmp, source: 0.0.0.0/0 }
              - { protocol: icmpv6, source: "::/0" }
              - { protocol: tcp, ports: "80,5201", source: "sg:blue-web" }
          - { name: red-open, vpc: red, template: open }
          - { name: teal-open, vpc: teal, template: open }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [blue-open, blue-web], device: { tap: vst-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [blue-open], device: { tap: vst-b } }
          - { name: g, subnet: green-a, mac: "02:00:00:00:02:10", privateIps: [10.1.1.10, "fd00:c:0:1::10"], securityGroups: [green-sg], device: { tap: vst-g } }
          - { name: h, subnet: green-b, mac: "02:00:00:00:02:11", privateIps: [10.1.2.10], securityGroups: [green-sg], device: { tap: vst-h } }
          - { name: r, subnet: red-a, mac: "02:00:00:00:03:10", privateIps: [10.2.1.10], securityGroups: [red-open], device: { tap: vst-r } }
          - { name: t, subnet: teal-a, mac: "02:00:00:00:04:10", privateIps: [10.0.1.20], securityGroups: [teal-open], device: { tap: vst-t } }
        """;

    private readonly LabFixture _lab = new(Yaml);

    public void Dispose() => _lab.Dispose();

    [RootFact("ping")]
    public void Ping_crosses_a_peering_and_no_two()
    {
        Assert.Contains("ttl=63", Ping("a", G, 0), StringComparison.Ordinal);
        Assert.Equal(0, _lab.Run("a", "ping", "-6", "-c", "2", "-i", "0.2", "-W", "2", "fd00:c:0:1::10").Exit);
        Ping("g", "10.0.1.11", 0);
        Ping("g", "10.2.1.10", 0);

        // The chain: routes lead there all the way, and the middle one does not pass it on.
        Ping("a", "10.2.1.10", 1);
        Assert.True(_lab.Drops("a", DropReason.VpcIsolation) > 0);
        Ping("r", "10.0.1.10", 1);
        Assert.True(_lab.Drops("r", DropReason.VpcIsolation) > 0);
    }

    [RootFact("ping")]
    public void Without_a_route_back_the_answer_is_dropped_and_of_two_peers_that_overlap_each_has_its_subnet()
    {
        // h's subnet leads to teal, which has blue's range: h answers teal's ping, and never blue's.
        Ping("t", "10.1.2.10", 0);
        Ping("h", "10.0.1.20", 0);
        Ping("a", "10.1.2.10", 1);
        Assert.True(_lab.Drops("h", DropReason.NoRoute) + _lab.Drops("h", DropReason.ConnectionInvalid) > 0);

        // Without that route it is the missing way back that is told.
        Change(c => c with
        {
            Vpcs = [.. c.Vpcs.Select(v => v with { RouteTables = [.. v.RouteTables.Select(t => t.Name == "teal-only" ? t with { Routes = [] } : t)] })],
            Peerings = [.. c.Peerings.Where(p => p.Name != "gt")],
        });
        long before = _lab.Drops("h", DropReason.NoRoute);
        Ping("a", "10.1.2.10", 1);
        Assert.True(_lab.Drops("h", DropReason.NoRoute) > before);
    }

    [RootFact("curl", "python3")]
    public void A_group_of_the_peer_is_let_in_until_the_peering_goes_and_again_when_it_returns()
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-peer-").FullName;
        byte[] content = new byte[2_000_000];
        new Random(7).NextBytes(content);
        File.WriteAllBytes(Path.Combine(folder, "f"), content);
        using Process server = _lab.Start("g", "python3", "-m", "http.server", "80", "--directory", folder);
        try
        {
            _lab.WaitForListener("g", 80);
            string target = Path.Combine(folder, "got");
            Assert.Equal((0, ""), _lab.Run("a", "curl", "-s", "-m", "15", "-o", target, $"http://{G}/f"));
            Assert.Equal(content, File.ReadAllBytes(target));
            Assert.Equal(28, _lab.Run("b", "curl", "-s", "-m", "1", $"http://{G}/f").Exit);
            Assert.True(_lab.Drops("b", DropReason.SecurityGroupIngress) > 0);

            PeeringConfig bg = _lab.Host.Config.Peerings[0];
            Change(c => StaleRules.MarkedBy(c, bg) with { Peerings = [.. c.Peerings.Skip(1)] });
            Assert.NotNull(StaleRule());
            Assert.NotEqual(0, _lab.Run("a", "curl", "-s", "-m", "1", $"http://{G}/f").Exit);

            Change(c => c with { Peerings = [bg with { Accepted = false }, .. c.Peerings] });
            Assert.NotNull(StaleRule());
            Assert.NotEqual(0, _lab.Run("a", "curl", "-s", "-m", "1", $"http://{G}/f").Exit);

            Change(c => c with { Peerings = [.. c.Peerings.Select(p => p with { Accepted = true })] });
            Assert.Null(StaleRule());
            Assert.Equal((0, ""), _lab.Run("a", "curl", "-s", "-m", "15", "-o", target, $"http://{G}/f"));
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
            Directory.Delete(folder, recursive: true);
        }
    }

    [RootFact("iperf3")]
    public void Iperf_runs_across_until_the_peering_is_deleted_under_it()
    {
        using Process server = _lab.Start("g", "iperf3", "-s", "-p", "5201");
        Process? client = null;
        try
        {
            _lab.WaitForListener("g", 5201);
            (int exit, string output) = _lab.Run("a", "iperf3", "-c", G, "-n", "50M");
            Assert.True(exit == 0, output);

            long before = _lab.Counters("a").Forwarded;
            client = _lab.Start("a", "iperf3", "-c", G, "-t", "60");
            Assert.True(SpinWait.SpinUntil(() => _lab.Counters("a").Forwarded > before + 200, TimeSpan.FromSeconds(20)));
            Change(c => c with { Peerings = [c.Peerings[0] with { Accepted = false }, .. c.Peerings.Skip(1)] });

            // The first packet after the change is told so, whosever it is; the connection is gone then.
            Assert.True(SpinWait.SpinUntil(
                () => _lab.Drops("a", DropReason.NoRoute) + _lab.Drops("g", DropReason.NoRoute) > 0, TimeSpan.FromSeconds(20)));
            Assert.True(SpinWait.SpinUntil(() => _lab.Drops("a", DropReason.ConnectionInvalid) > 0, TimeSpan.FromSeconds(20)));
        }
        finally
        {
            client?.Kill(entireProcessTree: true);
            client?.WaitForExit();
            client?.Dispose();
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }
    }

    private string Ping(string from, string to, int exit)
    {
        (int exited, string output) = _lab.Run(from, "ping", "-c", "2", "-i", "0.2", "-W", "1", to);
        Assert.True(exit == exited, $"{from} to {to}: {exited} {output}");
        return output;
    }

    private string? StaleRule()
    {
        SwitchConfig config = _lab.Host.Config;
        return new GroupReferences(config).WhyStale("green", config.SecurityGroups.Single(g => g.Name == "green-sg").Ingress[2].Peer);
    }

    private void Change(Func<SwitchConfig, SwitchConfig> edit)
    {
        SwitchConfig config = edit(_lab.Host.Config);
        Assert.Empty(ConfigReader.Validate(config));
        _lab.Host.Commit(_lab.Host.Prepare(config));
    }
}
