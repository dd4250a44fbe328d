using System.Runtime.InteropServices;
using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Compile;

/// <summary>A group's own rules: protocol, ports, types and peers of its rules in their order (order of checks, section 10). Equal to
/// other rules when these are the same, whatever their remarks, places in the text and peerings by which a group is reached. Rules that are one and the same object are
/// not read, so that a small change of a large group is found quickly.</summary>
internal sealed class GroupRules(SecurityGroupConfig group) : IEquatable<GroupRules>
{
    private readonly IReadOnlyList<RuleConfig> _ingress = group.Ingress;
    private readonly IReadOnlyList<RuleConfig>? _egress = group.Egress;

    /// <inheritdoc/>
    public bool Equals(GroupRules? other) => other != null && (_egress == null) == (other._egress == null) &&
        AreSame(_ingress, other._ingress) && AreSame(_egress ?? [], other._egress ?? []);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as GroupRules);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_ingress.Count, _egress?.Count);

    /// <summary>Rules that two lists begin with alike.</summary>
    public static int CommonStart(ReadOnlySpan<RuleConfig> a, ReadOnlySpan<RuleConfig> b)
    {
        int count = Math.Min(a.Length, b.Length);
        int same = 0;
        while (same < count && IsSame(a[same], b[same]))
        {
            same++;
        }

        return same;
    }

    /// <summary>Rules that two lists end with alike, the first <paramref name="start"/> of both left out.</summary>
    public static int CommonEnd(ReadOnlySpan<RuleConfig> a, ReadOnlySpan<RuleConfig> b, int start)
    {
        int count = Math.Min(a.Length, b.Length) - start;
        int same = 0;
        while (same < count && IsSame(a[^(same + 1)], b[^(same + 1)]))
        {
            same++;
        }

        return same;
    }

    /// <summary>The rules in one piece: an element of an interface costs a call.</summary>
    public static ReadOnlySpan<RuleConfig> SpanOf(IReadOnlyList<RuleConfig> rules) => rules switch
    {
        RuleConfig[] array => array,
        List<RuleConfig> list => CollectionsMarshal.AsSpan(list),
        _ => rules.ToArray(),
    };

    private static bool AreSame(IReadOnlyList<RuleConfig> a, IReadOnlyList<RuleConfig> b) =>
        ReferenceEquals(a, b) || (a.Count == b.Count && HaveSameText(SpanOf(a), SpanOf(b)));

    private static bool HaveSameText(ReadOnlySpan<RuleConfig> a, ReadOnlySpan<RuleConfig> b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            if (!IsSame(a[i], b[i]) && (a[i].Peer.Group == null || !IsSame(Bare(a[i]), Bare(b[i]))))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The rule without the mark that tells a stale one from a mistake.</summary>
    private static RuleConfig Bare(RuleConfig rule) => rule with { Peer = rule.Peer with { Peering = null } };

    private static bool IsSame(RuleConfig a, RuleConfig b) => ReferenceEquals(a, b) ||
        (a.Protocol == b.Protocol && a.IcmpType == b.IcmpType && a.IcmpCode == b.IcmpCode && a.Peer == b.Peer &&
        HasSamePorts(a.Ports, b.Ports));

    private static bool HasSamePorts(IReadOnlyList<PortRange> a, IReadOnlyList<PortRange> b)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        for (int i = 0; i < a.Count; i++)
        {
            if (a[i] != b[i])
            {
                return false;
            }
        }

        return true;
    }
}
