using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Policy;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Peerings;

/// <summary>Two peers of one VPC whose ranges overlap each other: hub has left and right, both 10.1.0.0/16, and reaches left from its
/// subnet hub-l and right from hub-r.</summary>
public sealed class PeerOverlapTests
{
    private const string L = "10.0.1.10";
    private const string R = "10.0.2.10";
    private const string Same = "10.1.1.10";

    [Fact]
    public void The_routes_of_the_senders_subnet_say_which_is_meant()
    {
        using var lab = new PolicyLab(Text());
        lab.Passes("l", lab.From("l", L, Same).Udp(1, 2), "left");
        lab.Passes("r", lab.From("r", R, Same).Udp(1, 2), "right");
        lab.Passes("left", lab.From("left", Same, L).Udp(2, 1), "l");
        lab.Passes("right", lab.From("right", Same, R).Udp(2, 1), "r");
        lab.Establish("left", Same, L, "l");
        lab.Establish("right", Same, R, "r");
        lab.Passes("l", lab.Reply("l", L, Same), "left");
        lab.Passes("r", lab.Reply("r", R, Same), "right");
        Assert.Equal(4, lab.ConnectionCount);
    }

    [Fact]
    public void One_five_tuple_of_both_is_two_connections()
    {
        using var lab = new PolicyLab(Text("10.0.3.10"));
        lab.Passes("left", lab.From("left", Same, "10.0.3.10").Udp(1, 2), "both");
        lab.Passes("right", lab.From("right", Same, "10.0.3.10").Udp(1, 2), "both");
        Assert.Equal(2, lab.ConnectionCount);

        // Its own subnet leads to neither, so there is no way back to either.
        lab.Drops("both", lab.From("both", "10.0.3.10", Same).Udp(2, 1), DropReason.NoRoute);
        lab.Drops("both", lab.From("both", "10.0.3.10", Same).Udp(3, 4), DropReason.NoRoute);
    }

    [Fact]
    public void An_answer_that_is_routed_to_the_other_one_belongs_to_no_connection()
    {
        using var lab = new PolicyLab(Text());
        lab.Passes("left", lab.From("left", Same, R).Tcp(40000, 443, TcpBits.Syn, t => t with { Sequence = 100 }), "r");
        lab.Drops("r", lab.From("r", R, Same).Tcp(443, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Acknowledgment = 101 }), DropReason.ConnectionInvalid);
    }

    [Fact]
    public void A_route_that_moves_to_the_other_one_ends_the_connection()
    {
        using var lab = new PolicyLab(Text());
        lab.Establish("l", L, Same, "left");
        lab.Change(Text().Replace("{ destination: 10.1.0.0/16, target: \"peering:to-left\" }", "{ destination: 10.1.0.0/16, target: \"peering:to-right\" }", StringComparison.Ordinal));
        lab.Drops("l", lab.Data("l", L, Same), DropReason.ConnectionInvalid);
        lab.Drops("left", lab.Reply("left", Same, L), DropReason.NoRoute);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Passes("l", lab.From("l", L, Same).Tcp(40000, 443, TcpBits.Syn, t => t with { Sequence = 100 }), "right");
    }

    /// <summary>Rules look at addresses: one that both peers have would let the wrong one in, so a group that holds it does not stand for it.</summary>
    [Fact]
    public void A_group_of_one_peer_does_not_let_the_other_in()
    {
        const string Rule = "ingress: [{ protocol: all, source: \"sg:left-sg\" }]";
        using var lab = new PolicyLab(Text(hub: Rule));
        lab.Drops("right", lab.From("right", Same, R).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Drops("left", lab.From("left", Same, L).Udp(1, 2), DropReason.SecurityGroupIngress);
        lab.Passes("left", lab.From("left", "10.1.1.11", L).Udp(1, 2), "l");
        lab.Change(Text(hub: Rule).Replace("accepter: right, accepted: true", "accepter: right", StringComparison.Ordinal));
        lab.Passes("left", lab.From("left", Same, L).Udp(1, 2), "l");
    }

    private static string Text(string both = "10.0.3.10", string hub = PeeringText.Open) => $$"""
        vpcs:
          - name: hub
            cidrs: [10.0.0.0/16]
            subnets:
              - { name: hub-l, cidrs: [10.0.1.0/24], routeTable: to-l }
              - { name: hub-r, cidrs: [10.0.2.0/24], routeTable: to-r }
              - { name: hub-n, cidrs: [10.0.3.0/24] }
            routeTables:
              - { name: to-l, routes: [{ destination: 10.1.0.0/16, target: "peering:to-left" }] }
              - { name: to-r, routes: [{ destination: 10.1.0.0/16, target: "peering:to-right" }] }
              - { name: none, main: true, routes: [{ destination: 10.1.0.0/16, target: blackhole }] }
          - name: left
            cidrs: [10.1.0.0/16]
            subnets: [{ name: left-a, cidrs: [10.1.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 10.0.0.0/16, target: "peering:to-left" }] }]
          - name: right
            cidrs: [10.1.0.0/16]
            subnets: [{ name: right-a, cidrs: [10.1.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 10.0.0.0/16, target: "peering:to-right" }] }]
        peerings:
          - { name: to-left, requester: hub, accepter: left, accepted: true }
          - { name: to-right, requester: hub, accepter: right, accepted: true }
        securityGroups:
          - { name: hub-sg, vpc: hub, {{hub}} }
          - { name: left-sg, vpc: left, {{PeeringText.Open}} }
          - { name: right-sg, vpc: right, {{PeeringText.Open}} }
        enis:
          - { name: l, subnet: hub-l, mac: "02:00:00:00:00:0a", privateIps: [10.0.1.10], securityGroups: [hub-sg] }
          - { name: r, subnet: hub-r, mac: "02:00:00:00:00:0b", privateIps: [10.0.2.10], securityGroups: [hub-sg] }
          - { name: both, subnet: hub-n, mac: "02:00:00:00:00:0c", privateIps: [{{both}}], securityGroups: [hub-sg] }
          - { name: left, subnet: left-a, mac: "02:00:00:00:00:1a", privateIps: [10.1.1.10, 10.1.1.11], securityGroups: [left-sg] }
          - { name: right, subnet: right-a, mac: "02:00:00:00:00:1b", privateIps: [10.1.1.10], securityGroups: [right-sg] }
        """;
}
