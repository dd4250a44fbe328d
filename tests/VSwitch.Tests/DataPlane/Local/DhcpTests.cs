using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>DHCPv4 by order of checks section 8 and RFC 2131, field by field, through the whole pipeline.</summary>
public sealed class DhcpTests : IDisposable
{
    private const byte Discover = 1;
    private const byte Offer = 2;
    private const byte Request = 3;
    private const byte Decline = 4;
    private const byte Ack = 5;
    private const byte Nak = 6;
    private const byte Release = 7;
    private const byte Inform = 8;
    private readonly GuestLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Discover_is_offered_the_primary_address_with_all_that_the_configuration_says()
    {
        byte[] frame = _lab.Ask("one", DhcpWire.Frame(GuestLab.One, DhcpWire.Body(Discover, GuestLab.One)));
        PacketAssert.That(
            frame, PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One),
            PacketAssert.Addresses(IpAddress.Parse("10.0.1.1"), IpAddress.Parse("10.0.1.10")), PacketAssert.Ports(67, 68),
            PacketAssert.Ttl(64));
        DhcpWire reply = DhcpWire.Read(frame);
        Assert.Equal((2, 0xCAFE_0001u, 0), (reply.Op, reply.Transaction, reply.Flags));
        Assert.Equal(("0.0.0.0", "10.0.1.10", "0.0.0.0", "0.0.0.0"), (reply.Ciaddr, reply.Yiaddr, reply.Siaddr, reply.Giaddr));
        Assert.Equal(GuestLab.One, reply.Chaddr);
        Assert.All(reply.Names, b => Assert.Equal(0, b));
        Assert.Equal(240 + 3 + (7 * 6) + 4 + 10 + 13 + 1, reply.Length);
        Assert.Equal(Offer, reply.Type);
        Assert.Equal("10.0.1.1", reply.AddressesOf(54));
        Assert.Equal((7200, 3600, 6300), (reply.NumberOf(51), reply.NumberOf(58), reply.NumberOf(59)));
        Assert.Equal("255.255.255.128", reply.AddressesOf(1));
        Assert.Equal("10.0.1.1", reply.AddressesOf(3));
        Assert.Equal("10.0.0.53 10.0.0.54", reply.AddressesOf(6));
        Assert.Equal("lab.example", reply.TextOf(15));
        Assert.Equal(1400, reply.NumberOf(26));
        Assert.Equal("10.0.0.123", reply.AddressesOf(42));
        Assert.Equal([53, 54, 51, 58, 59, 1, 3, 26, 6, 15, 42], reply.Order);
    }

    [Fact]
    public void A_request_is_acknowledged_in_each_of_its_four_states()
    {
        (byte, byte[]) wanted = DhcpWire.Option(50, "10.0.1.10");
        byte[][] bodies =
        [
            DhcpWire.Body(Request, GuestLab.One, options: [wanted, DhcpWire.Option(54, "10.0.1.1")]),
            DhcpWire.Body(Request, GuestLab.One, options: wanted),
            DhcpWire.Body(Request, GuestLab.One, ciaddr: "10.0.1.10"),
        ];
        foreach (byte[] body in bodies)
        {
            DhcpWire reply = DhcpWire.Read(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, body)));
            Assert.Equal((Ack, "10.0.1.10", 7200), ((byte)reply.Type, reply.Yiaddr, reply.NumberOf(51)));
        }

        // RENEWING goes to the server itself, from the address that is leased.
        byte[] renewal = DhcpWire.Frame(GuestLab.One, bodies[2], "10.0.1.10", "10.0.1.1", GuestLab.GatewayMac);
        byte[] answer = _lab.Ask("one", renewal);
        PacketAssert.That(answer, PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One), PacketAssert.Addresses(
            IpAddress.Parse("10.0.1.1"), IpAddress.Parse("10.0.1.10")));
        Assert.Equal("10.0.1.10", DhcpWire.Read(answer).Ciaddr);
    }

    [Theory]
    [InlineData("10.0.1.12", "0.0.0.0", null)]
    [InlineData("10.0.1.11", "0.0.0.0", "10.0.1.1")]
    [InlineData(null, "10.0.1.11", null)]
    [InlineData("192.168.0.5", "10.0.1.10", null)]
    [InlineData(null, "0.0.0.0", null)]
    public void A_request_for_another_address_is_refused(string? wanted, string ciaddr, string? server)
    {
        var options = new List<(byte, byte[])> { DhcpWire.Option(61, 1, 2, 3) };
        options.AddRange(wanted == null ? [] : [DhcpWire.Option(50, wanted)]);
        options.AddRange(server == null ? [] : [DhcpWire.Option(54, server)]);
        byte[] frame = _lab.Ask("one", DhcpWire.Frame(
            GuestLab.One, DhcpWire.Body(Request, GuestLab.One, ciaddr: ciaddr, options: [.. options])));
        PacketAssert.That(frame, PacketAssert.Macs(GuestLab.GatewayMac, MacAddress.Broadcast), PacketAssert.Addresses(
            IpAddress.Parse("10.0.1.1"), IpAddress.Parse("255.255.255.255")));
        DhcpWire reply = DhcpWire.Read(frame);
        Assert.Equal((Nak, "0.0.0.0", "0.0.0.0"), ((byte)reply.Type, reply.Yiaddr, reply.Ciaddr));
        Assert.Equal([53, 54, 61], reply.Order);
        Assert.Equal(300, reply.Length);
        Assert.Equal([1, 2, 3], reply.Options[61]);
    }

    [Fact]
    public void Inform_gets_parameters_and_no_lease()
    {
        byte[] body = DhcpWire.Body(Inform, GuestLab.One, ciaddr: "10.0.1.11");
        byte[] frame = _lab.Ask("one", DhcpWire.Frame(GuestLab.One, body, "10.0.1.11"));
        PacketAssert.That(frame, PacketAssert.Addresses(IpAddress.Parse("10.0.1.1"), IpAddress.Parse("10.0.1.11")));
        DhcpWire reply = DhcpWire.Read(frame);
        Assert.Equal((Ack, "0.0.0.0", "10.0.1.11"), ((byte)reply.Type, reply.Yiaddr, reply.Ciaddr));
        Assert.Equal([53, 54, 1, 3, 26, 6, 15, 42], reply.Order);

        // Without ciaddr the address that it sends from is as good; without any, everybody's.
        byte[] bare = DhcpWire.Body(Inform, GuestLab.One);
        PacketAssert.That(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, bare, "10.0.1.11")), PacketAssert.Addresses(
            IpAddress.Parse("10.0.1.1"), IpAddress.Parse("10.0.1.11")));
        PacketAssert.That(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, bare)), PacketAssert.Addresses(
            IpAddress.Parse("10.0.1.1"), IpAddress.Parse("255.255.255.255")));
        Assert.Equal("consumed", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, DhcpWire.Body(Inform, GuestLab.One, ciaddr: "10.0.1.99"))));
    }

    [Fact]
    public void The_reply_goes_where_RFC_2131_section_4_1_says()
    {
        IpAddress router = IpAddress.Parse("10.0.1.1");
        byte[] broadcast = _lab.Ask("one", DhcpWire.Frame(GuestLab.One, DhcpWire.Body(Discover, GuestLab.One, flags: 0x8000)));
        PacketAssert.That(broadcast, PacketAssert.Macs(GuestLab.GatewayMac, MacAddress.Broadcast), PacketAssert.Addresses(
            router, IpAddress.Parse("255.255.255.255")));
        Assert.Equal(0x8000, DhcpWire.Read(broadcast).Flags);
        byte[] known = _lab.Ask("one", DhcpWire.Frame(
            GuestLab.One, DhcpWire.Body(Request, GuestLab.One, flags: 0x8000, ciaddr: "10.0.1.10")));
        PacketAssert.That(known, PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One), PacketAssert.Addresses(
            router, IpAddress.Parse("10.0.1.10")));
        byte[] relayed = _lab.Ask("one", DhcpWire.Frame(
            GuestLab.One, DhcpWire.Body(Request, GuestLab.One, giaddr: "10.0.1.11", options: DhcpWire.Option(50, "10.0.1.99"))));
        PacketAssert.That(relayed, PacketAssert.Ports(67, 67), PacketAssert.Addresses(router, IpAddress.Parse("10.0.1.11")));
        Assert.Equal((Nak, 0x8000, "10.0.1.11"), ((byte)DhcpWire.Read(relayed).Type, DhcpWire.Read(relayed).Flags, DhcpWire.Read(relayed).Giaddr));
        Assert.Equal("consumed", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, DhcpWire.Body(Discover, GuestLab.One, giaddr: "10.0.1.12"))));
    }

    [Fact]
    public void The_client_identifier_comes_back_and_the_host_name_if_asked()
    {
        byte[] id = [255, .. Enumerable.Range(0, 18).Select(i => (byte)i)];
        byte[] body = DhcpWire.Body(
            Discover, GuestLab.One, options: [DhcpWire.Option(61, id), DhcpWire.Option(55, 1, 3, 12), DhcpWire.Option(12, 65, 66)]);
        DhcpWire reply = DhcpWire.Read(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, body)));
        Assert.Equal(id, reply.Options[61]);
        Assert.Equal("vm-one", reply.TextOf(12));
        DhcpWire other = DhcpWire.Read(_lab.Ask("four", DhcpWire.Frame(
            GuestLab.Four, DhcpWire.Body(Discover, GuestLab.Four, options: DhcpWire.Option(55, 12)))));
        Assert.Equal("four", other.TextOf(12));
        Assert.False(other.Options.ContainsKey(6), "the subnet has no name server");
        Assert.Equal("lab.example", other.TextOf(15));
        Assert.Equal((8_640_000, 1500), (other.NumberOf(51), other.NumberOf(26)));
    }

    [Fact]
    public void Options_may_go_on_in_the_fields_of_file_and_server_name()
    {
        byte[] body = DhcpWire.Body(0, GuestLab.One, options: DhcpWire.Option(52, 3));
        new byte[] { 53, 1, Request, 0, 0, 255 }.CopyTo(body, 108);
        new byte[] { 50, 4, 10, 0, 1, 10, 255 }.CopyTo(body, 44);
        DhcpWire reply = DhcpWire.Read(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, body)));
        Assert.Equal(Ack, reply.Type);
        Assert.All(reply.Names, b => Assert.Equal(0, b));
    }

    [Fact]
    public void A_reply_never_outgrows_what_the_client_takes()
    {
        // 255 bytes of identifier leave no room for all else in 576 bytes; what matters most is in it.
        byte[] id = new byte[255];
        byte[] body = DhcpWire.Body(Discover, GuestLab.One, options: [DhcpWire.Option(61, id), DhcpWire.Option(57, 2, 0x40)]);
        byte[] small = _lab.Ask("one", DhcpWire.Frame(GuestLab.One, body));
        DhcpWire reply = DhcpWire.Read(small);
        Assert.True(small.Length - 14 <= 576, "576 bytes at most");
        Assert.Equal([53, 54, 51, 58, 59, 1, 3, 61], reply.Order.Take(8));
        Assert.False(reply.Options.ContainsKey(15), "what does not fit is left out");
        byte[] wide = DhcpWire.Body(Discover, GuestLab.One, options: [DhcpWire.Option(61, id), DhcpWire.Option(57, 5, 0xDC)]);
        Assert.Equal("lab.example", DhcpWire.Read(_lab.Ask("one", DhcpWire.Frame(GuestLab.One, wide))).TextOf(15));
    }

    [Fact]
    public void What_is_not_to_be_answered_is_consumed()
    {
        byte[][] bodies =
        [
            DhcpWire.Body(Release, GuestLab.One, ciaddr: "10.0.1.10"), DhcpWire.Body(Decline, GuestLab.One),
            DhcpWire.Body(Offer, GuestLab.One), DhcpWire.Body(13, GuestLab.One), DhcpWire.Body(0, GuestLab.One),
            DhcpWire.Body(Request, GuestLab.One, options: [DhcpWire.Option(50, "10.0.1.10"), DhcpWire.Option(54, "10.0.1.2")]),
        ];
        Assert.All(bodies, body => Assert.Equal("consumed", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body))));
        Assert.Equal("consumed", _lab.Send("quiet", DhcpWire.Frame(GuestLab.Quiet, DhcpWire.Body(Discover, GuestLab.Quiet))));
        Assert.Equal("consumed", _lab.Send("six", DhcpWire.Frame(GuestLab.Six, DhcpWire.Body(Discover, GuestLab.Six))));
    }

    [Fact]
    public void Bad_messages_are_dropped_with_their_reason()
    {
        byte[] good = DhcpWire.Body(Discover, GuestLab.One);
        byte[] wrongCookie = [.. good];
        wrongCookie[239] = 0;
        byte[] wrongHardware = [.. good];
        wrongHardware[2] = 16;
        byte[] tokenRing = [.. good];
        tokenRing[1] = 6;
        byte[][] malformed =
        [
            good[..239], [2, .. good[1..]], wrongCookie, wrongHardware, tokenRing, [.. good[..^1], 12], [.. good[..^1], 12, 9, 1, 2],
            DhcpWire.Body(0, GuestLab.One, options: DhcpWire.Option(53, 1, 1)),
            DhcpWire.Body(Discover, GuestLab.One, options: DhcpWire.Option(50, 1, 2, 3)),
            DhcpWire.Body(Discover, GuestLab.One, options: DhcpWire.Option(54, 1, 2, 3, 4, 5)),
            DhcpWire.Body(Discover, GuestLab.One, options: DhcpWire.Option(52, 4)),
            DhcpWire.Body(Discover, GuestLab.One, options: DhcpWire.Option(57, 4)),
            DhcpWire.Body(Discover, GuestLab.One, options: DhcpWire.Option(55)),
        ];
        Assert.All(malformed, body => Assert.Equal("malformed-l4", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body))));
        byte[] frame = DhcpWire.Frame(GuestLab.One, good);
        byte[] wrongSum = [.. frame];
        wrongSum[40] ^= 1;
        Assert.Equal("malformed-l4", _lab.Send("one", wrongSum));
        byte[] noSum = [.. frame];
        (noSum[40], noSum[41]) = (0, 0);
        Assert.Equal("answered", _lab.Send("one", noSum));
        Assert.Equal("answered", _lab.Send("one", DhcpWire.Frame(GuestLab.One, good[..^1])));
        Assert.Equal("spoofed-mac", _lab.Send("one", DhcpWire.Frame(GuestLab.One, DhcpWire.Body(Discover, GuestLab.Four))));
        Assert.Equal("spoofed-mac", _lab.Send("one", DhcpWire.Frame(GuestLab.Four, DhcpWire.Body(Discover, GuestLab.One))));
    }

    [Fact]
    public void Port_67_elsewhere_is_as_any_other_packet()
    {
        byte[] body = DhcpWire.Body(Discover, GuestLab.One);
        Assert.Equal("multicast", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body, toMac: GuestLab.GatewayMac)));
        Assert.Equal("multicast", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body, "10.0.1.10", "10.0.1.1")));
        Assert.Equal("unsupported-protocol", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, body, "10.0.1.10", "10.0.3.1", GuestLab.GatewayMac)));
        Assert.Equal("security-group-egress", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, body, "10.0.1.10", "10.0.3.10", GuestLab.GatewayMac)));
        Assert.Equal("multicast", _lab.Send("one", DhcpWire.Frame(GuestLab.One, body, "10.0.1.12")));
        Assert.Equal("spoofed-ip", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, body, "10.0.1.12", "10.0.1.1", GuestLab.GatewayMac)));
        Assert.Equal("martian-address", _lab.Send("one", DhcpWire.Frame(
            GuestLab.One, body, "0.0.0.0", "10.0.1.1", GuestLab.GatewayMac)));
        byte[] fragment = Frames.Fragments(DhcpWire.Frame(GuestLab.One, body), 64, 9)[0];
        Assert.Equal("multicast", _lab.Send("one", fragment));
    }
}
