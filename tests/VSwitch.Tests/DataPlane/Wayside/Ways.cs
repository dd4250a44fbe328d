using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>Ways through the rich topology: who sends what to whom, and where it comes out.</summary>
internal sealed record Way(string Name, string InPort, string OutPort, FrameAddresses Ends)
{
    public const long Second = 1_000_000_000;
    public const long Start = 1_000_000 * Second;

    public static readonly SwitchConfig Config = TestTopologies.Rich();
    public static readonly MacAddress Gateway = Config.Switch.GatewayMac;
    public static readonly MacAddress Outside = TestTopologies.GatewayNeighbor;

    /// <summary>An outside host by a router that is known.</summary>
    public static readonly IpAddress Far = IpAddress.Parse("192.0.2.9");

    /// <summary>An outside host by the default router.</summary>
    public static readonly IpAddress Far6 = IpAddress.Parse("2001:db8:7::9");

    public static readonly Way[] All =
    [
        new("within a subnet", "green", "twin", Between("green", "twin", "10.0.1.10", "10.0.1.11", routed: false)),
        new("within a subnet, IPv6", "green", "twin", Between("green", "twin", "fd00:9:0:1::10", "fd00:9:0:1::11", routed: false)),
        new("between subnets", "web", "loose", Between("web", "loose", "10.0.1.10", "10.0.2.11", routed: true)),
        new("between subnets, IPv6", "web", "loose", Between("web", "loose", "fd00:b:0:1::10", "fd00:b:0:2::11", routed: true)),
        new("out by an EIP", "green", "internet", Between("green", "", "10.0.1.10", "192.0.2.9", routed: true)),
        new("in by an EIP", "internet", "green", FromOutside("192.0.2.9", "198.51.100.20")),
        new("hairpin", "loose", "green", Between("loose", "", "10.0.2.11", "198.51.100.20", routed: true)),
        new("out, IPv6", "green", "internet", Between("green", "", "fd00:9:0:1::10", "2001:db8:7::9", routed: true)),
        new("in, IPv6", "internet", "green", FromOutside("2001:db8:7::9", "fd00:9:0:1::10")),
    ];

    public bool IsV6 => Ends.Source.IsV6;

    public static Way Named(string name) => All.Single(way => way.Name == name);

    public static MacAddress MacOf(string eni) => Config.Enis.Single(e => e.Name == eni).Mac;

    public static FrameAddresses Between(string from, string to, string source, string destination, bool routed) =>
        new(MacOf(from), routed ? Gateway : MacOf(to), IpAddress.Parse(source), IpAddress.Parse(destination));

    public static FrameAddresses FromOutside(string source, string destination) =>
        new(Outside, Config.Internet!.Mac, IpAddress.Parse(source), IpAddress.Parse(destination));

    /// <summary>A UDP packet; an IPv4 one with an identification, so that it equals what its fragments make.</summary>
    public byte[] Udp(int payload, ushort id = 77, ushort port = 5000, byte ttl = 64)
    {
        PacketBuilder builder = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac);
        builder = IsV6 ? builder.IPv6(Ends.Source, Ends.Destination, ip => ip with { HopLimit = ttl })
            : builder.IPv4(Ends.Source, Ends.Destination, ip => ip with { Identification = id, Ttl = ttl });
        return builder.Udp(port, 1000).Payload(payload).Build();
    }

    public IReadOnlyList<byte[]> Fragments(int payload, int bytesEach, ushort id = 77, ushort port = 5000) =>
        Frames.Fragments(Udp(payload, id, port), bytesEach, id);

    public override string ToString() => Name;
}
