using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Lab;

/// <summary>The internet side of a lab: a host that has the next hops' and neighbours' addresses, and routes to what the switch
/// announces. One interface has one MAC: of static neighbours with different MACs it plays the first.</summary>
internal static class LabOutside
{
    private const int DefaultMtuBytes = 1500;
    private const int LinkLocalLength = 64;

    public static LabInterface Plan(SwitchConfig config, InternetConfig internet, string ns)
    {
        string tap = internet.Device!.Tap!;
        List<IpAddress> hosts = Hosts(internet);
        MacAddress? mac = hosts.Where(internet.Neighbors.ContainsKey).Select(h => (MacAddress?)internet.Neighbors[h]).FirstOrDefault();
        List<IpPrefix> addresses = [.. hosts
            .Where(h => !internet.Neighbors.TryGetValue(h, out MacAddress other) || other == mac)
            .Select(h => new IpPrefix(h, LengthOf(internet, h)))];
        List<string[]> commands = LabPlan.SetUp(ns, tap, mac, internet.Mtu ?? DefaultMtuBytes, addresses);
        foreach ((IpPrefix to, IpAddress via) in Announced(config, internet))
        {
            commands.Add(LabPlan.Route(ns, to, via, tap));
        }

        return new LabInterface(LabPlan.Outside, tap, ns, [.. addresses.Select(a => a.ToString())], commands);
    }

    /// <summary>Next hops first, then neighbours; where a prefix has none, its last host.</summary>
    private static List<IpAddress> Hosts(InternetConfig internet)
    {
        List<IpAddress> hosts = [.. internet.Routes.Select(r => r.NextHop).Concat(internet.Neighbors.Keys.Order(AddressOrder))
            .Distinct().Where(h => LengthOf(internet, h) > 0)];
        foreach (IpPrefix own in internet.Addresses.Where(a => !hosts.Any(a.Contains)))
        {
            // Of an IPv4 range the last address is the broadcast address, save in a /31 (RFC 3021).
            bool hasBroadcast = !own.IsV6 && own.Length < 31;
            IpAddress last = own.Last with { Bits = own.Last.Bits - (hasBroadcast ? 1u : 0u) };
            IpAddress host = last == own.Address ? last with { Bits = last.Bits - 1 } : last;
            if (own.Contains(host))
            {
                hosts.Add(host);
            }
        }

        return hosts;
    }

    private static readonly Comparer<IpAddress> AddressOrder = Comparer<IpAddress>.Create(
        (a, b) => a.IsV6 == b.IsV6 ? a.Bits.CompareTo(b.Bits) : a.IsV6.CompareTo(b.IsV6));

    /// <summary>Length of the on-link prefix that an address is in; 0 when it is in none.</summary>
    private static int LengthOf(InternetConfig internet, IpAddress host) =>
        host.IsV6 && host.IsLinkLocal ? LinkLocalLength
            : internet.Addresses.Where(a => a.Contains(host)).Select(a => a.Length).DefaultIfEmpty(0).Max();

    /// <summary>Elastic IPs that are not on the link, and the IPv6 ranges of the VPCs, which are public.</summary>
    private static IEnumerable<(IpPrefix To, IpAddress Via)> Announced(SwitchConfig config, InternetConfig internet)
    {
        IEnumerable<IpPrefix> wanted = config.ElasticIps.Select(e => new IpPrefix(e.Address, e.Address.BitCount))
            .Concat(config.Vpcs.SelectMany(v => v.Cidrs).Where(c => c.IsV6))
            .Where(to => !internet.Addresses.Any(a => a.Contains(to.Address)))
            .Distinct();
        foreach (IpPrefix to in wanted)
        {
            IpAddress? via = internet.Addresses.Where(a => a.IsV6 == to.IsV6).Select(a => (IpAddress?)a.Address).FirstOrDefault();
            if (via is IpAddress router)
            {
                yield return (to, router);
            }
        }
    }
}
