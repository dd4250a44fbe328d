using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>For each known difference that a comparison can meet, a frame on which it occurs.</summary>
internal static class KnownDifferenceFrames
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    private static readonly PacketBuilder Link = PacketBuilder.Eth(A, B);
    private static readonly IpAddress Source6 = IpAddress.Parse("fd00::1");
    private static readonly IpAddress Target6 = IpAddress.Parse("2001:db8::7");

    private static readonly PacketBuilder Four = Of4(ip => ip);

    private static readonly PacketBuilder Six = Link.IPv6(Source6, Target6);

    public static IReadOnlyDictionary<string, byte[]> All { get; } = new Dictionary<string, byte[]>
    {
        ["udp-without-checksum"] = Four.Udp(1, 2, udp => udp with { Checksum = 0 }).Payload(4).Build(),
        ["fragment-checksum"] = Frames.Fragments(Four.Udp(1, 2).Payload(64).Build(), 32, 5)[0],
        ["icmpv6-checksum-with-padding"] = Six.Echo(false, 1, 2).Payload(1).PadTo(90).Build(),
        ["icmp-checksum-all-ones"] = Four.Icmp(0, 0, 0xFFFF_0000, icmp => icmp with { Checksum = 0xFFFF }).Build(),
        ["udp-length-not-asked"] = Four.Udp(1, 2, udp => udp with { Length = 10 }).Payload(4).Build(),
        ["udp-payload-guessed"] = Four.Udp(50_000, 4789).Payload(10).Build(),
        ["ipv4-flags-negative"] = Of4(ip => ip with { FragmentOffset = 0x8000 }).Udp(1, 2).Payload(4).Build(),
        ["udp-length-negative"] = Four.Udp(1, 2).Payload(40_000).Build(),
        ["tcp-urgent-negative"] = Four.Tcp(1, 2, TcpBits.Ack, tcp => tcp with { Urgent = 0x8001 }).Build(),
        ["tcp-reserved-bits"] = Four.Tcp(1, 2, (TcpBits)0x0A10).Build(),
        ["ipv4-length-zero"] = Of4(ip => ip with { TotalLength = 0 }).Tcp(1, 2, TcpBits.Syn).Build(),
        ["ipv6-second-extension"] = Six.HopByHop().DestinationOptions(new byte[14]).Udp(1, 2).Payload(30).Build(),
        ["ipv6-ah-length"] = Six.Extension(51, new byte[22]).Udp(1, 2).Payload(30).Build(),
        ["ipv6-more-extensions"] = Six.Protocol(98).Payload(60).Build(),
        ["ipv6-walk-in-later-fragment"] = Six.Fragment6(3, false, 9, nextHeader: 60).Payload(40).Build(),
        ["ipv6-extension-cut-short"] = Link.IPv6(Target6, Source6)
            .IcmpError(1, 4, Six.DestinationOptions().Udp(1, 2).Payload(4).Build(), quoteBytes: 44).Build(),
        ["ipv6-fragment-reserved-byte"] = Six.Fragment6(0, false, 9).Udp(1, 2).Payload(4).Spoil(55, 2).Build(),
        ["ipv6-extension-with-padding"] = Six.DestinationOptions().Udp(1, 2).Payload(4).PadTo(100).Build(),
        ["routing-segments-left"] = SegmentsLeft(),
        ["no-padding"] = Four.Udp(1, 2).Payload(4).PadTo(60).Build(),
        ["no-sctp"] = Four.Sctp(1, 2).Payload(20).Build(),
        ["tcp-options-with-urgent"] = Four.Tcp(1, 2, TcpBits.Ack | TcpBits.Urg, tcp => tcp with { Options = [2, 4, 5, 180] }).Build(),
        ["tcp-odd-options"] = Four.Tcp(1, 2, TcpBits.Syn, tcp => tcp with { Options = [2, 4, 5, 180, 3, 0, 0, 0] }).Build(),
        ["fields-legacy-tag"] = Link.Vlan(5, tag => tag with { TagType = 0x9100 }).IPv6(Source6, Target6).Udp(1, 2).Build(),
        ["fields-cut-tag"] = Link.Vlan(5).CutTo(16).Build(),
        ["fields-no-ah"] = Six.Extension(51, new byte[6]).Udp(1, 2).Payload(30).Build(),
        ["views-no-reserved-bit"] = Of4(ip => ip with { FragmentOffset = 0x8000 }).Udp(1, 2).Build(),
        ["views-eight-tcp-flags"] = Four.Tcp(1, 2, (TcpBits)0x0110).Build(),
        ["views-window-scale-14"] = Four.Tcp(1, 2, TcpBits.Syn, tcp => tcp with { Options = [3, 3, 15, 0] }).Build(),
    };

    private static PacketBuilder Of4(Func<IPv4Layer, IPv4Layer> change) =>
        Link.IPv4(IpAddress.Parse("10.1.2.3"), IpAddress.Parse("198.51.100.7"), change);

    /// <summary>A datagram on its way over one more node: its checksum has the routing header's last address in it, and is right.
    /// </summary>
    private static byte[] SegmentsLeft()
    {
        IpAddress last = IpAddress.Parse("2001:db8::ffff");
        byte[] routing = [4, 1, 0, 0, 0, 0, .. OnesComplement.BytesOf(last)];
        byte[] datagram = Link.IPv6(Source6, last).Udp(1, 2).Payload(8).Build()[54..];
        return Six.Routing(routing).Protocol(17).Payload(datagram).Build();
    }
}
