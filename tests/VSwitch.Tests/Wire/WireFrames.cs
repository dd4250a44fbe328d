using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.Tests.Wire;

/// <summary>One well-formed frame of every shape that the views know.</summary>
internal static class WireFrames
{
    public static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    public static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    public static readonly IpAddress A4 = IpAddress.Parse("10.0.0.10");
    public static readonly IpAddress B4 = IpAddress.Parse("203.0.113.11");
    public static readonly IpAddress A6 = IpAddress.Parse("fd00::a");
    public static readonly IpAddress B6 = IpAddress.Parse("2001:db8::b");

    private static readonly PacketBuilder Ethernet = PacketBuilder.Eth(A, B);
    private static readonly PacketBuilder Ip4 = Ethernet.IPv4(A4, B4);
    private static readonly PacketBuilder Ip6 = Ethernet.IPv6(A6, B6);

    public static IReadOnlyList<(string Name, byte[] Frame)> All { get; } =
    [
        ("arp", Frames.ArpRequest(A, A4, B4)),
        ("tcp", Ip4.Tcp(1000, 80, TcpBits.Syn, tcp => tcp with { Options = [2, 4, 5, 180] }).Payload(7).Build()),
        ("tcp padded", Ip4.Tcp(1000, 80, TcpBits.Ack).PadTo(60).Build()),
        ("ip options", Ethernet.IPv4(A4, B4, ip => ip with { Options = [1, 1, 1, 0] }).Udp(5, 6).Payload(9).Build()),
        ("udp", Ip4.Udp(1000, 53).Payload(33).Build()),
        ("udp without checksum", Ip4.Udp(1000, 53, udp => udp with { Checksum = 0 }).Payload(33).Build()),
        ("udp shorter than ip", Ip4.Udp(1, 2, udp => udp with { Length = 12, Checksum = 0 }).Payload(9).Build()),
        ("icmp", Ip4.Echo(false, 7, 1).Payload(32).Build()),
        ("sctp", Ip4.Sctp(1, 2).Payload(8).Build()),
        ("other", Ip4.Protocol(47).Payload(5).Build()),
        ("first fragment", Ethernet.IPv4(A4, B4, ip => ip with { MoreFragments = true })
            .Udp(1, 2, udp => udp with { Length = 900 }).Payload(16).Build()),
        ("later fragment", Ethernet.IPv4(A4, B4, ip => ip with { FragmentOffset = 3, Protocol = 17 }).Payload(5).Build()),
        ("tcp6", Ip6.Tcp(1000, 80, TcpBits.Syn | TcpBits.Ack).Payload(11).Build()),
        ("udp6 padded", Ip6.Udp(1000, 53).Payload(1).PadTo(90).Build()),
        ("icmp6", Ip6.Echo(true, 7, 1).Payload(32).Build()),
        ("neighbor", Frames.Solicitation(A, A6, B6)),
        ("extensions", Ip6.HopByHop().DestinationOptions(new byte[14]).Routing().Extension(51, new byte[10])
            .Tcp(1, 2, TcpBits.Ack).Payload(3).Build()),
        ("eight extensions", Eight(Ip6).Udp(1, 2).Payload(3).Build()),
        ("first fragment 6", Ip6.HopByHop().Fragment6(0, true, 99)
            .Udp(1, 2, udp => udp with { Length = 900 }).Payload(16).Build()),
        ("later fragment 6", Ip6.Fragment6(5, true, 99, 43).Payload(16).Build()),
        ("atomic fragment 6", Ip6.Fragment6(0, false, 99).Udp(1, 2).Payload(16).Build()),
        ("vlan", Ethernet.Vlan(100).IPv4(A4, B4).Udp(1, 2).Payload(4).Build()),
        ("qinq", Ethernet.Vlan(7, tag => tag with { TagType = 0x88A8, Priority = 5 }).Vlan(100).IPv6(A6, B6)
            .Tcp(1, 2, TcpBits.Fin).Build()),
        ("unknown type", PacketBuilder.Eth(A, B, 0x88B5).Payload(46).Build()),
    ];

    private static PacketBuilder Eight(PacketBuilder builder)
    {
        for (int i = 0; i < Ipv6ExtensionWalk.MaxHeaderCount; i++)
        {
            builder = builder.DestinationOptions();
        }

        return builder;
    }
}
