using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Routing;

namespace VSwitch.DataPlane.Tables;

/// <summary>A compiled subnet.</summary>
public sealed class Subnet
{
    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>VPC index.</summary>
    public required ushort Vpc { get; init; }

    /// <summary>Router address of the IPv4 range, raw; 0 when it has none.</summary>
    public uint Router4 { get; init; }

    /// <summary>Router address of the IPv6 range; default when it has none.</summary>
    public RawIp6 Router6 { get; init; }

    /// <summary>Its route table.</summary>
    public required RouteTable Routes { get; init; }

    /// <summary>What its ENIs are told of it.</summary>
    public DhcpParameters Dhcp { get; init; } = DhcpParameters.Disabled;

    /// <summary>IPv4 range, raw; null when it has none.</summary>
    public Prefix4? Range4 { get; init; }

    /// <summary>IPv6 range; null when it has none.</summary>
    public Prefix6? Range6 { get; init; }

    /// <summary>Egress side of its network ACL: a list of <see cref="ForwardingSnapshot.NetworkAcls"/>;
    /// <see cref="Policy.NetworkAclTable.NoList"/> when it has none and all may pass.</summary>
    public int AclEgress { get; init; } = Policy.NetworkAclTable.NoList;

    /// <summary>Ingress side of its network ACL.</summary>
    public int AclIngress { get; init; } = Policy.NetworkAclTable.NoList;

    /// <summary>True when the raw address is of its IPv4 range.</summary>
    public bool Contains(uint raw) => Range4 is Prefix4 range && range.Contains(raw);

    /// <summary>True when the raw address is of its IPv6 range.</summary>
    public bool Contains(RawIp6 raw) => Range6 is Prefix6 range && range.Contains(raw);
}

/// <summary>A compiled VPC. Index 0 of the snapshot's array is the public space and has no ranges.</summary>
public sealed class Vpc
{
    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Version of the snapshot in which it appeared.</summary>
    public uint Since { get; init; }

    /// <summary>IPv4 ranges, raw.</summary>
    public required Prefix4[] Ranges4 { get; init; }

    /// <summary>IPv6 ranges.</summary>
    public required Prefix6[] Ranges6 { get; init; }

    /// <summary>What it finds behind its peerings, those that are not active included.</summary>
    public PeerLink[] Peers { get; init; } = [];

    /// <summary>The peering whose space this is; null for a VPC. A peering's space has no ranges.</summary>
    public Peering? Peering { get; init; }

    /// <summary>True when a range holds the raw address.</summary>
    public bool Contains(uint raw) => Prefix4.AnyContains(Ranges4, raw);

    /// <summary>True when a range holds the raw address.</summary>
    public bool Contains(RawIp6 raw) => Prefix6.AnyContains(Ranges6, raw);
}

/// <summary>An IPv4 prefix in raw order: network and mask as loads of wire bytes give them.</summary>
public readonly record struct Prefix4(uint Network, uint Mask)
{
    /// <summary>True when the raw address is inside.</summary>
    public bool Contains(uint raw) => (raw & Mask) == Network;

    /// <summary>True when the raw address is inside one of them.</summary>
    public static bool AnyContains(Prefix4[] prefixes, uint raw)
    {
        foreach (Prefix4 prefix in prefixes)
        {
            if (prefix.Contains(raw))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>An IPv6 prefix in raw order.</summary>
public readonly record struct Prefix6(RawIp6 Network, RawIp6 Mask)
{
    /// <summary>True when the raw address is inside.</summary>
    public bool Contains(RawIp6 raw) =>
        (raw.First & Mask.First) == Network.First && (raw.Second & Mask.Second) == Network.Second;

    /// <summary>True when the raw address is inside one of them.</summary>
    public static bool AnyContains(Prefix6[] prefixes, RawIp6 raw)
    {
        foreach (Prefix6 prefix in prefixes)
        {
            if (prefix.Contains(raw))
            {
                return true;
            }
        }

        return false;
    }
}
