using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>DHCPv6 by order of checks section 8 and RFC 8415, field by field, through the whole pipeline.</summary>
public sealed class Dhcp6Tests : IDisposable
{
    private const byte Solicit = 1;
    private const byte Advertise = 2;
    private const byte Request = 3;
    private const byte Confirm = 4;
    private const byte Renew = 5;
    private const byte Rebind = 6;
    private const byte Reply = 7;
    private const byte Release = 8;
    private const byte Decline = 9;
    private const byte InformationRequest = 11;
    private const string Leased = "iaid 7 t1 3600 t2 5760: fd00:a:0:1::10 7200/7200, fd00:a:0:1::11 7200/7200";
    private static readonly byte[] ClientDuid = [0, 1, 0, 1, 9, 8, 7, 6, 2, 0, 0, 0, 1, 0x10];
    private static readonly byte[] Client = Dhcp6Wire.Option(1, ClientDuid);
    private static readonly byte[] Server = Dhcp6Wire.Option(2, GuestLab.ServerDuid);
    private static readonly byte[] OtherServer = Dhcp6Wire.Option(2, 0, 3, 0, 1, 2, 0x76, 0x73, 0, 0, 2);
    private static readonly byte[] Ia = Dhcp6Wire.Ia(7, []);
    private static readonly string[] Own = ["fd00:a:0:1::10", "fd00:a:0:1::11"];
    private readonly GuestLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Solicit_is_told_of_all_addresses_of_the_ENI()
    {
        byte[] frame = _lab.Ask("one", Dhcp6Wire.Frame(GuestLab.One, Dhcp6Wire.Body(Solicit, Client, Ia, Dhcp6Wire.Option(8, 0, 0))));
        PacketAssert.That(
            frame, PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One),
            PacketAssert.Addresses(GuestLab.Router6, Frames.LinkLocal(GuestLab.One)), PacketAssert.Ttl(64));
        Dhcp6Wire reply = Dhcp6Wire.Read(frame);
        Assert.Equal((Advertise, 0xABCDEFu), ((byte)reply.Type, reply.Transaction));
        Assert.Equal("2 1 7 3 23 24", reply.Codes);
        Assert.Equal(GuestLab.ServerDuid, reply[2]);
        Assert.Equal(ClientDuid, reply[1]);
        Assert.Equal([255], reply[7]);
        Assert.Equal(Leased, Dhcp6Wire.Association(reply[3]));
        Assert.Equal("fd00:a::53", Dhcp6Wire.Addresses(reply[23]));
        Assert.Equal("\u0003lab\u0007example\0", System.Text.Encoding.ASCII.GetString(reply[24]));
    }

    [Fact]
    public void Rapid_commit_request_renew_and_rebind_lease_and_remind_of_the_router()
    {
        byte[][] bodies =
        [
            Dhcp6Wire.Body(Solicit, Client, Ia, Dhcp6Wire.Option(14)), Dhcp6Wire.Body(Request, Client, Server, Ia),
            Dhcp6Wire.Body(Renew, Client, Server, Dhcp6Wire.Ia(7, Own)), Dhcp6Wire.Body(Rebind, Client, Dhcp6Wire.Ia(7, Own)),
        ];
        foreach (byte[] body in bodies)
        {
            Assert.Equal("answered", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body), out var sent));
            Dhcp6Wire reply = Dhcp6Wire.Read(sent[0].Frame);
            Assert.Equal(Reply, reply.Type);
            Assert.Equal(body[0] == Solicit ? "2 1 14 3 23 24" : "2 1 3 23 24", reply.Codes);
            Assert.Equal(Leased, Dhcp6Wire.Association(reply[3]));
            Assert.Equal(2, sent.Count);
            PacketAssert.That(
                sent[1].Frame, PacketAssert.Icmp(134, 0), PacketAssert.Ttl(255),
                PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One),
                PacketAssert.Addresses(GuestLab.Router6, Frames.LinkLocal(GuestLab.One)));
        }
    }

    [Fact]
    public void Only_the_first_association_gets_addresses_and_no_prefix_is_delegated()
    {
        byte[] temporary = Dhcp6Wire.Option(4, 0, 0, 0, 9);
        byte[] prefix = Dhcp6Wire.Ia(10, [], code: 25);
        Dhcp6Wire reply = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(Solicit, Client, temporary, Ia, Dhcp6Wire.Ia(8, []), prefix))));
        Assert.Equal("2 1 7 4 3 3 25 23 24", reply.Codes);
        Assert.Equal("0000000900 0d00020002".Replace(" ", "", StringComparison.Ordinal), Convert.ToHexStringLower(reply[4]));
        Assert.Equal(Leased, Dhcp6Wire.Association(reply[3]));
        Assert.Equal("iaid 8 t1 0 t2 0: option 13 0002", Dhcp6Wire.Association(reply.Options[5].Value));
        Assert.Equal("iaid 10 t1 0 t2 0: option 13 0006", Dhcp6Wire.Association(reply[25]));
        Dhcp6Wire renewed = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(Renew, Client, Server, Ia, Dhcp6Wire.Ia(8, []), prefix))));
        Assert.Equal("iaid 8 t1 0 t2 0: option 13 0003", Dhcp6Wire.Association(renewed.Options[3].Value));
        Assert.Equal("iaid 10 t1 0 t2 0: option 13 0003", Dhcp6Wire.Association(renewed[25]));
    }

    [Fact]
    public void Addresses_that_the_client_should_not_have_are_taken_from_it()
    {
        Dhcp6Wire elsewhere = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(Request, Client, Server, Dhcp6Wire.Ia(7, ["fd00:a:0:2::10"])))));
        Assert.Equal("iaid 7 t1 0 t2 0: option 13 0004", Dhcp6Wire.Association(elsewhere[3]));
        Dhcp6Wire neighbour = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(Request, Client, Server, Dhcp6Wire.Ia(7, ["fd00:a:0:1::99"])))));
        Assert.Equal(Leased, Dhcp6Wire.Association(neighbour[3]));
        Dhcp6Wire old = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(Rebind, Client, Dhcp6Wire.Ia(7, ["fd00:a:0:1::99", Own[0], "fd00:a:0:2::1"])))));
        Assert.Equal(Leased + ", fd00:a:0:1::99 0/0, fd00:a:0:2::1 0/0", Dhcp6Wire.Association(old[3]));
        Dhcp6Wire none = Dhcp6Wire.Read(_lab.Ask("half", Dhcp6Wire.Frame(GuestLab.Half, Dhcp6Wire.Body(Solicit, Client, Ia))));
        Assert.Equal("iaid 7 t1 0 t2 0: option 13 0002", Dhcp6Wire.Association(none[3]));
    }

    [Theory]
    [InlineData("0000", "fd00:a:0:1::10", "fd00:a:0:1::11")]
    [InlineData("0004", "fd00:a:0:1::10", "fd00:a:0:1::12")]
    [InlineData("0004", "fd00:a:0:2::10")]
    public void Confirm_says_whether_the_addresses_may_stay(string status, params string[] addresses)
    {
        byte[] frame = Dhcp6Wire.Frame(GuestLab.One, Dhcp6Wire.Body(Confirm, Client, Dhcp6Wire.Ia(7, addresses)));
        Assert.Equal("answered", _lab.Send("one", frame, out var sent));
        Dhcp6Wire reply = Dhcp6Wire.Read(Assert.Single(sent).Frame);
        Assert.Equal((Reply, "2 1 13", status), ((byte)reply.Type, reply.Codes, Convert.ToHexStringLower(reply[13])));
    }

    [Fact]
    public void Release_and_decline_succeed()
    {
        foreach (byte type in new[] { Release, Decline })
        {
            byte[] frame = Dhcp6Wire.Frame(GuestLab.One, Dhcp6Wire.Body(type, Client, Server, Dhcp6Wire.Ia(7, Own)));
            Assert.Equal("answered", _lab.Send("one", frame, out var sent));
            Dhcp6Wire reply = Dhcp6Wire.Read(Assert.Single(sent).Frame);
            Assert.Equal((Reply, "2 1 13", "0000"), ((byte)reply.Type, reply.Codes, Convert.ToHexStringLower(reply[13])));
        }
    }

    [Fact]
    public void Information_is_given_with_and_without_a_client_identifier()
    {
        byte[] wanted = Dhcp6Wire.Option(6, 0, 23, 0, 32, 0, 56);
        Dhcp6Wire reply = Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(InformationRequest, wanted))));
        Assert.Equal((Reply, "2 23 24 32 56"), ((byte)reply.Type, reply.Codes));
        Assert.Equal("00001c20", Convert.ToHexStringLower(reply[32]));
        (int code, byte[] value) = Assert.Single(Dhcp6Wire.OptionsOf(reply[56]));
        Assert.Equal((1, "fd00:a::123"), (code, Dhcp6Wire.Addresses(value)));
        Assert.Equal("2 1 23 24", Dhcp6Wire.Read(_lab.Ask("one", Dhcp6Wire.Frame(
            GuestLab.One, Dhcp6Wire.Body(InformationRequest, Client, Server)))).Codes);
    }

    [Fact]
    public void A_long_lease_is_renewed_in_time_for_the_router_to_be_remembered()
    {
        Dhcp6Wire reply = Dhcp6Wire.Read(_lab.Ask("six", Dhcp6Wire.Frame(GuestLab.Six, Dhcp6Wire.Body(Request, Client, Server, Ia))));
        Assert.Equal(
            "iaid 7 t1 32767 t2 6912000: fd00:a:0:6::10 8640000/8640000", Dhcp6Wire.Association(reply[3]));
    }

    [Fact]
    public void Messages_that_a_server_discards_are_consumed()
    {
        byte[][] bodies =
        [
            Dhcp6Wire.Body(Solicit, Ia), Dhcp6Wire.Body(Solicit, Client, Server, Ia), Dhcp6Wire.Body(Request, Client, Ia),
            Dhcp6Wire.Body(Request, Server, Ia), Dhcp6Wire.Body(Request, Client, OtherServer, Ia),
            Dhcp6Wire.Body(Renew, Client, OtherServer, Ia), Dhcp6Wire.Body(Renew, Client, Ia),
            Dhcp6Wire.Body(Rebind, Client, Server, Ia), Dhcp6Wire.Body(Rebind, Ia),
            Dhcp6Wire.Body(Confirm, Client, Ia), Dhcp6Wire.Body(Confirm, Client, Server, Dhcp6Wire.Ia(7, Own)),
            Dhcp6Wire.Body(Release, Client, OtherServer, Ia), Dhcp6Wire.Body(Decline, Client, Ia),
            Dhcp6Wire.Body(InformationRequest, Client, Ia), Dhcp6Wire.Body(InformationRequest, Client, OtherServer),
            Dhcp6Wire.Body(Advertise, Client, Server, Ia), Dhcp6Wire.Body(Reply, Client, Server, Ia),
            Dhcp6Wire.Body(10, Client, Server), Dhcp6Wire.Body(200, Client),
        ];
        Assert.All(bodies, body => Assert.Equal("consumed", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body))));
        Assert.Equal("consumed", _lab.Send("quiet", Dhcp6Wire.Frame(GuestLab.Quiet, Dhcp6Wire.Body(Solicit, Client, Ia))));
        Assert.Equal("consumed", _lab.Send("four", Dhcp6Wire.Frame(GuestLab.Four, Dhcp6Wire.Body(Solicit, Client, Ia))));
    }

    [Fact]
    public void Bad_messages_are_dropped_with_their_reason()
    {
        byte[][] malformed =
        [
            [1, 2, 3], Dhcp6Wire.Body(Solicit, [0, 1, 0]), Dhcp6Wire.Body(Solicit, [0, 1, 0, 9, 1, 2]),
            Dhcp6Wire.Body(Solicit, Dhcp6Wire.Option(1)), Dhcp6Wire.Body(Solicit, Dhcp6Wire.Option(1, new byte[131])),
            Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(3, new byte[11])),
            Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(3, [.. new byte[12], 0, 5, 0])),
            Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(3, [.. new byte[12], .. Dhcp6Wire.Option(5, new byte[23])])),
            Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(4, 1, 2, 3)), Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(6, 1)),
            Dhcp6Wire.Body(Solicit, Client, Dhcp6Wire.Option(14, 1)),
        ];
        Assert.All(malformed, body => Assert.Equal("malformed-l4", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body))));
        byte[] frame = Dhcp6Wire.Frame(GuestLab.One, Dhcp6Wire.Body(Solicit, Client, Ia));
        byte[] wrongSum = [.. frame];
        wrongSum[60] ^= 1;
        Assert.Equal("malformed-l4", _lab.Send("one", wrongSum));
        byte[] noSum = [.. frame];
        (noSum[60], noSum[61]) = (0, 0);
        Assert.Equal("malformed-l4", _lab.Send("one", noSum));
    }

    [Fact]
    public void Port_547_elsewhere_is_as_any_other_packet()
    {
        PacketBuilder Begin(string destination, MacAddress mac) =>
            PacketBuilder.Eth(GuestLab.One, mac).IPv6(IpAddress.Parse(Own[0]), IpAddress.Parse(destination)).Udp(546, 547)
                .Payload(Dhcp6Wire.Body(Solicit, Client, Ia));
        Assert.Equal("multicast", _lab.Send("one", Begin("ff05::1:3", MacAddress.Parse("33:33:00:01:00:03")).Build()));
        Assert.Equal("multicast", _lab.Send("one", Begin("ff02::1:2", GuestLab.GatewayMac).Build()));
        byte[] body = Dhcp6Wire.Body(Solicit, Client, Ia);
        Assert.Equal("multicast", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body, IpAddress.Parse("fe80::1"))));
        Assert.Equal("multicast", _lab.Send("one", Dhcp6Wire.Frame(GuestLab.One, body, IpAddress.Parse(Own[1]))));
        Assert.Equal("unsupported-protocol", _lab.Send("one", Begin("fd00:a:0:1::1", GuestLab.GatewayMac).Build()));
    }
}
