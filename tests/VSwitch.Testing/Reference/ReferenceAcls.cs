using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

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

    private static bool Passes(ReferenceTopology topology, SubnetConfig subnet, bool isEgress, PolicyQuestion question)
    {
        if (subnet.NetworkAcl is null || ReferenceTopology.IsInside(subnet, question.Remote))
        {
            return true;
        }

        NetworkAclConfig acl = topology.Config.NetworkAcls.First(acl => acl.Name == subnet.NetworkAcl);
        NetworkAclRuleConfig? first = (isEgress ? acl.Egress : acl.Ingress)
            .OrderBy(rule => rule.Priority)
            .FirstOrDefault(rule => ReferencePolicy.Matches(topology.Config, rule.Match, question));
        return first?.Allows == true;
    }
}
