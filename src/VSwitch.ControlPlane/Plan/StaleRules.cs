using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Plan;

/// <summary>Marks rules that name a group of a peer before the peering, or the group, goes: they stay as stale ones, as on AWS, and the
/// mark tells them from a mistake (Config/README.md).</summary>
public static class StaleRules
{
    /// <summary>The configuration, with the peering named in every rule that reaches a group by it.</summary>
    public static SwitchConfig MarkedBy(SwitchConfig config, PeeringConfig peering)
    {
        Dictionary<string, string> vpcs = VpcsOf(config);
        return Marked(config, (vpc, group) => vpcs.TryGetValue(group, out string? other) && peering.Joins(vpc, other) ? peering.Name : null);
    }

    /// <summary>The configuration, with the peering named in every rule of another VPC that names the group.</summary>
    public static SwitchConfig MarkedFor(SwitchConfig config, string group)
    {
        var references = new GroupReferences(config);
        Dictionary<string, string> vpcs = VpcsOf(config);
        return Marked(config, (vpc, named) => named == group && vpcs.TryGetValue(named, out string? other)
            ? references.Between(vpc, other)?.Name : null);
    }

    private static Dictionary<string, string> VpcsOf(SwitchConfig config) =>
        config.SecurityGroups.ToDictionary(g => g.Name, g => g.Vpc, StringComparer.Ordinal);

    /// <param name="config">The configuration.</param>
    /// <param name="peeringOf">Of a rule's VPC and the group that it names: the peering to be named; null = none.</param>
    private static SwitchConfig Marked(SwitchConfig config, Func<string, string, string?> peeringOf) => config with
    {
        SecurityGroups = [.. config.SecurityGroups.Select(g => Marked(g, peeringOf))],
    };

    private static SecurityGroupConfig Marked(SecurityGroupConfig group, Func<string, string, string?> peeringOf)
    {
        RuleConfig Mark(RuleConfig rule) => PeeringFor(rule) is string peering ? rule with { Peer = rule.Peer with { Peering = peering } } : rule;
        string? PeeringFor(RuleConfig rule) => rule.Peer is { Group: string named, Peering: null } ? peeringOf(group.Vpc, named) : null;
        bool isNamed = group.Ingress.Concat(group.Egress ?? []).Any(r => PeeringFor(r) != null);
        return !isNamed ? group : group with { Ingress = [.. group.Ingress.Select(Mark)], Egress = group.Egress?.Select(Mark).ToArray() };
    }
}
