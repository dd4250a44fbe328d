using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6. Admit. The question: what becomes of a packet that has no connection, or one whose action no longer fits? Once a
/// connection, not once a packet.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Admit<TAddress, TFamily>(PacketBuffer* p)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        // TryHit may have dropped or sent the packet only when it said so; here it is untouched.
        if (TryHandleDhcp(p))
        {
            return;
        }

        DropReason reason = CheckStateless<TAddress, TFamily>(p, out bool isRouted, out bool isLocal);
        if (_tracer.IsEnabled)
        {
            TraceIngress(p, reason, isRouted, isLocal);
        }

        if (reason != DropReason.None)
        {
            Drop(p, reason);
        }
        else if (isLocal)
        {
            AnswerLocal(p);
        }
        else if ((p->Flags & PacketFlags.Fragment) != 0 && IsMeetingWorker(p))
        {
            Meet<TAddress, TFamily>(p, isRouted);
        }
        else
        {
            Proceed<TAddress, TFamily>(p, isRouted);
        }
    }

    /// <summary>Order of checks, section 4, for a packet that passed sections 2 and 3 (a fragment, 9 too).</summary>
    private void Proceed<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if ((p->Flags & (PacketFlags.Fragment | PacketFlags.LaterFragment)) == PacketFlags.Fragment)
        {
            _fragments.Begin(p->Datagram, FragmentKeyOf(p));
        }

        if ((p->Flags & PacketFlags.IcmpError) != 0)
        {
            Relate<TAddress, TFamily>(p, isRouted);
        }
        else if ((p->Flags & PacketFlags.LaterFragment) != 0)
        {
            FollowFirstFragment<TAddress, TFamily>(p, isRouted);
        }
        else if (!TryKnown<TAddress, TFamily>(p, isRouted))
        {
            Open<TAddress, TFamily>(p, isRouted);
        }
    }

    /// <summary>Handles a packet whose connection is known; false when there is none (any more).</summary>
    private bool TryKnown<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        FlowEntry* entry = FindEntry(p);
        if (entry == null)
        {
            return false;
        }

        DropReason reason = Refresh<TAddress, TFamily>(p, entry, isRouted, out bool isGone);
        if (reason == DropReason.NeighborUnresolved)
        {
            HoldForNeighbor(p);
            return true;
        }

        if (reason != DropReason.None)
        {
            Drop(p, reason);
            return true;
        }

        return !isGone && Hit(p, entry, ActionOf(p, entry)) == HitOutcome.Done;
    }

    /// <summary>The packet's connection, if it is known and not expired. An expired one is forgotten.</summary>
    private FlowEntry* FindEntry(PacketBuffer* p)
    {
        FlowEntry* entry = (p->Flags & PacketFlags.NoKey) != 0 ? null
            : (p->Flags & PacketFlags.IsV6) != 0 ? _connections.V6.Find(*Scratch6(p), p->KeyLow, p->KeyHigh, p->Hash)
            : _connections.V4.Find(p->KeyLow, p->KeyHigh, p->Hash);
        if (entry != null && Connections.IsExpired(entry, _nowMs))
        {
            _connections.Remove(entry);
            return null;
        }

        return entry;
    }

    /// <summary>Makes the connection's actions anew when they are of an older generation or of another way within the subnet
    /// (by the router, or by MAC). What the policy no longer allows is forgotten, and the reason returned.</summary>
    private DropReason Refresh<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isRouted, out bool isGone)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isGone = false;
        FlowAction* current = ActionOf(p, entry);
        if (Fits(p, current))
        {
            return DropReason.None;
        }

        bool openerSwapped = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        bool isReply = ((p->Flags & PacketFlags.Swapped) != 0) != openerSwapped;
        FlowAction* actions = _connections.Paths.Actions + (2L * entry->Path);
        FlowAction* forward = actions + (openerSwapped ? 1 : 0);
        FlowAction* reply = actions + (openerSwapped ? 0 : 1);
        Opening<TAddress> opening = OpeningOf<TAddress, TFamily>(entry, openerSwapped);
        opening.IsRouted = isReply ? forward->TtlDecrement != 0 : isRouted;
        bool isReplyRouted = isReply ? isRouted : reply->TtlDecrement != 0;
        Decision decision = default;
        DropReason reason = StillThere<TAddress, TFamily>(opening)
            ? Decide<TAddress, TFamily>(opening, out decision) : DropReason.SpoofedIp;
        if (reason == DropReason.NeighborUnresolved)
        {
            // The way has changed to a next hop that is not known yet: the connection is still allowed.
            return reason;
        }

        if (reason != DropReason.None)
        {
            _connections.Remove(entry);
            return reason;
        }

        ulong replyMac = opening.Port == 0 ? reply->MacBytes & MacMask : 0;
        MakeActions(decision, opening.Port, opening.IsRouted, isReplyRouted, replyMac, out FlowAction first, out FlowAction second);
        int old = entry->Path;
        entry->Path = openerSwapped ? _connections.Paths.Take(second, first) : _connections.Paths.Take(first, second);
        _connections.Paths.Release(old);
        entry->EgressRule = decision.EgressRule;
        entry->IngressRule = decision.IngressRule;
        if (Fits(p, ActionOf(p, entry)))
        {
            return DropReason.None;
        }

        // The sender has taken over the address of one end from another ENI: that end's connection is over.
        _connections.Remove(entry);
        isGone = true;
        return DropReason.None;
    }

    /// <summary>True when the ENI that opened the connection still has its address.</summary>
    private bool StillThere<TAddress, TFamily>(in Opening<TAddress> opening)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (opening.Port == 0)
        {
            return true;
        }

        Eni* eni = _snapshot.Enis + opening.Port;
        return opening.Port < _snapshot.PortCount && (eni->Flags & EniFlags.Exists) != 0 &&
            (opening.IsHairpin || (eni->Vpc == opening.Space && TFamily.Owns(_snapshot, opening.Port, opening.Source)));
    }

    private static Opening<TAddress> OpeningOf<TAddress, TFamily>(FlowEntry* entry, bool openerSwapped)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        FlowAddresses6* addresses = FlowTable.Addresses6(entry);
        int space = (ushort)(entry->KeyHigh >> 32);
        return new Opening<TAddress>
        {
            Port = entry->OpenerPort,
            Space = space,
            Source = TFamily.KeyAddress(entry->KeyLow, addresses, openerSwapped),
            Destination = TFamily.KeyAddress(entry->KeyLow, addresses, !openerSwapped),
            Protocol = (byte)(entry->KeyHigh >> 48),
            Selector = entry->Selector,
            IsHairpin = space == 0,
            IsRouted = true,
            Ttl = byte.MaxValue,
        };
    }

    /// <summary>Order of checks, section 4, miss.</summary>
    private void Open<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        var opening = new Opening<TAddress>
        {
            Port = p->InPort,
            Space = (ushort)(p->KeyHigh >> 32),
            Source = TFamily.KeyAddress(p->KeyLow, Scratch6(p), swapped),
            Destination = TFamily.KeyAddress(p->KeyLow, Scratch6(p), !swapped),
            Protocol = p->Protocol,
            Selector = SelectorOf(p),
            IsHairpin = (p->Flags & PacketFlags.Hairpin) != 0,
            IsRouted = isRouted,
            Ttl = TFamily.Ttl(p),
        };
        FlowState state = StateOfFirst(p, IsLoose<TAddress, TFamily>(opening));
        if (state == FlowState.Free)
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "no known connection, and this packet may not open one");
            }

            Drop(p, DropReason.ConnectionInvalid);
            return;
        }

        DropReason reason = Decide<TAddress, TFamily>(opening, out Decision decision);
        if (reason == DropReason.TtlExpired)
        {
            ExpireTtl(p);
            return;
        }

        if (reason == DropReason.NeighborUnresolved)
        {
            HoldForNeighbor(p);
            return;
        }

        if (reason == DropReason.NoRoute && isRouted && p->InPort != 0)
        {
            SendError(p, RouterError.NetUnreachable);
        }

        int mtuBytes = _snapshot.Enis[decision.OutPort].MtuBytes;
        if (reason == DropReason.None && p->L3Length > mtuBytes && RefuseTooLong(p, mtuBytes, decision.OutPort))
        {
            return;
        }

        FlowEntry* entry = null;
        if (reason == DropReason.None)
        {
            int charged = p->InPort != 0 ? p->InPort : decision.OutPort;
            entry = _connections.Add((p->Flags & PacketFlags.IsV6) != 0, p->KeyLow, p->KeyHigh, p->Hash, charged);
            reason = entry == null ? DropReason.ConnectionTableFull : DropReason.None;
        }

        if (reason != DropReason.None)
        {
            Drop(p, reason);
            return;
        }

        Install(p, entry, state, opening.Selector, decision, isRouted);
        TryForward(p, entry, ActionOf(p, entry));
    }

    private void Install(
        PacketBuffer* p, FlowEntry* entry, FlowState state, ushort selector, in Decision decision, bool isRouted)
    {
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            *FlowTable.Addresses6(entry) = *Scratch6(p);
        }

        // A reply to the outside goes back to the router that brought the connection (semantics.md section 7).
        ulong replyMac = *(ulong*)(p->Data + 6) & MacMask;
        MakeActions(decision, p->InPort, isRouted, isRouted, replyMac, out FlowAction forward, out FlowAction reply);
        entry->Path = swapped ? _connections.Paths.Take(reply, forward) : _connections.Paths.Take(forward, reply);
        entry->State = state;
        if (p->Protocol == ParseStage.Tcp)
        {
            TcpTracker.Begin(entry, SegmentOf(p), swapped ? 1 : 0);
        }

        entry->Flags |= swapped ? FlowFlags.OpenerSwapped : FlowFlags.None;
        entry->OpenerPort = p->InPort;
        entry->Selector = selector;
        entry->EgressRule = decision.EgressRule;
        entry->IngressRule = decision.IngressRule;
        entry->DeadlineMs = _nowMs + _timeoutMs[(int)state];
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, $"a new connection is tracked in state {state}");
        }
    }

    /// <summary>What rules look at besides the address: destination port in host order, or ICMP type and code.</summary>
    private static ushort SelectorOf(PacketBuffer* p)
    {
        byte* l4 = p->Data + p->L4Offset;
        return p->Protocol switch
        {
            ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp => BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + 2)),
            ParseStage.Icmp or ParseStage.Icmp6 => (ushort)((l4[0] << 8) | l4[1]),
            _ => 0,
        };
    }

    private bool IsLoose<TAddress, TFamily>(in Opening<TAddress> opening)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        int other = opening.IsHairpin
            ? _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Destination)].Port
            : TFamily.PortOf(_snapshot, opening.Space, opening.Destination);
        return ((_snapshot.Enis[opening.Port].Flags | _snapshot.Enis[other].Flags) & EniFlags.TcpLoose) != 0;
    }

    /// <summary>The state that a first packet begins a connection in; Free when it may not begin one.</summary>
    private static FlowState StateOfFirst(PacketBuffer* p, bool isLoose)
    {
        byte* l4 = p->Data + p->L4Offset;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        switch (p->Protocol)
        {
            case ParseStage.Tcp:
                return TcpTracker.MayOpen(l4[13]) ? FlowState.TcpSynSent
                    : isLoose && TcpTracker.MayPickUp(l4[13]) ? FlowState.TcpEstablished : FlowState.Free;
            case ParseStage.Udp:
                return FlowState.Udp;
            case ParseStage.Icmp when !isV6:
            case ParseStage.Icmp6 when isV6:
                return IcmpRules.IsRequest(l4[0], isV6) && l4[1] == 0 ? FlowState.Icmp : FlowState.Free;
            default:
                return FlowState.Other;
        }
    }
}
