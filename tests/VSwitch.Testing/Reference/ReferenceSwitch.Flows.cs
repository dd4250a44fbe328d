using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Connections: section 4, and section 7 for the errors about them.</summary>
public sealed partial class ReferenceSwitch
{
    private ReferenceOutcome Hit(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple, ReferenceConnection connection)
    {
        bool isOriginal = connection.IsOriginal(tuple);
        if (Recheck(way, connection, isOriginal) is { } refused)
        {
            return refused;
        }

        if (!_connections.IsLive(connection))
        {
            return Miss(packet, way, tuple);
        }

        if (PrepareHit(packet, way, connection, isOriginal, errorQuestion: null) is { } ended)
        {
            return ended;
        }

        ReferenceVerdict verdict = ReferenceState.Judge(packet, connection, isOriginal);
        if (verdict.IsInvalid)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        if (verdict.IsRestart)
        {
            _connections.Remove(connection);
            return Miss(packet, way, tuple);
        }

        ReferenceOutcome outcome = Send(packet, way, ReceiverOf(connection, isOriginal), null, connection.OpenerMac);
        if (outcome.Kind == OutcomeKind.Forwarded)
        {
            Commit(packet, isOriginal, connection, verdict);
        }

        return outcome;
    }

    /// <summary>True when a packet does not go between the connection's ends: it came in by another port, or its MAC, or the router
    /// where a MAC led the packets before it, leads elsewhere.</summary>
    private bool IsStray(ReferenceWay way, ReferenceConnection connection, bool isOriginal)
    {
        if (PortOf(way.From) != connection.PortOf(isOriginal))
        {
            return true;
        }

        if (way.SwitchedTo is { } peer)
        {
            return peer.Name != connection.PortOf(!isOriginal);
        }

        if (!isOriginal || !connection.IsSwitched)
        {
            return false;
        }

        ReferenceRoute route =
            ReferenceRoute.Find(_topology, way.From!, connection.OpenerAddress, connection.WireDestination);
        return route.Reason != DropReason.None || route.Receiver?.Name != connection.ReceiverPort;
    }

    /// <summary>The next hop of the opener's packets has no MAC (any more): the packet waits for it, or ends if it is none that may.
    /// </summary>
    private ReferenceOutcome? WaitForNextHop(ReferencePacket packet, ReferenceWay way, ReferenceConnection connection, bool isOriginal)
    {
        bool isOutward = isOriginal && connection.ReceiverPort == ReferenceTopology.InternetPort;
        if (!isOutward || _topology.NextHop(connection.WireDestination) is not { } nextHop ||
            _neighbors.Resolve(_topology, nextHop) is not null)
        {
            return null;
        }

        return packet.IsLaterFragment || packet.IsIcmpError
            ? ReferenceOutcome.Drop(
                DropReason.NeighborUnresolved, ReferenceTopology.InternetPort, _neighbors.Ask(_topology, nextHop, NowMs))
            : Unresolved(packet, way, nextHop);
    }

    /// <summary>Step 1 of a hit: a connection that is older than the policy is looked at again. One that is over is no longer
    /// live afterwards.</summary>
    private ReferenceOutcome? Recheck(ReferenceWay way, ReferenceConnection connection, bool isOriginal)
    {
        string port = PortOf(way.From);
        if (connection.Generation != _generation)
        {
            (ReferenceRecheckResult result, DropReason reason) =
                new ReferenceRecheck(_topology, _history, connection).Decide(port, isOriginal);
            if (result != ReferenceRecheckResult.GoesOn)
            {
                _connections.Remove(connection);
                return result == ReferenceRecheckResult.IsOver ? null : ReferenceOutcome.Drop(reason);
            }

            connection.Generation = _generation;
        }

        if (IsStray(way, connection, isOriginal))
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        connection.IsSwitched = isOriginal ? !way.IsRouted : connection.IsSwitched;
        return null;
    }

    /// <summary>Steps 2 to 4 of a hit; an error is asked for after its TTL, with its own type.</summary>
    private ReferenceOutcome? PrepareHit(ReferencePacket packet, ReferenceWay way, ReferenceConnection connection, bool isOriginal,
        PolicyQuestion? errorQuestion)
    {
        if (!isOriginal && ReferencePeerings.IsReplyUnrouted(_topology, connection.Tuple.Space, way.From, connection.OpenerAddress))
        {
            return ReferenceOutcome.Drop(DropReason.NoRoute);
        }

        EniConfig? receiver = ReceiverOf(connection, isOriginal);
        PolicyQuestion question = errorQuestion ?? connection.QuestionOf(isOriginal);
        bool isAllowed = ReferenceAcls.Allow(_topology, way.From, packet.Destination, receiver, way.Source, question);
        if (errorQuestion is null && !isAllowed)
        {
            return ReferenceOutcome.Drop(DropReason.NetworkAcl);
        }

        if (WaitForNextHop(packet, way, connection, isOriginal) is { } waiting)
        {
            return waiting;
        }

        if (way.IsRouted && packet.Ttl <= 1)
        {
            return Tell(DropReason.TtlExpired, way.From, packet, ReferenceError.TimeExceeded(packet.IsV6));
        }

        return isAllowed ? TooBig(packet, way, receiver) : ReferenceOutcome.Drop(DropReason.NetworkAcl);
    }

    private void Commit(ReferencePacket packet, bool isOriginal, ReferenceConnection connection, ReferenceVerdict verdict)
    {
        connection.Tcp = verdict.Tcp ?? connection.Tcp;
        if (verdict.Refreshes)
        {
            connection.RefreshedMs = NowMs;
        }

        // Of a connection picked up in mid-stream anything that the other end sends counts (section 12).
        connection.IsReplySeen |= !isOriginal && (verdict.Refreshes || connection.Tcp?.IsPickedUp == true);

        if (verdict.Ends)
        {
            _connections.Remove(connection);
        }

        Remember(packet, connection, isOriginal);
    }

    /// <summary>The later fragments of a first one follow its connection.</summary>
    private static void Remember(ReferencePacket packet, ReferenceConnection connection, bool isOriginal)
    {
        if (packet.Datagram is { } datagram)
        {
            datagram.First = (connection, isOriginal);
        }
    }

    private ReferenceOutcome Miss(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple)
    {
        ElasticIpConfig? moved = MovedEip(packet, way);
        if (!ReferenceState.MayOpen(packet, () => IsLoose(way, packet) || DriftOf(moved) == "pass"))
        {
            bool isReset = DriftOf(moved) == "reset" && (packet.TcpFlags & (TcpBits.Ack | TcpBits.Rst)) == TcpBits.Ack &&
                _errors.TryTake(ReferenceTopology.InternetPort, _nowNs);
            return isReset
                ? ReferenceOutcome.Drop(
                    DropReason.ConnectionInvalid, ReferenceTopology.InternetPort, ReferenceFrames.DriftReset(packet, MacToward(null)))
                : ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        PolicyQuestion question = ReferenceState.QuestionOf(packet, packet.Destination);
        SecurityGroupConfig? egress = way.From is null ? null : ReferencePolicy.Egress(Config, way.From, question);
        if (way.From is not null && egress is null)
        {
            return ReferenceOutcome.Drop(DropReason.SecurityGroupEgress);
        }

        if (!ReferenceAcls.AllowEgress(_topology, way.From, question))
        {
            return ReferenceOutcome.Drop(DropReason.NetworkAcl);
        }

        ReferenceRoute route = RouteOf(packet, way);
        if (route.Reason != DropReason.None)
        {
            bool isTold = route.Reason == DropReason.NoRoute && way.IsRouted && way.From is not null;
            return isTold
                ? Tell(DropReason.NoRoute, way.From, packet, ReferenceError.NoRoute(packet.IsV6))
                : ReferenceOutcome.Drop(route.Reason);
        }

        if (way.IsRouted && packet.Ttl <= 1)
        {
            return Tell(DropReason.TtlExpired, way.From, packet, ReferenceError.TimeExceeded(packet.IsV6));
        }

        if (route.Receiver is { Detached: true })
        {
            return ReferenceOutcome.Drop(DropReason.PortDown);
        }

        question = question with { Remote = way.Source };
        if (!ReferenceAcls.AllowIngress(_topology, route.Receiver, question))
        {
            return ReferenceOutcome.Drop(DropReason.NetworkAcl);
        }

        SecurityGroupConfig? ingress = route.Receiver is null ? null : ReferencePolicy.Ingress(Config, route.Receiver, question);
        if (route.Receiver is not null && ingress is null)
        {
            return ReferenceOutcome.Drop(DropReason.SecurityGroupIngress);
        }

        if (route.Receiver is null && _topology.NextHop(packet.Destination) is { } hop && _neighbors.Resolve(_topology, hop) is null)
        {
            return Unresolved(packet, way, hop);
        }

        return TooBig(packet, way, route.Receiver) ?? Open(packet, way, tuple, route.Receiver, egress?.Name, ingress?.Name);
    }

    /// <summary>Steps 8 and 9 of a miss.</summary>
    private ReferenceOutcome Open(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple, EniConfig? receiver, string? egressGroup,
        string? ingressGroup)
    {
        string chargedTo = way.From?.Name ?? receiver!.Name;
        if (!_connections.MakeRoom(chargedTo, Config))
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionTableFull);
        }

        bool isByEip = !packet.IsV6 && (receiver is null || way.IsHairpin || way.From is null);
        IpAddress? inside = isByEip && receiver is not null ? _topology.Bound(packet.Destination)?.Private : null;
        bool isHolder = receiver is not null && ReferenceTopology.Owns(receiver, inside ?? packet.Destination);
        bool isOwner = way.From is not null && ReferenceTopology.Owns(way.From, packet.Source);
        var connection = new ReferenceConnection(tuple)
        {
            OpenerPort = PortOf(way.From),
            OpenerAddress = packet.Source,
            HeldOpenerAddress = isOwner ? packet.Source : null,
            HeldReceiverAddress = isHolder ? inside ?? packet.Destination : null,
            TranslatedSource = isByEip && way.From is not null ? _topology.EipOf(way.From, packet.Source)?.Eip.Address : null,
            TranslatedDestination = inside,
            OpenerMac = way.From is null ? packet.SourceMac : null,
            IsSwitched = !way.IsRouted,
            WireDestination = packet.Destination,
            ReceiverPort = PortOf(receiver),
            ChargedTo = chargedTo,
            Number = _connections.NextNumber(),
            IcmpType = packet.IsIcmp ? packet.IcmpType : null,
            IcmpCode = packet.IsIcmp ? packet.IcmpCode : null,
            EgressGroup = egressGroup,
            IngressGroup = ingressGroup,
            Generation = _generation,
            Tcp = ReferenceState.First(packet),
            RefreshedMs = NowMs,
        };
        _connections.Add(connection);
        ReferenceOutcome outcome = Send(packet, way, receiver, null);
        if (outcome.Kind == OutcomeKind.Forwarded)
        {
            Remember(packet, connection, isOriginal: true);
        }

        return outcome;
    }

    private ReferenceOutcome LaterFragment(ReferencePacket packet, ReferenceWay way)
    {
        if (packet.Datagram!.First is not var (connection, isOriginal) || !_connections.IsLive(connection))
        {
            return ReferenceOutcome.Drop(DropReason.FragmentUnmatched);
        }

        if (Recheck(way, connection, isOriginal) is { } refused)
        {
            return refused;
        }

        if (!_connections.IsLive(connection))
        {
            return ReferenceOutcome.Drop(DropReason.FragmentUnmatched);
        }

        return PrepareHit(packet, way, connection, isOriginal, errorQuestion: null) ??
            Send(packet, way, ReceiverOf(connection, isOriginal), null, connection.OpenerMac);
    }

    /// <summary>7. An ICMP error follows the connection that it quotes.</summary>
    private ReferenceOutcome Error(ReferencePacket packet, ReferenceWay way)
    {
        if (packet.IsFragment)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        ReferenceQuote? quote = packet.IsIcmpChecksumRight() ? ReferenceQuote.Read(packet) : null;
        if (quote is null)
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        // In a hairpin the receiver quotes its private address where the tuple has its EIP.
        IpAddress? quotedTo = way.IsHairpin ? EipInVpc(way.From!, quote.Destination) : quote.Destination;
        ReferenceTuple? quoted = quote.IsLaterFragment || quotedTo is null || quote.Source != packet.Destination
            ? null
            : ReferenceTuples.Of(way.Space, way.Destination, quotedTo.Value, quote.Protocol, packet.Frame, quote.L4);
        ReferenceConnection? connection = quoted is null ? null : _connections.Find(quoted);
        if (connection is null)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        bool isOriginal = connection.IsOriginal(quoted!.Reverse());
        string endPort = isOriginal ? connection.OpenerPort : connection.ReceiverPort;
        if (PortOf(way.From) != endPort)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        if (Recheck(way, connection, isOriginal) is { } refused)
        {
            return refused;
        }

        if (!_connections.IsLive(connection))
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        if (WaitForNextHop(packet, way, connection, isOriginal) is { } waiting)
        {
            return waiting;
        }

        bool isTranslated = way.From is not null && !packet.IsV6 && (way.IsHairpin || ReceiverOf(connection, isOriginal) is null);
        if (isTranslated && packet.Source != quote.Destination)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        PolicyQuestion question = ReferenceState.QuestionOf(packet, packet.Destination);
        return PrepareHit(packet, way, connection, isOriginal, question) ??
            Send(packet, way, ReceiverOf(connection, isOriginal), quote, connection.OpenerMac);
    }

    private ReferenceRoute RouteOf(ReferencePacket packet, ReferenceWay way) => way switch
    {
        { From: null } => new ReferenceRoute(DropReason.None, way.InboundTo, false),
        { SwitchedTo: not null } => new ReferenceRoute(DropReason.None, way.SwitchedTo, false),
        _ => ReferenceRoute.Find(_topology, way.From, packet.Source, packet.Destination),
    };

    /// <summary>True when either end admits connections in mid-stream.</summary>
    private static string DriftOf(ElasticIpConfig? eip) => eip is null ? "" : ConfigText.Word(eip.Drift);

    /// <summary>The EIP of a TCP packet from outside, if it was elsewhere before.</summary>
    private ElasticIpConfig? MovedEip(ReferencePacket packet, ReferenceWay way) =>
        way.From is null && packet.Protocol == 6 && !packet.IsV6 && _topology.Bound(packet.Destination) is { } bound && _trails.HasMoved(bound.Eip.Name)
            ? bound.Eip : null;

    private bool IsLoose(ReferenceWay way, ReferencePacket packet) =>
        way.From?.TcpLoose == true || RouteOf(packet, way).Receiver?.TcpLoose == true || PeeredHolder(packet, way)?.TcpLoose == true;

    /// <summary>Who holds the destination at the other end of the peering of the packet's space, whether a route leads there or not.</summary>
    private EniConfig? PeeredHolder(ReferencePacket packet, ReferenceWay way) =>
        way.From is not null && ReferencePeerings.OfSpace(_topology, way.Space) is { } peering
            ? _topology.Holder(ReferencePeerings.Other(_topology, peering, _topology.VpcOf(way.From)), packet.Destination) : null;

    private IpAddress? EipInVpc(EniConfig eni, IpAddress privateAddress)
    {
        EniConfig? holder = _topology.Holder(_topology.VpcOf(eni), privateAddress);
        return holder is null ? null : _topology.EipOf(holder, privateAddress)?.Eip.Address;
    }

    private EniConfig? ReceiverOf(ReferenceConnection connection, bool isOriginal) =>
        _topology.Eni(isOriginal ? connection.ReceiverPort : connection.OpenerPort);
}
