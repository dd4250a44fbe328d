using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>Network ACLs at the border of a subnet: stateless, by priority, both directions, both families.</summary>
public sealed class NetworkAclTests
{
    private const string Everything = """{ priority: 30000, action: allow, protocol: all, {0}: 0.0.0.0/0 }, { priority: 30001, action: allow, protocol: all, {0}: "::/0" }""";
    private static readonly string AllIn = Everything.Replace("{0}", "source", StringComparison.Ordinal);
    private static readonly string AllOut = Everything.Replace("{0}", "destination", StringComparison.Ordinal);

    [Fact]
    public void What_no_rule_names_is_denied_both_ways_but_within_the_subnet()
    {
        using var lab = Lab("", "");
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("a", lab.From("a", "fd00:b:0:1::10", "fd00:b:0:2::10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", "fd00:b:0:2::10", "fd00:b:0:1::10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("internet", lab.From("internet", PolicyLab.World4, "203.0.113.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("internet", lab.From("internet", PolicyLab.World6, "fd00:b:0:1::10").Udp(1, 2), DropReason.NetworkAcl);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Passes("a", lab.Within("a", "a2", "10.0.1.10", "10.0.1.11").Udp(1, 2), "a2");
        lab.Passes("a", lab.From("a", "fd00:b:0:1::10", "fd00:b:0:1::11").Udp(1, 2), "a2");
        lab.Passes("b", lab.Within("b", "r", "10.0.2.10", "10.0.2.20").Udp(1, 2), "r");
    }

    [Fact]
    public void The_smallest_priority_that_names_a_packet_decides()
    {
        using var lab = Lab(
            """
            { priority: 300, action: allow, protocol: udp, source: 10.0.2.0/24 }, { priority: 100, action: allow, protocol: udp, ports: "53", source: 10.0.0.0/16 },
            { priority: 200, action: deny, protocol: udp, ports: "50-60", source: 10.0.2.10/32 }
            """, AllOut);
        lab.Passes("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(9, 53), "a");
        lab.Drops("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(9, 54), DropReason.NetworkAcl);
        lab.Passes("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(9, 61), "a");
        lab.Drops("b", lab.From("b", "10.0.2.10", "10.0.1.10").Tcp(9, 53, TcpBits.Syn), DropReason.NetworkAcl);
        lab.Passes("r", lab.From("r", "10.0.2.20", "10.0.1.10").Udp(9, 54), "a");
    }

    [Theory]
    [InlineData("10.0.1.10", "10.0.2.10", "0.0.0.0/0")]
    [InlineData("fd00:b:0:1::10", "fd00:b:0:2::10", "\"::/0\"")]
    public void Stateless_a_reply_needs_its_own_rule_for_the_openers_port(string a, string b, string all)
    {
        using var lab = Lab($"{{ priority: 1, action: allow, protocol: tcp, ports: \"32768-65535\", source: {all} }}", AllOut);
        lab.Establish("a", a, b, "b");

        // From a port outside the range the connection is made, and its replies find no rule.
        lab.Passes("a", lab.From("a", a, b).Tcp(1000, 443, TcpBits.Syn), "b");
        lab.Drops("b", lab.From("b", b, a).Tcp(443, 1000, TcpBits.Syn | TcpBits.Ack), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", b, a).Tcp(443, 1000, TcpBits.Syn | TcpBits.Ack), DropReason.NetworkAcl);
        lab.Passes("a", lab.From("a", a, b).Tcp(1000, 443, TcpBits.Syn), "b");
        lab.Passes("b", lab.Reply("b", b, a), "a");
    }

    [Fact]
    public void A_denied_egress_stops_the_replies_of_a_connection_from_outside()
    {
        using var lab = Lab(AllIn, "{ priority: 1, action: deny, protocol: udp, ports: \"7000\", destination: 0.0.0.0/0 }, { priority: 2, action: allow, protocol: all, destination: 0.0.0.0/0 }");
        lab.Passes("internet", lab.From("internet", PolicyLab.World4, "203.0.113.10").Udp(7000, 53), "a");
        lab.Drops("a", lab.From("a", "10.0.1.10", PolicyLab.World4).Udp(53, 7000), DropReason.NetworkAcl);
        lab.Passes("internet", lab.From("internet", PolicyLab.World4, "203.0.113.10").Udp(7001, 53), "a");
        lab.Passes("a", lab.From("a", "10.0.1.10", PolicyLab.World4).Udp(53, 7001), "internet");
    }

    [Theory]
    [InlineData("10.0.1.10", "10.0.2.10", "icmp", 8, 0)]
    [InlineData("fd00:b:0:1::10", "fd00:b:0:2::10", "icmpv6", 128, 129)]
    public void Echo_requests_and_replies_have_their_own_types(string a, string b, string protocol, int request, int reply)
    {
        string all = a.Contains(':', StringComparison.Ordinal) ? "\"::/0\"" : "0.0.0.0/0";
        string rule = $"{{ priority: 1, action: allow, protocol: {protocol}, icmpType: {reply}, icmpCode: 0, source: {all} }}";
        using var lab = Lab(rule, $"{{ priority: 1, action: allow, protocol: {protocol}, icmpType: {request}, destination: {all} }}");
        lab.Passes("a", lab.From("a", a, b).Echo(false, 7, 1), "b");
        lab.Passes("b", lab.From("b", b, a).Echo(true, 7, 1), "a");
        lab.Drops("b", lab.From("b", b, a).Echo(false, 8, 1), DropReason.NetworkAcl);

        using var strict = Lab(rule.Replace($"icmpType: {reply}", $"icmpType: {request}", StringComparison.Ordinal), AllOut);
        strict.Passes("b", strict.From("b", b, a).Echo(false, 8, 1), "a");
        strict.Passes("a", strict.From("a", a, b).Echo(true, 8, 1), "b");
        strict.Passes("a", strict.From("a", a, b).Echo(false, 7, 1), "b");
        strict.Drops("b", strict.From("b", b, a).Echo(true, 7, 1), DropReason.NetworkAcl);
    }

    [Fact]
    public void Groups_come_before_the_list_at_egress_and_after_it_at_ingress()
    {
        const string Nothing = "ingress: [{ protocol: tcp, ports: \"9\", source: 0.0.0.0/0 }], egress: [{ protocol: tcp, destination: 0.0.0.0/0 }]";
        using var lab = new PolicyLab(PolicyLab.Text(", networkAcl: edge", "", Acl("", ""), Nothing));
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 2), DropReason.SecurityGroupEgress);
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").Tcp(1, 9, TcpBits.Syn), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", "10.0.2.10", "10.0.1.10").Tcp(1, 8, TcpBits.Syn), DropReason.NetworkAcl);
    }

    [Fact]
    public void In_a_hairpin_each_subnet_sees_the_others_eip()
    {
        const string In = "{ priority: 1, action: allow, protocol: udp, ports: \"1\", source: 203.0.113.11/32 }";
        const string Out = "{ priority: 1, action: allow, protocol: udp, ports: \"2\", destination: 203.0.113.11/32 }";
        using var lab = Lab(In, Out);
        byte[] sent = lab.Passes("a", lab.From("a", "10.0.1.10", "203.0.113.11").Udp(1, 2), "b");
        PacketAssert.That(sent, PacketAssert.Addresses(TestTopologies.Ip("203.0.113.10"), TestTopologies.Ip("10.0.2.10")));
        lab.Passes("b", lab.From("b", "10.0.2.10", "203.0.113.10").Udp(2, 1), "a");
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", "10.0.2.10", "203.0.113.10").Udp(2, 3), DropReason.NetworkAcl);
    }

    [Fact]
    public void An_error_is_judged_by_its_own_type_and_source()
    {
        const string In = """
            { priority: 1, action: allow, protocol: udp, source: 0.0.0.0/0 }, { priority: 2, action: deny, protocol: icmp, icmpType: 11, source: 192.0.2.99/32 },
            { priority: 3, action: allow, protocol: icmp, icmpType: 11, source: 0.0.0.0/0 }
            """;
        using var lab = Lab(In, AllOut);
        byte[] sent = lab.Passes("a", lab.From("a", "10.0.1.10", PolicyLab.World4).Udp(1, 2), "internet");
        lab.Passes("internet", lab.From("internet", "192.0.2.98", "203.0.113.10").IcmpError(11, 0, sent), "a");
        lab.Drops("internet", lab.From("internet", "192.0.2.99", "203.0.113.10").IcmpError(11, 0, sent), DropReason.NetworkAcl);
        lab.Drops("internet", lab.From("internet", "192.0.2.98", "203.0.113.10").IcmpError(3, 1, sent), DropReason.NetworkAcl);

        // TTL comes before the ACL.
        var ends = new FrameAddresses(
            TestTopologies.Mac("02:00:00:00:99:01"), TestTopologies.Mac("02:76:73:00:00:02"), TestTopologies.Ip("192.0.2.99"), TestTopologies.Ip("203.0.113.10"));
        lab.Drops("internet", Frames.Begin(ends, ttl: 1).IcmpError(11, 0, sent), DropReason.TtlExpired);
    }

    [Fact]
    public void An_error_of_an_end_passes_two_borders()
    {
        string noErrors = "{ priority: 1, action: deny, protocol: icmp, icmpType: 3, destination: 0.0.0.0/0 }, " + AllOut;
        using var lab = Lab(AllIn, noErrors);
        byte[] sent = lab.Passes("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(1, 2), "a");
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").IcmpError(3, 3, sent), DropReason.NetworkAcl);
        byte[] other = lab.Passes("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(5, 6), "b");
        lab.Passes("b", lab.From("b", "10.0.2.10", "10.0.1.10").IcmpError(3, 3, other), "a");
    }

    [Theory]
    [InlineData("10.0.1.10", "10.0.2.10")]
    [InlineData("fd00:b:0:1::10", "fd00:b:0:2::10")]
    public void Later_fragments_have_the_verdict_of_their_direction(string a, string b)
    {
        // b answers from port 5 to port 6; nothing may come in to port 6.
        string all = a.Contains(':', StringComparison.Ordinal) ? "\"::/0\"" : "0.0.0.0/0";
        using var lab = Lab($"{{ priority: 1, action: deny, protocol: udp, ports: \"6\", source: {all} }}, {AllIn}", AllOut);
        lab.Passes("a", lab.From("a", a, b).Udp(6, 5).Payload(64), "b");
        byte[] reply = lab.From("b", b, a).Udp(5, 6).Payload(64).Build();
        IReadOnlyList<byte[]> cut = Frames.Fragments(reply, 32, 77);
        Assert.Equal(DropReason.NetworkAcl, lab.Send("b", cut[0]).DropReason);
        byte[] allowed = lab.From("a", a, b).Udp(6, 5).Payload(64).Build();
        foreach (byte[] fragment in Frames.Fragments(allowed, 32, 78))
        {
            Assert.Equal("b", Assert.Single(lab.Send("a", fragment).Sent).Port);
        }
    }

    [Fact]
    public void A_prefix_list_in_a_rule_follows_the_list()
    {
        string Text(string cidrs) => PolicyLab.Text(
            ", networkAcl: edge", "",
            Acl("{ priority: 1, action: allow, protocol: all, source: \"prefixList:friends\" }", AllOut) + $"\nprefixLists: [{{ name: friends, cidrs: [{cidrs}] }}]");
        using var lab = new PolicyLab(Text("10.0.2.20/32, 10.0.2.0/28, 10.0.2.4/30, \"fd00:b:0:2::/64\""));
        lab.Passes("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(1, 2), "a");
        lab.Passes("r", lab.From("r", "10.0.2.20", "10.0.1.10").Udp(1, 2), "a");
        lab.Passes("b", lab.From("b", "fd00:b:0:2::10", "fd00:b:0:1::10").Udp(1, 2), "a");
        lab.Change(Text("10.0.2.20/32"));
        lab.Drops("b", lab.From("b", "10.0.2.10", "10.0.1.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("b", lab.From("b", "fd00:b:0:2::10", "fd00:b:0:1::10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Passes("r", lab.From("r", "10.0.2.20", "10.0.1.10").Udp(1, 2), "a");
    }

    [Fact]
    public void A_change_of_the_list_stops_one_direction_and_its_return_lets_it_go_on()
    {
        string open = PolicyLab.Text(", networkAcl: edge", "", Acl(AllIn, AllOut));
        string shut = PolicyLab.Text(", networkAcl: edge", "", Acl("{ priority: 9, action: deny, protocol: tcp, source: 0.0.0.0/0 }, " + AllIn, AllOut));
        using var lab = new PolicyLab(open);
        lab.Establish("a", "10.0.1.10", "10.0.2.10", "b");
        lab.Change(shut);
        lab.Drops("b", lab.Reply("b", "10.0.2.10", "10.0.1.10"), DropReason.NetworkAcl);
        lab.Passes("a", lab.Data("a", "10.0.1.10", "10.0.2.10"), "b");
        lab.Drops("b", lab.Reply("b", "10.0.2.10", "10.0.1.10"), DropReason.NetworkAcl);
        Assert.Equal(1, lab.ConnectionCount);
        lab.Change(open);
        lab.Passes("b", lab.Reply("b", "10.0.2.10", "10.0.1.10"), "a");
    }

    [Fact]
    public void A_list_of_both_ends_asks_both_subnets()
    {
        string acls = $$"""
            networkAcls:
              - { name: edge, vpc: blue, ingress: [{{AllIn}}], egress: [{{AllOut}}] }
              - { name: inner, vpc: blue, ingress: [{ priority: 5, action: allow, protocol: udp, ports: "2", source: 10.0.1.10/32 }], egress: [{{AllOut}}] }
            """;
        using var lab = new PolicyLab(PolicyLab.Text(", networkAcl: edge", ", networkAcl: inner", acls));
        lab.Passes("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 2), "b");
        lab.Drops("a", lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 3), DropReason.NetworkAcl);
        lab.Drops("a2", lab.From("a2", "10.0.1.11", "10.0.2.10").Udp(1, 2), DropReason.NetworkAcl);
        lab.Drops("internet", lab.From("internet", PolicyLab.World4, "203.0.113.11").Udp(1, 2), DropReason.NetworkAcl);
    }

    internal static string Acl(string ingress, string egress) =>
        $"networkAcls: [{{ name: edge, vpc: blue, ingress: [{ingress}], egress: [{egress}] }}]";

    private static PolicyLab Lab(string ingress, string egress) =>
        new(PolicyLab.Text(", networkAcl: edge", "", Acl(ingress, egress)));
}
