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
        .FirstOrDefault(group => group.Egress is null || group.Egress.Any(rule => Matches(config, rule, question)));

    /// <summary>The group whose rule lets a packet in; null when none does.</summary>
    public static SecurityGroupConfig? Ingress(SwitchConfig config, EniConfig eni, PolicyQuestion question) =>
        GroupsOf(config, eni).FirstOrDefault(group => group.Ingress.Any(rule => Matches(config, rule, question)));

    private static IEnumerable<SecurityGroupConfig> GroupsOf(SwitchConfig config, EniConfig eni) =>
        config.SecurityGroups.Where(group => eni.SecurityGroups.Contains(group.Name));

    public static bool Matches(SwitchConfig config, RuleConfig rule, PolicyQuestion question) =>
        (rule.Protocol is null || rule.Protocol == question.Protocol) &&
        (rule.Ports.Count == 0 || rule.Ports.Any(range => question.Port >= range.First && question.Port <= range.Last)) &&
        (rule.IcmpType is null || rule.IcmpType == question.IcmpType) &&
        (rule.IcmpCode is null || rule.IcmpCode == question.IcmpCode) &&
        MatchesPeer(config, rule.Peer, question.Remote);

    private static bool MatchesPeer(SwitchConfig config, PeerConfig peer, IpAddress remote)
    {
        if (peer.Cidr is { } cidr)
        {
            return cidr.Contains(remote);
        }

        if (peer.Group is { } group)
        {
            return config.Enis.Any(eni => eni.SecurityGroups.Contains(group) && eni.PrivateIps.Contains(remote));
        }

        return config.PrefixLists.Any(list => list.Name == peer.PrefixList && list.Cidrs.Any(c => c.Contains(remote)));
    }
}
