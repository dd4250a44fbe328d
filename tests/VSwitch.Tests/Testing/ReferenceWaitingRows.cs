using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Testing;

/// <summary>Rows of section 9, of what the router says and how often, of what waits for a neighbour, and of section 12.</summary>
internal static class ReferenceWaitingRows
{
    private const string Unmatched = "dropped fragment-unmatched";
    private const string Overlap = "dropped fragment-overlap";

    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses WebOut = Routed("web", "10.0.1.10", "203.0.113.5");
    private static readonly FrameAddresses WebToNobody = Routed("web", "10.0.1.10", "198.51.100.88");
    private static readonly MacAddress Nobody = new(0x0200_0000_9988);

    public static IEnumerable<ReferenceRow> All() =>
        [.. InOrder(), .. OutOfOrder(), .. Overlaps(), .. MalformedFragments(), .. Errors(), .. CutUp(), .. Waiting(), .. Shares(), .. Modes()];

    /// <summary>A piece of a UDP datagram from web to app: units of 8 bytes, the first with the UDP header.</summary>
    private static byte[] Piece(int offset, int units, bool more, ushort id = 9)
    {
        byte[] datagram = Frames.Begin(WebToApp).Udp(1, 2).Payload(8 * 64).Build();
        int length = more ? units * 8 : (units * 8) - 3;
        return PacketBuilder.Eth(WebToApp.SourceMac, WebToApp.DestinationMac)
            .IPv4(WebToApp.Source, WebToApp.Destination, ip => ip with { FragmentOffset = offset, MoreFragments = more, Identification = id })
            .Protocol(17).Payload(datagram[(34 + (offset * 8))..(34 + (offset * 8) + length)]).Build();
    }

    private static RowStep Web(byte[] frame, string verdict) => In("web", frame, verdict);

    private static IEnumerable<ReferenceRow> InOrder()
    {
        IReadOnlyList<byte[]> whole = Frames.Fragments(Frames.Udp(WebOut, 1, 2, 100), 48, 77);
        IReadOnlyList<byte[]> six = Frames.Fragments(Frames.Udp(Switched("web", "app", Web6, App6), 1, 2, 100), 48, 77);
        FrameAddresses refused = Routed("db", "10.0.2.10", "10.0.1.11");
        return
        [
            Row("later fragments follow the first",
                In("web", whole[0], "forwarded internet", Addresses(Ip("198.51.100.10"), Friend)),
                In("web", whole[1], "forwarded internet", Addresses(Ip("198.51.100.10"), Friend)),
                In("web", whole[2], "forwarded internet").At(4_999)),
            Row("a datagram is forgotten after 5 s", In("web", whole[0], "forwarded internet"), In("web", whole[1], "held").At(5_000)),
            Row("IPv6 fragments", In("web", six[0], "forwarded app", six[0]), In("web", six[1], "forwarded app", six[1])),
            Row("a refused first fragment takes the others with it",
                In("db", Frames.Fragments(Frames.Udp(refused, 1, 2, 100), 48, 5)[0], "dropped security-group-egress"),
                In("db", Frames.Fragments(Frames.Udp(refused, 1, 2, 100), 48, 5)[1], Unmatched)),
            Row("a complete datagram is forgotten", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(4, 4, false), "forwarded app"),
                Web(Piece(0, 4, true), "forwarded app"), Web(Piece(4, 4, false), "forwarded app")),
            Row("an IPv6 fragment of no more and no less is whole",
                In("web", PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv6(Ip(Web6), Ip(App6)).Fragment6(0, false, 5).Udp(1, 2).Build(),
                    "forwarded app"),
                In("web", PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv6(Ip(Web6), Ip(App6)).Fragment6(0, false, 5).Udp(1, 2).Build(),
                    "forwarded app")),
        ];
    }

    private static IEnumerable<ReferenceRow> OutOfOrder() =>
    [
        Row("later fragments wait for the first", Web(Piece(8, 4, false), "held"), Web(Piece(4, 4, true), "held"),
            Web(Piece(0, 4, true), "forwarded app | web forwarded | web forwarded").At(999)),
        Row("they wait for 1 s", Web(Piece(4, 4, true), "held"),
            Web(Piece(0, 4, true), "forwarded app | web dropped fragment-unmatched").At(1_000),
            Web(Piece(4, 4, true), Overlap).At(1_001)),
        Row("they do not wait for a first fragment that is refused",
            In("db", Frames.Fragments(Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1, 2, 100), 48, 5)[1], "held"),
            In("db", Frames.Fragments(Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1, 2, 100), 48, 5)[0],
                "dropped security-group-egress | db dropped fragment-unmatched")),
        Row("64 of a port wait",
            [
                .. Enumerable.Range(0, 64).Select(i => Web(Piece(4, 4, false, (ushort)(100 + i)), "held")),
                Web(Piece(4, 4, false), Unmatched),
                In("app", Frames.Fragments(Frames.Udp(WebToApp.Reverse(), 1, 2, 100), 48, 5)[1], "held"),
            ]),
    ];

    private static IEnumerable<ReferenceRow> Overlaps() =>
    [
        Row("a fragment twice", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(0, 4, true), Overlap), Web(Piece(4, 4, false), "forwarded app")),
        Row("fragments that overlap poison their datagram", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(3, 4, true), Overlap),
            Web(Piece(7, 4, false), Overlap), Web(Piece(7, 4, false), "held").At(5_000)),
        Row("what waits of a poisoned datagram is dropped", Web(Piece(4, 4, true), "held"),
            Web(Piece(5, 4, true), Overlap + " | web dropped fragment-overlap")),
        Row("beyond the end", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(8, 4, false), "forwarded app"), Web(Piece(12, 4, true), Overlap),
            Web(Piece(4, 4, true), Overlap)),
        Row("another end", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(8, 4, false), "forwarded app"), Web(Piece(4, 3, false), Overlap)),
        Row("an end before what was seen", Web(Piece(0, 4, true), "forwarded app"), Web(Piece(8, 4, true), "forwarded app"),
            Web(Piece(4, 2, false), Overlap)),
        Row("more than 32 separate ranges",
            [
                Web(Piece(0, 1, true), "forwarded app"),
                .. Enumerable.Range(1, 31).Select(i => Web(Piece(i * 2, 1, true), "forwarded app")),
                Web(Piece(64, 1, true), Overlap),
            ]),
    ];

    private static IEnumerable<ReferenceRow> MalformedFragments()
    {
        byte[] Odd(int offset, bool more, int payload, byte protocol = 17) => PacketBuilder.Eth(WebToApp.SourceMac, WebToApp.DestinationMac)
            .IPv4(WebToApp.Source, WebToApp.Destination, ip => ip with { FragmentOffset = offset, MoreFragments = more })
            .Protocol(protocol).Payload(payload).Build();
        byte[] Odd6(int offset, bool more, int payload) => PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv6(Ip(Web6), Ip(App6))
            .Fragment6(offset, more, 5).Protocol(17).Payload(payload).Build();
        return
        [
            Row("a fragment beyond the largest datagram", Web(Odd(8191, false, 8), "dropped malformed-ipv4"), Web(Odd(8191, false, 7), "held")),
            Row("a fragment of odd length", Web(Odd(10, true, 12), "dropped malformed-ipv4"), Web(Odd(10, false, 12), "held")),
            Row("IPv6 fragments of odd length or beyond", Web(Odd6(10, true, 12), "dropped malformed-ipv6"),
                Web(Odd6(8191, false, 8), "dropped malformed-ipv6"), Web(Odd6(8191, false, 7), "held")),
            Row("a TCP fragment over the flags", Web(Odd(1, false, 24, 6), "dropped malformed-l4"), Web(Odd(2, false, 24, 6), "held")),
        ];
    }

    private static IEnumerable<ReferenceRow> Errors()
    {
        byte[] dying = Frames.Begin(Routed("web", "10.0.1.10", "10.0.2.10"), 1).Tcp(1, 80, TcpBits.Syn).Build();
        byte[] lost = Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.99"), 1, 2);
        byte[] lost6 = Frames.Udp(Routed("web", Web6, "fd00:b:0:2::99"), 1, 2);
        byte[] big = PacketBuilder.Eth(MacOf("app"), Gateway)
            .IPv4(Ip("10.0.1.11"), Ip("10.0.2.11"), ip => ip with { DontFragment = true }).Udp(1, 2).Payload(1373).Build();
        byte[] big6 = Frames.Udp(Routed("app", App6, "fd00:b:0:2::11"), 1, 2, 1353);
        SwitchConfig sixth = Rich with
        {
            Enis = [.. Rich.Enis.Select(e => e.Name == "loose" ? e with { PrivateIps = [.. e.PrivateIps, Ip("fd00:b:0:2::11")] } : e)],
        };
        return
        [
            Row("no route is told", In("web", lost, "dropped no-route + web",
                PacketBuilder.Eth(Gateway, MacOf("web"))
                    .IPv4(Ip("10.0.1.1"), Ip("10.0.1.10"), ip => ip with { TypeOfService = 0xC0, DontFragment = true }).IcmpError(3, 0, lost).Build())),
            Row("no IPv6 route is told", In("web", lost6, "dropped no-route + web",
                PacketBuilder.Eth(Gateway, MacOf("web")).IPv6(Ip("fd00:b:0:1::1"), Ip(Web6)).IcmpError(1, 0, lost6).Build())),
            Row("a missing peer of the subnet is not told",
                In("web", Frames.Udp(WebToApp with { Destination = Ip("10.0.1.12") }, 1, 2), "dropped no-route")),
            Row("too big is told with the MTU", In("app", big, "dropped mtu-exceeded + app",
                PacketBuilder.Eth(Gateway, MacOf("app"))
                    .IPv4(Ip("10.0.1.1"), Ip("10.0.1.11"), ip => ip with { TypeOfService = 0xC0, DontFragment = true })
                    .IcmpError(3, 4, big, 548, 1400).Build())),
            Row("too big for IPv6 is told with the MTU", sixth, In("app", big6, "dropped mtu-exceeded + app",
                PacketBuilder.Eth(Gateway, MacOf("app")).IPv6(Ip("fd00:b:0:1::1"), Ip(App6)).IcmpError(2, 0, big6, 1232, 1400).Build())),
            Row("errors: 100 at once and 100 a second",
                [
                    .. Enumerable.Repeat(In("web", dying, "dropped ttl-expired + web"), 100),
                    In("web", dying, "dropped ttl-expired"),
                    In("web", dying, "dropped ttl-expired").At(9),
                    In("web", dying, "dropped ttl-expired + web").At(10),
                    In("web", dying, "dropped ttl-expired").At(11),
                    In("app", Frames.Begin(Routed("app", "10.0.1.11", "10.0.2.10"), 1).Udp(1, 2).Build(), "dropped ttl-expired + app").At(11),
                ]),
            Row("nothing is told of an error, or of a later fragment",
                In("web", Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.11"), 1, 2), "forwarded app"),
                In("app", Frames.Begin(Routed("app", "10.0.1.11", "10.0.1.10"), 1)
                    .IcmpError(3, 3, Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.11"), 1, 2)).Build(), "dropped ttl-expired")),
        ];
    }

    private static IEnumerable<ReferenceRow> CutUp()
    {
        FrameAddresses toLoose = Routed("app", "10.0.1.11", "10.0.2.11");
        byte[] big = Frames.Udp(toLoose, 1, 2, 1400);
        byte[] options = [7, 7, 4, 0, 0, 0, 0, 1, 131, 7, 4, 10, 0, 0, 1, 1, 148, 4, 0, 0];
        byte[] sent = Frames.Begin(new FrameAddresses(Gateway, MacOf("loose"), Ip("10.0.1.11"), Ip("10.0.2.11")), 63)
            .Udp(1, 2).Payload(1400).Build();
        return
        [
            Row("larger than the MTU, in fragments", In("app", big, "forwarded loose", Frames.Fragments(sent, 1376, 0)[0])),
            Row("only the first fragment has the options that need no copy",
                In("app", PacketBuilder.Eth(toLoose.SourceMac, Gateway).IPv4(toLoose.Source, toLoose.Destination, ip => ip with { Options = options })
                    .Udp(1, 2).Payload(2740).Build(), "forwarded loose")),
            Row("just the MTU, whole", In("app", Frames.Udp(toLoose, 1, 2, 1372), "forwarded loose",
                Frames.Begin(new FrameAddresses(Gateway, MacOf("loose"), Ip("10.0.1.11"), Ip("10.0.2.11")), 63).Udp(1, 2).Payload(1372).Build())),
        ];
    }

    private static IEnumerable<ReferenceRow> Waiting()
    {
        byte[] packet = Frames.Udp(WebToNobody, 1, 2);
        byte[] reply = Frames.ArpReply(Nobody, Ip("198.51.100.88"), Inet, Ip("198.51.100.1"));
        IReadOnlyList<byte[]> pieces = Frames.Fragments(Frames.Udp(WebToNobody, 1, 2, 100), 48, 77);
        byte[] overlap = Frames.Fragments(Frames.Udp(WebToNobody, 1, 2, 200), 40, 77)[2];
        byte[] own = Frames.ArpRequest(MacOf("app"), Ip("10.0.1.11"), Ip("10.0.1.11"));
        RowStep dropped = In("app", own, "consumed | web dropped neighbor-unresolved", Macs(Gateway, MacOf("web")), Icmp(3, 1));
        return
        [
            Row("a packet waits for its neighbour",
                In("web", packet, "held + internet", Frames.ArpRequest(Inet, Ip("198.51.100.1"), Ip("198.51.100.88"))),
                In("web", Frames.Udp(WebToNobody, 1, 3), "held").At(500),
                In("internet", reply, "consumed | web forwarded | web forwarded", Macs(Inet, Nobody)).At(999),
                In("web", packet, "forwarded internet", Macs(Inet, Nobody)).At(1_002)),
            Row("what waits behind a first fragment that waits goes on with it although the datagram is poisoned since",
                In("web", pieces[0], "held + internet"), In("web", pieces[1], "held"),
                In("web", overlap, "dropped fragment-overlap"),
                In("internet", reply, "consumed | web forwarded | web forwarded").At(500)),
            Row("for 1 s, and is told", In("web", packet, "held + internet"), dropped.At(1_000),
                In("web", packet, "held + internet").At(1_001), In("internet", reply, "consumed | web forwarded").At(1_002)),
            Row("an IPv6 neighbour is solicited",
                In("web", Frames.Udp(Routed("web", Web6, "2001:db8:100::77"), 1, 2), "held + internet",
                    Frames.Solicitation(Inet, Ip("2001:db8:100::1"), Ip("2001:db8:100::77")))),
            Row("64 of a port wait for neighbours",
                [
                    In("web", packet, "held + internet"),
                    .. Enumerable.Repeat(In("web", packet, "held"), 63),
                    In("web", packet, "dropped neighbor-unresolved"),
                ]),
        ];
    }

    private static IEnumerable<ReferenceRow> Shares()
    {
        SwitchConfig few = Rich with { Switch = Rich.Switch with { ConnectionCapacity = 20 } };
        FrameAddresses there = Routed("app", "10.0.1.11", "10.0.2.10");
        FrameAddresses back = Routed("db", "10.0.2.10", "10.0.1.11");
        RowStep Ask(int port) => In("app", Frames.Udp(there, (ushort)port, 9), "forwarded db");
        RowStep Answer(int port, string verdict) => In("db", Frames.Udp(back, 9, (ushort)port), verdict);
        RowStep Other(int port) => In("green", Frames.Udp(Switched("green", "twin", "10.0.1.10", "10.0.1.11"), (ushort)port, 9), "forwarded twin");
        RowStep[] sixteen = [.. Enumerable.Range(1, 16).Select(Ask)];
        return
        [
            Row("an ENI's share of half-open connections", few,
                [
                    .. sixteen, Answer(16, "forwarded app"), Ask(17), Answer(1, "forwarded app"), Ask(18), Ask(19),
                    Answer(2, "dropped security-group-egress"), Answer(3, "forwarded app"),
                ]),
            Row("a full table takes the oldest of the ENI with most", few,
                [
                    .. sixteen, .. Enumerable.Range(1, 5).Select(Other),
                    Answer(1, "dropped security-group-egress"), Answer(2, "forwarded app"),
                ]),
        ];
    }

    private static IEnumerable<ReferenceRow> Modes()
    {
        FrameAddresses toWeb = Outside("203.0.113.5", "198.51.100.10");
        SwitchConfig With(SwitchConfig config, LiveConnectionPolicy mode) => config with
        {
            SecurityGroups = [.. config.SecurityGroups.Select(group => group.Name == "web" ? group with { LiveConnections = mode } : group)],
        };
        RowStep begin = In("internet", Frames.Tcp(toWeb, 40000, 80, TcpBits.Syn), "forwarded web");
        byte[] answer = Frames.Tcp(WebOut, 80, 40000, TcpBits.Syn | TcpBits.Ack);
        return
        [
            new ReferenceRow("keep lets what began go on", Rich, [begin, In("web", answer, "forwarded internet")],
                With(Changed, LiveConnectionPolicy.Keep), 1),
            new ReferenceRow("an EIP that moved ends what came in by it", Rich, [begin, In("web", answer, "dropped connection-invalid")],
                Rich with { ElasticIps = [.. Rich.ElasticIps.Select(e => e.Name == "web-ip" ? e with { Eni = "db" } : e)] }, 1),
            new ReferenceRow("cut ends what the new rules would allow, too", Rich,
                [In("internet", Frames.Tcp(toWeb, 40000, 443, TcpBits.Syn), "forwarded web"),
                    In("web", Frames.Tcp(WebOut, 443, 40000, TcpBits.Syn | TcpBits.Ack), "dropped connection-invalid")],
                With(Changed, LiveConnectionPolicy.Cut), 1),
            new ReferenceRow("cut does nothing while the rules are the same", Rich, [begin, In("web", answer, "forwarded internet")],
                With(Rich, LiveConnectionPolicy.Cut), 1),
        ];
    }
}
