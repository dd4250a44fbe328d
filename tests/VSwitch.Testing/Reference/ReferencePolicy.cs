using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>What a rule looks at: the first packet of a connection.</summary>
/// <param name="Remote">The other end as the ENI sees it.</param>
/// <param name="Protocol">IP protocol.</param>
/// <param name="Port">Destination port; null when the protocol has none.</param>
/// <param name="IcmpType">Type; null when it is not ICMP.</param>
/// <param name="IcmpCode">Code; null when it is not ICMP.</param>
internal sealed record PolicyQuestion(IpAddress Remote, byte Protocol, int? Port, byte? IcmpType, byte? IcmpCode);

/// <summary>Security groups: all rules of all groups of an ENI are one set, any match allows (semantics.md decisions 1, 2).
/// </summary>
internal static class ReferencePolicy
{
    /// <summary>The group whose rule lets a packet out; null when none does.</summary>
    public static SecurityGroupConfig? Egress(SwitchConfig config, EniConfig eni, PolicyQuestion question) => GroupsOf(config, eni)
        .FirstOrDefault(group => group.Egress is null || group.Egress.Any(rule => Matches(config, rule, question, group)));

    /// <summary>The group whose rule lets a packet in; null when none does.</summary>
    public static SecurityGroupConfig? Ingress(SwitchConfig config, EniConfig eni, PolicyQuestion question) =>
        GroupsOf(config, eni).FirstOrDefault(group => group.Ingress.Any(rule => Matches(config, rule, question, group)));

    private static IEnumerable<SecurityGroupConfig> GroupsOf(SwitchConfig config, EniConfig eni) =>
        config.SecurityGroups.Where(group => eni.SecurityGroups.Contains(group.Name));

    /// <summary>True when a rule names a packet.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="question">The packet.</param>
    /// <param name="of">The group that has the rule; null for a network ACL's, which names no group.</param>
    public static bool Matches(SwitchConfig config, RuleConfig rule, PolicyQuestion question, SecurityGroupConfig? of = null) =>
        (rule.Protocol is null || rule.Protocol == question.Protocol) &&
        (rule.Ports.Count == 0 || rule.Ports.Any(range => question.Port >= range.First && question.Port <= range.Last)) &&
        (rule.IcmpType is null || rule.IcmpType == question.IcmpType) &&
        (rule.IcmpCode is null || rule.IcmpCode == question.IcmpCode) &&
        MatchesPeer(config, rule.Peer, question.Remote, of);

    private static bool MatchesPeer(SwitchConfig config, PeerConfig peer, IpAddress remote, SecurityGroupConfig? of)
    {
        if (peer.Cidr is { } cidr)
        {
            return cidr.Contains(remote);
        }

        if (peer.Group is { } group)
        {
            return config.Enis.Any(eni => eni.SecurityGroups.Contains(group) && eni.PrivateIps.Contains(remote)) &&
                IsWithinReach(config, of!, peer, remote);
        }

        return config.PrefixLists.Any(list => list.Name == peer.PrefixList && list.Cidrs.Any(c => c.Contains(remote)));
    }

    /// <summary>A group of another VPC counts while an active peering joins the two, and only for addresses that no other peer has.</summary>
    private static bool IsWithinReach(SwitchConfig config, SecurityGroupConfig of, PeerConfig peer, IpAddress remote)
    {
        string vpc = config.SecurityGroups.First(group => group.Name == peer.Group).Vpc;
        if (vpc == of.Vpc)
        {
            return true;
        }

        List<PeeringConfig> active = [.. config.Peerings.Where(p => p.Accepted && (p.Requester == of.Vpc || p.Accepter == of.Vpc))];
        List<string> others = [.. active.Select(p => p.Requester == of.Vpc ? p.Accepter : p.Requester)];
        bool isJoined = active.Zip(others).Any(pair => pair.Second == vpc && (peer.Peering ?? pair.First.Name) == pair.First.Name);
        return isJoined && !config.Vpcs.Where(v => v.Name != vpc && others.Contains(v.Name)).SelectMany(v => v.Subnets)
            .Any(subnet => config.Enis.Any(eni => eni.Subnet == subnet.Name && eni.PrivateIps.Contains(remote)));
    }
}
