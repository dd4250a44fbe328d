using VSwitch.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Testing;

/// <summary>Rows of sections 3, 4 and 7.</summary>
internal static class ReferenceFlowRows
{
    private const TcpBits Syn = TcpBits.Syn;
    private const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
    private const TcpBits Ack = TcpBits.Ack;
    private const TcpBits FinAck = TcpBits.Fin | TcpBits.Ack;

    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses AppToDb = Routed("app", "10.0.1.11", "10.0.2.10");
    private static readonly FrameAddresses WebOut = Routed("web", "10.0.1.10", "203.0.113.5");
    private static readonly FrameAddresses ToWeb = Outside("203.0.113.5", "198.51.100.10");
    private static readonly FrameAddresses Hairpin = Routed("web", "10.0.1.10", "198.51.100.12");
    private static readonly FrameAddresses HairpinBack = Routed("loose", "10.0.2.11", "198.51.100.10");

    public static IEnumerable<ReferenceRow> All() =>
        [
            .. WhereTo(),
            .. Rules(),
            .. Tcp(),
            .. OtherProtocols(),
            .. Eips(),
            .. Ttl(),
            .. Errors(),
            .. Fragmented(),
            .. Generations(),
        ];

    private static RowStep Send(string port, FrameAddresses ends, TcpBits flags, string verdict, bool reply = false,
        params PacketCheck[] checks) =>
        In(port, Frames.Tcp(ends, (ushort)(reply ? 80 : 40000), (ushort)(reply ? 40000 : 80), flags), verdict, checks);

    private static RowStep[] Handshake(FrameAddresses ends) =>
    [
        Send("web", ends, Syn, "forwarded app"),
        Send("app", ends.Reverse(), SynAck, "forwarded web", reply: true),
        Send("web", ends, Ack, "forwarded app"),
    ];

    private static byte[] Whole(FrameAddresses ends, int payload) => PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac)
        .IPv4(ends.Source, ends.Destination, ip => ip with { DontFragment = true }).Udp(1, 2).Payload(payload).Build();

    private static IEnumerable<ReferenceRow> WhereTo() =>
    [
        Row("switched frames are not touched",
            In("web", Frames.Udp(WebToApp, 40000, 1000), "forwarded app", Frames.Udp(WebToApp, 40000, 1000))),
        Row("routed within the VPC",
            In("app", Frames.Udp(AppToDb, 40000, 1000), "forwarded db",
                Frames.Begin(new FrameAddresses(Gateway, MacOf("db"), Ip("10.0.1.11"), Ip("10.0.2.10")), 63)
                    .Udp(40000, 1000).Payload(16).Build())),
        Row("routed within the subnet",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.11"), 1, 2), "forwarded app",
                Macs(Gateway, MacOf("app")), PacketAssert.Ttl(63))),
        Row("a peer's MAC with another's address",
            In("web", Frames.Udp(WebToApp with { Destination = Ip("10.0.1.12") }, 1, 2), "dropped no-route")),
        Row("a MAC of another VPC",
            In("web", Frames.Udp(WebToApp with { DestinationMac = MacOf("twin") }, 1, 2), "dropped vpc-isolation")),
        Row("a MAC of another subnet",
            In("web", Frames.Udp(WebToApp with { DestinationMac = MacOf("db") }, 1, 2),
                "dropped unknown-destination-mac")),
        Row("a MAC of nobody",
            In("web", Frames.Udp(WebToApp with { DestinationMac = new MacAddress(0x0200_0000_00EE) }, 1, 2),
                "dropped unknown-destination-mac")),
        Row("the same address in two VPCs",
            In("green", Frames.Udp(Switched("green", "twin", "10.0.1.10", "10.0.1.11"), 40000, 1000), "forwarded twin"),
            In("web", Frames.Udp(WebToApp, 40000, 1000), "forwarded app")),
        Row("an address in another VPC",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "172.16.0.9"), 1, 2), "dropped vpc-isolation")),
        Row("an address that nobody holds",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.99"), 1, 2), "dropped no-route + web")),
        Row("a blackhole",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "203.0.113.200"), 1, 2), "dropped no-route + web")),
        Row("no route of the public side",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "192.168.1.1"), 1, 2), "dropped no-route + web")),
        Row("no route in a VPC without any", Small,
            In("a", Frames.Udp(Routed("a", "10.0.1.10", "8.8.8.8"), 1, 2), "dropped no-route + a")),
    ];

    private static IEnumerable<ReferenceRow> Rules() =>
    [
        Row("egress [] lets nothing out",
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1, 2), "dropped security-group-egress")),
        Row("an answer needs no rule", In("app", Frames.Udp(AppToDb, 40000, 1000), "forwarded db"),
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1000, 40000), "forwarded app")),
        Row("a port that no rule names",
            In("web", Frames.Tcp(Routed("web", "10.0.1.10", "10.0.2.10"), 1, 443, Syn),
                "dropped security-group-ingress")),
        Row("a port that a rule names",
            In("web", Frames.Tcp(Routed("web", "10.0.1.10", "10.0.2.10"), 1, 80, Syn), "forwarded db")),
        Row("a prefix list",
            In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 9), "forwarded app")),
        Row("outside the prefix list",
            In("internet", Frames.Udp(Outside("203.0.113.70", "198.51.100.11"), 1, 9),
                "dropped security-group-ingress")),
        Row("an ICMP type that a rule names", In("internet", Frames.Echo(ToWeb, 1, 1), "forwarded web")),
        Row("an ICMP type that it does not",
            In("internet", Frames.Begin(ToWeb).Icmp(13, 0, 9).Payload(12).Build(), "dropped security-group-ingress")),
        Row("egress before the route",
            In("app", Frames.Udp(Routed("app", "10.0.1.11", "203.0.113.200"), 1, 5000),
                "dropped security-group-egress")),
    ];

    private static IEnumerable<ReferenceRow> Tcp() =>
    [
        Row("a whole connection",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, FinAck, "forwarded app"),
                Send("app", WebToApp.Reverse(), Ack, "forwarded web", reply: true),
                Send("app", WebToApp.Reverse(), FinAck, "forwarded web", reply: true),
                Send("web", WebToApp, Ack, "forwarded app"),
            ]),
        Row("only SYN opens", Send("web", WebToApp, Ack, "dropped connection-invalid"),
            Send("web", WebToApp, SynAck, "dropped connection-invalid"),
            Send("web", WebToApp, TcpBits.Rst, "dropped connection-invalid"),
            Send("web", WebToApp, FinAck, "dropped connection-invalid")),
        Row("bad flags do not open", Send("web", WebToApp, Syn | TcpBits.Fin, "dropped connection-invalid"),
            Send("web", WebToApp, TcpBits.None, "dropped connection-invalid"),
            Send("web", WebToApp, Syn | TcpBits.Rst, "dropped connection-invalid")),
        Row("bad flags on a connection",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, TcpBits.Fin, "dropped connection-invalid"),
                Send("web", WebToApp, TcpBits.Psh, "dropped connection-invalid"),
                Send("web", WebToApp, Ack | TcpBits.Psh | TcpBits.Ece, "forwarded app"),
            ]),
        Row("data before the handshake", Send("web", WebToApp, Syn, "forwarded app"),
            Send("web", WebToApp, Ack, "dropped connection-invalid")),
        Row("an answering ACK in SYN_SENT passes without a change", Send("web", WebToApp, Syn, "forwarded app"),
            Send("app", WebToApp.Reverse(), Ack, "forwarded web", reply: true),
            Send("web", WebToApp, Ack, "dropped connection-invalid")),
        Row("a RST as the only answer ends it", Send("web", WebToApp, Syn, "forwarded app"),
            Send("app", WebToApp.Reverse(), TcpBits.Rst | Ack, "forwarded web", reply: true),
            Send("app", WebToApp.Reverse(), TcpBits.Rst | Ack, "dropped connection-invalid", reply: true)),
        Row("a simultaneous open", Send("web", WebToApp, Syn, "forwarded app"),
            Send("app", WebToApp.Reverse(), Syn, "forwarded web", reply: true),
            Send("web", WebToApp, SynAck, "forwarded app"),
            Send("app", WebToApp.Reverse(), SynAck, "forwarded web", reply: true),
            Send("web", WebToApp, Ack, "forwarded app")),
        Row("SYN into an open connection passes",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, Syn, "forwarded app"),
                Send("web", WebToApp, Ack, "forwarded app"),
            ]),
        Row("the server's SYN into an open connection",
            [.. Handshake(WebToApp), Send("app", WebToApp.Reverse(), Syn, "dropped connection-invalid", reply: true)]),
        Row("reopened after a RST",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, TcpBits.Rst, "forwarded app"),
                Send("web", WebToApp, Syn, "forwarded app"),
                Send("web", WebToApp, Ack, "dropped connection-invalid"),
            ]),
        Row("half open for 60 s", Send("web", WebToApp, Syn, "forwarded app"),
            Send("app", WebToApp.Reverse(), SynAck, "forwarded web", reply: true).At(59_999),
            Send("web", WebToApp, Ack, "dropped connection-invalid").At(119_999)),
        Row("open for five days",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, Ack, "forwarded app").At(432_000_000 - 1),
                Send("web", WebToApp, Ack, "dropped connection-invalid").At(864_000_000),
            ]),
        Row("closed by RST for 10 s",
            [
                .. Handshake(WebToApp),
                Send("web", WebToApp, TcpBits.Rst, "forwarded app").At(5),
                Send("web", WebToApp, Ack, "forwarded app").At(10_004),
                Send("web", WebToApp, Ack, "dropped connection-invalid").At(20_004),
            ]),
        Row("a loose receiver lets mid-stream in",
            In("app", Frames.Tcp(Routed("app", "10.0.1.11", "10.0.2.11"), 5, 80, Ack), "forwarded loose")),
        Row("a loose sender, too",
            In("loose", Frames.Tcp(Routed("loose", "10.0.2.11", "10.0.2.10"), 5, 80, Ack),
                "dropped security-group-ingress")),
        Row("a loose end still refuses SYN+ACK",
            In("app", Frames.Tcp(Routed("app", "10.0.1.11", "10.0.2.11"), 5, 80, SynAck),
                "dropped connection-invalid")),
        Row("a full table of answered connections", Rich with { Switch = Rich.Switch with { ConnectionCapacity = 1 } },
            [
                .. Handshake(WebToApp),
                In("web", Frames.Udp(WebToApp, 1, 2), "dropped connection-table-full"),
                In("web", Frames.Udp(WebToApp, 1, 2), "forwarded app").At(432_000_000),
            ]),
        Row("a half-open connection makes room", Rich with { Switch = Rich.Switch with { ConnectionCapacity = 1 } },
            Send("web", WebToApp, Syn, "forwarded app"),
            In("web", Frames.Udp(WebToApp, 1, 2), "forwarded app"),
            Send("app", WebToApp.Reverse(), SynAck, "dropped connection-invalid", reply: true)),
    ];

    private static IEnumerable<ReferenceRow> OtherProtocols() =>
    [
        Row("UDP one way lives 30 s", In("app", Frames.Udp(AppToDb, 1, 2), "forwarded db"),
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 2, 1), "dropped security-group-egress")
                .At(30_000)),
        Row("UDP both ways lives 180 s", In("app", Frames.Udp(AppToDb, 1, 2), "forwarded db"),
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 2, 1), "forwarded app").At(29_999),
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 2, 1), "forwarded app").At(209_998)),
        Row("ping", In("app", Frames.Echo(AppToDb, 7, 1), "forwarded db"),
            In("db", Frames.Echo(Routed("db", "10.0.2.10", "10.0.1.11"), 7, 1, reply: true), "forwarded app")),
        Row("an echo answer without a request",
            In("web", Frames.Echo(WebToApp, 7, 1, reply: true), "dropped connection-invalid")),
        Row("a ping back with the same identifier is a connection of its own", In("web", Frames.Echo(WebToApp, 7, 1), "forwarded app"),
            In("app", Frames.Echo(WebToApp.Reverse(), 7, 1), "forwarded web"),
            In("app", Frames.Echo(WebToApp.Reverse(), 7, 1, reply: true), "forwarded web"),
            In("web", Frames.Echo(WebToApp, 7, 1, reply: true), "forwarded app")),
        Row("an answer with another identifier", In("app", Frames.Echo(AppToDb, 7, 1), "forwarded db"),
            In("db", Frames.Echo(Routed("db", "10.0.2.10", "10.0.1.11"), 8, 1, reply: true),
                "dropped connection-invalid")),
        Row("an echo request with a code",
            In("web", Frames.Begin(WebToApp).Icmp(8, 1).Build(), "dropped connection-invalid")),
        Row("an address mask request",
            In("web", Frames.Begin(WebToApp).Icmp(17, 0).Payload(4).Build(), "dropped connection-invalid")),
        Row("SCTP", In("web", Frames.Begin(WebToApp).Sctp(1, 2).Build(), "forwarded app"),
            In("app", Frames.Begin(WebToApp.Reverse()).Sctp(2, 1).Build(), "forwarded web")),
        Row("GRE", In("app", Frames.Begin(AppToDb).Protocol(47).Payload(4).Build(), "forwarded db"),
            In("db", Frames.Begin(Routed("db", "10.0.2.10", "10.0.1.11")).Protocol(47).Payload(4).Build(),
                "forwarded app")),
    ];

    private static IEnumerable<ReferenceRow> Eips() =>
    [
        Row("out by the EIP and back",
            In("web", Frames.Tcp(WebOut, 40000, 443, Syn), "forwarded internet",
                Frames.Begin(new FrameAddresses(Inet, TestTopologies.GatewayNeighbor, Ip("198.51.100.10"), Friend), 63)
                    .Tcp(40000, 443, Syn).Build()),
            In("internet", Frames.Tcp(ToWeb, 443, 40000, SynAck), "forwarded web",
                Frames.Begin(new FrameAddresses(Gateway, MacOf("web"), Friend, Ip("10.0.1.10")), 63)
                    .Tcp(443, 40000, SynAck, tcp => tcp with { Acknowledgment = 1 }).Build())),
        Row("a secondary address has its own EIP",
            In("web", Frames.Udp(Routed("web", "10.0.1.20", "203.0.113.5"), 1, 2), "forwarded internet",
                Addresses(Ip("198.51.100.14"), Friend))),
        Row("no EIP, no way out",
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "203.0.113.5"), 1, 2), "dropped security-group-egress"),
            In("twin", Frames.Udp(Routed("twin", "10.0.1.11", "203.0.113.5"), 1, 2), "dropped eip-unbound")),
        Row("in to an unbound EIP",
            In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.30"), 1, 2), "dropped eip-unbound")),
        Row("in to an address that is nobody's",
            In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.99"), 1, 2), "dropped eip-unbound")),
        Row("UDP without a checksum stays without",
            In("web", Frames.Begin(WebOut).Udp(1, 2, u => u with { Checksum = 0 }).Build(), "forwarded internet",
                Field("udp.checksum", "0x0000"))),
        Row("the queries of ICMP keep their checksum",
            In("web", Frames.Echo(WebOut, 3, 1), "forwarded internet", Addresses(Ip("198.51.100.10"), Friend),
                Icmp(8, 0))),
        Row("IPv6 goes out as it is",
            In("web", Frames.Tcp(Routed("web", Web6, "2001:db8:1::9"), 1, 80, Syn), "forwarded internet",
                Addresses(Ip(Web6), Ip("2001:db8:1::9")), PacketAssert.Ttl(63))),
        Row("IPv6 comes in", In("internet", Frames.Tcp(Outside("2001:db8:1::9", Web6), 1, 80, Syn), "forwarded web")),
        Row("IPv6 to nobody",
            In("internet", Frames.Tcp(Outside("2001:db8:1::9", "fd00:b:0:1::99"), 1, 80, Syn), "dropped no-route")),
        Row("IPv6 from an inside source",
            In("internet", Frames.Tcp(Outside("fd00:b:0:2::10", Web6), 1, 80, Syn), "dropped spoofed-ip")),
        Row("hairpin, both ways",
            In("web", Frames.Udp(Hairpin, 1, 2), "forwarded loose",
                Frames.Begin(new FrameAddresses(Gateway, MacOf("loose"), Ip("198.51.100.10"), Ip("10.0.2.11")), 63)
                    .Udp(1, 2).Payload(16).Build()),
            In("loose", Frames.Udp(HairpinBack, 2, 1), "forwarded web",
                Addresses(Ip("198.51.100.12"), Ip("10.0.1.10")))),
        Row("hairpin between VPCs",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.20"), 1, 2), "forwarded green",
                Addresses(Ip("198.51.100.10"), Ip("10.0.1.10")))),
        Row("hairpin to oneself",
            In("green", Frames.Udp(Routed("green", "10.0.1.10", "198.51.100.20"), 5, 5), "forwarded green",
                Addresses(Ip("198.51.100.20"), Ip("10.0.1.10")))),
        Row("hairpin to an unbound EIP",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.30"), 1, 2), "dropped eip-unbound")),
        Row("a group rule does not know an EIP",
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.11"), 1, 2), "dropped security-group-ingress"),
            In("web", Frames.Tcp(Routed("web", "10.0.1.10", "198.51.100.11"), 1, 2, Syn), "forwarded app")),
        Row("larger than the MTU",
            In("app", Whole(Routed("app", "10.0.1.11", "10.0.2.11"), 1373), "dropped mtu-exceeded + app"),
            In("app", Frames.Udp(Routed("app", "10.0.1.11", "10.0.2.11"), 1, 2, 1372), "forwarded loose")),
        Row("a megabit lets 131072 bytes through at once",
            [
                .. Enumerable.Repeat(
                    In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2, 1430), "forwarded app"),
                    89),
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2, 1430),
                    "dropped eip-bandwidth"),
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2, 1430), "forwarded app").At(12),
            ]),
    ];

    private static IEnumerable<ReferenceRow> Ttl()
    {
        byte[] dying = Frames.Begin(Routed("web", "10.0.1.10", "10.0.2.10"), 1).Tcp(1, 80, Syn).Build();
        byte[] dying6 = Frames.Begin(Routed("web", Web6, "fd00:b:0:2::10"), 1).Tcp(1, 80, Syn).Build();
        byte[] told = PacketBuilder.Eth(Gateway, MacOf("web"))
            .IPv4(Ip("10.0.1.1"), Ip("10.0.1.10"), ip => ip with { TypeOfService = 0xC0, DontFragment = true }).IcmpError(11, 0, dying).Build();
        byte[] told6 = PacketBuilder.Eth(Gateway, MacOf("web")).IPv6(Ip("fd00:b:0:1::1"), Ip(Web6)).IcmpError(3, 0, dying6).Build();
        return
        [
            Row("TTL 1 at the router", In("web", dying, "dropped ttl-expired + web", told)),
            Row("hop limit 1 at the router", In("web", dying6, "dropped ttl-expired + web", told6)),
            Row("TTL 1 within the subnet", In("web", Frames.Begin(WebToApp, 1).Udp(1, 2).Build(), "forwarded app")),
            Row("TTL 1 from outside",
                In("internet", Frames.Begin(ToWeb, 1).Tcp(1, 80, Syn).Build(), "dropped ttl-expired + internet",
                    Addresses(Ip("198.51.100.1"), Friend), Field("quote.ip.dst", "198.51.100.10"))),
            Row("TTL 1 where a rule refuses: the rule of the sender is first",
                In("db", Frames.Begin(Routed("db", "10.0.2.10", "10.0.1.11"), 1).Udp(1, 2).Build(),
                    "dropped security-group-egress")),
        ];
    }

    private static IEnumerable<ReferenceRow> Errors()
    {
        byte[] sent = Frames.Udp(WebToApp, 1, 2);
        byte[] outside = Frames.Udp(WebOut with { Source = Ip("198.51.100.10") }, 1, 2);
        byte[] hairpinSeen = Frames.Udp(new FrameAddresses(Gateway, MacOf("loose"), Ip("198.51.100.10"), Ip("10.0.2.11")), 1, 2);
        byte[] fromOutside = Frames.Udp(new FrameAddresses(Gateway, MacOf("app"), Friend, Ip("10.0.1.11")), 1, 2);
        byte[] Unreachable(FrameAddresses ends, byte[] about, int quote = 548) => Frames.Begin(ends).IcmpError(3, 3, about, quote).Build();
        RowStep open = In("web", sent, "forwarded app");
        return
        [
            Row("an error about a live connection", open,
                In("app", Unreachable(WebToApp.Reverse(), sent), "forwarded web",
                    Unreachable(WebToApp.Reverse(), sent))),
            Row("an error about nothing",
                In("app", Unreachable(WebToApp.Reverse(), sent), "dropped connection-invalid")),
            Row("an error whose quote is cut short", open,
                In("app", Unreachable(WebToApp.Reverse(), sent, 27), "dropped malformed-l4")),
            Row("an error whose quote has just eight bytes", open,
                In("app", Unreachable(WebToApp.Reverse(), sent, 28), "forwarded web")),
            Row("an error with a wrong checksum", open,
                In("app",
                    Frames.Begin(WebToApp.Reverse())
                        .IcmpError(3, 3, sent, 548, 0, i => i with { Checksum = 2 }).Build(), "dropped malformed-l4")),
            Row("an error about an error", open,
                In("app", Unreachable(WebToApp.Reverse(), Unreachable(WebToApp, sent)), "dropped connection-invalid")),
            Row("an error to another than the sender", open,
                In("app", Unreachable(Routed("app", "10.0.1.11", "10.0.2.10"), sent), "dropped connection-invalid")),
            Row("an error from outside, translated in both headers",
                In("web", Frames.Udp(WebOut, 1, 2), "forwarded internet"),
                In("internet", Unreachable(Outside("198.51.100.254", "198.51.100.10"), outside), "forwarded web",
                    Addresses(Ip("198.51.100.254"), Ip("10.0.1.10")), Field("quote.ip.src", "10.0.1.10"),
                    Field("quote.ip.dst", "203.0.113.5"), Field("icmp.type", "3"))),
            Row("an error to the outside, translated in both headers",
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2), "forwarded app"),
                In("app", Unreachable(Routed("app", "10.0.1.11", "203.0.113.5"), fromOutside), "forwarded internet",
                    Addresses(Ip("198.51.100.11"), Friend), Field("quote.ip.dst", "198.51.100.11"))),
            Row("an error through a hairpin", In("web", Frames.Udp(Hairpin, 1, 2), "forwarded loose"),
                In("loose", Unreachable(HairpinBack, hairpinSeen), "forwarded web",
                    Addresses(Ip("198.51.100.12"), Ip("10.0.1.10")), Field("quote.ip.src", "10.0.1.10"),
                    Field("quote.ip.dst", "198.51.100.12"))),
        ];
    }

    private static IEnumerable<ReferenceRow> Fragmented()
    {
        byte[] error = Frames.Begin(WebToApp.Reverse()).IcmpError(3, 3, Frames.Udp(WebToApp, 1, 2)).Build();
        return
        [
            Row("a fragmented error", In("web", Frames.Udp(WebToApp, 1, 2), "forwarded app"),
                In("app", Frames.Fragments(error, 40, 6)[0], "dropped connection-invalid")),
        ];
    }

    private static IEnumerable<ReferenceRow> Generations()
    {
        byte[] web80 = Frames.Tcp(ToWeb, 40000, 80, Syn);
        byte[] web443 = Frames.Tcp(ToWeb, 40000, 443, Syn);
        FrameAddresses fromWeb = WebOut;
        return
        [
            ChangedRow("what new rules refuse ends", Changed, 1, In("internet", web80, "forwarded web"),
                In("web", Frames.Tcp(fromWeb, 80, 40000, SynAck), "dropped security-group-ingress"),
                In("web", Frames.Tcp(fromWeb, 80, 40000, SynAck), "dropped connection-invalid")),
            ChangedRow("what they allow goes on", Changed, 1, In("internet", web443, "forwarded web"),
                In("web", Frames.Tcp(fromWeb, 443, 40000, SynAck), "forwarded internet"),
                In("internet", Frames.Tcp(ToWeb, 40000, 443, Ack), "forwarded web")),
            ChangedRow("an unbound EIP ends its connections", Changed, 1,
                In("loose", Frames.Udp(Routed("loose", "10.0.2.11", "203.0.113.5"), 1, 2), "forwarded internet"),
                In("loose", Frames.Udp(Routed("loose", "10.0.2.11", "203.0.113.5"), 1, 2), "dropped eip-unbound"),
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.12"), 2, 1), "dropped eip-unbound")),
            ChangedRow("a changed prefix list ends what it let in", Changed, 1,
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2), "forwarded app"),
                In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), 1, 2),
                    "dropped security-group-ingress"),
                In("internet", Frames.Udp(Outside("203.0.113.70", "198.51.100.11"), 1, 2), "forwarded app")),
            ChangedRow("an ENI that is gone ends its connections",
                Rich with { Enis = [.. Rich.Enis.Where(e => e.Name != "db")] }, 1,
                In("app", Frames.Udp(AppToDb, 1, 2), "forwarded db"),
                In("app", Frames.Udp(AppToDb, 1, 2), "dropped no-route + app"),
                In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 2, 1), "dropped unknown-port")),
        ];
    }
}
