using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Peerings (section 15), by looking through the configuration's lists.</summary>
internal static class ReferencePeerings
{
    private const string Prefix = "peering:";

    /// <summary>The space of what an ENI gives to the router for an address.</summary>
    public static string SpaceToward(ReferenceTopology topology, EniConfig eni, IpAddress destination)
    {
        VpcConfig vpc = topology.VpcOf(eni);
        List<(string Name, bool IsActive)> behind = [.. Configured(topology, vpc, destination), .. Gone(topology, vpc, destination)];
        if (behind.Count == 0)
        {
            return vpc.Name;
        }

        string? routed = topology.RouteTarget(eni, destination);
        return Prefix + (behind.Count > 1 && behind.Any(b => Prefix + b.Name == routed) ? routed![Prefix.Length..]
            : behind.OrderByDescending(b => b.IsActive).First().Name);
    }

    /// <summary>The peering of a space, as it is configured now; null when the space is none's or the peering is gone.</summary>
    public static PeeringConfig? OfSpace(ReferenceTopology topology, string space) =>
        topology.Config.Peerings.FirstOrDefault(p => Prefix + p.Name == space);

    /// <summary>True for the space of a peering, configured or not.</summary>
    public static bool IsSpace(string space) => space.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The name of the peering that a route's target is; null for any other target.</summary>
    public static string? NameOf(string? target) => target is not null && IsSpace(target) ? target[Prefix.Length..] : null;

    /// <summary>True when an active peering of the VPC has the address behind it.</summary>
    public static bool IsBehind(ReferenceTopology topology, VpcConfig vpc, IpAddress address) =>
        Configured(topology, vpc, address).Any(b => b.IsActive);

    /// <summary>The VPC at the other end.</summary>
    public static VpcConfig Other(ReferenceTopology topology, PeeringConfig peering, VpcConfig vpc)
    {
        string other = peering.Requester == vpc.Name ? peering.Accepter : peering.Requester;
        return topology.Config.Vpcs.First(v => v.Name == other);
    }

    /// <summary>True when the replies of an ENI to an address do not go back through the peering of a connection's space.</summary>
    public static bool IsReplyUnrouted(ReferenceTopology topology, string space, EniConfig? sender, IpAddress opener) =>
        IsSpace(space) && sender is not null && topology.RouteTarget(sender, opener) != space;

    /// <summary>All peerings that the configuration knows of: those that are there, and those that a route names.</summary>
    public static IEnumerable<string> Known(SwitchConfig config) => config.Peerings.Select(p => p.Name)
        .Concat(config.Vpcs.SelectMany(v => v.RouteTables).SelectMany(t => t.Routes).Select(r => NameOf(r.Target)).OfType<string>());

    private static IEnumerable<(string Name, bool IsActive)> Configured(ReferenceTopology topology, VpcConfig vpc, IpAddress address) =>
        from peering in topology.Config.Peerings
        where (peering.Requester == vpc.Name || peering.Accepter == vpc.Name) &&
            ReferenceTopology.IsInside(Other(topology, peering, vpc), address)
        select (peering.Name, peering.Accepted);

    /// <summary>A peering that is gone is known by the routes of the VPC that still name it: behind it are the ranges, in which the routes
    /// are, of other VPCs that do not overlap this one.</summary>
    private static IEnumerable<(string Name, bool IsActive)> Gone(ReferenceTopology topology, VpcConfig vpc, IpAddress address)
    {
        SwitchConfig config = topology.Config;
        foreach (string name in Known(config).Where(n => config.Peerings.All(p => p.Name != n)).Distinct())
        {
            IpPrefix[] routes = [.. vpc.RouteTables.SelectMany(t => t.Routes).Where(r => r.Target == Prefix + name).SelectMany(config.DestinationsOf)];
            bool isBehind = config.Vpcs.Where(other => other.Name != vpc.Name).SelectMany(other => other.Cidrs)
                .Any(cidr => cidr.Contains(address) && routes.Any(cidr.Overlaps) && !vpc.Cidrs.Any(cidr.Overlaps));
            if (isBehind)
            {
                yield return (name, false);
            }
        }
    }
}
