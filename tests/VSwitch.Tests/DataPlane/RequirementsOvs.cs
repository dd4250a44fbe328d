using VSwitch.Testing;
using VSwitch.Tests.Testing;
using static VSwitch.Tests.DataPlane.RequirementWords;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>vectors/ovs_conntrack_tcp.tsv, another tracker's rules: rows by topic. Where the order of checks (Linux's
/// table) says otherwise, the row shows what holds here and its text says so.</summary>
internal static class RequirementsOvs
{
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses AppToWeb = WebToApp.Reverse();

    public static IEnumerable<RequirementRow> All() =>
    [
        new("invalid flags", "SYN with RST or FIN, none of SYN, ACK and RST, FIN or PSH or URG without ACK",
            [.. new[] { Syn | Rst, Syn | TcpBits.Fin, TcpBits.None, TcpBits.Fin, TcpBits.Psh, TcpBits.Urg }
                .Select(flags => In("web", Segment(WebToApp, 40000, 80, flags, 0, 0), "dropped connection-invalid"))]),
        new("new connection", "SYN opens, SYN+ACK never; an ACK only on a loose ENI (decision 4)",
            In("web", Segment(WebToApp, 40000, 80, SynAck, 0, 1), "dropped connection-invalid"),
            In("web", Segment(WebToApp, 40000, 80, Ack, 1, 1), "dropped connection-invalid"),
            In("web", Segment(Routed("web", "10.0.1.10", "10.0.2.11"), 40000, 80, Ack, 1, 1), "forwarded loose"),
            In("web", Segment(WebToApp, 40000, 80, Syn, 0, 0), "forwarded app")),
        new("create", "window scale from the SYN, unknown without",
            In("web", Scaled(WebToApp, 40000, 80, Syn, 0, 0, 7), "forwarded app"),
                In("app", Scaled(AppToWeb, 80, 40000, SynAck, 0, 1, 7), "forwarded web"),
            In("web", Scaled(WebToApp, 40000, 80, Ack, 1, 1, null), "forwarded app"),
                In("app", Segment(AppToWeb, 80, 40000, Ack, 100_001, 1, 10), "forwarded web")),
        new("SYN again, both peers >= FIN_WAIT_2", "a SYN after both FINs is a new connection",
            [.. Handshake("web", WebToApp, "app", AppToWeb), .. Close(),
                In("web", Segment(WebToApp, 40000, 80, Syn, 700_000, 0), "forwarded app").At(10),
                In("app", Segment(AppToWeb, 80, 40000, SynAck, 0, 700_001), "forwarded web").At(11),
                In("web", Segment(WebToApp, 40000, 80, Ack, 700_001, 1), "forwarded app").At(12)]),
        new("SYN again, sender <= SYN_SENT", "passes, but does not start the timer again (section 11)",
            In("web", Segment(WebToApp, 40000, 80, Syn, 0, 0), "forwarded app"),
                In("web", Segment(WebToApp, 40000, 80, Syn, 0, 0), "forwarded app").At(40_000),
            In("app", Segment(AppToWeb, 80, 40000, SynAck, 0, 1), "dropped connection-invalid").At(60_000)),
        new("first packet of the other peer", "only what acknowledges the SYN is one (section 11, stricter)",
            In("web", Segment(WebToApp, 40000, 80, Syn, 1000, 0), "forwarded app"),
                In("app", Segment(AppToWeb, 80, 40000, SynAck, 0, 1), "dropped connection-invalid"),
            In("app", Segment(AppToWeb, 80, 40000, SynAck, 0, 1001), "forwarded web")),
        new("ACK received", "the opener's ACK establishes: idle for an hour it lives on",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("app", Segment(AppToWeb, 80, 40000, Ack, 1, 1, 10), "forwarded web").At(3_600_000)]),
        new("FIN", "closing: two minutes later nothing is left",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Ack | TcpBits.Fin, 1, 1), "forwarded app"),
                In("app", Segment(AppToWeb, 80, 40000, Ack, 1, 2, 10), "dropped connection-invalid").At(120_000)]),
        new("RST", "closes only if exact (section 11: no plus or minus one); another in the window passes and changes nothing",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Rst, 2, 0), "forwarded app"),
                In("app", Segment(AppToWeb, 80, 40000, Ack, 1, 1, 10), "forwarded web").At(60_000),
                In("web", Segment(WebToApp, 40000, 80, Rst, 1, 0), "forwarded app").At(60_001),
                In("app", Segment(AppToWeb, 80, 40000, Ack, 11, 1, 10), "dropped connection-invalid").At(70_001)]),
        new("window check", "beyond the window, and an acknowledgement of what was never sent",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Ack, 140_000, 1, 10), "dropped connection-invalid"),
                In("web", Segment(WebToApp, 40000, 80, Ack, 1, 2), "dropped connection-invalid"),
                    In("web", Segment(WebToApp, 40000, 80, Ack, 65_536, 1), "forwarded app")]),
        new("pure ack", "its sequence is judged like data's (section 11, I)",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Ack, 200_000, 1), "dropped connection-invalid")]),
        new("no ACK flag", "a RST without ACK is judged by its sequence alone",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Rst, 1, 0xFFFF_0000), "forwarded app")]),
        new("fallback", "a late segment passes and does not start the timer again: an old FIN (a plain ACK is never late, section 11)",
            In("web", Narrow(WebToApp, 40000, 80, Syn, 0, 0), "forwarded app"),
                In("app", Narrow(AppToWeb, 80, 40000, SynAck, 0, 1), "forwarded web"),
            In("web", Narrow(WebToApp, 40000, 80, Ack, 1, 1, 1000), "forwarded app").At(1),
                In("app", Narrow(AppToWeb, 80, 40000, Ack, 1, 1001), "forwarded web").At(2),
            In("web", Narrow(WebToApp, 40000, 80, Ack, 1001, 1, 1000), "forwarded app").At(3),
                In("app", Narrow(AppToWeb, 80, 40000, Ack, 1, 2001), "forwarded web").At(4),
            In("web", Narrow(WebToApp, 40000, 80, Ack | TcpBits.Fin, 1, 1, 100), "forwarded app").At(400_000_000),
            In("app", Narrow(AppToWeb, 80, 40000, Ack, 1, 2001), "dropped connection-invalid").At(432_000_004)),
        new("fail", "a refused segment leaves the connection as it was",
            [.. Handshake("web", WebToApp, "app", AppToWeb),
                In("web", Segment(WebToApp, 40000, 80, Ack, 4_000_000, 1, 10), "dropped connection-invalid"),
                In("web", Segment(WebToApp, 40000, 80, Ack, 1, 1, 10), "forwarded app")]),
        new("wscale > 14", "is 14", In("web", Scaled(WebToApp, 40000, 80, Syn, 0, 0, 200), "forwarded app"),
            In("app", Scaled(AppToWeb, 80, 40000, SynAck, 0, 1, 0), "forwarded web"),
            In("web", Scaled(WebToApp, 40000, 80, Ack, 1, 1, null, 1), "forwarded app"),
            In("app", Segment(AppToWeb, 80, 40000, Ack, 1 << 14, 1, 1), "forwarded web"),
            In("app", Segment(AppToWeb, 80, 40000, Ack, (1 << 14) + 70_000, 1, 1), "dropped connection-invalid")),
        new("icmp", "only echo, timestamp and information request open",
            In("web", Frames.Echo(WebOut, 7, 1), "forwarded internet"),
                In("web", Frames.Begin(WebOut).Icmp(13, 0, 0x0008_0001).Payload(12).Build(), "forwarded internet"),
            In("web", Frames.Begin(WebOut).Icmp(15, 0, 0x0009_0001).Build(), "forwarded internet"),
            In("web", Frames.Begin(WebOut).Icmp(17, 0, 0x000A_0001).Payload(4).Build(), "dropped connection-invalid"),
            In("web", Frames.Echo(WebOut, 11, 1, reply: true), "dropped connection-invalid")),
        new("icmp related", "the quoted tuple must be a live one; type and code stay",
            ErrorIn(3, 3, SeenUdp, "dropped connection-invalid"), WebUdp("forwarded internet"),
                ErrorIn(3, 10, SeenUdp, "forwarded web", 0, World, PacketAssert.Icmp(3, 10))),
        new("icmp related", "of IPv6, too: packet too big without and with a live connection",
            In("app", TooBig, "dropped connection-invalid"),
                In("web", Frames.Udp(Switched("web", "app", Web6, App6), 1, 2), "forwarded app"),
            In("app", TooBig, "forwarded web", PacketAssert.Icmp(2, 0), PacketAssert.Field("icmp.rest", "00000500"))),
        new("other protocols", "one way and both ways live 600 s (decision 5)",
            In("web", Frames.Begin(WebOut).Protocol(47).Payload(20).Build(), "forwarded internet"),
            In("internet", Frames.Begin(WorldIn).Protocol(47).Payload(20).Build(), "forwarded web").At(599_999),
            In("internet", Frames.Begin(WorldIn).Protocol(47).Payload(20).Build(),
                "dropped security-group-ingress").At(1_199_999)),
        new("fragments", "not put together (decision 13): each passes as it is; an overlap drops the rest of the datagram",
            In("web", Pieces[0], "forwarded app", Pieces[0]), In("web", Pieces[1], "forwarded app", Pieces[1]),
            In("web", Overlap, "dropped fragment-overlap"), In("web", Pieces[2], "dropped fragment-overlap")),
    ];

    private static byte[] TooBig => Frames.Begin(Switched("app", "web", App6, Web6))
        .IcmpError(2, 0, Frames.Udp(Switched("web", "app", Web6, App6), 1, 2), rest: 1280).Build();

    private static IReadOnlyList<byte[]> Pieces => Frames.Fragments(Frames.Udp(WebToApp, 1, 2, 88), 32, 5);

    private static byte[] Overlap => PacketBuilder.Eth(WebToApp.SourceMac, WebToApp.DestinationMac)
        .IPv4(WebToApp.Source, WebToApp.Destination,
            ip => ip with
            {
                Protocol = 17,
                Identification = 5,
                FragmentOffset = 7,
                MoreFragments = true
            }).Payload(16).Build();

    private static RowStep[] Close() =>
    [
        In("web", Segment(WebToApp, 40000, 80, Ack | TcpBits.Fin, 1, 1), "forwarded app").At(1),
            In("app", Segment(AppToWeb, 80, 40000, Ack, 1, 2), "forwarded web").At(2),
        In("app", Segment(AppToWeb, 80, 40000, Ack | TcpBits.Fin, 1, 2), "forwarded web").At(3),
            In("web", Segment(WebToApp, 40000, 80, Ack, 2, 2), "forwarded app").At(4),
    ];

    /// <summary>A segment of an end that offers 1000 bytes.</summary>
    private static byte[] Narrow(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint ack,
        int data = 0) =>
        Frames.Begin(ends).Tcp(from, to, flags,
            t => t with { Sequence = sequence, Acknowledgment = ack, Window = 1000 }).Payload(data).Build();

    private static byte[] Scaled(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint ack,
        byte? scale, ushort window = 65535) =>
        Frames.Begin(ends).Tcp(from, to, flags, t => t with
        {
            Sequence = sequence,
            Acknowledgment = ack,
            Window = window,
            Options = scale is { } shift ? [1, 3, 3, shift] : [],
        }).Build();
}
