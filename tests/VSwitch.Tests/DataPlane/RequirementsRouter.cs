using VSwitch.Testing;
using VSwitch.Tests.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.DataPlane.RequirementWords;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>vectors/router_tcp_arp_requirements.tsv: rows by requirement, RFC 1812, 826, 5227, 1122, 5961, 5927, 9293,
/// 1858, 5722. What stands elsewhere is named in tests/README.md.</summary>
internal static class RequirementsRouter
{
    private static readonly FrameAddresses WebToDb = Routed("web", "10.0.1.10", "10.0.2.11");

    public static IEnumerable<RequirementRow> All() => [.. Headers(), .. Hop(), .. Silence(), .. Reachability(),
        .. Arp(), .. Tcp(), .. Fragments()];

    private static IEnumerable<RequirementRow> Headers() =>
    [
        new("1812-5.2.2-1", "19 bytes of a header",
            In("web", Frames.Udp(WebToDb, 1, 2)[..33], "dropped malformed-ipv4")),
        new("1812-5.2.2-2", "a wrong header checksum",
            In("web", Packet(ip => ip with { Checksum = 0x1234 }), "dropped bad-ipv4-checksum")),
        new("1812-5.2.2-3", "version 5", In("web", Packet(ip => ip with { Version = 5 }), "dropped malformed-ipv4")),
        new("1812-5.2.2-4", "four words of header",
            In("web", Packet(ip => ip with { HeaderWords = 4 }), "dropped malformed-ipv4")),
        new("1812-5.2.2-5", "total length below the header's, and beyond the data",
            In("web", Packet(ip => ip with { TotalLength = 19 }), "dropped malformed-ipv4"),
                In("web", Packet(ip => ip with { TotalLength = 45 }), "dropped malformed-ipv4")),
        new("1812-5.2.4.1/option", "options, source routes too, are carried as they are and looked at by nobody",
            In("web", Packet(ip => ip with { Options = [131, 7, 4, 203, 0, 113, 5, 0] }), "forwarded loose",
                Field("ip.options", "830704cb00710500"))),
    ];

    private static IEnumerable<RequirementRow> Hop() =>
    [
        new("1812-5.3.1-a", "64 becomes 63 between subnets and stays 64 within one",
            In("web", Frames.Udp(WebToDb, 1, 2), "forwarded loose", Ttl(63)),
            In("web", Frames.Udp(Switched("web", "app", "10.0.1.10", "10.0.1.11"), 1, 2), "forwarded app", Ttl(64))),
        new("1812-5.3.1-b", "TTL 1 ends in time exceeded from the gateway",
            In("web", Frames.Begin(WebToDb, ttl: 1).Udp(1, 2).Payload(16).Build(), "dropped ttl-expired + web",
                Icmp(11, 0), Addresses(Ip("10.0.1.1"), Ip("10.0.1.10")), Ttl(64))),
        new("1812-5.3.1-b", "TTL 0, too, and a multicast in silence",
            In("web", Frames.Begin(WebToDb, ttl: 0).Udp(1, 2).Build(), "dropped ttl-expired + web", Icmp(11, 0)),
            In("web", Frames.Begin(Routed("web", "10.0.1.10", "224.0.0.9"), ttl: 1).Udp(1, 2).Build(),
                "dropped multicast")),
        new("1812-4.2.2.9", "the gateway answers a ping of TTL 1",
            In("web", Frames.Begin(Routed("web", "10.0.1.10", "10.0.1.1"), ttl: 1).Echo(false, 1, 1).Build(),
                "answered web", Ttl(255), Icmp(0, 0))),
        new("1812-5.3.7", "martian sources",
            [.. new[] { "127.0.0.1", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1" }
            .Select(from => In("web", Frames.Udp(WebToDb with { Source = Ip(from) }, 1, 2),
                "dropped martian-address"))]),
        new("1812-5.3.7", "martian destinations", [.. new[] { "127.0.0.1", "0.1.2.3", "240.0.0.1" }
            .Select(to => In("web", Frames.Udp(WebToDb with { Destination = Ip(to) }, 1, 2),
                "dropped martian-address"))]),
        new("1812-5.3.8", "a foreign source",
            In("web", Frames.Udp(WebToDb with { Source = Ip("10.0.1.11") }, 1, 2), "dropped spoofed-ip")),
        new("1812-5.3.5", "255.255.255.255 goes nowhere, a directed broadcast is nobody's address",
            In("web", Frames.Udp(WebToDb with { Destination = Ip("255.255.255.255") }, 1, 2), "dropped multicast"),
            In("web", Frames.Udp(WebToDb with { Destination = Ip("10.0.2.255") }, 1, 2), "dropped no-route + web",
                Icmp(3, 0))),
        new("1812-4.3.2.3", "an error quotes what fits 576 bytes, or all of a short packet",
            In("web", Frames.Begin(WebToDb, ttl: 1).Udp(1, 2).Payload(1300).Build(), "dropped ttl-expired + web",
                Field("ip.length", "576")),
            In("web", Frames.Begin(WebToDb, ttl: 1).Udp(1, 2).Payload(10).Build(), "dropped ttl-expired + web",
                Field("ip.length", "66"))),
        new("1812-4.3.2.4", "an error comes from the router address of the sender's subnet",
            In("db", Frames.Begin(Routed("loose", "10.0.2.11", "10.0.1.10") with { SourceMac = MacOf("loose") },
                ttl: 1).Udp(1, 2).Build(), "dropped spoofed-mac"),
            In("loose", Frames.Begin(Routed("loose", "10.0.2.11", "10.0.1.10"), ttl: 1).Udp(1, 2).Build(),
                "dropped ttl-expired + loose",
                Addresses(Ip("10.0.2.1"), Ip("10.0.2.11")), Macs(Gateway, MacOf("loose")))),
        new("1812-4.3.2.5", "an error has precedence 6, an echo answer the request's",
            In("web", Frames.Begin(WebToDb, ttl: 1).Udp(1, 2).Build(), "dropped ttl-expired + web",
                Field("ip.tos", "192")),
            In("web", PacketBuilder.Eth(MacOf("web"), Gateway).IPv4(Ip("10.0.1.10"), Ip("10.0.1.1"),
                ip => ip with { TypeOfService = 0x28 }).Echo(false, 1, 1).Build(),
                "answered web", Field("ip.tos", "40"))),
    ];

    private static IEnumerable<RequirementRow> Silence() =>
    [
        new("1812-4.3.2.7", "about an ICMP error",
            In("loose", Frames.Udp(WebToDb with { SourceMac = MacOf("loose"), Source = Ip("10.0.2.11"),
                Destination = Ip("10.0.1.10") }, 2, 1000), "forwarded web"),
            In("web", Frames.Begin(WebToDb, ttl: 1).IcmpError(3, 3,
                Frames.Udp(new FrameAddresses(default, default, Ip("10.0.2.11"), Ip("10.0.1.10")), 2, 1000)).Build(),
                "dropped ttl-expired")),
        new("1812-4.3.2.7", "about a later fragment",
            In("web", Pieces(64)[0], "forwarded loose"), In("web", Pieces(1)[1], "dropped ttl-expired")),
        new("1812-4.3.2.7", "about a frame to a group, at either layer",
            In("web", Frames.Begin(WebToDb with { DestinationMac = MacAddress.Broadcast }, ttl: 1).Udp(1, 2).Build(),
                "dropped multicast"),
            In("web", Frames.Begin(WebToDb with { Destination = Ip("224.0.0.1") }, ttl: 1).Udp(1, 2).Build(),
                "dropped multicast")),
        new("1812-4.3.2.7", "about a source that is not one host",
            [.. new[] { "0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1" }
            .Select(from => In("web", Frames.Begin(WebToDb with { Source = Ip(from) }, ttl: 1).Udp(1, 2).Build(),
                "dropped martian-address"))]),
    ];

    private static IEnumerable<RequirementRow> Reachability() =>
    [
        new("1812-4.3.3.1", "no route: 3/0, with the packet as it was sent",
            In("web", Frames.Udp(WebToDb with { Destination = Ip("10.0.2.77") }, 1, 2), "dropped no-route + web",
                Icmp(3, 0), Addresses(Ip("10.0.1.1"), Ip("10.0.1.10")), Field("quote.ip.dst", "10.0.2.77"),
                    Field("quote.ip.ttl", "64"))),
        new("1812-4.3.3.1", "DF and too big: 3/4",
            In("web", Big(dontFragment: true), "dropped mtu-exceeded + web", Icmp(3, 4))),
        new("1812-5.2.6", "DF: the MTU of the next hop is in the error (RFC 1191)",
            In("web", Big(dontFragment: true), "dropped mtu-exceeded + web", Icmp(3, 4),
                Field("icmp.rest", "00000578"))),
        new("4787-REQ-13", "too big for the port of 1400: the inside host is told the MTU",
            In("web", Big(dontFragment: true), "dropped mtu-exceeded + web", Icmp(3, 4), Field("icmp.rest", "00000578"),
                Addresses(Ip("10.0.1.1"), Ip("10.0.1.10")))),
    ];

    private static IEnumerable<RequirementRow> Arp() =>
    [
        new("826-rx-1", "hardware type 6, protocol type IPv6",
            In("web", ArpOf("web", "10.0.1.10", "10.0.1.1", arp => arp with { HardwareType = 6 }),
                "dropped malformed-arp"),
            In("web", ArpOf("web", "10.0.1.10", "10.0.1.1", arp => arp with { ProtocolType = 0x86DD }),
                "dropped malformed-arp")),
        new("826-rx-2", "sizes that are not 6 and 4",
            In("web", ArpOf("web", "10.0.1.10", "10.0.1.1", arp => arp with { HardwareSize = 8 }),
                "dropped malformed-arp"),
            In("web", ArpOf("web", "10.0.1.10", "10.0.1.1", arp => arp with { ProtocolSize = 16 }),
                "dropped malformed-arp")),
        new("826-rx-3", "outside, a known sender's new MAC counts at once; a spoofed one inside is refused",
            In("internet", Frames.ArpRequest(MacAddress.Parse("02:00:00:00:98:01"), Ip("198.51.100.88"),
                Ip("198.51.100.1")), "answered internet"),
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.88"), 1, 2), "forwarded internet",
                Macs(Inet, MacAddress.Parse("02:00:00:00:98:01"))),
            In("internet", Frames.ArpRequest(MacAddress.Parse("02:00:00:00:98:02"), Ip("198.51.100.88"),
                Ip("198.51.100.77")), "consumed"),
            In("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.88"), 1, 3), "forwarded internet",
                Macs(Inet, MacAddress.Parse("02:00:00:00:98:02"))),
            In("web", ArpOf("web", "10.0.1.11", "10.0.1.1"), "dropped spoofed-ip")),
        new("826-rx-4", "a request for the gateway is answered to the asker, fields swapped",
            In("web", Frames.ArpRequest(MacOf("web"), Ip("10.0.1.10"), Ip("10.0.1.1")), "answered web",
                Frames.ArpReply(Gateway, Ip("10.0.1.1"), MacOf("web"), Ip("10.0.1.10"))),
            In("web", Frames.ArpRequest(MacOf("web"), Ip("10.0.1.10"), Ip("10.0.1.99")), "consumed")),
        new("826-rx-5", "opcodes 3 to 9",
            [.. Enumerable.Range(3, 7).Select(op => In("web",
            ArpOf("web", "10.0.1.10", "10.0.1.1", arp => arp with { Opcode = op }), "dropped unsupported-protocol"))]),
        new("826-pad", "42 and 60 bytes",
            [.. new[] { 42, 60 }.Select(size => In("web", PacketBuilder.Eth(MacOf("web"), MacAddress.Broadcast)
                .Arp(new ArpLayer(1, MacOf("web"), Ip("10.0.1.10"), default, Ip("10.0.1.1"))).PadTo(size).Build(),
                    "answered web", Unpadded()))]),
        new("5227-probe", "a probe for a used address is answered, for its own or an unused one not",
            In("web", ArpOf("web", "0.0.0.0", "10.0.1.11"), "answered web", Field("arp.sha", MacOf("app").ToString())),
            In("web", ArpOf("web", "0.0.0.0", "10.0.1.10"), "consumed"),
                In("web", ArpOf("web", "0.0.0.0", "10.0.1.99"), "consumed")),
        new("5227-gratuitous", "an announcement gets no answer; of another's address it is refused",
            In("web", ArpOf("web", "10.0.1.10", "10.0.1.10"), "consumed"),
                In("app", ArpOf("app", "10.0.1.10", "10.0.1.10"), "dropped spoofed-ip")),
    ];

    private static IEnumerable<RequirementRow> Tcp() =>
    [
        new("5961-3", "an inexact RST closes nothing, outside the window it is dropped, the exact one closes",
            [.. WebHandshake, WebData("forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 11, 100), "forwarded web"),
                In("web", Segment(WebOut, 40000, 80, Ack, 11, 101), "forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Rst, 0, 0), "dropped connection-invalid"),
                In("internet", Segment(WorldIn, 80, 40000, Rst, 1_000_000, 0), "dropped connection-invalid"),
                In("internet", Segment(WorldIn, 80, 40000, Rst, 110, 0), "forwarded web"),
                In("web", Segment(WebOut, 40000, 80, Ack, 11, 101), "forwarded internet").At(20_000),
                In("internet", Segment(WorldIn, 80, 40000, Rst, 101, 0), "forwarded web").At(20_001),
                In("web", Segment(WebOut, 40000, 80, Ack, 11, 101), "dropped connection-invalid").At(30_002)]),
        new("5961-4", "SYN in a live connection, its challenge ACK and the RST pass",
            [.. WebHandshake, In("web", Segment(WebOut, 40000, 80, Syn, 900_000, 0), "forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 1), "forwarded web"),
                In("web", Segment(WebOut, 40000, 80, Rst, 1, 0), "forwarded internet"),
                In("web", Segment(WebOut, 40000, 80, Syn, 900_000, 0), "forwarded internet").At(1000),
                In("internet", Segment(WorldIn, 80, 40000, SynAck, 5, 900_001), "forwarded web").At(1001)]),
        new("5961-9", "a challenge ACK passes and the switch answers nothing in an end's name",
            [.. WebHandshake, In("internet", Segment(WorldIn, 80, 40000, Rst, 100, 0), "forwarded web"),
                In("web", Segment(WebOut, 40000, 80, Ack, 1, 1), "forwarded internet"), WebData("forwarded internet")]),
        new("5927-4.1", "an error that quotes an old sequence closes nothing",
            [.. WebHandshake, WebData("forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 11), "forwarded web"),
                ErrorIn(3, 1, QuotedSegment(4_000_000_000), "forwarded web"), WebData("forwarded internet")]),
        new("5927-5.2", "hard errors about a live connection close nothing",
            [.. WebHandshake, ErrorIn(3, 2, QuotedSegment(1), "forwarded web"),
                ErrorIn(3, 3, QuotedSegment(1), "forwarded web"), WebData("forwarded internet"),
                In("internet", Segment(WorldIn, 80, 40000, Ack, 1, 11), "forwarded web").At(100_000)]),
        new("5927-6", "source quench passes to the end, which ignores it, and changes nothing here",
            [.. WebHandshake, ErrorIn(4, 0, QuotedSegment(1), "forwarded web"), WebData("forwarded internet")]),
        new("5927-7.2", "fragmentation needed with an MTU of 0 and of 60 passes unchanged and changes nothing here",
            [.. WebHandshake, ErrorIn(3, 4, QuotedSegment(1), "forwarded web", 0, World,
                Field("icmp.rest", "00000000")),
                ErrorIn(3, 4, QuotedSegment(1), "forwarded web", 60, World, Field("icmp.rest", "0000003c")),
                In("web", Segment(WebOut, 40000, 80, Ack | TcpBits.Psh, 1, 1, 1400), "forwarded internet")]),
    ];

    private static IEnumerable<RequirementRow> Fragments() =>
    [
        new("1858/3128", "a first fragment without a whole TCP header, and one at offset 1",
            In("web", Packet(ip => ip with { Protocol = 6, MoreFragments = true }, 16), "dropped malformed-l4"),
            In("web", Packet(ip => ip with { Protocol = 6, FragmentOffset = 1 }, 16), "dropped malformed-l4")),
        new("5722/6946", "an IPv6 fragment that overlaps poisons its datagram",
            In("web", Piece6(0, true, 64), "forwarded app"),
                In("web", Piece6(4, false, 64), "dropped fragment-overlap"),
                In("web", Piece6(8, false, 8), "dropped fragment-overlap")),
        new("5722/6946", "an atomic fragment is a whole packet and meets no other",
            In("web", Piece6(0, true, 64), "forwarded app"), In("web", Piece6(0, false, 64), "forwarded app"),
                In("web", Piece6(8, false, 8), "forwarded app")),
    ];

    private static byte[] Packet(Func<IPv4Layer, IPv4Layer> change, int payload = 8) =>
        payload == 8 ? PacketBuilder.Eth(MacOf("web"), Gateway).IPv4(WebToDb.Source, WebToDb.Destination, change).Udp(1,
            2).Payload(8).Build()
            : PacketBuilder.Eth(MacOf("web"), Gateway).IPv4(WebToDb.Source, WebToDb.Destination,
                change).Payload(payload).Build();

    private static byte[] Big(bool dontFragment) => PacketBuilder.Eth(MacOf("web"), Gateway)
        .IPv4(WebToDb.Source, WebToDb.Destination, ip => ip with { DontFragment = dontFragment }).Udp(1,
            2).Payload(1472).Build();

    private static IReadOnlyList<byte[]> Pieces(byte ttl) => Frames.Fragments(Frames.Begin(WebToDb, ttl).Udp(1,
        2).Payload(64).Build(), 32, 7);

    private static byte[] Piece6(int units, bool more, int bytes)
    {
        PacketBuilder begin = PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv6(Ip(Web6), Ip(App6)).Fragment6(units,
            more, 7, nextHeader: 6);
        return units > 0 ? begin.Payload(bytes).Build() : begin.Tcp(1, 80, Syn).Payload(bytes - 20).Build();
    }

    private static byte[] QuotedSegment(uint sequence) =>
        Segment(new FrameAddresses(default, default, Ip(WebEip), Ip(World)), 40000, 80, Ack, sequence, 1, 10);

    private static byte[] ArpOf(string eni, string sender, string target, Func<ArpLayer, ArpLayer>? change = null)
    {
        var arp = new ArpLayer(1, MacOf(eni), Ip(sender), default, Ip(target));
        return PacketBuilder.Eth(MacOf(eni), MacAddress.Broadcast).Arp(change?.Invoke(arp) ?? arp).Build();
    }
}
