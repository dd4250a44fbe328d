using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6b. The question: is a known connection still what it was, under the policy in force? Asked with its first packet after
/// a change, and of a packet that goes another way than the ones before it. Order of checks, section 4, hit, 1, and
/// section 10.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>The two actions of a connection, by who sends.</summary>
    private struct Ways
    {
        public FlowAction Forward;
        public FlowAction Reply;
    }

    /// <summary>Makes the connection's actions anew when they are of an older generation, or when its packets begin to go another
    /// way to the same end (by the router, or by MAC). What the policy no longer allows is forgotten, and the reason returned; a
    /// packet from or to another end changes nothing.</summary>
    /// <param name="p">A packet of the connection.</param>
    /// <param name="entry">The connection.</param>
    /// <param name="isRouted">True when the packet goes by the router.</param>
    /// <param name="isGone">True when the connection is over and forgotten: the packet is a miss.</param>
    private DropReason Refresh<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isRouted, out bool isGone)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isGone = false;
        FlowAction* action = ActionOf(p, entry);
        if (!IsInForce(p, action))
        {
            if (action->PolicyVersion == _snapshot.Version && IsStray(p, action, isRouted))
            {
                return RefuseStray(action);
            }

            DropReason reason = AskAgain<TAddress, TFamily>(p, entry, isRouted, out isGone);
            if (reason != DropReason.None || isGone)
            {
                return reason;
            }

            action = ActionOf(p, entry);
        }

        return IsOnItsWay(p, action) || IsByOtherGateway(p, action->InPort) ? DropReason.None
            : IsStray(p, action, isRouted) ? RefuseStray(action)
            : TakeOtherWay<TAddress, TFamily>(p, entry, isRouted);
    }

    /// <summary>Asks rules and routes about a connection, by the way that it took so far.</summary>
    private DropReason AskAgain<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isRouted, out bool isGone)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isReply = IsReply(p, entry);
        Ways old = WaysOf(entry);
        Opening<TAddress> opening = OpeningOf<TAddress, TFamily>(entry, old.Forward);
        bool isChanged = old.Forward.PolicyVersion != _snapshot.Version;
        isGone = isChanged && IsOver<TAddress, TFamily>(p, entry, opening, old.Forward, isReply);
        if (isGone)
        {
            _connections.Remove(entry);
            return DropReason.None;
        }

        opening.AsksNeighbor = !isReply && isRouted;
        DropReason reason = Decide<TAddress, TFamily>(opening, out Decision decision);
        bool isUnresolved = reason == DropReason.NeighborUnresolved;
        if (reason != DropReason.None && !isUnresolved)
        {
            // A way that leads to a detached ENI now is the end of the connection, as the ENI's detaching is of its own.
            isGone = decision.IsElsewhere || reason == DropReason.PortDown || (decision.IsBackendGone && !isReply) ||
                (reason == DropReason.EipUnbound && isChanged && HasEipMoved<TAddress, TFamily>(opening, old.Forward));
            _connections.Remove(entry);
            return isGone ? DropReason.None : reason;
        }

        Ways ways = MakeWays<TAddress, TFamily>(opening, ref decision, old.Reply);
        if (isChanged && (ways.Forward.SourceXor != old.Forward.SourceXor ||
            ways.Forward.DestinationXor != old.Forward.DestinationXor || ways.Forward.PortXor != old.Forward.PortXor ||
            ways.Forward.Translates != old.Forward.Translates))
        {
            // An end would be known by another address in the middle of its connection.
            _connections.Remove(entry);
            isGone = true;
            return DropReason.None;
        }

        if (isUnresolved)
        {
            // The policy allows it. What is missing is the neighbour's answer: the opener's packets wait for it, replies need none.
            ways.Forward.Generation = FlowAction.Unresolved;
            bool isError = (p->Flags & PacketFlags.IcmpError) != 0;
            reason = isReply || !isRouted ? DropReason.None
                : decision.IsForwardDenied && !isError ? DropReason.NetworkAcl : DropReason.NeighborUnresolved;
        }

        Take(entry, ways, decision);
        return reason;
    }

    /// <summary>The packet goes by the router where the ones before it went by MAC, or the other way round: fine if it is for the
    /// same end. The router would send an opener's packet by rules and routes; a reply it sends back by the connection.</summary>
    private DropReason TakeOtherWay<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Ways old = WaysOf(entry);
        Opening<TAddress> opening = OpeningOf<TAddress, TFamily>(entry, old.Forward);
        if (IsReply(p, entry))
        {
            old.Reply.TtlDecrement = isRouted ? (byte)1 : (byte)0;
        }
        else
        {
            opening.IsRouted = isRouted;
            opening.Peer = isRouted ? 0 : old.Forward.OutPort;
        }

        if (ReceiverOf<TAddress, TFamily>(opening) != old.Forward.OutPort ||
            Decide<TAddress, TFamily>(opening, out Decision decision) != DropReason.None)
        {
            return RefuseStray(ActionOf(p, entry));
        }

        Take(entry, MakeWays<TAddress, TFamily>(opening, ref decision, old.Reply), decision);
        return DropReason.None;
    }

    /// <summary>The actions of a connection that policy allows; replies go by the router or by MAC as before.</summary>
    private Ways MakeWays<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision, in FlowAction oldReply)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Opening<TAddress> seen = AsSeen(opening, decision);
        decision.IsForwardDenied = IsForwardDenied<TAddress, TFamily>(seen, decision.OutPort);
        decision.IsReplyDenied = IsReplyDenied<TAddress, TFamily>(seen, decision.OutPort);
        decision.IsReplyUnrouted = IsReplyUnrouted<TAddress, TFamily>(opening, decision.OutPort);
        ulong replyMac = IsOutside(opening.Port) ? oldReply.MacBytes & MacMask : 0;
        Ways ways;
        MakeActions(
            decision, opening.Port, opening.IsRouted, oldReply.TtlDecrement != 0, replyMac, out ways.Forward, out ways.Reply);
        return ways;
    }

    private void Take(FlowEntry* entry, in Ways ways, in Decision decision)
    {
        int old = entry->Path;
        entry->Path = (entry->Flags & FlowFlags.OpenerSwapped) != 0
            ? _connections.Paths.Take(ways.Reply, ways.Forward) : _connections.Paths.Take(ways.Forward, ways.Reply);
        _connections.Paths.Release(old);
        FlowDetail* detail = _connections.DetailOf(entry);
        detail->EgressRule = decision.EgressRule;
        detail->IngressRule = decision.IngressRule;
    }

    private Ways WaysOf(FlowEntry* entry)
    {
        FlowAction* actions = _connections.Paths.Actions + (2L * entry->Path);
        int forward = (entry->Flags & FlowFlags.OpenerSwapped) != 0 ? 1 : 0;
        return new Ways { Forward = actions[forward], Reply = actions[forward ^ 1] };
    }

    private static bool IsReply(PacketBuffer* p, FlowEntry* entry) =>
        ((p->Flags & PacketFlags.Swapped) != 0) != ((entry->Flags & FlowFlags.OpenerSwapped) != 0);

    /// <summary>True when the action was made under the policy in force. One that lets nothing pass needs no next hop's MAC but for
    /// an ICMP error, of which the ACL asks apart.</summary>
    private bool IsInForce(PacketBuffer* p, FlowAction* action) => action->Generation == _generation ||
        (action->Generation == FlowAction.Denied && action->PolicyVersion == _snapshot.Version &&
            (p->Flags & PacketFlags.IcmpError) == 0) ||
        (action->Generation == FlowAction.Unrouted && action->PolicyVersion == _snapshot.Version);

    /// <summary>True when the packet came in where the action's packets come in, to the same MAC.</summary>
    private static bool IsOnItsWay(PacketBuffer* p, FlowAction* action) =>
        action->Arrival == FlowAction.ArrivalOf(*(ulong*)p->Data, p->InPort);

    /// <summary>True when the packet did not come in by the port of its direction's one end, or names the MAC of an ENI that is not
    /// the other.</summary>
    private bool IsStray(PacketBuffer* p, FlowAction* action, bool isRouted) =>
        (action->InPort != p->InPort && !IsByOtherGateway(p, action->InPort)) || (!isRouted && action->OutPort != PeerOf(p));

    private DropReason RefuseStray(FlowAction* action)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(
                PipelineStage.Connection,
                $"known connection, whose packets of this direction go from {PortName(action->InPort)} to {PortName(action->OutPort)}");
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
            : !isReply && p->InPort != detail->OpenerPort && !IsByOtherGateway(p, forward.InPort) ? "its opener's address sends by another port"
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
        if (!IsSameEni(opening.Port, seenIn) || !IsSameVpc(eni->Vpc, seenIn) || !IsSameVpc(opening.Space, seenIn))
        {
            return false;
        }

        if (IsOutside(opening.Port))
        {
            return eni->Vpc == opening.Space;
        }

        return opening.IsHairpin
            ? _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Source)].Port is var holder && (holder == 0 || holder == opening.Port)
            : IsOfSpace(eni->Vpc, opening.Space) &&
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

        if (opening.Mapping.IsThere)
        {
            // From behind a NAT gateway to an EIP of this switch.
            int holder = _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Destination)].Port;
            return holder == 0 || holder == port;
        }

        if (_snapshot.Vpcs[opening.Space].Peering is Peering peering)
        {
            // One that is not active is the routes' affair.
            return !peering.IsActive || PeeredHolder<TAddress, TFamily>(opening, peering) == port;
        }

        bool isLed = opening.IsRouted
            ? !IsOutside(opening.Port) && !TFamily.Contains(_snapshot.Vpcs[opening.Space], opening.Destination)
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

    /// <summary>The connection as its opener began it, by the way that the opener's packets took so far.</summary>
    private Opening<TAddress> OpeningOf<TAddress, TFamily>(FlowEntry* entry, in FlowAction forward)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool openerSwapped = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        bool isRouted = forward.TtlDecrement != 0;
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
            IsRouted = isRouted,
            Peer = isRouted ? 0 : forward.OutPort,
            Ttl = byte.MaxValue,
            KeptEgressRule = keepsEgress ? detail->EgressRule : SecurityGroupTable.NoRule,
            KeptIngressRule = keepsIngress ? detail->IngressRule : SecurityGroupTable.NoRule,
            KeptReceiver = forward.OutPort,
            IsKnown = true,
        };
        (opening.Sent, opening.SentSelector) = (opening.Destination, opening.Selector);
        opening.SourcePort = (ushort)(openerSwapped ? entry->KeyHigh >> 16 : entry->KeyHigh);
        if (forward.Translates == FlowAction.TranslatesPorts && (entry->Flags & FlowFlags.HasPublicPort) == 0 && _balancing != null)
        {
            NoteBalanced(ref opening, entry, forward);
        }

        opening.ReplySelector = ReplySelectorOf<TAddress>(opening, entry->KeyHigh, openerSwapped);
        opening.Inside = InsideOf(opening, entry->KeyHigh, openerSwapped);
        if ((entry->Flags & FlowFlags.HasPublicPort) != 0)
        {
            uint address = NatTable.AddressOf(opening.Inside);
            ushort port = NatTable.PortOf(opening.Inside);
            opening.Mapping = new PortMapping(address, port, address ^ forward.SourceXor, (ushort)(port ^ forward.PortXor));
            opening.MappingEip = forward.Meter >> 1;
        }

        return opening;
    }
}
