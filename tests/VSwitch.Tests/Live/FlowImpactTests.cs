using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>What a change would do to live connections, said before it is made: a table of changes. FlowImpactPropertyTests hold what
/// is said against what happens.</summary>
public sealed class FlowImpactTests
{
    private const string A = "10.0.1.10";
    private const string B = "10.0.2.10";

    [Fact]
    public void A_change_that_touches_nothing_loses_nothing()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        FlowImpact impact = Judge(lab, PolicyLab.Text(group: "ingress: [{ protocol: all, source: 0.0.0.0/0, remark: same }, { protocol: all, source: \"::/0\" }]"));
        Assert.Equal((4, 0, 0, 0), (impact.Kept, impact.Rerouted, impact.Reopened, impact.Lost));
        Assert.True(impact.IsNone);
        Assert.Empty(impact.Affected);
    }

    [Fact]
    public void A_rule_that_goes_names_who_is_lost_and_which_rule_is_missing()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        FlowImpact impact = Judge(lab, PolicyLab.Text(group: "ingress: [{ protocol: udp, source: 0.0.0.0/0 }]"));
        Assert.Equal((3, 1), (impact.Kept, impact.Lost));
        Assert.Equal(new KeyValuePair<string, long>("security-group-ingress", 1), Assert.Single(impact.LostByReason));
        AffectedConnection lost = Assert.Single(impact.Affected);
        Assert.Equal((ConnectionFate.Lost, "security-group-ingress", "out"), (lost.Fate, lost.Reason, lost.Direction));
        Assert.Equal("b: no rule allows it", lost.Why);
        Assert.Equal(
            ("tcp", "established", A, 40000, B, 443, "a", "b"),
            (lost.Connection.Protocol, lost.Connection.State, lost.Connection.Source, lost.Connection.SourcePort ?? 0,
                lost.Connection.Destination, lost.Connection.DestinationPort ?? 0, lost.Connection.OpenerPort, lost.Connection.OtherPort));
        Assert.Equal("group open, ingress rule 1 (all from 0.0.0.0/0)", lost.Connection.IngressRule);
    }

    [Theory]
    [InlineData("keep", "udp", 4, 0, 0)]
    [InlineData("cut", "all", 0, 3, 1)]
    [InlineData("recheck", "all", 4, 0, 0)]
    public void Each_mode_of_a_group(string mode, string then, int kept, int reopened, int lost)
    {
        using PolicyLab lab = Lab(Group(mode, "all, remark: before"));
        FlowImpact impact = Judge(lab, Group(mode, then == "all" ? "all, ports: all" : then).Replace(", ports: all", "", StringComparison.Ordinal)
            .Replace("source: 0.0.0.0/0 }]", "source: 0.0.0.0/0 }, { protocol: gre, source: 0.0.0.0/0 }]", StringComparison.Ordinal));
        Assert.Equal((kept, reopened, lost), (impact.Kept, impact.Reopened, impact.Lost));
    }

    [Fact]
    public void An_acl_that_denies_replies_shows_in_the_reply()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        FlowImpact impact = Judge(lab, PolicyLab.Text(
            "", ", networkAcl: edge", NetworkAclTests.Acl(
                "{ priority: 1, action: allow, protocol: all, source: 0.0.0.0/0 }", "{ priority: 1, action: deny, protocol: tcp, destination: 0.0.0.0/0 }, { priority: 2, action: allow, protocol: all, destination: 0.0.0.0/0 }")));
        AffectedConnection lost = Assert.Single(impact.Affected, a => a.Connection.Protocol == "tcp");
        Assert.Equal(("network-acl", "in"), (lost.Reason, lost.Direction));
    }

    [Fact]
    public void An_eip_that_moves_an_eni_that_goes_and_a_route_that_leads_elsewhere()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        string text = PolicyLab.Text();
        Assert.Equal(new Dictionary<string, long> { ["eip-unbound"] = 1 }, Judge(lab, text.Replace(", eni: a }", " }", StringComparison.Ordinal)).LostByReason);
        FlowImpact moved = Judge(lab, text.Replace("203.0.113.10, eni: a }", "203.0.113.10, eni: a2 }", StringComparison.Ordinal));
        Assert.Equal((3, 1), (moved.Kept, moved.Lost));

        SwitchConfig without = lab.Config with
        {
            Enis = [.. lab.Config.Enis.Where(eni => eni.Name != "b")],
            ElasticIps = [.. lab.Config.ElasticIps.Where(eip => eip.Eni != "b")],
        };
        FlowImpact gone = Judge(lab, without);
        Assert.Equal(2, gone.Lost);
        Assert.Equal(
            ["connection-invalid: the known connection is over: the ENI that it reached is gone or has its address no longer", "eip-unbound: dropped: eip-unbound. The EIP is not bound, or the sender has no EIP to leave the VPC by."],
            gone.Affected.Select(a => $"{a.Reason}: {a.Why}").Order());

        lab.Passes("a", lab.From("a", A, "172.16.0.5").Udp(9, 9), "r");
        FlowImpact rerouted = Judge(lab, text.Replace("172.16.0.0/12, target: \"eni:r\"", "172.16.0.0/12, target: \"eni:b\"", StringComparison.Ordinal)
            .Replace("10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open]", "10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open], sourceDestCheck: false", StringComparison.Ordinal));
        Assert.Equal(1, rerouted.Rerouted);
    }

    [Fact]
    public void What_is_over_already_is_no_loss_of_the_next_change()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        lab.Change(PolicyLab.Text(group: "ingress: [{ protocol: udp, source: 0.0.0.0/0 }]"));
        Assert.Equal(4, lab.ConnectionCount);
        FlowImpact impact = Judge(lab, PolicyLab.Text(group: "ingress: [{ protocol: udp, source: 0.0.0.0/0, remark: x }]"));
        Assert.Equal((3, 0), (impact.Total, impact.Lost));
    }

    [Fact]
    public void Asking_changes_nothing()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        ConnectionRecord[] before = [.. lab.Switch.Connections()];
        uint generation = lab.Switch.Workers.Shared.Generation;
        int neighbours = lab.Switch.Workers.Shared.Neighbors.Version;
        ForwardingSnapshot snapshot = lab.Switch.Workers.Shared.Snapshot;
        Judge(lab, PolicyLab.Text(group: "ingress: []"));
        ConnectionRecord[] after = [.. lab.Switch.Connections()];
        Assert.Equal(before.Select(Bytes), after.Select(Bytes));
        Assert.Equal((generation, neighbours), (lab.Switch.Workers.Shared.Generation, lab.Switch.Workers.Shared.Neighbors.Version));
        Assert.Same(snapshot, lab.Switch.Workers.Shared.Snapshot);
    }

    [Fact]
    public void So_many_are_named_and_all_are_counted()
    {
        using PolicyLab lab = Lab(PolicyLab.Text());
        for (ushort port = 1; port <= 50; port++)
        {
            lab.Passes("a", lab.From("a", A, B).Udp(port, 9), "b");
        }

        FlowImpact impact = Judge(lab, PolicyLab.Text(group: "ingress: []"), named: 5);
        Assert.Equal(5, impact.Affected.Count);
        Assert.Equal(53, impact.Lost);
        Assert.Equal(53, impact.LostByReason["security-group-ingress"]);
    }

    /// <summary>inside (tcp, a to b), out (udp, a), in (udp, to b), six (udp within IPv6).</summary>
    private static PolicyLab Lab(string text)
    {
        var lab = new PolicyLab(text);
        lab.Establish("a", A, B, "b");
        lab.Passes("a", lab.From("a", A, PolicyLab.World4).Udp(2, 53), "internet");
        lab.Passes("internet", lab.From("internet", PolicyLab.World4, "203.0.113.11").Udp(3, 443), "b");
        lab.Passes("a2", lab.From("a2", "10.0.1.11", "10.0.2.20").Udp(5, 443), "r");
        return lab;
    }

    private static string Group(string mode, string protocol) =>
        PolicyLab.Text(group: $"liveConnections: {mode}, ingress: [{{ protocol: {protocol}, source: 0.0.0.0/0 }}]");

    private static FlowImpact Judge(PolicyLab lab, string text, int named = FlowImpact.DefaultNamed) =>
        Judge(lab, PolicyLab.Read(text), named);

    private static FlowImpact Judge(PolicyLab lab, SwitchConfig config, int named = FlowImpact.DefaultNamed)
    {
        using var judge = new ConnectionJudge(lab.Switch.Workers.Shared, lab.Switch.Prepare(config), lab.NowNs);
        return FlowImpact.Judge(lab.Switch.Connections(), judge, new ConnectionNames(lab.Switch.Snapshot, lab.Config), named);
    }

    private static unsafe string Bytes(ConnectionRecord record) =>
        Convert.ToHexString(new ReadOnlySpan<byte>(&record, sizeof(ConnectionRecord)));
}
