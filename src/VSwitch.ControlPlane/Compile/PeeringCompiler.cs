using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From peerings as configured to the spaces of their connections and to what each VPC finds behind them. A peering that only a
/// route names (it was deleted under it) has a space too, so that connections of it end by that route.</summary>
internal sealed class PeeringCompiler
{
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly List<Peering> _peerings = [];
    private readonly Dictionary<string, int> _indices = new(StringComparer.Ordinal);
    private readonly Dictionary<string, VpcConfig> _vpcs;
    private readonly ILookup<string, PeeringConfig> _byVpc;
    private readonly string[] _gone;

    public PeeringCompiler(SwitchConfig config, NumberDirectory numbers)
    {
        _config = config;
        _numbers = numbers;
        _vpcs = config.Vpcs.ToDictionary(v => v.Name, StringComparer.Ordinal);
        _byVpc = config.Peerings.SelectMany(p => new[] { (Vpc: p.Requester, Peering: p), (Vpc: p.Accepter, Peering: p) })
            .ToLookup(p => p.Vpc, p => p.Peering, StringComparer.Ordinal);
        foreach (PeeringConfig peering in config.Peerings)
        {
            Add(peering.Name, new Peering
            {
                Name = peering.Name,
                Space = _numbers.PeeringOf(peering.Name),
                Since = _numbers.PeeringSince(peering.Name),
                IsActive = peering.Accepted,
                Requester = (ushort)_numbers.VpcOf(peering.Requester),
                Accepter = (ushort)_numbers.VpcOf(peering.Accepter),
            });
        }

        _gone = [.. PeeringConfig.NamesInRoutes(config).Where(n => !_indices.ContainsKey(n)).Distinct(StringComparer.Ordinal)];
        foreach (string name in _gone)
        {
            Add(name, new Peering { Name = name, Space = _numbers.PeeringOf(name), Since = _numbers.PeeringSince(name) });
        }
    }

    /// <summary>All, those that are not configured last.</summary>
    public Peering[] Peerings => [.. _peerings];

    /// <summary>Index of a peering that is configured, or that a route names.</summary>
    public int IndexOf(string name) => _indices[name];

    /// <summary>What a VPC finds behind its peerings.</summary>
    public PeerLink[] LinksOf(VpcConfig vpc) =>
    [
        .. _byVpc[vpc.Name].Select(p => Link(p.Name, _vpcs[p.OtherOf(vpc.Name)].Cidrs)),
        .. _gone.Select(name => (Name: name, Cidrs: Lost(vpc, name))).Where(lost => lost.Cidrs.Count > 0).Select(lost => Link(lost.Name, lost.Cidrs)),
    ];

    private void Add(string name, Peering peering)
    {
        _indices.Add(name, _peerings.Count);
        _peerings.Add(peering);
    }

    private PeerLink Link(string name, IReadOnlyList<IpPrefix> cidrs) => new(
        IndexOf(name), [.. cidrs.Where(c => !c.IsV6).Select(Raw.Prefix4)], [.. cidrs.Where(c => c.IsV6).Select(Raw.Prefix6)]);

    /// <summary>The ranges of other VPCs that routes into a peering which is gone still name.</summary>
    private List<IpPrefix> Lost(VpcConfig vpc, string name)
    {
        IpPrefix[] destinations = [.. vpc.RouteTables.SelectMany(t => t.Routes).Where(r => PeeringConfig.NameOf(r.Target) == name).SelectMany(_config.DestinationsOf)];
        return destinations.Length == 0 ? [] : [.. _config.Vpcs.Where(v => v.Name != vpc.Name).SelectMany(v => v.Cidrs)
            .Where(c => destinations.Any(c.Overlaps) && !vpc.Cidrs.Any(c.Overlaps)).Distinct()];
    }
}
