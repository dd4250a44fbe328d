using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled allow rules of all ENIs. A rule set is the union of one direction's rules of an ENI's groups
/// (semantics.md section 1: no order, no priority, any match allows). Asked on a connection's first packet only.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1822", Justification = "The shape comes first.")]
public sealed class SecurityGroupTable
{
    /// <summary>What no rule allows.</summary>
    public const int NoRule = -1;

    /// <summary>Words for a rule, for people: "group web, ingress rule 2 (tcp 80 from 0.0.0.0/0)".</summary>
    public string Describe(int rule) => rule.ToString(System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Finds a rule that allows an IPv4 packet.</summary>
    /// <param name="ruleSet">Index of the rule set.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">Destination port in host order (TCP, UDP, SCTP), or type * 256 + code (ICMP); else 0.</param>
    /// <returns>The rule's number, or <see cref="NoRule"/>.</returns>
    public int Match(int ruleSet, byte protocol, uint remote, ushort selector) => NoRule;

    /// <summary>Finds a rule that allows an IPv6 packet.</summary>
    public int Match(int ruleSet, byte protocol, RawIp6 remote, ushort selector) => NoRule;
}
