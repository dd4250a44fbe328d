using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>A gateway: a port of a VPC that leads out of it, by a private line (a device, perhaps with a VLAN) or by a tunnel. At most one of
/// <see cref="Device"/>, <see cref="Vxlan"/> and <see cref="Gre"/>; with none nothing is attached, and a replay feeds it.</summary>
public sealed record GatewayConfig
{
    /// <summary>What it answers with where its author names no MAC: each link is one of its own.</summary>
    public static readonly MacAddress UsualMac = new(0x0276_7300_0003);

    /// <summary>Its name: the port's name.</summary>
    public required string Name { get; init; }

    /// <summary>The VPC that it leads out of.</summary>
    public required string Vpc { get; init; }

    /// <summary>What it is attached to. Gateways with a <see cref="Vlan"/> may name the same device, and one without.</summary>
    public DeviceConfig? Device { get; init; }

    /// <summary>VLAN on the device (IEEE 802.1Q), 1 to 4094; null = frames without a tag.</summary>
    public int? Vlan { get; init; }

    /// <summary>An Ethernet tunnel in UDP (RFC 7348).</summary>
    public VxlanConfig? Vxlan { get; init; }

    /// <summary>A GRE tunnel (RFC 2784, 2890).</summary>
    public GreConfig? Gre { get; init; }

    /// <summary>Its own MAC on the link.</summary>
    public MacAddress Mac { get; init; } = UsualMac;

    /// <summary>Its own addresses on the link, each with its on-link prefix.</summary>
    public IReadOnlyList<IpPrefix> Addresses { get; init; } = [];

    /// <summary>Routes beyond the on-link prefixes.</summary>
    public IReadOnlyList<InternetRouteConfig> Routes { get; init; } = [];

    /// <summary>Static neighbours.</summary>
    public IReadOnlyDictionary<IpAddress, MacAddress> Neighbors { get; init; } = new Dictionary<IpAddress, MacAddress>();

    /// <summary>Largest IP packet, bytes; null = the device's, else 1500; of a tunnel the internet side's less the tunnel's headers.</summary>
    public int? Mtu { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }

    /// <summary>Name of its interface; null when it has none.</summary>
    public string? InterfaceName => Device?.InterfaceName;

    /// <summary>True for a link with nobody else on it: no MACs, no next hops.</summary>
    public bool IsPointToPoint => Gre is { Ethernet: false };
}

/// <summary>A VXLAN tunnel.</summary>
/// <param name="Vni">Network identifier, 0 to 16777215.</param>
/// <param name="Local">One of the internet side's own addresses.</param>
/// <param name="Remote">The other end's address.</param>
/// <param name="Port">UDP destination port.</param>
public sealed record VxlanConfig(int Vni, IpAddress Local, IpAddress Remote, int Port)
{
    /// <summary>The port that IANA gave it.</summary>
    public const int UsualPort = 4789;
}

/// <summary>A GRE tunnel.</summary>
/// <param name="Local">One of the internet side's own addresses.</param>
/// <param name="Remote">The other end's address.</param>
/// <param name="Key">Key (RFC 2890); null = packets carry none.</param>
/// <param name="Ethernet">True when it carries frames (Linux: gretap), false for IP packets.</param>
public sealed record GreConfig(IpAddress Local, IpAddress Remote, uint? Key, bool Ethernet);

/// <summary>Which of several routes of one prefix is taken (semantics.md section 9).</summary>
public enum RoutePreference
{
    /// <summary>Preference 100: before propagated ones.</summary>
    Static,

    /// <summary>Preference 120: connections are spread over all of them by weight.</summary>
    Propagated,
}
