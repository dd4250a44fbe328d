using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6b. The question: is a known connection still what it was, under the policy in force? Asked with its first packet after
/// a change, and of a packet that goes another way than the ones before it. Order of checks, section 4, hit, 1, and
/// section 10.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Makes the connection's actions anew when they are of an older generation or of another way within the subnet
    /// (by the router, or by MAC). What the policy no longer allows is forgotten, and the reason returned.</summary>
    /// <param name="p">A packet of the connection.</param>
    /// <param name="entry">The connection.</param>
    /// <param name="isRouted">True when the packet goes by the router.</param>
    /// <param name="isGone">True when the connection is over and forgotten: the packet is a miss.</param>
    private DropReason Refresh<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isRouted, out bool isGone)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isGone = false;
        FlowAction* current = ActionOf(p, entry);
        if (IsInForce(current) && IsOnItsWay(p, current))
        {
            return DropReason.None;
        }

        bool isChanged = current->PolicyVersion != _snapshot.Version;
        if (!isChanged && current->InPort != p->InPort)
        {
            return RefuseOtherPort(current);
        }

        bool openerSwapped = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        bool isReply = ((p->Flags & PacketFlags.Swapped) != 0) != openerSwapped;
        FlowAction* actions = _connections.Paths.Actions + (2L * entry->Path);
        FlowAction forward = actions[openerSwapped ? 1 : 0];
        FlowAction reply = actions[openerSwapped ? 0 : 1];
        Opening<TAddress> opening = OpeningOf<TAddress, TFamily>(entry, openerSwapped, forward);
        opening.IsRouted = isReply ? forward.TtlDecrement != 0 : isRouted;
        opening.Peer = opening.IsRouted ? 0 : isReply ? forward.OutPort : PeerOf(p);
        bool isReplyRouted = isReply ? isRouted : reply.TtlDecrement != 0;
        isGone = isChanged && IsOver<TAddress, TFamily>(p, entry, opening, forward, isReply);
        if (isGone)
        {
            _connections.Remove(entry);
            return DropReason.None;
        }

        DropReason reason = Decide<TAddress, TFamily>(opening, out Decision decision);
        if (reason != DropReason.None)
        {
            isGone = reason == DropReason.EipUnbound && isChanged && HasEipMoved<TAddress, TFamily>(opening, forward);
            if (reason != DropReason.NeighborUnresolved)
            {
                // With that reason the policy allows it: what is missing is the neighbour's answer, and the connection waits.
                _connections.Remove(entry);
            }

            return isGone ? DropReason.None : reason;
        }

        decision.IsForwardDenied = IsForwardDenied<TAddress, TFamily>(opening, decision.OutPort);
        decision.IsReplyDenied = IsReplyDenied<TAddress, TFamily>(opening, decision.OutPort);
        ulong replyMac = opening.Port == 0 ? reply.MacBytes & MacMask : 0;
        MakeActions(decision, opening.Port, opening.IsRouted, isReplyRouted, replyMac, out FlowAction first, out FlowAction second);
        if (isChanged && (first.SourceXor != forward.SourceXor || first.DestinationXor != forward.DestinationXor))
        {
            // An end would be known by another address in the middle of its connection.
            _connections.Remove(entry);
            isGone = true;
            return DropReason.None;
        }

        int old = entry->Path;
        entry->Path = openerSwapped ? _connections.Paths.Take(second, first) : _connections.Paths.Take(first, second);
        _connections.Paths.Release(old);
        FlowDetail* detail = _connections.DetailOf(entry);
        detail->EgressRule = decision.EgressRule;
        detail->IngressRule = decision.IngressRule;
        return IsOnItsWay(p, ActionOf(p, entry)) ? DropReason.None : RefuseOtherPort(ActionOf(p, entry));
    }

    /// <summary>True when the action was made under the policy in force, also one that lets nothing pass.</summary>
    private bool IsInForce(FlowAction* action) => action->Generation == _generation ||
        (action->Generation == FlowAction.Denied && action->PolicyVersion == _snapshot.Version);

    /// <summary>True when the packet came in where the action's packets come in, to the same MAC.</summary>
    private static bool IsOnItsWay(PacketBuffer* p, FlowAction* action) =>
        action->Arrival == FlowAction.ArrivalOf(*(ulong*)p->Data, p->InPort);

    private DropReason RefuseOtherPort(FlowAction* action)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(
                PipelineStage.Connection, $"known connection, whose packets of this direction come in by {PortName(action->InPort)}");
        }

        return DropReason.ConnectionInvalid;
    }

    /// <summary>True when the connection ends with the change of the policy, whatever the rules say now.</summary>
    private bool IsOver<TAddress, TFamily>(
        PacketBuffer* p, FlowEntry* entry, in Opening<TAddress> opening, in FlowAction forward, bool isReply)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        uint seenIn = forward.PolicyVersion;
        FlowDetail* detail = _connections.DetailOf(entry);
        string? why = !HasOpener<TAddress, TFamily>(opening, seenIn) ? "the ENI that opened it is gone or has its address no longer"
            : !HasReceiver<TAddress, TFamily>(opening, forward) ? "the ENI that it reached is gone or has its address no longer"
            : !isReply && p->InPort != detail->OpenerPort ? "its opener's address sends by another port"
            : _snapshot.SecurityGroups.IsCut(detail->EgressRule, seenIn) ||
                _snapshot.SecurityGroups.IsCut(detail->IngressRule, seenIn) ? "the rules of a group with liveConnections: cut have changed"
            : null;
        if (_tracer.IsEnabled && why != null)
        {
            _tracer.Note(PipelineStage.Connection, $"the known connection is over: {why}");
        }

        return why != null;
    }

    /// <summary>True when the ENI that opened the connection is still the same one and has its address. An EIP that is bound no
    /// longer is the routes' affair (<c>eip-unbound</c>).</summary>
    private bool HasOpener<TAddress, TFamily>(in Opening<TAddress> opening, uint seenIn)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (opening.Port == 0)
        {
            return IsSameVpc(opening.Space, seenIn);
        }

        Eni* eni = _snapshot.Enis + opening.Port;
        if (!IsSameEni(opening.Port, seenIn) || !IsSameVpc(eni->Vpc, seenIn))
        {
            return false;
        }

        return opening.IsHairpin
            ? _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Source)].Port is var holder && (holder == 0 || holder == opening.Port)
            : eni->Vpc == opening.Space &&
                (TFamily.Owns(_snapshot, opening.Port, opening.Source) || (eni->Flags & EniFlags.Transit) != 0);
    }

    /// <summary>True when the ENI at the other end is still the same one and has its address, unless it never had it: a route or a
    /// MAC led there.</summary>
    private bool HasReceiver<TAddress, TFamily>(in Opening<TAddress> opening, in FlowAction forward)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        int port = forward.OutPort;
        if (port == 0)
        {
            return true;
        }

        if (!IsSameEni(port, forward.PolicyVersion))
        {
            return false;
        }

        if (opening.IsHairpin)
        {
            int holder = _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Destination)].Port;
            return holder == 0 || holder == port;
        }

        bool isLed = opening.IsRouted
            ? opening.Port != 0 && !TFamily.Contains(_snapshot.Vpcs[opening.Space], opening.Destination)
            : (_snapshot.Enis[port].Flags & EniFlags.Transit) != 0;
        return isLed || TFamily.PortOf(_snapshot, opening.Space, opening.Destination) == port;
    }

    /// <summary>True when the EIP that the connection's inside end was known by is bound to another address now.</summary>
    private bool HasEipMoved<TAddress, TFamily>(in Opening<TAddress> opening, in FlowAction forward)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (typeof(TAddress) != typeof(uint) || opening.IsHairpin)
        {
            return false;
        }

        TAddress inside = opening.Port == 0 ? opening.Destination : opening.Source;
        uint flip = opening.Port == 0 ? forward.DestinationXor : forward.SourceXor;
        return flip != 0 && _snapshot.Eips[Ip4Family.EipOf(_snapshot, Unsafe.As<TAddress, uint>(ref inside) ^ flip)].IsBound;
    }

    /// <summary>True when the number is still the ENI's that had it in an older snapshot.</summary>
    private bool IsSameEni(int port, uint seenIn) => port < _snapshot.PortCount &&
        (_snapshot.Enis[port].Flags & EniFlags.Exists) != 0 && _snapshot.Enis[port].Since <= seenIn;

    private bool IsSameVpc(int vpc, uint seenIn) => vpc < _snapshot.Vpcs.Length && _snapshot.Vpcs[vpc].Since <= seenIn;

    private Opening<TAddress> OpeningOf<TAddress, TFamily>(FlowEntry* entry, bool openerSwapped, in FlowAction forward)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        FlowAddresses6* addresses = (entry->Flags & FlowFlags.IsV6) != 0 ? _connections.V6.AddressesOf(entry) : null;
        FlowDetail* detail = _connections.DetailOf(entry);
        int space = (ushort)(entry->KeyHigh >> 32);
        SecurityGroupTable groups = _snapshot.SecurityGroups;
        bool keepsEgress = groups.IsKept(detail->EgressRule, forward.PolicyVersion);
        bool keepsIngress = groups.IsKept(detail->IngressRule, forward.PolicyVersion);
        var opening = new Opening<TAddress>
        {
            Port = detail->OpenerPort,
            Space = space,
            Source = TFamily.KeyAddress(entry->KeyLow, addresses, openerSwapped),
            Destination = TFamily.KeyAddress(entry->KeyLow, addresses, !openerSwapped),
            Protocol = (byte)(entry->KeyHigh >> 48),
            Selector = detail->Selector,
            IsHairpin = space == 0,
            Ttl = byte.MaxValue,
            KeptEgressRule = keepsEgress ? detail->EgressRule : SecurityGroupTable.NoRule,
            KeptIngressRule = keepsIngress ? detail->IngressRule : SecurityGroupTable.NoRule,
            KeptReceiver = forward.OutPort,
        };
        opening.ReplySelector = ReplySelectorOf<TAddress>(opening, entry->KeyHigh, openerSwapped);
        return opening;
    }
}
