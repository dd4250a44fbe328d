using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Routing;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>What is beyond the internet side or a gateway: own addresses, routes with the longest prefix first, static neighbours.</summary>
internal static class SideCompiler
{
    public static InternetSide Compile(
        int port, IReadOnlyList<IpPrefix> addresses, IReadOnlyList<InternetRouteConfig> beyond,
        IReadOnlyDictionary<IpAddress, MacAddress> neighbors)
    {
        var routes = addresses.Select(a => (Prefix: a, NextHop: (IpAddress?)null))
            .Concat(beyond.Select(r => (Prefix: r.Destination, NextHop: (IpAddress?)r.NextHop)))
            .OrderByDescending(r => r.Prefix.Length).ToArray();
        return new InternetSide
        {
            Port = port,
            Own4 = [.. addresses.Where(a => !a.IsV6).Select(a => Raw.Ip4(a.Address))],
            Own6 = [.. addresses.Where(a => a.IsV6).Select(a => Raw.Ip6(a.Address))],
            OnLink4 = [.. addresses.Where(a => !a.IsV6).Select(Raw.Prefix4)],
            OnLink6 = [.. addresses.Where(a => a.IsV6).Select(Raw.Prefix6)],
            Routes4 = [.. routes.Where(r => !r.Prefix.IsV6)
                .Select(r => new InternetRoute4(Raw.Prefix4(r.Prefix), r.NextHop is IpAddress hop ? Raw.Ip4(hop) : 0))],
            Routes6 = [.. routes.Where(r => r.Prefix.IsV6)
                .Select(r => new InternetRoute6(Raw.Prefix6(r.Prefix), r.NextHop is IpAddress hop ? Raw.Ip6(hop) : default))],
            Neighbors4 = [.. neighbors.Where(n => !n.Key.IsV6).Select(n => KeyValuePair.Create(Raw.Ip4(n.Key), Raw.Mac(n.Value)))],
            Neighbors6 = [.. neighbors.Where(n => n.Key.IsV6).Select(n => KeyValuePair.Create(Raw.Ip6(n.Key), Raw.Mac(n.Value)))],
        };
    }
}
