using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>The policy changes under traffic: what is still allowed goes on without losing a packet, the rest is over, nothing
/// stale remains (order of checks, section 4, hit, 1, and section 10).</summary>
public sealed class LiveChangeTests
{
    private const string A = "10.0.1.10";
    private const string B = "10.0.2.10";

    [Theory]
    [InlineData("recheck", DropReason.SecurityGroupIngress, 0)]
    [InlineData("keep", DropReason.None, 1)]
    [InlineData("cut", DropReason.ConnectionInvalid, 0)]
    public void A_rule_is_taken_away(string mode, DropReason expected, int left)
    {
        using var lab = new PolicyLab(Group(mode, "tcp"));
        lab.Establish("a", A, B, "b");
        lab.Change(Group(mode, "udp"));
        if (expected == DropReason.None)
        {
            lab.Passes("a", lab.Data("a", A, B), "b");
            lab.Passes("b", lab.Reply("b", B, A), "a");
        }
        else
        {
            lab.Drops("a", lab.Data("a", A, B), expected);
        }

        Assert.Equal(left, lab.ConnectionCount);
        lab.Drops("a", lab.From("a", A, B).Tcp(40001, 443, TcpBits.Syn), DropReason.SecurityGroupIngress);
    }

    [Theory]
    [InlineData("recheck", true)]
    [InlineData("keep", true)]
    [InlineData("cut", false)]
    public void The_rules_change_and_still_allow_it(string mode, bool goesOn)
    {
        using var lab = new PolicyLab(Group(mode, "tcp"));
        lab.Establish("a", A, B, "b");
        lab.Passes("a", lab.From("a", A, B).Tcp(40001, 443, TcpBits.Syn), "b");
        lab.Change(Group(mode, "all"));
        if (goesOn)
        {
            lab.Passes("b", lab.Reply("b", B, A), "a");
            lab.Passes("a", lab.Data("a", A, B), "b");
        }
        else
        {
            lab.Drops("b", lab.Reply("b", B, A), DropReason.ConnectionInvalid);

            // A first packet is a miss, which the new rules allow.
            lab.Passes("a", lab.From("a", A, B).Tcp(40001, 443, TcpBits.Syn), "b");
            Assert.Equal(1, lab.ConnectionCount);
        }
    }

    [Fact]
    public void Cut_ends_connections_of_no_other_group_and_by_no_other_change()
    {
        using var lab = new PolicyLab(Group("cut", "tcp"));
        lab.Establish("a", A, B, "b");

        // The same rules with a remark, another group's rules, a new member, a new EIP: not this group's rules.
        lab.Change(Group("cut", "tcp").Replace("source: 0.0.0.0/0 }]", "source: 0.0.0.0/0, remark: x }]", StringComparison.Ordinal));
        lab.Passes("a", lab.Data("a", A, B), "b");
        lab.Change(Group("cut", "tcp").Replace("name: spare, vpc: blue, ingress: [{ protocol: all", "name: spare, vpc: blue, ingress: [{ protocol: udp", StringComparison.Ordinal));
        lab.Passes("b", lab.Reply("b", B, A), "a");
        lab.Change(Group("cut", "tcp").Replace("203.0.113.11, eni: b", "203.0.113.12, eni: b", StringComparison.Ordinal));
        lab.Passes("a", lab.Data("a", A, B), "b");
        Assert.Equal(1, lab.ConnectionCount);
    }

    [Fact]
    public void Cut_by_a_change_that_no_packet_saw_and_mode_that_came_with_it()
    {
        using var lab = new PolicyLab(Group("recheck", "tcp"));
        lab.Establish("a", A, B, "b");
        lab.Change(Group("recheck", "all"));
        lab.Change(Group("cut", "all"));
        lab.Drops("a", lab.Data("a", A, B), DropReason.ConnectionInvalid);

        lab.Establish("a", A, B, "b");
        lab.Change(Group("keep", "all"));
        lab.Change(Group("cut", "all"));
        lab.Passes("a", lab.Data("a", A, B), "b");
    }

    [Fact]
    public void Keep_asks_again_once_the_group_is_gone()
    {
        string gone = Group("keep", "udp")
            .Replace("securityGroups: [open]", "securityGroups: [spare]", StringComparison.Ordinal)
            .Replace("protocol: all, source: 0.0.0.0/0", "protocol: udp, source: 0.0.0.0/0", StringComparison.Ordinal);
        using var lab = new PolicyLab(Group("keep", "tcp"));
        lab.Establish("a", A, B, "b");

        // The ENIs leave the group: kept. The group itself goes: asked.
        lab.Change(gone);
        lab.Passes("a", lab.Data("a", A, B), "b");
        lab.Change(gone.Replace("name: open", "name: other", StringComparison.Ordinal));
        lab.Drops("a", lab.Data("a", A, B), DropReason.SecurityGroupIngress);
        Assert.Equal(0, lab.ConnectionCount);
    }

    [Fact]
    public void Keep_does_not_keep_what_routes_and_addresses_refuse()
    {
        using var lab = new PolicyLab(Group("keep", "tcp"));
        lab.Establish("a", A, "172.16.0.5", "r");
        lab.Change(Group("keep", "tcp").Replace("172.16.0.0/12, target: \"eni:r\"", "172.16.0.0/12, target: blackhole", StringComparison.Ordinal));
        lab.Drops("r", lab.Reply("r", "172.16.0.5", A), DropReason.NoRoute);
        Assert.Equal(0, lab.ConnectionCount);
    }

    [Fact]
    public void A_group_reference_follows_its_members()
    {
        string Text(string groupOfA) => PolicyLab.Text(group: "ingress: [{ protocol: udp, source: \"sg:spare\" }]")
            .Replace($"privateIps: [{A}, \"fd00:b:0:1::10\"], securityGroups: [open]", $"privateIps: [{A}, \"fd00:b:0:1::10\"], securityGroups: [{groupOfA}]", StringComparison.Ordinal);
        using var lab = new PolicyLab(Text("open"));
        lab.Drops("a", lab.From("a", A, B).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Change(Text("open, spare"));
        lab.Passes("a", lab.From("a", A, B).Udp(1, 2), "b");
        lab.Passes("a", lab.From("a", "fd00:b:0:1::10", "fd00:b:0:2::10").Udp(1, 2), "b");
        lab.Drops("a2", lab.From("a2", "10.0.1.11", B).Udp(1, 2), DropReason.SecurityGroupIngress);

        // A member's new address, a new member, and the member that leaves.
        lab.Change(Text("open, spare").Replace("10.0.1.11,", "10.0.1.11, 10.0.1.12,", StringComparison.Ordinal).Replace("fd00:b:0:1::11\"], securityGroups: [open]", "fd00:b:0:1::11\"], securityGroups: [spare]", StringComparison.Ordinal));
        lab.Passes("a2", lab.From("a2", "10.0.1.12", B).Udp(1, 2), "b");
        lab.Passes("b", lab.From("b", B, A).Udp(2, 1), "a");
        lab.Change(Text("open"));
        lab.Drops("b", lab.From("b", B, A).Udp(2, 1), DropReason.SecurityGroupIngress);
        lab.Drops("a2", lab.From("a2", "10.0.1.11", B).Udp(1, 2), DropReason.SecurityGroupIngress);
    }

    [Fact]
    public void A_prefix_list_in_a_groups_rule_follows_the_list_and_is_no_change_of_the_groups_rules()
    {
        string Text(string mode, string cidr) => PolicyLab.Text(
            more: $"prefixLists: [{{ name: friends, cidrs: [{cidr}] }}]",
            group: $"liveConnections: {mode}, ingress: [{{ protocol: all, source: \"prefixList:friends\" }}]");
        using var lab = new PolicyLab(Text("recheck", $"{A}/32"));
        lab.Establish("a", A, B, "b");
        lab.Drops("a2", lab.From("a2", "10.0.1.11", B).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Change(Text("recheck", "10.0.1.11/32"));
        lab.Drops("b", lab.Reply("b", B, A), DropReason.SecurityGroupIngress);
        lab.Passes("a2", lab.From("a2", "10.0.1.11", B).Udp(1, 2), "b");
        lab.Change(Text("cut", "10.0.1.11/32"));
        lab.Change(Text("cut", "10.0.1.0/24"));
        lab.Passes("b", lab.From("b", B, "10.0.1.11").Udp(2, 1), "a2");
        lab.Establish("a", A, B, "b");
    }

    [Fact]
    public void An_eni_that_leaves_takes_its_connections_with_it_and_no_others()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        SwitchConfig all = lab.Config;
        lab.Establish("a", A, B, "b");
        lab.Establish("a2", "10.0.1.11", B, "b");
        lab.Change(all with { Enis = [.. all.Enis.Where(e => e.Name != "a")], ElasticIps = [all.ElasticIps[1]] });
        lab.Passes("a2", lab.Data("a2", "10.0.1.11", B), "b");
        lab.Passes("b", lab.Reply("b", B, "10.0.1.11"), "a2");

        // It comes back, and no packet of its connection has come in between: it is another one all the same.
        lab.Change(all);
        lab.Drops("b", lab.Reply("b", B, A), DropReason.ConnectionInvalid);
        lab.Passes("b", lab.Reply("b", B, "10.0.1.11"), "a2");
        Assert.Equal(1, lab.ConnectionCount);
        lab.Establish("a", A, B, "b");
        Assert.Equal(2, lab.ConnectionCount);
    }

    [Fact]
    public void An_address_that_moves_to_another_eni_begins_anew()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", A, B, "b");
        lab.Passes("a", lab.From("a", A, B).Udp(1, 2), "b");
        string moved = PolicyLab.Text().Replace($"privateIps: [{A},", "privateIps: [10.0.1.99,", StringComparison.Ordinal)
            .Replace("privateIps: [10.0.1.11,", $"privateIps: [10.0.1.11, {A},", StringComparison.Ordinal)
            .Replace("203.0.113.10, eni: a }", "203.0.113.10, eni: a2 }", StringComparison.Ordinal);
        lab.Change(moved);

        // UDP of the new holder passes at once; the old holder is a stranger; TCP has to begin again.
        lab.Passes("a2", lab.From("a2", A, B).Udp(1, 2), "b");
        lab.Drops("a", lab.From("a", A, B).Udp(1, 2), DropReason.SpoofedIp);
        lab.Passes("b", lab.From("b", B, A).Udp(2, 1), "a2");
        lab.Drops("b", lab.Reply("b", B, A), DropReason.ConnectionInvalid);
        lab.Establish("a2", A, B, "b");
    }

    [Fact]
    public void The_other_ends_address_moves()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", A, B, "b");
        lab.Passes("a", lab.From("a", A, B).Udp(1, 2), "b");
        lab.Change(PolicyLab.Text().Replace($"privateIps: [{B},", "privateIps: [10.0.2.99,", StringComparison.Ordinal)
            .Replace("privateIps: [10.0.2.20,", $"privateIps: [10.0.2.20, {B},", StringComparison.Ordinal));
        lab.Passes("a", lab.From("a", A, B).Udp(1, 2), "r");
        lab.Drops("a", lab.Data("a", A, B), DropReason.ConnectionInvalid);
        lab.Drops("b", lab.Reply("b", B, A), DropReason.SpoofedIp);
        lab.Establish("a", A, B, "r");
    }

    [Fact]
    public void An_eip_moves_and_the_old_holders_connections_end()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("internet", PolicyLab.World4, "203.0.113.10", "a", seenDestination: A);
        lab.Establish("a", A, "192.0.2.8", "internet", seenSource: "203.0.113.10");
        lab.Establish("b", B, "192.0.2.9", "internet", seenSource: "203.0.113.11");
        lab.Change(PolicyLab.Text().Replace("203.0.113.10, eni: a }", "203.0.113.10, eni: a2, drift: drop }", StringComparison.Ordinal));

        lab.Drops("a", lab.Reply("a", A, PolicyLab.World4), DropReason.ConnectionInvalid);
        lab.Drops("a", lab.Data("a", A, "192.0.2.8"), DropReason.ConnectionInvalid);
        lab.Drops("a", lab.From("a", A, "192.0.2.8").Udp(1, 2), DropReason.EipUnbound);
        lab.Drops("internet", lab.Data("internet", PolicyLab.World4, "203.0.113.10"), DropReason.ConnectionInvalid);
        lab.Passes("b", lab.Data("b", B, "192.0.2.9"), "internet");
        lab.Passes("internet", lab.Reply("internet", "192.0.2.9", "203.0.113.11"), "b");
        Assert.Equal(1, lab.ConnectionCount);
        lab.Establish("internet", PolicyLab.World4, "203.0.113.10", "a2", seenDestination: "10.0.1.11");
    }

    [Fact]
    public void An_eni_gets_another_eip()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", A, PolicyLab.World4, "internet", seenSource: "203.0.113.10");
        lab.Passes("a", lab.From("a", A, PolicyLab.World4).Udp(1, 2), "internet");
        lab.Change(PolicyLab.Text().Replace("address: 203.0.113.10", "address: 203.0.113.77", StringComparison.Ordinal));

        // In the middle of a connection the far end would see a stranger; a datagram begins a new one.
        lab.Drops("a", lab.Data("a", A, PolicyLab.World4), DropReason.ConnectionInvalid);
        byte[] sent = lab.Passes("a", lab.From("a", A, PolicyLab.World4).Udp(1, 2), "internet");
        PacketAssert.That(sent, PacketAssert.Addresses(IpAddress.Parse("203.0.113.77"), IpAddress.Parse(PolicyLab.World4)));
        lab.Passes("internet", lab.From("internet", PolicyLab.World4, "203.0.113.77").Udp(2, 1), "a");
        lab.Drops("internet", lab.From("internet", PolicyLab.World4, "203.0.113.10").Udp(2, 1), DropReason.EipUnbound);
    }

    [Fact]
    public void A_route_changes_and_the_connection_goes_on_by_the_new_way()
    {
        string two = PolicyLab.Text().Replace("privateIps: [10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open]", "privateIps: [10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open], sourceDestCheck: false", StringComparison.Ordinal);
        using var lab = new PolicyLab(two);
        lab.Establish("a", A, "172.16.0.5", "r");
        lab.Establish("a", A, "10.0.2.20", "r");
        lab.Change(two.Replace("172.16.0.0/12, target: \"eni:r\"", "172.16.0.0/12, target: \"eni:b\"", StringComparison.Ordinal));

        // A reply that is still under way by the old router is late, and costs the connection nothing.
        lab.Drops("r", lab.Reply("r", "172.16.0.5", A), DropReason.ConnectionInvalid);
        lab.Passes("a", lab.Data("a", A, "172.16.0.5"), "b");
        lab.Passes("b", lab.Reply("b", "172.16.0.5", A), "a");
        lab.Drops("r", lab.Reply("r", "172.16.0.5", A), DropReason.ConnectionInvalid);
        lab.Passes("b", lab.Reply("b", "172.16.0.5", A), "a");
        lab.Passes("r", lab.Reply("r", "10.0.2.20", A), "a");
        Assert.Equal(2, lab.ConnectionCount);
    }

    [Fact]
    public void A_foreign_sources_connection_moves_with_its_router()
    {
        string two = PolicyLab.Text().Replace("privateIps: [10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open]", "privateIps: [10.0.2.10, \"fd00:b:0:2::10\"], securityGroups: [open], sourceDestCheck: false", StringComparison.Ordinal);
        using var lab = new PolicyLab(two);
        lab.Passes("r", lab.From("r", "172.16.0.5", A).Udp(1, 2), "a");
        lab.Drops("b", lab.From("b", "172.16.0.5", A).Udp(1, 2), DropReason.ConnectionInvalid);
        lab.Passes("a", lab.From("a", A, "172.16.0.5").Udp(2, 1), "r");
        lab.Change(two.Replace("172.16.0.0/12, target: \"eni:r\"", "172.16.0.0/12, target: \"eni:b\"", StringComparison.Ordinal));
        lab.Passes("b", lab.From("b", "172.16.0.5", A).Udp(1, 2), "a");
        lab.Passes("a", lab.From("a", A, "172.16.0.5").Udp(2, 1), "b");
    }

    [Fact]
    public void A_change_that_concerns_nobody_loses_nothing()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", A, B, "b");
        lab.Establish("internet", PolicyLab.World4, "203.0.113.10", "a", seenDestination: A);
        lab.Establish("a", A, "203.0.113.11", "b", seenSource: "203.0.113.10", seenDestination: B);
        for (int round = 0; round < 5; round++)
        {
            lab.Change(PolicyLab.Text(more: $"prefixLists: [{{ name: unused, cidrs: [192.0.2.{round}/32] }}]"));
            lab.Passes("b", lab.Reply("b", B, A), "a");
            lab.Passes("a", lab.Data("a", A, B), "b");
            lab.Passes("a", lab.Reply("a", A, PolicyLab.World4), "internet");
            lab.Passes("internet", lab.Data("internet", PolicyLab.World4, "203.0.113.10"), "a");
            lab.Passes("b", lab.Reply("b", B, "203.0.113.10"), "a");
        }

        Assert.Equal(3, lab.ConnectionCount);
    }

    private static string Group(string mode, string protocol) => PolicyLab.Text(
        group: $"liveConnections: {mode}, ingress: [{{ protocol: {protocol}, source: 0.0.0.0/0 }}]");
}
