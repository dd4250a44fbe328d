using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Load balancers (order of checks, section 14). The questions: which backend does a client's packet go to, and what of the
/// connection is to be known before that? The key of a balanced connection is that of the client and the backend; between the
/// listener's address in the packet and it stands a session (<see cref="BalancerSessions"/>). A packet without one is steered by its
/// own addresses; the worker there chooses the backend, and the packet goes on to the worker of the connection. Only packets to a
/// load balancer's address come here: from VPCs that have one, and from outside to its EIPs.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const PacketFlags Unbalanced = PacketFlags.Balanced | PacketFlags.NoKey;
    private BalancerState? _balancing;
    private bool _isSnapshotNew = true;

    /// <summary>Takes up a new snapshot's backends.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeUpBackends(long nowMs)
    {
        _isSnapshotNew = false;
        _balancing = _shared.Balancing;
        _connections.Sessions = _balancing?.Sessions;
        _balancing?.TakeUp(_snapshot, nowMs);
    }

    /// <summary>Has the connections of backends whose draining ended looked at again.</summary>
    /// <returns>True when the actions in force may have changed.</returns>
    private bool EndDrains(long nowMs)
    {
        bool isAny = _shared.Balancing is BalancerState balancing && balancing.EndDrains(nowMs);
        if (isAny)
        {
            _shared.MakeActionsStale();
        }

        return isAny;
    }

    /// <summary>The load balancer that a packet is for, 0 = none.</summary>
    private int BalancerOf(PacketBuffer* p, uint destination) => p->InPort == 0
        ? _snapshot.Eips[Ip4Family.EipOf(_snapshot, destination)].Balancer
        : (_snapshot.Enis[p->InPort].Flags & EniFlags.KeyedSlowly) != 0 && (*(ulong*)p->Data & MacMask) == _snapshot.GatewayMac
            ? _snapshot.Balancers.Find(_snapshot.Enis[p->InPort].Vpc, destination)
        : 0;

    private Listener? ListenerOf(PacketBuffer* p) => p->Protocol is ParseStage.Tcp or ParseStage.Udp
        ? _snapshot.Balancers.Listener(BalancerOf(p, Ip4Family.Destination(p)), p->Protocol, *(ushort*)(p->Data + p->L4Offset + 2)) : null;

    private SessionKey SessionKeyOf(PacketBuffer* p)
    {
        uint* addresses = (uint*)(p->Data + p->L3Offset + 12);
        ushort* ports = (ushort*)(p->Data + p->L4Offset);
        int space = p->InPort == 0 ? 0 : _snapshot.Enis[p->InPort].Vpc;
        return SessionKey.Of(space, addresses[0], ports[0], addresses[1], ports[1], p->Protocol);
    }

    /// <summary>2. Key of a whole packet, or a first fragment, to a load balancer's listener; false when it is for none.</summary>
    private bool TryKeyForBalancer(PacketBuffer* p, uint ports)
    {
        const PacketFlags Others = PacketFlags.LaterFragment | PacketFlags.IcmpError;
        if ((p->Flags & Others) != 0 || ListenerOf(p) is not Listener listener)
        {
            return false;
        }

        SessionKey key = SessionKeyOf(p);
        if (_balancing != null && _balancing.Sessions.TryFind(key, _nowMs, out Session session))
        {
            KeyBySession(p, listener.Vpc, session);
        }
        else
        {
            p->Flags |= Unbalanced;
            SetKey4(p, *(ulong*)(p->Data + p->L3Offset + 12), ports, p->InPort == 0 ? 0 : listener.Vpc, kind: 0);
        }

        return true;
    }

    private void KeyBySession(PacketBuffer* p, int vpc, in Session session)
    {
        p->Flags = (p->Flags & ~(PacketFlags.NoKey | PacketFlags.Swapped)) | PacketFlags.Balanced | PacketFlags.Mapped;
        uint source = Ip4Family.Source(p);
        uint ports = *(ushort*)(p->Data + p->L4Offset) | ((uint)session.Port << 16);
        SetKey4(p, source | ((ulong)session.Address << 32), ports, vpc, kind: 0);
    }

    /// <summary>The key of an error about a packet that a load balancer's client got: the quoted source is the listener. False when it is
    /// none.</summary>
    private bool TryKeyQuoteForBalancer(PacketBuffer* p, in Quote quote)
    {
        uint* addresses = (uint*)(p->Data + quote.L3Offset + 12);
        int balancer = quote.Protocol is ParseStage.Tcp or ParseStage.Udp ? BalancerOf(p, addresses[0]) : 0;
        if (balancer == 0)
        {
            return false;
        }

        ushort* ports = (ushort*)(p->Data + quote.L4Offset);
        Listener? listener = _snapshot.Balancers.Listener(balancer, quote.Protocol, ports[0]);
        int space = p->InPort == 0 ? 0 : _snapshot.Enis[p->InPort].Vpc;
        SessionKey key = SessionKey.Of(space, addresses[1], ports[1], addresses[0], ports[0], quote.Protocol);
        if (listener == null || _balancing == null || !_balancing.Sessions.TryFind(key, _nowMs, out Session session))
        {
            SetNoKey(p);
            return true;
        }

        // The error travels as the client's packets do.
        p->Flags = (p->Flags & ~PacketFlags.NoKey) | PacketFlags.Balanced | PacketFlags.Mapped;
        ulong low = addresses[1] | ((ulong)session.Address << 32);
        uint inside = ports[1] | ((uint)session.Port << 16);
        uint swapped = FlowKey.Sort(ref low, ref inside);
        p->KeyLow = low;
        p->KeyHigh = inside | FlowKey.Space(listener.Vpc, quote.Protocol, kind: 0);
        p->Hash = FlowKey.Hash(low, p->KeyHigh, _secretLow, _secretHigh);
        p->Flags |= (PacketFlags)(swapped * (uint)PacketFlags.Swapped);
        return true;
    }

    /// <summary>Order of checks, section 14, for a packet to a load balancer that no connection vouches for.</summary>
    private DropReason CheckForBalancer(PacketBuffer* p, out bool isLocal)
    {
        isLocal = p->Protocol == ParseStage.Icmp && (p->Flags & PacketFlags.IcmpError) == 0;
        bool isAsked = isLocal || (p->Flags & (PacketFlags.IcmpError | PacketFlags.LaterFragment)) != 0;
        return isAsked || ListenerOf(p) != null ? DropReason.None : DropReason.NoListener;
    }

    /// <summary>Chooses the backend of a packet that begins a connection, and gives the packet its key. False when it was dropped.
    /// </summary>
    private bool TryBalance(PacketBuffer* p)
    {
        SessionKey key = SessionKeyOf(p);
        Listener? listener = ListenerOf(p);
        if (listener == null || _balancing == null)
        {
            Drop(p, DropReason.NoListener);
            return false;
        }

        if (!_balancing.Sessions.TryFind(key, _nowMs, out Session session))
        {
            DropReason reason = ChooseBackend(p, listener, key, out session);
            if (reason != DropReason.None)
            {
                SendError(p, reason == DropReason.NoHealthyBackend ? RouterError.HostUnreachable : RouterError.None);
                Drop(p, reason);
                return false;
            }
        }

        KeyBySession(p, listener.Vpc, session);
        return true;
    }

    private DropReason ChooseBackend(PacketBuffer* p, Listener listener, in SessionKey key, out Session session)
    {
        session = default;
        bool isLoose = listener.HasLooseBackend || (_snapshot.Enis[p->InPort].Flags & EniFlags.TcpLoose) != 0;
        if (StateOfFirst(p, isLoose) == FlowState.Free)
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, $"listener {listener.Name}: no known connection, and this packet may not open one");
            }

            return DropReason.ConnectionInvalid;
        }

        uint client = Ip4Family.Source(p);
        int place = _balancing!.Choose(listener, client, _nowMs, out BackendChoice why);
        if (_tracer.IsEnabled)
        {
            TraceChoice(listener, place, why);
        }

        if (place < 0)
        {
            return DropReason.NoHealthyBackend;
        }

        Backend backend = listener.Backends[place];
        var wanted = new Session(backend.Address, backend.Port, (ushort)backend.Number);
        session = _balancing.Sessions.Insert(key, wanted, _nowMs, BalancerState.TentativeMs);
        if (!session.IsThere)
        {
            return DropReason.ConnectionTableFull;
        }

        _balancing.NoteChoice(listener, client, session, _nowMs);
        return DropReason.None;
    }

    /// <summary>Chooses the backend and takes the packet to the connection's worker.</summary>
    private void Balance<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (!TryBalance(p))
        {
            return;
        }

        if (_steering == null || _steering.Owns(p->KeyLow, p->KeyHigh))
        {
            Proceed<TAddress, TFamily>(p, isRouted);
            return;
        }

        SessionKey key = SessionKeyOf(p);
        if (!TryGive(p, _steering.OwnerOf(p->KeyLow, p->KeyHigh)) && _balancing!.Sessions.TryFind(key, _nowMs, out Session session))
        {
            _balancing.Sessions.Release(key, session, onlyTentative: true);
        }
    }

    /// <summary>A packet with a session, at the worker of its connection, which no fitting one vouches for yet.</summary>
    private void ProceedBalanced<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        SessionKey key = SessionKeyOf(p);
        Session session = SessionOfKey(p, key);
        BalancerSessions sessions = _balancing!.Sessions;
        (ulong low, ulong high, uint hash) = (p->KeyLow, p->KeyHigh, p->Hash);
        bool isKnown = TryKnown<TAddress, TFamily>(p, isRouted);
        if (!isKnown)
        {
            if (!session.IsThere || !sessions.TryAttach(key, session))
            {
                // The connection was over, and the session with it: a new one may go elsewhere.
                BalanceAgain<TAddress, TFamily>(p, isRouted);
                return;
            }

            Open<TAddress, TFamily>(p, isRouted);
        }

        if (session.IsThere && (isKnown || _connections.V4.Find(low, high, hash) == null))
        {
            sessions.Release(key, session, onlyTentative: isKnown);
        }
    }

    /// <summary>The session in force, if it is the one of the packet's key; else nowhere.</summary>
    private Session SessionOfKey(PacketBuffer* p, in SessionKey key)
    {
        (uint address, ushort port) = KeyDestination(p);
        return _balancing!.Sessions.TryFind(key, _nowMs, out Session session) && session.Address == address && session.Port == port
            ? session : default;
    }

    /// <summary>The receiver's address and port of an IPv4 packet's key, raw.</summary>
    private static (uint Address, ushort Port) KeyDestination(PacketBuffer* p)
    {
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        return ((uint)(swapped ? p->KeyLow : p->KeyLow >> 32), (ushort)(swapped ? p->KeyHigh : p->KeyHigh >> 16));
    }

    private void BalanceAgain<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isFragment = (p->Flags & PacketFlags.Fragment) != 0;
        if (!TryBalance(p))
        {
            return;
        }

        if (_steering != null && !_steering.Owns(p->KeyLow, p->KeyHigh))
        {
            if (isFragment)
            {
                // The later ones were sent here.
                Drop(p, DropReason.FragmentUnmatched);
                return;
            }

            TryGive(p, _steering.OwnerOf(p->KeyLow, p->KeyHigh));
            return;
        }

        SessionKey key = SessionKeyOf(p);
        Session session = SessionOfKey(p, key);
        (ulong low, ulong high, uint hash) = (p->KeyLow, p->KeyHigh, p->Hash);
        if (!session.IsThere || !_balancing!.Sessions.TryAttach(key, session) || FindEntry(p) != null)
        {
            Drop(p, DropReason.ConnectionInvalid);
        }
        else
        {
            Open<TAddress, TFamily>(p, isRouted);
        }

        if (session.IsThere && _connections.V4.Find(low, high, hash) == null)
        {
            _balancing!.Sessions.Release(key, session);
        }
    }

    /// <summary>Puts what a load balancer's client sends into an opening: its rules see the listener, the backend's see the backend.
    /// </summary>
    private static void NoteBalanced<TAddress>(ref Opening<TAddress> opening, in PortMapping mapping)
        where TAddress : unmanaged, IEquatable<TAddress>
    {
        uint address = mapping.OutsideAddress;
        opening.Balanced = mapping;
        opening.Sent = Unsafe.As<uint, TAddress>(ref address);
        opening.SentSelector = BinaryPrimitives.ReverseEndianness(mapping.OutsidePort);
        opening.Selector = BinaryPrimitives.ReverseEndianness(mapping.InsidePort);
    }

    /// <summary>The same for a known connection: what its opener sends stands in the session and in the action.</summary>
    private void NoteBalanced<TAddress>(ref Opening<TAddress> opening, FlowEntry* entry, in FlowAction forward)
        where TAddress : unmanaged, IEquatable<TAddress>
    {
        SessionKey key = Connections.SessionKeyOf(entry, forward, opening.Port, out Session endpoint);
        if (_balancing!.Sessions.TryFind(key, _nowMs, out Session session) && session.Address == endpoint.Address &&
            session.Port == endpoint.Port)
        {
            NoteBalanced(ref opening, new PortMapping(
                endpoint.Address, endpoint.Port, (uint)(key.Low >> 32), (ushort)(key.High >> 16)));
        }
    }

    /// <summary>Order of checks, section 14: is the backend of a connection still the listener's?</summary>
    private DropReason DecideBalanced<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        PortMapping mapping = opening.Balanced;
        TAddress source = opening.Source;
        int balancer = opening.Port != 0 ? _snapshot.Balancers.Find(opening.Space, mapping.OutsideAddress)
            : _snapshot.Eips[Ip4Family.EipOf(_snapshot, mapping.OutsideAddress)].Balancer;
        if (balancer == 0)
        {
            return opening.Port != 0 ? DropReason.NoRoute : DropReason.EipUnbound;
        }

        Listener? listener = _snapshot.Balancers.Listener(balancer, opening.Protocol, mapping.OutsidePort);
        if (listener == null)
        {
            return DropReason.NoListener;
        }

        SessionKey key = SessionKey.Of(
            opening.Port == 0 ? 0 : opening.Space, Unsafe.As<TAddress, uint>(ref source), opening.SourcePort,
            mapping.OutsideAddress, mapping.OutsidePort, opening.Protocol);
        bool isKept = _balancing!.Sessions.TryFind(key, _nowMs, out Session session) &&
            session.Address == mapping.InsideAddress && session.Port == mapping.InsidePort &&
            _balancing.Backends.KeepsConnections(session.Backend, _nowNs / 1_000_000);
        if (!isKept)
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, $"the connection is over: its backend left listener {listener.Name}, and the drain time is up");
            }

            decision.IsBackendGone = true;
            return DropReason.ConnectionInvalid;
        }

        decision.DestinationMapping = mapping;
        decision.OutPort = _snapshot.PortOf(listener.Vpc, mapping.InsideAddress);
        if (decision.OutPort == 0)
        {
            return DropReason.NoRoute;
        }

        if (opening.Port == 0)
        {
            decision.DestinationEip = Ip4Family.EipOf(_snapshot, mapping.OutsideAddress);
            return CheckOutsideSource<TAddress, TFamily>(listener.Vpc, opening.Source);
        }

        return DropReason.None;
    }

    private void TraceChoice(Listener listener, int place, BackendChoice why)
    {
        if (place < 0)
        {
            _tracer.Note(PipelineStage.Translate, $"listener {listener.Name}: no backend is healthy and takes new connections");
            return;
        }

        Backend backend = listener.Backends[place];
        string reason = why switch
        {
            BackendChoice.InTurn => $"it is its turn, with weight {backend.Weight}",
            BackendChoice.FewestConnections =>
                $"it has fewest connections for its weight of {backend.Weight}: {_balancing!.Backends.LiveOf(backend.Number)}",
            BackendChoice.SourceAddress => "the hash of the source address leads to it",
            _ => "the source address stays with it",
        };
        _tracer.Note(
            PipelineStage.Translate,
            $"listener {listener.Name}: backend {PortName(backend.EniPort)} {Text(backend.Address)}:{BinaryPrimitives.ReverseEndianness(backend.Port)}, because {reason}");
    }
}
