using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Routing;

/// <summary>A route of the internet side; a next hop of 0 means on-link: the destination itself.</summary>
public readonly record struct InternetRoute4(Prefix4 Prefix, uint NextHop);

/// <summary>An IPv6 route of the internet side; a default next hop means on-link.</summary>
public readonly record struct InternetRoute6(Prefix6 Prefix, RawIp6 NextHop);

/// <summary>The compiled public side, or what is beyond a gateway: own addresses and routes, longest prefix first. Asked on first packets
/// only.</summary>
public sealed class InternetSide
{
    /// <summary>Nothing: no address, no route.</summary>
    public static InternetSide None { get; } = new()
    {
        Own4 = [],
        Own6 = [],
        OnLink4 = [],
        OnLink6 = [],
        Routes4 = [],
        Routes6 = [],
        Neighbors4 = [],
        Neighbors6 = [],
    };

    /// <summary>The port that leads there; the neighbours of each port are known apart.</summary>
    public int Port { get; init; }

    /// <summary>Own IPv4 addresses, raw.</summary>
    public required uint[] Own4 { get; init; }

    /// <summary>Own IPv6 addresses.</summary>
    public required RawIp6[] Own6 { get; init; }

    /// <summary>On-link prefixes of the own IPv4 addresses (for learning neighbours).</summary>
    public required Prefix4[] OnLink4 { get; init; }

    /// <summary>On-link prefixes of the own IPv6 addresses.</summary>
    public required Prefix6[] OnLink6 { get; init; }

    /// <summary>All IPv4 routes, on-link ones included, longest prefix first.</summary>
    public required InternetRoute4[] Routes4 { get; init; }

    /// <summary>All IPv6 routes, on-link ones included, longest prefix first.</summary>
    public required InternetRoute6[] Routes6 { get; init; }

    /// <summary>Static neighbours, raw address to raw MAC.</summary>
    public required KeyValuePair<uint, ulong>[] Neighbors4 { get; init; }

    /// <summary>Static IPv6 neighbours.</summary>
    public required KeyValuePair<RawIp6, ulong>[] Neighbors6 { get; init; }

    /// <summary>Finds the next hop for a raw destination; false when there is no route.</summary>
    public bool TryNextHop(uint destination, out uint nextHop)
    {
        foreach (InternetRoute4 route in Routes4)
        {
            if (route.Prefix.Contains(destination))
            {
                nextHop = route.NextHop == 0 ? destination : route.NextHop;
                return true;
            }
        }

        nextHop = 0;
        return false;
    }

    /// <summary>Finds the next hop for a raw destination; false when there is no route.</summary>
    public bool TryNextHop(RawIp6 destination, out RawIp6 nextHop)
    {
        foreach (InternetRoute6 route in Routes6)
        {
            if (route.Prefix.Contains(destination))
            {
                nextHop = route.NextHop == default ? destination : route.NextHop;
                return true;
            }
        }

        nextHop = default;
        return false;
    }
}
