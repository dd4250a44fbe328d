using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6d. Network ACLs. The question: may a packet cross the border of a subnet, out of the sender's, into the receiver's? They
/// are stateless, but a connection's packets of one direction all look the same to them, so each direction is judged once,
/// when its actions are made (order of checks, section 4, miss, 2 and 5, hit, 2).</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>The opener's direction: out of its subnet, into the receiver's.</summary>
    private bool IsForwardDenied<TAddress, TFamily>(in Opening<TAddress> opening, int receiver)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress> =>
        IsDenied<TAddress, TFamily>(true, opening.Port, opening.Sent, opening.Protocol, opening.SentSelector, "") ||
        IsDenied<TAddress, TFamily>(false, receiver, opening.Source, opening.Protocol, opening.Selector, "");

    /// <summary>The replies' direction: out of the receiver's subnet, into the opener's.</summary>
    private bool IsReplyDenied<TAddress, TFamily>(in Opening<TAddress> opening, int receiver)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress> =>
        IsDenied<TAddress, TFamily>(true, receiver, opening.Source, opening.Protocol, opening.ReplySelector, "replies: ") ||
        IsDenied<TAddress, TFamily>(false, opening.Port, opening.Sent, opening.Protocol, opening.ReplySelector, "replies: ");

    /// <summary>True when the ACL of a port's subnet denies what crosses the subnet's border there.</summary>
    /// <param name="isEgress">True for what leaves the subnet, false for what enters it.</param>
    /// <param name="port">The port in the subnet; the internet side and gateways are in none.</param>
    /// <param name="remote">The other end as the port sees it.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="selector">Destination port, or ICMP type and code.</param>
    /// <param name="what">Which packets, for the explanation.</param>
    private bool IsDenied<TAddress, TFamily>(
        bool isEgress, int port, TAddress remote, byte protocol, ushort selector, string what)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (IsOutside(port))
        {
            return false;
        }

        Subnet subnet = _snapshot.Subnets[_snapshot.Enis[port].Subnet];
        int list = isEgress ? subnet.AclEgress : subnet.AclIngress;
        if (list == NetworkAclTable.NoList || TFamily.Contains(subnet, remote))
        {
            return false;
        }

        int rule = TFamily.Match(_snapshot.NetworkAcls, list, protocol, remote, selector);
        if (_tracer.IsEnabled)
        {
            TraceAcl(subnet, isEgress, rule, what);
        }

        return !_snapshot.NetworkAcls.Allows(rule);
    }

    /// <summary>An ICMP error crosses borders by itself: its own type and code, from its own source (order of checks, section 7).
    /// </summary>
    private bool IsErrorDenied<TAddress, TFamily>(PacketBuffer* p, FlowAction* action)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        ushort selector = SelectorOf(p);
        TAddress source = TFamily.Source(p);
        if (typeof(TAddress) == typeof(uint))
        {
            // Translated only when its sender is the end itself.
            *(uint*)&source ^= action->SourceXor;
        }

        return IsDenied<TAddress, TFamily>(true, p->InPort, TFamily.Destination(p), p->Protocol, selector, "the error: ") ||
            IsDenied<TAddress, TFamily>(false, action->OutPort, source, p->Protocol, selector, "the error: ");
    }

    /// <summary>What rules look at in a reply: the opener's port, or the answer's type.</summary>
    private static ushort ReplySelectorOf<TAddress>(in Opening<TAddress> opening, ulong keyHigh, bool openerSwapped)
    {
        bool isV6 = typeof(TAddress) != typeof(uint);
        return opening.Protocol switch
        {
            ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp =>
                BinaryPrimitives.ReverseEndianness((ushort)(openerSwapped ? keyHigh >> 16 : keyHigh)),
            ParseStage.Icmp or ParseStage.Icmp6 => (ushort)(IcmpRules.AnswerTo((byte)(opening.Selector >> 8), isV6) << 8),
            _ => 0,
        };
    }

    /// <summary>Nothing of this direction passes.</summary>
    private void RefuseDirection(PacketBuffer* p, FlowAction* action)
    {
        if (action->Generation == FlowAction.Unrouted)
        {
            RefuseUnrouted(p);
            return;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.NetworkAcl, "known connection; a network ACL denies this direction of it");
        }

        Drop(p, DropReason.NetworkAcl);
    }
}
