using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;
using static VSwitch.Tests.DataPlane.Peerings.PeeringText;

namespace VSwitch.Tests.DataPlane.Peerings;

/// <summary>Rules that name a group of the other side: while the peering is active, when it goes, and when the group goes.</summary>
public sealed class PeerGroupTests
{
    private const string FromWeb = "ingress: [{ protocol: all, source: \"sg:blue-web\" }], egress: [{ protocol: all, destination: \"sg:blue-open\" }]";
    private const string Pending = "{ name: bg, requester: blue, accepter: green }";

    [Theory]
    [InlineData(A4, G4)]
    [InlineData(A6, G6)]
    public void It_matches_the_private_addresses_of_its_members(string a, string g)
    {
        using var lab = new PolicyLab(Of(green: FromWeb));
        lab.Passes("a", lab.From("a", a, g).Udp(1, 2), "g");
        lab.Passes("g", lab.From("g", g, a).Udp(3, 4), "a");
        lab.Drops("t", lab.From("t", "10.0.1.20", G4).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Drops("g", lab.From("g", G4, R4).Udp(1, 2), DropReason.SecurityGroupEgress);
    }

    [Theory]
    [InlineData("recheck", DropReason.SecurityGroupEgress)]
    [InlineData("keep", DropReason.NoRoute)]
    [InlineData("cut", DropReason.SecurityGroupEgress)]
    public void A_rule_that_goes_stale_ends_connections_by_the_route_or_the_rule(string mode, DropReason expected)
    {
        string group = $"liveConnections: {mode}, {FromWeb}";
        using var lab = new PolicyLab(Of(green: group));
        lab.Establish("g", G4, A4, "a");
        lab.Change(Of(Pending, group));
        lab.Drops("g", lab.Data("g", G4, A4), expected);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Change(Of(green: group));
        lab.Establish("g", G4, A4, "a");
    }

    /// <summary>What a stale rule named is not let in by another way either.</summary>
    [Fact]
    public void A_stale_rule_matches_nothing()
    {
        string group = "ingress: [{ protocol: tcp, source: \"sg:blue-web\", peering: other }, { protocol: udp, source: \"sg:gone\", peering: bg }]";
        using var lab = new PolicyLab(Of(green: group));
        lab.Drops("a", lab.From("a", A4, G4).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Drops("a", lab.From("a", A4, G4).Tcp(1, 2, TcpBits.Syn), DropReason.SecurityGroupIngress);
        lab.Change(Of(green: group.Replace("peering: other", "peering: bg", StringComparison.Ordinal)));
        lab.Passes("a", lab.From("a", A4, G4).Tcp(1, 2, TcpBits.Syn), "g");
    }

    /// <summary>The mark that the API puts on rules is no change of the group's own rules.</summary>
    [Fact]
    public void A_mark_cuts_nothing()
    {
        string group = $"liveConnections: cut, {Open[..^1]}, {{ protocol: udp, source: \"sg:red-open\" }}]";
        using var lab = new PolicyLab(Of(green: group));
        lab.Establish("a", A4, G4, "g");
        PeeringConfig red = lab.Config.Peerings[1];
        SwitchConfig marked = StaleRules.MarkedBy(lab.Config, red) with { Peerings = [lab.Config.Peerings[0]] };
        Assert.Equal("gr", marked.SecurityGroups.Single(g => g.Name == "green-sg").Ingress[^1].Peer.Peering);
        Assert.Empty(ConfigReader.Validate(marked));
        lab.Change(marked);
        lab.Passes("a", lab.Data("a", A4, G4), "g");
        Assert.Equal(1, lab.ConnectionCount);
    }
}
