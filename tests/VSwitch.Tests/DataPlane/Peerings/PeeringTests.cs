using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Policy;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Peerings.PeeringText;

namespace VSwitch.Tests.DataPlane.Peerings;

/// <summary>What passes a peering, and what does not (order of checks, section 15).</summary>
public sealed class PeeringTests
{
    [Theory]
    [InlineData(A4, G4)]
    [InlineData(A6, G6)]
    public void A_connection_crosses_it_both_ways(string from, string to)
    {
        using var lab = new PolicyLab(Of());
        PacketAssert.That(
            lab.Passes("a", lab.From("a", from, to).Udp(1, 2), "g"), PacketAssert.Addresses(IpAddress.Parse(from), IpAddress.Parse(to)), PacketAssert.Ttl(63),
            PacketAssert.Macs(TestTopologies.Mac("02:76:73:00:00:01"), TestTopologies.Mac("02:00:00:00:00:0b")));
        lab.Passes("g", lab.From("g", to, from).Udp(2, 1), "a");
        lab.Establish("a", from, to, "g");
        lab.Passes("g", lab.Reply("g", to, from), "a");
        lab.Establish("g", to, from, "a");
        Assert.Equal(3, lab.ConnectionCount);
    }

    [Fact]
    public void It_is_no_way_to_anywhere_else()
    {
        using var lab = new PolicyLab(Of(routes: "- { destination: 192.0.2.0/24, target: \"peering:bg\" }"));

        // Not on to the next peer, though all routes lead there; nor to the internet, to nobody, to the router.
        lab.Drops("a", lab.From("a", A4, R4).Udp(1, 2), DropReason.VpcIsolation);
        lab.Drops("a", lab.From("a", A4, "192.0.2.7").Udp(1, 2), DropReason.NoRoute);
        lab.Drops("a", lab.From("a", A4, "10.1.1.99").Udp(1, 2), DropReason.NoRoute);
        lab.Drops("a", lab.From("a", A4, "10.1.1.1").Udp(1, 2), DropReason.NoRoute);
        lab.Passes("g", lab.From("g", G4, R4).Udp(1, 2), "r");

        // Nor from anywhere else, though the middle one routes for others.
        lab.Drops("t", lab.From("t", R4, G4).Udp(1, 2), DropReason.VpcIsolation);
        lab.Drops("t", lab.From("t", G4, G4).Udp(1, 2), DropReason.VpcIsolation);
        lab.Passes("t", lab.From("t", "10.0.1.99", G4).Udp(1, 2), "g");
        lab.Drops("r", lab.From("r", R4, A4).Udp(1, 2), DropReason.VpcIsolation);
    }

    [Fact]
    public void A_peers_address_cannot_come_from_outside()
    {
        using var lab = new PolicyLab(Of());
        lab.Drops("internet", lab.From("internet", G4, "203.0.113.10").Udp(1, 2), DropReason.SpoofedIp);
        lab.Passes("internet", lab.From("internet", R4, "203.0.113.10").Udp(1, 2), "a");
        lab.Passes("a", lab.From("a", A4, R4).Udp(2, 1), "internet");
    }

    [Fact]
    public void Both_sides_need_a_route()
    {
        using var lab = new PolicyLab(Of());
        lab.Drops("h", lab.From("h", H4, A4).Udp(1, 2), DropReason.NoRoute);
        lab.Passes("a", lab.From("a", A4, H4).Udp(1, 2), "h");
        lab.Drops("h", lab.From("h", H4, A4).Udp(2, 1), DropReason.NoRoute);
        lab.Passes("a", lab.From("a", A4, H4).Tcp(40000, 443, TcpBits.Syn, t => t with { Sequence = 100 }), "h");
        lab.Drops("h", lab.From("h", H4, A4).Tcp(443, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Acknowledgment = 101 }), DropReason.NoRoute);

        // The route comes: the same connection goes on.
        lab.Change(Of().Replace("{ name: none, main: true, routes: [] }", "{ name: none, main: true, routes: [{ destination: 10.0.0.0/16, target: \"peering:bg\" }] }", StringComparison.Ordinal));
        lab.Passes("h", lab.From("h", H4, A4).Udp(2, 1), "a");
        lab.Passes("h", lab.From("h", H4, A4).Tcp(443, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Acknowledgment = 101 }), "a");

        // And goes: the replies end, whatever is established.
        lab.Change(Of());
        lab.Drops("h", lab.From("h", H4, A4).Udp(2, 1), DropReason.NoRoute);
        lab.Drops("h", lab.From("h", H4, A4).Udp(2, 1), DropReason.NoRoute);
    }

    [Theory]
    [InlineData("{ name: bg, requester: blue, accepter: green }")]
    [InlineData("")]
    public void One_that_is_not_active_forwards_nothing(string peerings)
    {
        using var lab = new PolicyLab(Of(peerings));
        lab.Drops("a", lab.From("a", A4, G4).Udp(1, 2), DropReason.NoRoute);
        lab.Drops("g", lab.From("g", G4, A4).Udp(1, 2), DropReason.NoRoute);
        lab.Drops("h", lab.From("h", H4, A4).Udp(1, 2), DropReason.VpcIsolation);
        Assert.Equal(0, lab.ConnectionCount);
    }

    [Theory]
    [InlineData("{ name: bg, requester: blue, accepter: green }", true)]
    [InlineData("{ name: bg, requester: blue, accepter: green }", false)]
    [InlineData("", true)]
    [InlineData("", false)]
    public void Live_connections_end_with_it_and_new_ones_come_with_its_return(string peerings, bool isOpener)
    {
        using var lab = new PolicyLab(Of());
        lab.Establish("a", A4, G4, "g");
        lab.Change(Of(peerings));
        lab.Drops(isOpener ? "a" : "g", isOpener ? lab.Data("a", A4, G4) : lab.Reply("g", G4, A4), DropReason.NoRoute);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Drops("g", lab.Reply("g", G4, A4), DropReason.ConnectionInvalid);
        lab.Change(Of());
        lab.Drops("a", lab.Data("a", A4, G4), DropReason.ConnectionInvalid);
        lab.Establish("a", A4, G4, "g");
    }

    [Fact]
    public void A_connection_that_slept_through_a_deletion_does_not_wake()
    {
        string without = Of("", back: "").Replace("target: \"peering:bg\"", "target: blackhole", StringComparison.Ordinal)
            .Replace("target: \"peering:gr\"", "target: blackhole", StringComparison.Ordinal);
        using var lab = new PolicyLab(Of());
        lab.Establish("a", A4, G4, "g");
        lab.Change(without);
        lab.Change(Of());
        lab.Drops("a", lab.Data("a", A4, G4), DropReason.ConnectionInvalid);
    }

    [Fact]
    public void Rules_and_acls_of_both_ends_are_asked()
    {
        string edge = "networkAcls: [{ name: edge, vpc: green, ingress: [{ priority: 1, action: allow, protocol: udp, source: 10.0.0.0/16 }], egress: [{ priority: 1, action: allow, protocol: udp, ports: \"1\", destination: 10.0.0.0/16 }] }]";
        using var lab = new PolicyLab(Of(green: $"ingress: [{{ protocol: udp, ports: \"2-3\", source: {A4}/32 }}], egress: []"));
        lab.Drops("a", lab.From("a", A4, G4).Udp(1, 9), DropReason.SecurityGroupIngress);
        lab.Drops("g", lab.From("g", G4, A4).Udp(1, 9), DropReason.SecurityGroupEgress);
        lab.Passes("a", lab.From("a", A4, G4).Udp(1, 2), "g");
        lab.Change(Of(more: edge).Replace("routeTable: ways", "routeTable: ways, networkAcl: edge", StringComparison.Ordinal));
        lab.Drops("a", lab.From("a", A4, G4).Tcp(1, 2, TcpBits.Syn), DropReason.NetworkAcl);
        lab.Passes("a", lab.From("a", A4, G4).Udp(5, 6), "g");
        lab.Drops("g", lab.From("g", G4, A4).Udp(6, 5), DropReason.NetworkAcl);
        lab.Passes("g", lab.From("g", G4, A4).Udp(2, 1), "a");
    }

    [Fact]
    public void Ttl_goes_down_by_one_and_the_own_router_answers_at_the_end()
    {
        using var lab = new PolicyLab(Of());
        byte[] frame = lab.From("a", A4, G4).Udp(1, 2).Build();
        frame[14 + 8] = 1;
        frame[14 + 10] = frame[14 + 11] = 0;
        ushort sum = InternetChecksum.Compute(frame.AsSpan(14, 20));
        (frame[24], frame[25]) = ((byte)(sum >> 8), (byte)sum);
        var outcome = lab.Send("a", frame);
        Assert.Equal(DropReason.TtlExpired, outcome.DropReason);
        Assert.Equal("a", Assert.Single(outcome.Sent).Port);
    }
}
