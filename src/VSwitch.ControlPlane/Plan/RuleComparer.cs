using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Plan;

/// <summary>Rules are the same when they name the same packets, with their ports in whatever order.</summary>
/// <param name="withRemark">Whether their remarks must be equal too.</param>
internal sealed class RuleComparer(bool withRemark) : IEqualityComparer<RuleConfig>
{
    /// <summary>Everything that is written counts.</summary>
    public static readonly RuleComparer AsWritten = new(withRemark: true);

    /// <summary>Only what the rule does counts.</summary>
    public static readonly RuleComparer ByMatch = new(withRemark: false);

    /// <inheritdoc/>
    public bool Equals(RuleConfig? x, RuleConfig? y) => ReferenceEquals(x, y) ||
        (x != null && y != null && x.Protocol == y.Protocol && x.IcmpType == y.IcmpType && x.IcmpCode == y.IcmpCode && x.Peer == y.Peer &&
        HaveSamePorts(x.Ports, y.Ports) && (!withRemark || x.Remark == y.Remark));

    /// <inheritdoc/>
    public int GetHashCode(RuleConfig obj)
    {
        int ports = 0;
        for (int i = 0; i < obj.Ports.Count; i++)
        {
            // A sum, which no order changes.
            ports += obj.Ports[i].GetHashCode();
        }

        return HashCode.Combine(obj.Protocol, obj.IcmpType, obj.IcmpCode, obj.Peer, ports);
    }

    private static bool HaveSamePorts(IReadOnlyList<PortRange> x, IReadOnlyList<PortRange> y)
    {
        if (x.Count != y.Count)
        {
            return false;
        }

        for (int i = 0; i < x.Count; i++)
        {
            if (x[i] != y[i])
            {
                return InOrder(x).SequenceEqual(InOrder(y));
            }
        }

        return true;
    }

    private static IEnumerable<PortRange> InOrder(IReadOnlyList<PortRange> ports) => ports.OrderBy(p => p.First).ThenBy(p => p.Last);
}

/// <summary>The same for rules of network ACLs, which also have a priority and an action.</summary>
internal sealed class AclRuleComparer : IEqualityComparer<NetworkAclRuleConfig>
{
    /// <summary>The one there is.</summary>
    public static readonly AclRuleComparer Instance = new();

    /// <inheritdoc/>
    public bool Equals(NetworkAclRuleConfig? x, NetworkAclRuleConfig? y) => ReferenceEquals(x, y) ||
        (x != null && y != null && x.Priority == y.Priority && x.Allows == y.Allows && RuleComparer.AsWritten.Equals(x.Match, y.Match));

    /// <inheritdoc/>
    public int GetHashCode(NetworkAclRuleConfig obj) =>
        HashCode.Combine(obj.Priority, obj.Allows, RuleComparer.AsWritten.GetHashCode(obj.Match));
}
