using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Routing;
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
        if ((p->Flags & PacketFlags.Mapped) != 0 && TryMappedHit(p))
        {
            return;
        }

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
        if ((p->Flags & (Unbalanced | PacketFlags.LaterFragment)) == Unbalanced)
        {
            Balance<TAddress, TFamily>(p, isRouted);
            return;
        }

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
        else if ((p->Flags & PacketFlags.Balanced) != 0)
        {
            ProceedBalanced<TAddress, TFamily>(p, isRouted);
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

        if (isGone)
        {
            return false;
        }

        FlowAction* action = ActionOf(p, entry);
        if (action->Generation is FlowAction.Denied or FlowAction.Unrouted)
        {
            RefuseDirection(p, action);
            return true;
        }

        return Hit(p, entry, action) == HitOutcome.Done;
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

    /// <summary>Order of checks, section 4, miss.</summary>
    private void Open<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (IsForNat(p, isRouted))
        {
            Drop(p, DropReason.NatUnsolicited);
            return;
        }

        Opening<TAddress> opening = OpeningOf<TAddress, TFamily>(p, isRouted);
        FlowState state = StateOfFirst(p, IsLoose<TAddress, TFamily>(opening));
        if (state == FlowState.Free && p->InPort == 0 && typeof(TAddress) == typeof(uint) && p->Protocol == ParseStage.Tcp)
        {
            state = StateAfterDrift(p);
        }

        if (state == FlowState.Free)
        {
            if (_snapshot.Protections.Length != 0 && TryTakeProof(p))
            {
                return;
            }

            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "no known connection, and this packet may not open one");
            }

            Drop(p, DropReason.ConnectionInvalid);
            return;
        }

        DropReason reason = Decide<TAddress, TFamily>(opening, out Decision decision);
        if (reason != DropReason.None)
        {
            EndUnopened(p, reason, isRouted);
            return;
        }

        if (_snapshot.Protections.Length == 0 || !IsScrubbed(p, state))
        {
            Begin<TAddress, TFamily>(p, opening, ref decision, state, isRouted);
        }
    }

    /// <summary>Order of checks, section 4, miss, from 7 on: the connection of a packet that policy allows.</summary>
    private void Begin<TAddress, TFamily>(
        PacketBuffer* p, in Opening<TAddress> opening, ref Decision decision, FlowState state, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        int mtuBytes = _snapshot.Enis[decision.OutPort].MtuBytes;
        if (p->L3Length > mtuBytes && RefuseTooLong(p, mtuBytes, decision.OutPort))
        {
            return;
        }

        DropReason reason = decision.Nat == 0 ? DropReason.None : TakePort(opening, ref decision);
        if (reason != DropReason.None)
        {
            EndUnopened(p, reason, isRouted);
            return;
        }

        int charged = IsOutside(p->InPort) ? decision.OutPort : p->InPort;
        FlowEntry* entry = _connections.Add((p->Flags & PacketFlags.IsV6) != 0, p->KeyLow, p->KeyHigh, p->Hash, charged);
        if (entry == null)
        {
            if (decision.Nat != 0)
            {
                GivePortBack(opening, decision);
            }

            Drop(p, DropReason.ConnectionTableFull);
            return;
        }

        decision.IsReplyDenied = IsReplyDenied<TAddress, TFamily>(AsSeen(opening, decision), decision.OutPort);
        decision.IsReplyUnrouted = IsReplyUnrouted<TAddress, TFamily>(opening, decision.OutPort);
        Install(p, entry, state, opening.Selector, decision, isRouted);
        TryForward(p, entry, ActionOf(p, entry));
    }

    private Opening<TAddress> OpeningOf<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
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
            Peer = isRouted ? 0 : PeerOf(p),
            Ttl = TFamily.Ttl(p),
            AsksAcl = true,
            AsksNeighbor = true,
            KeptEgressRule = SecurityGroupTable.NoRule,
            KeptIngressRule = SecurityGroupTable.NoRule,
        };
        (opening.Sent, opening.SentSelector) = (opening.Destination, opening.Selector);
        if ((p->Flags & PacketFlags.Balanced) != 0)
        {
            (uint address, ushort port) = KeyDestination(p);
            opening.SourcePort = *(ushort*)(p->Data + p->L4Offset);
            NoteBalanced(ref opening, new PortMapping(address, port, Ip4Family.Destination(p), *(ushort*)(p->Data + p->L4Offset + 2)));
        }

        opening.ReplySelector = ReplySelectorOf<TAddress>(opening, p->KeyHigh, swapped);
        opening.Inside = InsideOf(opening, p->KeyHigh, swapped);
        return opening;
    }

    /// <summary>Policy does not let the packet open a connection: waits for its next hop, or ends with the answer a router owes.
    /// </summary>
    private void EndUnopened(PacketBuffer* p, DropReason reason, bool isRouted)
    {
        switch (reason)
        {
            case DropReason.SecurityGroupEgress or DropReason.SecurityGroupIngress:
                RememberDenial(p, reason);
                break;
            case DropReason.TtlExpired:
                ExpireTtl(p);
                return;
            case DropReason.NeighborUnresolved:
                HoldForNeighbor(p);
                return;
            case DropReason.NatPortsExhausted or DropReason.NatConnectionsExhausted:
                // RFC 5508 REQ-8.
                SendError(p, RouterError.Prohibited);
                break;
            case DropReason.NoRoute when isRouted && !IsOutside(p->InPort):
                SendError(p, RouterError.NetUnreachable);
                break;
        }

        Drop(p, reason);
    }

    private void Install(
        PacketBuffer* p, FlowEntry* entry, FlowState state, ushort selector, in Decision decision, bool isRouted)
    {
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            *_connections.V6.AddressesOf(entry) = *Scratch6(p);
        }

        // A reply to the outside goes back to the router that brought the connection (semantics.md section 7).
        ulong replyMac = *(ulong*)(p->Data + 6) & MacMask;
        entry->Path = TakePath(decision, p->InPort, isRouted, swapped, replyMac);
        entry->State = state;
        if (p->Protocol == ParseStage.Tcp)
        {
            TcpTracker.Begin(entry, SegmentOf(p), swapped ? 1 : 0);
        }

        entry->Flags |= (swapped ? FlowFlags.OpenerSwapped : FlowFlags.None) |
            (decision.Nat != 0 ? FlowFlags.HasPublicPort : FlowFlags.None);
        FlowDetail* detail = _connections.DetailOf(entry);
        detail->OpenerPort = p->InPort;
        detail->Selector = selector;
        detail->EgressRule = decision.EgressRule;
        detail->IngressRule = decision.IngressRule;
        entry->DeadlineMs = _nowMs + TimeoutMs(entry);
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, $"a new connection is tracked in state {state.Name()}");
        }
    }

    private int TakePath(in Decision decision, int openerPort, bool isRouted, bool swapped, ulong replyMac)
    {
        int kind = (isRouted ? 1 : 0) | (swapped ? 2 : 0) | (decision.IsReplyDenied ? 4 : 0) | (decision.IsReplyUnrouted ? 8 : 0);
        var origin = PathOrigin.Of(
            decision.NextMac, replyMac, (openerPort, decision.OutPort), (decision.SourceEip, decision.DestinationEip), kind,
            _generation, _snapshot.Version);
        bool isMapped = decision.SourceMapping.IsThere || decision.DestinationMapping.IsThere;
        int path = 0;
        if (!isMapped && _connections.Paths.TryTake(origin, out path))
        {
            return path;
        }

        MakeActions(decision, openerPort, isRouted, isRouted, replyMac, out FlowAction forward, out FlowAction reply);
        path = swapped ? _connections.Paths.Take(reply, forward) : _connections.Paths.Take(forward, reply);
        if (!isMapped)
        {
            _connections.Paths.Note(origin, path);
        }

        return path;
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
        int other = ReceiverOf<TAddress, TFamily>(opening);
        return ((_snapshot.Enis[opening.Port].Flags | _snapshot.Enis[other].Flags) & EniFlags.TcpLoose) != 0;
    }

    /// <summary>The port that a first packet is for, before any rule; 0 when it is none or the internet side.</summary>
    private int ReceiverOf<TAddress, TFamily>(in Opening<TAddress> opening)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (opening.IsHairpin)
        {
            return _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Destination)].Port;
        }

        if (!opening.IsRouted)
        {
            return opening.Peer;
        }

        if (_snapshot.Vpcs[opening.Space].Peering is Peering peering)
        {
            return PeeredHolder<TAddress, TFamily>(opening, peering);
        }

        int holder = TFamily.PortOf(_snapshot, opening.Space, opening.Destination);
        if (holder != 0 || IsOutside(opening.Port) || TFamily.Contains(_snapshot.Vpcs[opening.Space], opening.Destination))
        {
            return holder;
        }

        RouteTable routes = _snapshot.Subnets[_snapshot.Enis[opening.Port].Subnet].Routes;
        RouteTarget target = TFamily.Route(routes, opening.Destination, out ushort port);
        return target == RouteTarget.Eni ? port
            : target == RouteTarget.Nat ? _snapshot.Eips[TFamily.EipOf(_snapshot, opening.Destination)].Port : 0;
    }

    /// <summary>The port whose MAC a packet within a subnet names.</summary>
    private int PeerOf(PacketBuffer* p) => _snapshot.MacToPort.Lookup(*(ulong*)p->Data & MacMask, 0);

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
