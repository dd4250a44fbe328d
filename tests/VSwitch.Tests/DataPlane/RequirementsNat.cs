using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Tests.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.DataPlane.RequirementWords;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>vectors/nat_requirements.tsv: rows by requirement, RFC 4787, 5382, 5508, 7857, 3022. What stands elsewhere
/// is named in tests/README.md.</summary>
internal static class RequirementsNat
{
    public static IEnumerable<RequirementRow> All() =>
        [.. Mapping(), .. Udp(), .. Hairpin(), .. Errors(), .. Tcp(), .. Icmp()];

    private static IEnumerable<RequirementRow> Mapping() =>
    [
        new("4787-REQ-1", "one socket to three hosts keeps one EIP and port",
            [.. new[] { World, "203.0.113.70", "192.0.2.9" }.Select(to =>
                In("web", Frames.Udp(Routed("web", "10.0.1.10", to), 5000, 53), "forwarded internet",
                    Addresses(Ip(WebEip), Ip(to)), Ports(5000, 53)))]),
        new("4787-REQ-2", "a thousand flows of an ENI, one EIP",
            [.. Enumerable.Range(1, 1000).Select(port => In("web", Frames.Udp(WebOut, (ushort)port, 53),
                "forwarded internet",
                Addresses(Ip(WebEip), Ip(World)), Ports(port, 53)))]),
        new("4787-REQ-3", "ports and identifiers are the same outside",
            WebUdp("forwarded internet", Ports(5000, 53)),
                In("web", Frames.Tcp(WebOut, 1023, 80, Syn), "forwarded internet", Ports(1023, 80)),
            In("web", Frames.Echo(WebOut, 77, 1), "forwarded internet", Field("icmp.rest", "004d0001"))),
        new("4787-REQ-4", "an odd port stays odd, an even one even",
            In("web", Frames.Udp(WebOut, 5001, 53), "forwarded internet", Ports(5001, 53)),
            In("web", Frames.Udp(WebOut, 5002, 53), "forwarded internet", Ports(5002, 53))),
        new("5382-REQ-1", "TCP to two hosts keeps EIP and port",
            [.. new[] { World, "203.0.113.70" }.Select(to => In("web",
                Frames.Tcp(Routed("web", "10.0.1.10", to), 5000, 80, Syn), "forwarded internet",
                Addresses(Ip(WebEip), Ip(to)), Ports(5000, 80)))]),
        new("5382-REQ-7", "two ENIs use one port, each by its own EIP",
            In("web", Frames.Tcp(WebOut, 5000, 80, Syn), "forwarded internet", Addresses(Ip(WebEip), Ip(World)),
                Ports(5000, 80)),
            In("app", Frames.Tcp(Routed("app", "10.0.1.11", World), 5000, 80, Syn), "forwarded internet",
                Addresses(Ip(AppEip), Ip(World)), Ports(5000, 80))),
        new("7857-ipid", "the identification crosses unchanged",
            In("web", PacketBuilder.Eth(MacOf("web"), Gateway).IPv4(WebOut.Source, WebOut.Destination,
                ip => ip with { Identification = 0xBEEF })
                .Udp(5000, 53).Payload(8).Build(), "forwarded internet", Field("ip.id", "48879"))),
        new("4787-REQ-10", "no application gateway: FTP's PORT keeps the inside address",
            [.. WebHandshake, In("web",
                Frames.Begin(WebOut).Tcp(40000, 80, Ack | TcpBits.Psh, t => t with { Sequence = 1, Acknowledgment = 1 })
                .Payload("PORT 10,0,1,10,7,138\r\n").Build(), "forwarded internet",
                Field("payload", Convert.ToHexStringLower("PORT 10,0,1,10,7,138\r\n"u8)))]),
    ];

    private static IEnumerable<RequirementRow> Udp() =>
    [
        new("4787-REQ-5", "an answered flow still lives after 110 s and 179 s; one that nobody answered 30 s (decision 5)",
            WebUdp("forwarded internet"), WorldUdp("forwarded web").At(1000), WorldUdp("forwarded web").At(111_000),
                WorldUdp("forwarded web").At(290_000),
            WorldUdp("dropped security-group-ingress").At(470_000),
            In("web", Frames.Udp(WebOut, 5001, 53), "forwarded internet").At(500_000),
            In("internet", Frames.Udp(WorldIn, 53, 5001), "dropped security-group-ingress").At(530_000)),
        new("4787-REQ-6", "what goes out keeps it alive",
            [.. Enumerable.Range(0, 7).Select(i => WebUdp("forwarded internet").At(i * 25_000)),
                WorldUdp("forwarded web").At(175_000)]),
        new("4787-REQ-8", "the security group decides what comes in unasked, by port",
            In("internet", Frames.Tcp(WorldIn, 1, 80, Syn), "forwarded web"),
                In("internet", Frames.Tcp(WorldIn, 1, 22, Syn), "dropped security-group-ingress"),
            WorldUdp("dropped security-group-ingress"), In("internet", Frames.Udp(WorldIn, 53, 1000), "forwarded web")),
    ];

    private static IEnumerable<RequirementRow> Hairpin() =>
    [
        new("4787-REQ-9/9a", "the receiver sees the sender's EIP, and so does the answer's",
            In("web", Frames.Tcp(WebToAppEip, 5000, 80, Syn), "forwarded app", Addresses(Ip(WebEip), Ip("10.0.1.11")),
                Ports(5000, 80)),
            In("app", Segment(AppToWebEip, 80, 5000, SynAck, 0, 1), "forwarded web",
                Addresses(Ip(AppEip), Ip("10.0.1.10")), Ports(80, 5000))),
        new("4787-REQ-9/9a", "both groups have their say",
            In("web", Frames.Udp(WebToAppEip, 5000, 80), "dropped security-group-ingress"),
            In("app", Frames.Udp(AppToWebEip, 5000, 2000), "dropped security-group-egress")),
        new("5382-REQ-8", "a TCP connection through two EIPs, both ways",
            [.. Handshake("web", WebToAppEip, "app", AppToWebEip),
                In("web", Segment(WebToAppEip, 40000, 80, Ack | TcpBits.Psh, 1, 1, 10), "forwarded app",
                    Addresses(Ip(WebEip), Ip("10.0.1.11"))),
                In("app", Segment(AppToWebEip, 80, 40000, Ack | TcpBits.Psh, 1, 11, 20), "forwarded web",
                    Addresses(Ip(AppEip), Ip("10.0.1.10")))]),
        new("5508-REQ-7/7a", "echo through two EIPs",
            In("web", Frames.Echo(WebToAppEip, 7, 1), "forwarded app", Addresses(Ip(WebEip), Ip("10.0.1.11"))),
            In("app", Frames.Echo(AppToWebEip, 7, 1, reply: true), "forwarded web",
                Addresses(Ip(AppEip), Ip("10.0.1.10")))),
        new("5508-REQ-7/7a", "an error through two EIPs goes to the quoted source",
            In("app", Frames.Udp(AppToWebEip, 5000, 1000), "forwarded web", Addresses(Ip(AppEip), Ip("10.0.1.10"))),
            In("web", Frames.Begin(WebToAppEip).IcmpError(3, 3,
                Frames.Udp(new FrameAddresses(default, default, Ip(AppEip), Ip("10.0.1.10")), 5000, 1000)).Build(),
                "forwarded app", Addresses(Ip(WebEip), Ip("10.0.1.11")), Field("quote.ip.src", "10.0.1.11"),
                    Field("quote.ip.dst", WebEip), PacketAssert.Icmp(3, 3))),
    ];

    private static IEnumerable<RequirementRow> Errors() =>
    [
        new("4787-REQ-12", "unreachable and time exceeded end no flow",
            [WebUdp("forwarded internet"),
                .. new (byte, byte)[] { (3, 1), (3, 3),
                (11, 0) }.Select(e => ErrorIn(e.Item1, e.Item2, SeenUdp, "forwarded web")),
                WorldUdp("forwarded web"), WebUdp("forwarded internet")]),
        new("4787-REQ-12a/b", "an error from a router on the way passes, whatever its source",
            WebUdp("forwarded internet"),
                ErrorIn(11, 0, SeenUdp, "forwarded web", from: "192.0.2.200",
                checks: Addresses(Ip("192.0.2.200"), Ip("10.0.1.10"))),
            ErrorIn(3, 13, SeenUdp, "forwarded web", from: "203.0.113.70")),
        new("5508-REQ-3", "a wrong ICMP checksum", WebUdp("forwarded internet"),
            In("internet", Frames.Begin(WorldIn).IcmpError(3, 3, SeenUdp,
                change: icmp => icmp with { Checksum = 0x1234 }).Build(), "dropped malformed-l4")),
        new("5508-REQ-3a", "a wrong checksum of the quoted IPv4 header", WebUdp("forwarded internet"),
            ErrorIn(3, 3, Quoted(ip => ip with { Checksum = 0x1234 }), "dropped malformed-l4")),
        new("5508-REQ-3b", "options in the quoted header are skipped to its ports", WebUdp("forwarded internet"),
            ErrorIn(3, 3, Quoted(ip => ip with { Options = [148, 4, 0, 0] }), "forwarded web",
                checks: [Field("quote.ip.src", "10.0.1.10"), Field("quote.ip.options", "94040000"),
                    Field("quote.udp.src", "5000")])),
        new("5508-REQ-3c", "a wrong quoted transport checksum is not judged", WebUdp("forwarded internet"),
            ErrorIn(3, 3, Frames.Begin(new FrameAddresses(default, default, Ip(WebEip), Ip(World))).Udp(5000, 53,
                u => u with { Checksum = 0x1234 }).Payload(16).Build(), "forwarded web")),
        new("5508-REQ-3d", "an MPLS extension behind the quote is kept", WebUdp("forwarded internet"),
            In("internet", WithExtension(WorldIn, 64, SeenUdp), "forwarded web",
                WithExtension(new FrameAddresses(Gateway, MacOf("web"), Ip(World), Ip("10.0.1.10")), 63,
                    Frames.Udp(WebOut, 5000, 53)))),
        new("5508-REQ-4", "no mapping: dropped", ErrorIn(3, 3, SeenUdp, "dropped connection-invalid")),
        new("5508-REQ-4", "restored to the inside form, type and code kept", WebUdp("forwarded internet"),
            ErrorIn(3, 3, SeenUdp, "forwarded web",
                checks: [Addresses(Ip(World), Ip("10.0.1.10")), Field("quote.ip.src", "10.0.1.10"),
                Field("quote.ip.dst", World), Field("quote.udp.src", "5000"), PacketAssert.Icmp(3, 3)])),
        new("5508-REQ-5", "mirrored: from inside the source becomes the EIP, outside and in the quote",
            In("internet", Frames.Udp(WorldIn, 53, 1000), "forwarded web"),
            In("web", Frames.Begin(WebOut).IcmpError(3, 3,
                Frames.Udp(new FrameAddresses(default, default, Ip(World), Ip("10.0.1.10")), 53, 1000)).Build(),
                "forwarded internet", Addresses(Ip(WebEip), Ip(World)), Field("quote.ip.dst", WebEip),
                    Field("quote.ip.src", World), PacketAssert.Icmp(3, 3))),
        new("5508-REQ-6", "errors about an echo do not keep its session",
            In("web", Frames.Echo(WebOut, 7, 1), "forwarded internet"), EchoError(10_000), EchoError(20_000),
                EchoError(29_000),
            In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "dropped connection-invalid").At(30_000)),
        new("5508-REQ-6", "errors about an echo do not end its session",
            In("web", Frames.Echo(WebOut, 7, 1), "forwarded internet"), EchoError(10_000),
            In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "forwarded web").At(29_999)),
        new("5382-REQ-9", "fragmentation needed about a TCP segment reaches the inside host",
            [.. WebHandshake, ErrorIn(3, 4, Seen(), "forwarded web", 1400, "203.0.113.9",
                [Addresses(Ip("203.0.113.9"), Ip("10.0.1.10")), Field("quote.ip.src", "10.0.1.10"),
                    Field("icmp.rest", "00000578")])]),
        new("5382-REQ-10", "port unreachable ends no TCP connection",
            [.. WebHandshake, ErrorIn(3, 3, Seen(), "forwarded web"), WebData("forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 11), "forwarded web")]),
        new("7857-outbound-refresh", "an ICMP error that web sends about an answer does not keep the flow",
            WebUdp("forwarded internet"), WorldUdp("forwarded web").At(1000),
            In("web", Frames.Begin(WebOut).IcmpError(3, 3,
                Frames.Udp(new FrameAddresses(default, default, Ip(World), Ip("10.0.1.10")), 53, 5000)).Build(),
                "forwarded internet").At(100_000),
            WorldUdp("dropped security-group-ingress").At(181_000)),
    ];

    private static IEnumerable<RequirementRow> Tcp() =>
    [
        new("5382-REQ-2/2a", "simultaneous open",
            In("web", Segment(WebToApp, 1, 80, Syn, 100, 0), "forwarded app"),
                In("app", Segment(WebToApp.Reverse(), 80, 1, Syn, 200, 0), "forwarded web"),
            In("app", Segment(WebToApp.Reverse(), 80, 1, SynAck, 200, 101), "forwarded web"),
            In("web", Segment(WebToApp, 1, 80, SynAck, 100, 201), "forwarded app"),
            In("web", Segment(WebToApp, 1, 80, Ack, 101, 201, 10), "forwarded app"),
            In("app", Segment(WebToApp.Reverse(), 80, 1, Ack, 201, 111, 10), "forwarded web").At(7_200_000),
            In("web", Segment(WebToApp, 1, 80, Ack, 111, 211), "forwarded app").At(14_400_000)),
        new("5382-REQ-3", "what comes in unasked is the security group's to decide",
            In("internet", Frames.Tcp(WorldIn, 1, 443, Syn), "forwarded web"),
                In("internet", Frames.Tcp(WorldIn, 1, 25, Syn), "dropped security-group-ingress")),
        new("5382-REQ-4", "an unsolicited SYN gets no answer, and an own SYN a second later opens",
            In("internet", Segment(WorldIn, 80, 40000, Syn, 500, 0), "dropped security-group-ingress"),
            In("web", Segment(WebOut, 40000, 80, Syn, 0, 0), "forwarded internet").At(1000),
            In("internet", Segment(WorldIn, 80, 40000, SynAck, 500, 1), "forwarded web").At(2000)),
        new("5382-REQ-5", "established and idle for 7440 s and for 5 days less a millisecond; half open for 60 s (decision 5)",
            [.. WebHandshake, WebData("forwarded internet").At(7_440_000),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 11),
                    "forwarded web").At(7_440_000 + 432_000_000 - 1),
                In("web", Segment(WebOut, 41000, 80, Syn, 0, 0), "forwarded internet").At(500_000_000),
                In("internet", Segment(WorldIn, 80, 41000, SynAck, 0, 1),
                    "dropped connection-invalid").At(500_060_000)]),
        new("7857-2.1", "open and closing have timeouts of their own",
            With(new TimeoutSettings { TcpEstablished = TimeSpan.FromSeconds(9),
            TcpClosing = TimeSpan.FromSeconds(2) }),
            [.. WebHandshake, WebData("forwarded internet").At(8000),
                In("web", Segment(WebOut, 40000, 80, Ack | TcpBits.Fin, 11, 1), "forwarded internet").At(9000),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 12), "forwarded web").At(10_999),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 12), "dropped connection-invalid").At(12_999)]),
        new("7857-2.2", "a RST is translated; what is closed lives 10 s (decision 5)",
            [.. WebHandshake, In("web", Segment(WebOut, 40000, 80, Rst, 1, 0), "forwarded internet",
                Addresses(Ip(WebEip), Ip(World)), Flags(Rst)),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 1, 10), "forwarded web").At(9999),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 1, 10), "dropped connection-invalid").At(20_000)]),
    ];

    private static IEnumerable<RequirementRow> Icmp() =>
    [
        new("5508-REQ-1", "echo to two hosts with one identifier, and the answers",
            [.. new[] { World, "203.0.113.70" }.SelectMany(to => new[]
            {
                In("web", Frames.Echo(Routed("web", "10.0.1.10", to), 7, 1), "forwarded internet",
                    Addresses(Ip(WebEip), Ip(to)), Field("icmp.rest", "00070001")),
                In("internet", Frames.Echo(Outside(to, WebEip), 7, 1, reply: true), "forwarded web",
                    Addresses(Ip(to), Ip("10.0.1.10"))),
            })]),
        new("5508-REQ-2", "an answer after 29.999 s passes, after 30 s not (decision 5); the timer can be set",
            In("web", Frames.Echo(WebOut, 7, 1), "forwarded internet"),
                In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "forwarded web").At(29_999),
            In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "dropped connection-invalid").At(59_999)),
        new("5508-REQ-2", "with icmp: 60s an answer after 55 s passes",
            With(new TimeoutSettings { Icmp = TimeSpan.FromSeconds(60) }),
            In("web", Frames.Echo(WebOut, 7, 1), "forwarded internet"),
                In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "forwarded web").At(55_000)),
        new("5508-REQ-8", "what is forbidden is dropped in silence",
            In("internet", Frames.Tcp(WorldIn, 1, 22, Syn), "dropped security-group-ingress"),
            In("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1, 2), "dropped security-group-egress")),
        new("5508-REQ-10a", "unreachable, time exceeded and echo",
            WebUdp("forwarded internet"), ErrorIn(3, 0, SeenUdp, "forwarded web"),
                ErrorIn(11, 1, SeenUdp, "forwarded web"),
            In("internet", Frames.Echo(WorldIn, 7, 1), "forwarded web"),
                In("web", Frames.Echo(WebOut, 7, 1, reply: true), "forwarded internet")),
        new("5508-REQ-10b", "timestamps and parameter problems are supported, redirects only as errors, address masks not",
            WebUdp("forwarded internet"), ErrorIn(12, 0, SeenUdp, "forwarded web"),
                ErrorIn(5, 1, Frames.Udp(WebOut, 9, 9), "dropped connection-invalid"),
            In("web", Frames.Begin(WebOut).Icmp(13, 0, 0x0007_0001).Payload(12).Build(), "forwarded internet"),
            In("internet", Frames.Begin(WorldIn).Icmp(14, 0, 0x0007_0001).Payload(12).Build(), "forwarded web"),
            In("web", Frames.Begin(WebOut).Icmp(17, 0, 0x0007_0001).Payload(4).Build(), "dropped connection-invalid")),
        new("5508-REQ-11", "other ICMP opens nothing",
            In("web", Frames.Begin(WebOut).Icmp(42, 0, 0x0007_0001).Build(), "dropped connection-invalid"),
            In("web", Frames.Begin(WebOut).Icmp(37, 0, 0x0007_0001).Build(), "dropped connection-invalid")),
    ];

    private static FrameAddresses WebToApp => Switched("web", "app", "10.0.1.10", "10.0.1.11");

    /// <summary>RFC 4884 extension structure with one MPLS label stack object (RFC 4950).</summary>
    private static byte[] Mpls
    {
        get
        {
            byte[] bytes = [0x20, 0, 0, 0, 0, 8, 1, 1, 0x00, 0x01, 0x01, 0x01];
            ushort sum = OnesComplement.Checksum(bytes);
            (bytes[2], bytes[3]) = ((byte)(sum >> 8), (byte)sum);
            return bytes;
        }
    }

    private static RowStep EchoError(long atMs) =>
        ErrorIn(3, 1, Frames.Echo(new FrameAddresses(default, default, Ip(WebEip), Ip(World)), 7, 1),
            "forwarded web").At(atMs);

    /// <summary>Time exceeded whose length field counts 32 words of quote (RFC 4884 4.1), padded, and the extension
    /// behind it.</summary>
    private static byte[] WithExtension(FrameAddresses ends, byte ttl, byte[] quoted) =>
        Frames.Begin(ends, ttl).Icmp(11, 0,
            0x0020_0000).Payload([.. quoted[14..], .. new byte[128 - (quoted.Length - 14)], .. Mpls]).Build();

    private static byte[] Quoted(Func<IPv4Layer, IPv4Layer> change) =>
        PacketBuilder.Eth(default, default).IPv4(Ip(WebEip), Ip(World), change).Udp(5000, 53).Payload(16).Build();

    /// <summary>What the world saw of web's data segment.</summary>
    private static byte[] Seen() => Segment(new FrameAddresses(default, default, Ip(WebEip), Ip(World)), 40000, 80, Ack,
        1, 1, 10);
}
