using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>ENIs with <c>sourceDestCheck: false</c>: routers and NAT instances.</summary>
public sealed class TransitTests
{
    [Theory]
    [InlineData("10.0.1.10", "172.16.0.5")]
    [InlineData("fd00:b:0:1::10", "fd99::5")]
    public void A_route_leads_to_it_and_replies_come_from_it(string a, string far)
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        byte[] sent = lab.Passes("a", lab.From("a", a, far).Udp(1, 2), "r");
        PacketAssert.That(
            sent, PacketAssert.Addresses(IpAddress.Parse(a), IpAddress.Parse(far)), PacketAssert.Ttl(63),
            PacketAssert.Macs(TestTopologies.Mac("02:76:73:00:00:01"), TestTopologies.Mac("02:00:00:00:00:0c")));
        PacketAssert.That(lab.Passes("r", lab.From("r", far, a).Udp(2, 1), "a"), PacketAssert.Addresses(IpAddress.Parse(far), IpAddress.Parse(a)));
        lab.Drops("b", lab.From("b", far, a).Udp(2, 1), DropReason.SpoofedIp);
        Assert.Equal(1, lab.ConnectionCount);
    }

    [Theory]
    [InlineData("172.16.0.5", "10.0.1.10")]
    [InlineData("fd99::5", "fd00:b:0:1::10")]
    public void A_foreign_source_opens_with_its_rules_and_is_answered_through_it(string far, string a)
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Passes("r", lab.From("r", far, a).Tcp(40000, 443, TcpBits.Syn), "a");
        lab.Passes("a", lab.From("a", a, far).Tcp(443, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Acknowledgment = 1 }), "r");
        lab.Drops("b", lab.From("b", far, a).Tcp(40000, 443, TcpBits.Syn), DropReason.SpoofedIp);
    }

    [Fact]
    public void Its_egress_rules_hold_for_foreign_sources()
    {
        using var lab = new PolicyLab(PolicyLab.Text(group: "ingress: [{ protocol: all, source: 0.0.0.0/0 }], egress: [{ protocol: udp, destination: 10.0.1.10/32 }]"));
        lab.Passes("r", lab.From("r", "172.16.0.5", "10.0.1.10").Udp(1, 2), "a");
        lab.Drops("r", lab.From("r", "172.16.0.5", "10.0.1.11").Udp(1, 2), DropReason.SecurityGroupEgress);
        lab.Drops("r", lab.From("r", "172.16.0.5", "10.0.1.10").Tcp(1, 2, TcpBits.Syn), DropReason.SecurityGroupEgress);
    }

    [Fact]
    public void It_may_not_send_from_the_switchs_public_addresses()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Drops("r", lab.From("r", "203.0.113.10", "10.0.1.10").Udp(1, 2), DropReason.SpoofedIp);
        lab.Drops("r", lab.From("r", "198.51.100.1", "10.0.1.10").Udp(1, 2), DropReason.SpoofedIp);
        lab.Drops("r", lab.From("r", "2001:db8:100::1", "fd00:b:0:1::10").Udp(1, 2), DropReason.SpoofedIp);
        lab.Drops("r", lab.From("r", "127.0.0.1", "10.0.1.10").Udp(1, 2), DropReason.MartianAddress);
        lab.Drops("r", lab.From("r", "172.16.0.5", PolicyLab.World4).Udp(1, 2), DropReason.EipUnbound);
        lab.Drops("r", lab.From("r", "10.0.1.10", PolicyLab.World4).Udp(1, 2), DropReason.EipUnbound);
        lab.Passes("r", lab.From("r", "fd99::5", PolicyLab.World6).Udp(1, 2), "internet");
    }

    [Fact]
    public void Within_the_subnet_the_mac_leads_to_it_whatever_the_address()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        byte[] sent = lab.Passes("b", lab.Within("b", "r", "10.0.2.10", "172.16.0.5").Udp(1, 2), "r");
        PacketAssert.That(sent, PacketAssert.Ttl(64));
        lab.Passes("r", lab.Within("r", "b", "172.16.0.5", "10.0.2.10").Udp(2, 1), "b");

        // The same connection by the router, and back by MAC.
        lab.Passes("b", lab.From("b", "10.0.2.10", "172.16.0.5").Udp(1, 2), "r");
        lab.Passes("r", lab.Within("r", "b", "172.16.0.5", "10.0.2.10").Udp(2, 1), "b");

        // Also an EIP of the switch: by MAC it is no hairpin.
        PacketAssert.That(
            lab.Passes("b", lab.Within("b", "r", "10.0.2.10", "203.0.113.10").Udp(1, 2), "r"),
            PacketAssert.Addresses(IpAddress.Parse("10.0.2.10"), IpAddress.Parse("203.0.113.10")));
        lab.Drops("a", lab.Within("a", "a2", "10.0.1.10", "172.16.0.5").Udp(1, 2), DropReason.NoRoute);
    }

    [Fact]
    public void A_packet_by_another_port_is_refused_and_the_connection_stays()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", "10.0.1.10", "172.16.0.5", "r");

        // r sends the opener's own packet back to the switch, as a bump in the wire would.
        lab.Drops("r", lab.Data("r", "10.0.1.10", "172.16.0.5"), DropReason.ConnectionInvalid);
        Assert.Equal(1, lab.ConnectionCount);
        lab.Passes("a", lab.Data("a", "10.0.1.10", "172.16.0.5"), "r");
        lab.Passes("r", lab.Reply("r", "172.16.0.5", "10.0.1.10"), "a");
    }

    [Fact]
    public void With_the_check_on_again_it_is_an_eni_as_any_other()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Passes("r", lab.From("r", "172.16.0.5", "10.0.1.10").Udp(1, 2), "a");
        lab.Change(PolicyLab.Text()
            .Replace(", sourceDestCheck: false", "", StringComparison.Ordinal)
            .Replace("target: \"eni:r\"", "target: blackhole", StringComparison.Ordinal));
        lab.Drops("r", lab.From("r", "172.16.0.5", "10.0.1.10").Udp(1, 2), DropReason.SpoofedIp);
        lab.Drops("a", lab.From("a", "10.0.1.10", "172.16.0.5").Udp(2, 1), DropReason.NoRoute);
        Assert.Equal(0, lab.ConnectionCount);
    }

    [Fact]
    public void A_prefix_list_is_a_routes_destination()
    {
        string text = PolicyLab.Text(more: "prefixLists: [{ name: far, cidrs: [172.16.0.0/12, 172.20.0.0/16, \"fd99::/16\"] }]")
            .Replace("destination: 172.16.0.0/12", "destination: \"prefixList:far\"", StringComparison.Ordinal)
            .Replace("destination: \"fd99::/16\", target: \"eni:r\"", "destination: 172.20.1.0/24, target: blackhole", StringComparison.Ordinal);
        using var lab = new PolicyLab(text);
        lab.Passes("a", lab.From("a", "10.0.1.10", "172.16.0.5").Udp(1, 2), "r");
        lab.Passes("a", lab.From("a", "10.0.1.10", "172.20.0.5").Udp(1, 2), "r");
        lab.Drops("a", lab.From("a", "10.0.1.10", "172.20.1.5").Udp(1, 2), DropReason.NoRoute);
        lab.Passes("a", lab.From("a", "fd00:b:0:1::10", "fd99::5").Udp(1, 2), "r");
        lab.Change(text.Replace("[172.16.0.0/12, 172.20.0.0/16, \"fd99::/16\"]", "[172.20.0.0/16]", StringComparison.Ordinal));
        lab.Passes("a", lab.From("a", "10.0.1.10", "172.20.0.5").Udp(1, 2), "r");
        byte[] sent = lab.Passes("a", lab.From("a", "10.0.1.10", "172.16.0.5").Udp(1, 2), "internet");
        PacketAssert.That(sent, PacketAssert.Addresses(IpAddress.Parse("203.0.113.10"), IpAddress.Parse("172.16.0.5")));
    }

    [Fact]
    public void A_loose_router_picks_up_in_mid_stream()
    {
        using var strict = new PolicyLab(PolicyLab.Text());
        strict.Drops("a", strict.Data("a", "10.0.1.10", "172.16.0.5"), DropReason.ConnectionInvalid);
        using var lab = new PolicyLab(PolicyLab.Text().Replace("sourceDestCheck: false", "sourceDestCheck: false, tcp: loose", StringComparison.Ordinal));
        lab.Passes("a", lab.Data("a", "10.0.1.10", "172.16.0.5"), "r");
        lab.Passes("b", lab.From("b", "10.0.2.10", "172.16.0.5").Tcp(1, 2, TcpBits.Ack), "r");
        lab.Drops("a", lab.Data("a", "10.0.1.10", "10.0.2.10"), DropReason.ConnectionInvalid);
    }
}
