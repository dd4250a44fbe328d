using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Plan;

/// <summary>Adds rules to a security group and takes rules away. A group without an egress list allows all egress: it is edited as if
/// it had the two rules that say so, so that adding a rule never allows less.</summary>
public static class GroupRulesEdit
{
    private static readonly RuleConfig[] AllowAll =
    [
        new() { Peer = new PeerConfig(new IpPrefix(IpAddress.V4(0), 0), null, null) },
        new() { Peer = new PeerConfig(new IpPrefix(IpAddress.V6(0), 0), null, null) },
    ];

    /// <summary>The group with these rules behind its own; those that it has already are not added again.</summary>
    /// <param name="group">The group.</param>
    /// <param name="isEgress">Which of its lists.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="clash">A rule that the group has with another remark, in words; null when there is none.</param>
    public static SecurityGroupConfig Add(SecurityGroupConfig group, bool isEgress, IReadOnlyList<RuleConfig> rules, out string? clash)
    {
        List<RuleConfig> all = [.. RulesOf(group, isEgress)];
        var known = new Dictionary<RuleConfig, RuleConfig>(RuleComparer.ByMatch);
        all.ForEach(rule => known.TryAdd(rule, rule));
        clash = null;
        foreach (RuleConfig rule in rules)
        {
            if (known.TryAdd(rule, rule))
            {
                all.Add(rule);
            }
            else if (known[rule].Remark != rule.Remark)
            {
                clash ??= RuleText.Of(rule, isEgress);
            }
        }

        return all.Count == RulesOf(group, isEgress).Count ? group : With(group, isEgress, all);
    }

    /// <summary>The group without rules that do what these do; a remark, and the peering of a group, must be equal only where
    /// one is given.</summary>
    /// <param name="group">The group.</param>
    /// <param name="isEgress">Which of its lists.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="missing">A rule that the group does not have, in words; null when it has them all.</param>
    public static SecurityGroupConfig Remove(SecurityGroupConfig group, bool isEgress, IReadOnlyList<RuleConfig> rules, out string? missing)
    {
        List<RuleConfig> left = [.. RulesOf(group, isEgress)];
        missing = null;
        foreach (RuleConfig rule in rules)
        {
            if (left.RemoveAll(own => RuleComparer.ByMatch.Equals(rule.Peer.Peering == null ? Unmarked(own) : own, rule) && (rule.Remark == null || rule.Remark == own.Remark)) == 0)
            {
                missing ??= RuleText.Of(rule, isEgress);
            }
        }

        return With(group, isEgress, left);
    }

    /// <summary>The rule as it was before its peering was named: a remove that does not name one means it, too.</summary>
    private static RuleConfig Unmarked(RuleConfig rule) =>
        rule.Peer.Peering == null ? rule : rule with { Peer = rule.Peer with { Peering = null } };

    private static IReadOnlyList<RuleConfig> RulesOf(SecurityGroupConfig group, bool isEgress) => isEgress ? group.Egress ?? AllowAll : group.Ingress;

    private static SecurityGroupConfig With(SecurityGroupConfig group, bool isEgress, List<RuleConfig> rules) =>
        isEgress ? group with { Egress = rules } : group with { Ingress = rules };
}
