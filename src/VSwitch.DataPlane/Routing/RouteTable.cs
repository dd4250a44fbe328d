using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Routing;

/// <summary>Where a route leads.</summary>
public enum RouteTarget : byte
{
    /// <summary>No route matched.</summary>
    None,

    /// <summary>Dropped on purpose.</summary>
    Blackhole,

    /// <summary>The internet side.</summary>
    Internet,

    /// <summary>An ENI that routes.</summary>
    Eni,

    /// <summary>The VPC at the other end of a peering.</summary>
    Peering,

    /// <summary>A NAT gateway.</summary>
    Nat,

    /// <summary>One of some gateways.</summary>
    Gateway,
}

/// <summary>A VPC route: prefix and target. <paramref name="Port"/> is a port for <see cref="RouteTarget.Eni"/>, an index into
/// <see cref="ForwardingSnapshot.Peerings"/> for <see cref="RouteTarget.Peering"/>, into <see cref="ForwardingSnapshot.NatGateways"/> for
/// <see cref="RouteTarget.Nat"/>, into <see cref="ForwardingSnapshot.GatewayGroups"/> for <see cref="RouteTarget.Gateway"/>, and does not
/// count for others.</summary>
public readonly record struct Route4(Prefix4 Prefix, RouteTarget Target, ushort Port);

/// <summary>An IPv6 route.</summary>
public readonly record struct Route6(Prefix6 Prefix, RouteTarget Target, ushort Port);

/// <summary>A compiled VPC route table. It is asked on a connection's first packet only, and holds at most tens of routes
/// (JD Cloud: 50), so the longest prefix is found by a scan of an array sorted by prefix length, longest first.
/// Routes to the VPC's own ranges are not in it: they beat every other route and are asked before.</summary>
public sealed class RouteTable(Route4[] routes4, Route6[] routes6)
{
    /// <summary>The target for a raw IPv4 destination.</summary>
    public RouteTarget Lookup(uint destination, out ushort port)
    {
        foreach (Route4 route in routes4)
        {
            if (route.Prefix.Contains(destination))
            {
                port = route.Port;
                return route.Target;
            }
        }

        port = 0;
        return RouteTarget.None;
    }

    /// <summary>The target for a raw IPv6 destination.</summary>
    public RouteTarget Lookup(RawIp6 destination, out ushort port)
    {
        foreach (Route6 route in routes6)
        {
            if (route.Prefix.Contains(destination))
            {
                port = route.Port;
                return route.Target;
            }
        }

        port = 0;
        return RouteTarget.None;
    }
}
