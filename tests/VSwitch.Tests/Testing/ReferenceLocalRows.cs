using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Testing;

/// <summary>Rows of sections 1, 2, 5, 6 and of the router's own answers.</summary>
internal static class ReferenceLocalRows
{
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses WebToApp6 = Switched("web", "app", Web6, App6);
    private static readonly byte[] Datagram = Frames.Udp(WebToApp, 40000, 1000);
    private static readonly MacAddress Nobody = new(0x0200_0000_00EE);

    public static IEnumerable<ReferenceRow> All() => [.. Parse(), .. Ingress(), .. Arp(), .. Discovery(), .. Router()];

    private static PacketBuilder V4(string change, Func<IPv4Layer, IPv4Layer> with) =>
        PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv4(Ip("10.0.1.10"), Ip(change), with).Udp(1, 2).Payload(8);

    private static PacketBuilder V6() => PacketBuilder.Eth(MacOf("web"), MacOf("app")).IPv6(Ip(Web6), Ip(App6));

    private static IEnumerable<ReferenceRow> Parse() =>
    [
        Row("a runt", In("web", Datagram[..13], "dropped malformed-ethernet")),
        Row("an 802.3 length",
            In("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"), 0x05FF).Payload(46).Build(),
                "dropped malformed-ethernet")),
        Row("an 802.1Q tag",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .Vlan(5).IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Udp(1, 2).Build(), "dropped vlan-tagged")),
        Row("an 802.1ad tag",
            In("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"), 0x88A8).Payload(46).Build(),
                "dropped vlan-tagged")),
        Row("LLDP",
            In("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"), 0x88CC).Payload(46).Build(),
                "dropped unsupported-ethertype")),
        Row("ARP cut short",
            In("web", Frames.ArpRequest(MacOf("web"), Ip("10.0.1.10"), Ip("10.0.1.1"))[..41], "dropped malformed-arp")),
        Row("IPv4 shorter than its header", In("web", Datagram[..33], "dropped malformed-ipv4")),
        Row("IPv4 of version 5",
            In("web", V4("10.0.1.11", ip => ip with { Version = 5 }).Build(), "dropped malformed-ipv4")),
        Row("IPv4 header length 16",
            In("web", V4("10.0.1.11", ip => ip with { HeaderWords = 4 }).Build(), "dropped malformed-ipv4")),
        Row("IPv4 total length beyond the frame",
            In("web", V4("10.0.1.11", ip => ip with { TotalLength = 200 }).Build(), "dropped malformed-ipv4")),
        Row("IPv4 checksum",
            In("web", V4("10.0.1.11", ip => ip with { Checksum = 0x1234 }).Build(), "dropped bad-ipv4-checksum")),
        Row("IPv6 payload length beyond the frame",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { PayloadLength = 99 }).Udp(1, 2).Build(),
                "dropped malformed-ipv6")),
        Row("nine extension headers",
            In("web", Enumerable.Range(0, 9).Aggregate(V6(), (b, _) => b.DestinationOptions()).Udp(1, 2).Build(),
                "dropped malformed-ipv6")),
        Row("eight extension headers",
            In("web", Enumerable.Range(0, 8).Aggregate(V6(), (b, _) => b.DestinationOptions()).Udp(1, 2).Build(),
                "forwarded app")),
        Row("an extension header cut short",
            In("web", V6().Extension(60, null, e => e with { Length = 20 }).Udp(1, 2).Build(),
                "dropped malformed-ipv6")),
        Row("an atomic fragment is whole", In("web", V6().Fragment6(0, false, 9).Udp(1, 2).Build(), "forwarded app")),
        Row("TCP data offset 4",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Tcp(1, 2, TcpBits.Syn, t => t with { DataOffset = 4 })
                    .Build(), "dropped malformed-l4")),
        Row("UDP length 7",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Udp(1, 2, u => u with { Length = 7 }).Build(),
                "dropped malformed-l4")),
        Row("SCTP of 11 bytes",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Protocol(132).Payload(11).Build(), "dropped malformed-l4")),
        Row("ICMP of 7 bytes",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Protocol(1).Payload(7).Build(), "dropped malformed-l4")),
        Row("a wrong UDP checksum is the ends' business",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv4(Ip("10.0.1.10"), Ip("10.0.1.11")).Udp(1, 2, u => u with { Checksum = 1 }).Build(),
                "forwarded app")),
        Row("padding is cut off",
            In("web", Frames.Begin(WebToApp).Udp(40000, 1000).PadTo(60).Build(), "forwarded app",
                Frames.Begin(WebToApp).Udp(40000, 1000).Build())),
        Row("a port that is not", In("nobody", Datagram, "dropped unknown-port")),
    ];

    private static IEnumerable<ReferenceRow> Ingress() =>
    [
        Row("another ENI's source MAC",
            In("web", Frames.Udp(WebToApp with { SourceMac = MacOf("app") }, 1, 2), "dropped spoofed-mac")),
        Row("a group MAC from outside",
            In("internet",
                Frames.Udp(
                    Outside("203.0.113.5", "198.51.100.10") with { SourceMac = new MacAddress(0x0100_0000_0001) }, 1,
                    2), "dropped spoofed-mac")),
        Row("the switch's MAC from outside",
            In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.10") with { SourceMac = Inet }, 1, 2),
                "dropped spoofed-mac")),
        Row("from outside to another MAC",
            In("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.10") with { DestinationMac = Nobody }, 1, 2),
                "dropped unknown-destination-mac")),
        Row("a broadcast",
            In("web", Frames.Udp(WebToApp with { DestinationMac = MacAddress.Broadcast }, 1, 2), "dropped multicast")),
        Row("a multicast address",
            In("web", Frames.Udp(WebToApp with { Destination = Ip("224.0.0.1") }, 1, 2), "dropped multicast")),
        Row("IPv6 multicast",
            In("web", Frames.Udp(WebToApp6 with { Destination = Ip("ff02::1") }, 1, 2), "dropped multicast")),
        Row("from 0.0.0.0", In("web", Frames.Udp(WebToApp with { Source = default }, 1, 2), "dropped martian-address")),
        Row("to 127.0.0.1",
            In("web", Frames.Udp(WebToApp with { Destination = Ip("127.0.0.1") }, 1, 2), "dropped martian-address")),
        Row("from a group",
            In("web", Frames.Udp(WebToApp with { Source = Ip("224.0.0.9") }, 1, 2), "dropped martian-address")),
        Row("to class E",
            In("web", Frames.Udp(WebToApp with { Destination = Ip("240.0.0.1") }, 1, 2), "dropped martian-address")),
        Row("to ::1",
            In("web", Frames.Udp(WebToApp6 with { Destination = Ip("::1") }, 1, 2), "dropped martian-address")),
        Row("a peer's source address",
            In("web", Frames.Udp(WebToApp with { Source = Ip("10.0.1.12") }, 1, 2), "dropped spoofed-ip")),
        Row("its own EIP as a source",
            In("web", Frames.Udp(WebToApp with { Source = Ip("198.51.100.10") }, 1, 2), "dropped spoofed-ip")),
        Row("a secondary address is its own",
            In("web", Frames.Udp(WebToApp with { Source = Ip("10.0.1.20") }, 1, 2), "forwarded app")),
        Row("from outside with an inside source",
            In("internet", Frames.Tcp(Outside("10.0.2.10", "198.51.100.10"), 1, 80, TcpBits.Syn),
                "dropped spoofed-ip")),
        Row("from outside with an EIP",
            In("internet", Frames.Tcp(Outside("198.51.100.30", "198.51.100.10"), 1, 80, TcpBits.Syn),
                "dropped spoofed-ip")),
    ];

    private static byte[] Asks(string eni, string sender, string target) => Frames.ArpRequest(MacOf(eni), Ip(sender), Ip(target));

    private static IEnumerable<ReferenceRow> Arp() =>
    [
        Row("ARP for the router",
            In("web", Asks("web", "10.0.1.10", "10.0.1.1"), "answered web",
                Frames.ArpReply(Gateway, Ip("10.0.1.1"), MacOf("web"), Ip("10.0.1.10")))),
        Row("ARP for a peer",
            In("web", Asks("web", "10.0.1.10", "10.0.1.11"), "answered web",
                Frames.ArpReply(MacOf("app"), Ip("10.0.1.11"), MacOf("web"), Ip("10.0.1.10")))),
        Row("a probe for a peer's address", In("web", Asks("web", "0.0.0.0", "10.0.1.11"), "answered web")),
        Row("a probe for its own address", In("web", Asks("web", "0.0.0.0", "10.0.1.10"), "consumed")),
        Row("ARP for nobody", In("web", Asks("web", "10.0.1.10", "10.0.1.99"), "consumed")),
        Row("ARP for another subnet", In("web", Asks("web", "10.0.1.10", "10.0.2.10"), "consumed")),
        Row("ARP with a peer's address", In("web", Asks("web", "10.0.1.11", "10.0.1.1"), "dropped spoofed-ip")),
        Row("ARP with another MAC in its body",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacAddress.Broadcast)
                    .Arp(new ArpLayer(1, MacOf("app"), Ip("10.0.1.10"), default, Ip("10.0.1.1"))).Build(),
                "dropped spoofed-mac")),
        Row("an ARP answer",
            In("web", Frames.ArpReply(MacOf("web"), Ip("10.0.1.10"), MacOf("app"), Ip("10.0.1.11")), "consumed")),
        Row("reverse ARP",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacAddress.Broadcast)
                    .Arp(new ArpLayer(3, MacOf("web"), Ip("10.0.1.10"), default, default)).Build(),
                "dropped unsupported-protocol")),
        Row("ARP from outside for an EIP",
            In("internet", Frames.ArpRequest(Nobody, Ip("198.51.100.88"), Ip("198.51.100.10")), "answered internet",
                Frames.ArpReply(Inet, Ip("198.51.100.10"), Nobody, Ip("198.51.100.88")))),
        Row("ARP from outside for an unbound EIP",
            In("internet", Frames.ArpRequest(Nobody, Ip("198.51.100.88"), Ip("198.51.100.30")), "consumed")),
        Row("ARP from outside by one of the EIPs",
            In("internet", Frames.ArpRequest(Nobody, Ip("198.51.100.30"), Ip("198.51.100.1")), "dropped spoofed-ip")),
    ];

    private static byte[] Solicits(string eni, string source, string target, Func<IcmpLayer, IcmpLayer>? change = null, byte hops = 255) =>
        PacketBuilder.Eth(MacOf(eni), Frames.SolicitedNodeMac(Ip(target)))
            .IPv6(Ip(source), Frames.SolicitedNode(Ip(target)), ip => ip with { HopLimit = hops })
            .NeighborSolicitation(Ip(target), Ip(source).IsUnspecified ? null : MacOf(eni), change).Build();

    private static byte[] Advertises(MacAddress mac, string target, MacAddress to, string asker, byte flags) =>
        PacketBuilder.Eth(mac, to).IPv6(Ip(target), Ip(asker), ip => ip with { HopLimit = 255 })
            .NeighborAdvertisement(Ip(target), mac, flags).Build();

    private static IEnumerable<ReferenceRow> Discovery() =>
    [
        Row("solicitation for the router",
            In("web", Solicits("web", Web6, "fd00:b:0:1::1"), "answered web",
                Advertises(Gateway, "fd00:b:0:1::1", MacOf("web"), Web6, 0xE0))),
        Row("solicitation for the router's link-local address",
            In("web", Solicits("web", Web6, "fe80::76:73ff:fe00:1"), "answered web", Macs(Gateway, MacOf("web")))),
        Row("solicitation for a peer",
            In("web", Solicits("web", Web6, App6), "answered web",
                Advertises(MacOf("app"), App6, MacOf("web"), Web6, 0x60))),
        Row("duplicate address detection of a peer's address",
            In("web", Solicits("web", "::", App6), "answered web",
                Advertises(MacOf("app"), App6, new MacAddress(0x3333_0000_0001), "ff02::1", 0x20))),
        Row("duplicate address detection of its own", In("web", Solicits("web", "::", Web6), "consumed")),
        Row("solicitation with another's source",
            In("web", Solicits("web", App6, "fd00:b:0:1::1"), "dropped spoofed-ip")),
        Row("solicitation from its link-local address",
            In("web", Solicits("web", "fe80::ff:fe00:11", "fd00:b:0:1::1"), "answered web")),
        Row("solicitation that was routed", In("web", Solicits("web", Web6, App6, null, 254), "dropped malformed-l4")),
        Row("solicitation with a wrong checksum",
            In("web", Solicits("web", Web6, App6, icmp => icmp with { Checksum = 7 }), "dropped malformed-l4")),
        Row("solicitation with another's MAC",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { HopLimit = 255 }).NeighborSolicitation(Ip(App6), Nobody)
                    .Build(), "dropped spoofed-mac")),
        Row("advertisement of another's address",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { HopLimit = 255 })
                    .NeighborAdvertisement(Ip(App6), MacOf("web"), 0x20).Build(), "dropped spoofed-ip")),
        Row("router advertisement of a guest",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { HopLimit = 255 }).Icmp(134, 0).Payload(8).Build(),
                "dropped unsupported-protocol")),
        Row("router solicitation",
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { HopLimit = 255 }).Icmp(133, 0).Build(), "answered web")),
        Row("router solicitation where DHCP is off",
            Rich with { Vpcs = [.. Rich.Vpcs.Select(vpc => vpc with { Dhcp = new DhcpConfig { Enabled = false } })] },
            In("web",
                PacketBuilder.Eth(MacOf("web"), MacOf("app"))
                    .IPv6(Ip(Web6), Ip(App6), ip => ip with { HopLimit = 255 }).Icmp(133, 0).Build(), "consumed")),
        Row("solicitation from outside for the switch",
            In("internet", Frames.Solicitation(Nobody, Ip("2001:db8:100::77"), Ip("2001:db8:100::1")),
                "answered internet")),
    ];

    private static IEnumerable<ReferenceRow> Router() =>
    [
        Row("echo to the router, at TTL 1, before any rule",
            In("web", PacketBuilder.Eth(MacOf("web"), Gateway).IPv4(Ip("10.0.1.10"), Ip("10.0.1.1"), ip => ip with { Ttl = 1, TypeOfService = 8 })
                    .Echo(false, 5, 6).Payload(20).Build(),
                "answered web",
                PacketBuilder.Eth(Gateway, MacOf("web"))
                    .IPv4(Ip("10.0.1.1"), Ip("10.0.1.10"), ip => ip with { Ttl = 255, TypeOfService = 8, DontFragment = true })
                    .Echo(true, 5, 6).Payload(20).Build())),
        Row("echo to the router of another subnet",
            In("db", Frames.Echo(Routed("db", "10.0.2.10", "10.0.1.1"), 1, 1), "answered db", Ttl(255), Icmp(0, 0))),
        Row("IPv6 echo to the router",
            In("web", Frames.Echo(Routed("web", Web6, "fd00:b:0:1::1"), 1, 1), "answered web", Icmp(129, 0), Ttl(255),
                Addresses(Ip("fd00:b:0:1::1"), Ip(Web6)))),
        Row("TCP to the router",
            In("web", Frames.Tcp(Routed("web", "10.0.1.10", "10.0.1.1"), 1, 22, TcpBits.Syn),
                "dropped unsupported-protocol")),
        Row("a fragment of an echo to the router",
            In("web", Frames.Fragments(Frames.Echo(Routed("web", "10.0.1.10", "10.0.1.1"), 1, 1), 24, 3)[0],
                "dropped unsupported-protocol")),
        Row("echo to the router with a wrong checksum",
            In("web",
                Frames.Begin(Routed("web", "10.0.1.10", "10.0.1.1"))
                    .Echo(false, 1, 1, i => i with { Checksum = 1 }).Build(), "dropped malformed-l4")),
        Row("echo from outside to the switch",
            In("internet", Frames.Echo(Outside("203.0.113.5", "198.51.100.1"), 1, 1), "answered internet",
                Macs(Inet, TestTopologies.GatewayNeighbor), Icmp(0, 0))),
    ];
}
