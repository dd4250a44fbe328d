using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Routing;

/// <summary>What carries the frames of a gateway.</summary>
public enum GatewayLink : byte
{
    /// <summary>A device of its own, untagged.</summary>
    Device,

    /// <summary>A device that it shares with others: by a VLAN tag (IEEE 802.1Q), or as the one without a tag.</summary>
    Vlan,

    /// <summary>Ethernet in UDP (RFC 7348).</summary>
    Vxlan,

    /// <summary>IP in GRE (RFC 2784, 2890): point to point, no neighbours to resolve.</summary>
    Gre,

    /// <summary>Ethernet in GRE (RFC 1701's 0x6558).</summary>
    GreTap,
}

/// <summary>A compiled gateway: a port of a VPC that leads out of it and is no ENI (order of checks, section 16). Its own addresses,
/// routes and static neighbours are an <see cref="InternetSide"/> of its own. Immutable; first packets and tunnels read it.</summary>
public sealed class Gateway
{
    /// <summary>Highest VXLAN network identifier: 24 bits.</summary>
    public const uint MaxVni = (1 << 24) - 1;

    private const int EthernetBytes = 14;
    private const int OuterIpBytes = 20;
    private const int UdpAndVxlanBytes = 16;
    private const int GreBytes = 4;
    private const int GreKeyBytes = 4;

    /// <summary>Its port.</summary>
    public required ushort Port { get; init; }

    /// <summary>Its own addresses on the link, its routes and its static neighbours.</summary>
    public required InternetSide Side { get; init; }

    /// <summary>What carries its frames.</summary>
    public required GatewayLink Link { get; init; }

    /// <summary>Of <see cref="GatewayLink.Vlan"/>: the port of the device that it shares. Else its own port, or of a tunnel 0, the internet
    /// side.</summary>
    public required ushort Carrier { get; init; }

    /// <summary>Of <see cref="GatewayLink.Vlan"/>: its VLAN, 1 to 4094; 0 = the frames without a tag.</summary>
    public ushort Vlan { get; init; }

    /// <summary>Of a tunnel: its own outer address, raw.</summary>
    public uint Local { get; init; }

    /// <summary>Of a tunnel: the other end's outer address, raw.</summary>
    public uint Remote { get; init; }

    /// <summary>VXLAN network identifier, or GRE key, host order.</summary>
    public uint Id { get; init; }

    /// <summary>True when its GRE packets carry a key.</summary>
    public bool HasKey { get; init; }

    /// <summary>Destination port of VXLAN, host order.</summary>
    public ushort UdpPort { get; init; }

    /// <summary>True for VXLAN and GRE.</summary>
    public bool IsTunnel => Link >= GatewayLink.Vxlan;

    /// <summary>True when there is nobody else on the link: no ARP, no neighbour discovery.</summary>
    public bool IsPointToPoint => Link == GatewayLink.Gre;

    /// <summary>Bytes that stand before the inner frame (of <see cref="GatewayLink.Gre"/>: the inner IP packet) from the outer Ethernet header
    /// on.</summary>
    public int HeaderBytes => HeaderBytesOf(Link, HasKey);

    /// <summary>Bytes by which the largest inner IP packet is smaller than the outer one.</summary>
    /// <param name="link">A tunnel.</param>
    /// <param name="hasKey">GRE with a key.</param>
    public static int OverheadBytesOf(GatewayLink link, bool hasKey) =>
        HeaderBytesOf(link, hasKey) - (link == GatewayLink.Gre ? EthernetBytes : 0);

    private static int HeaderBytesOf(GatewayLink link, bool hasKey) => EthernetBytes + OuterIpBytes +
        (link == GatewayLink.Vxlan ? UdpAndVxlanBytes : GreBytes + (hasKey ? GreKeyBytes : 0));
}

/// <summary>A device that several gateways share. Immutable.</summary>
public sealed class VlanTrunk
{
    /// <summary>Numbers that a tag can have.</summary>
    public const int VlanCount = 4096;

    /// <summary>Ports by VLAN, 0 = none; the first is that of the frames without a tag.</summary>
    public ushort[] Ports { get; } = new ushort[VlanCount];
}

/// <summary>What tells the tunnels of the switch apart.</summary>
/// <param name="Kind">1 VXLAN, 2 GRE without key, 3 GRE with key; 0 any tunnel between the two addresses.</param>
/// <param name="Local">Own outer address, raw.</param>
/// <param name="Remote">The other end's, raw.</param>
/// <param name="Id">VNI or key, host order.</param>
/// <param name="UdpPort">Destination port of VXLAN, host order.</param>
public readonly record struct TunnelKey(byte Kind, uint Local, uint Remote, uint Id, ushort UdpPort)
{
    /// <summary>Value of <see cref="Kind"/>.</summary>
    public const byte Any = 0;

    /// <summary>Value of <see cref="Kind"/>.</summary>
    public const byte Vxlan = 1;

    /// <summary>Value of <see cref="Kind"/>.</summary>
    public const byte Gre = 2;

    /// <summary>Value of <see cref="Kind"/>.</summary>
    public const byte GreWithKey = 3;

    /// <summary>The key of a tunnel.</summary>
    public static TunnelKey Of(Gateway gateway) => new(
        gateway.Link == GatewayLink.Vxlan ? Vxlan : gateway.HasKey ? GreWithKey : Gre, gateway.Local, gateway.Remote, gateway.Id,
        gateway.UdpPort);

    /// <summary>The key under which any VXLAN tunnel to the local address and port is found, whoever the other end is: what arrives there
    /// is a tunnel's, or nobody's.</summary>
    public static TunnelKey OfVxlanListener(uint local, ushort udpPort) => new(Any, local, 0, Vxlan, udpPort);

    /// <summary>The same of GRE.</summary>
    public static TunnelKey OfGreListener(uint local) => new(Any, local, 0, Gre, 0);

    /// <summary>The key under which some tunnel of a kind between two addresses is found.</summary>
    public static TunnelKey OfEnds(bool isVxlan, uint local, uint remote) => new(Any, local, remote, isVxlan ? Vxlan : Gre, 0);
}
