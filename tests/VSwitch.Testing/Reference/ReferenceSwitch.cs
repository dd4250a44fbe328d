using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>The slow twin: what the switch must do with a frame, written from the order of checks
/// (src/VSwitch.DataPlane/Pipeline/README.md) with lists and plain classes, to judge the fast one. It shares no code with
/// the data plane; only the names of the drop reasons are the same. Numbers in comments are that page's.</summary>
public sealed partial class ReferenceSwitch
{
    private readonly ReferenceConnections _connections = new();
    private readonly ReferenceNeighbors _neighbors = new();
    private readonly ReferenceMeters _meters = new();
    private readonly ReferenceFragments _fragments = new();
    private readonly ReferenceHeldPackets _held = new();
    private readonly ReferenceErrorBuckets _errors = new();
    private readonly ReferenceHistory _history = new();

    // Held packets whose turn has come with the frame at hand; a reason where that is their end.
    private readonly List<(ReferenceHeldPacket Held, DropReason Reason)> _released = [];
    private ReferenceTopology _topology;
    private int _generation = 1;
    private long _nowNs;

    /// <summary>Starts with a configuration that is taken to be valid.</summary>
    public ReferenceSwitch(SwitchConfig config) => _topology = new ReferenceTopology(config);

    /// <summary>Connections that had not expired at the time of the last call.</summary>
    public int ConnectionCount => _connections.Count;

    private long NowMs => _nowNs / 1_000_000;

    private SwitchConfig Config => _topology.Config;

    /// <summary>Puts the next configuration in force: connections are looked at again with their next packet.</summary>
    public void Reconfigure(SwitchConfig config)
    {
        _generation++;
        _history.Change(Config, config, _generation);
        _topology = new ReferenceTopology(config);
    }

    /// <summary>Lets time go on: what was held for too long ends, what has been idle for its time is forgotten.</summary>
    /// <param name="nowNs">Virtual time, nanoseconds; it never goes back.</param>
    /// <returns>Only <see cref="ReferenceOutcome.Ends"/> and <see cref="ReferenceOutcome.Sent"/> say something.</returns>
    public ReferenceOutcome Expire(long nowNs)
    {
        _connections.Advance(nowNs / 1_000_000, Config.Switch.Timeouts);
        List<HeldEnd> ends = [];
        List<(string Port, byte[] Frame)> sent = [];
        while (_held.TakeOld(nowNs) is { } old)
        {
            // Each at its own time: it counts for how many errors a port still gets.
            _nowNs = old.DeadlineNs;
            sent.AddRange(AskOldNeighbors());
            ReferenceOutcome outcome = old.NextHop is null
                ? ReferenceOutcome.Drop(DropReason.FragmentUnmatched)
                : NoNeighbor(old.Port, old.Packet);
            ends.Add(new HeldEnd(old.Port, outcome.Kind, outcome.DropReason));
            sent.AddRange(outcome.Sent);
            if (old.Packet is { IsLaterFragment: false, Datagram: { } datagram })
            {
                datagram.IsFirstSeen = true;
                ends.AddRange(_held.TakeOf(datagram).Select(held =>
                    new HeldEnd(held.Port, OutcomeKind.Dropped, DropReason.FragmentUnmatched)));
            }
        }

        _nowNs = nowNs;
        sent.AddRange(AskOldNeighbors());
        return ReferenceOutcome.Consume() with { Ends = ends, Sent = sent };
    }

    private IEnumerable<(string Port, byte[] Frame)> AskOldNeighbors() =>
        _neighbors.Age(_topology, NowMs).Select(question => (ReferenceTopology.InternetPort, question));

    /// <summary>Takes one frame.</summary>
    /// <param name="port">An ENI's name, or "internet".</param>
    /// <param name="frame">The frame without FCS.</param>
    /// <param name="nowNs">Virtual time, nanoseconds; it never goes back.</param>
    public ReferenceOutcome Receive(string port, ReadOnlySpan<byte> frame, long nowNs)
    {
        ReferenceOutcome before = Expire(nowNs);
        var packet = new ReferencePacket(frame.ToArray());
        ReferenceOutcome outcome = WithReleased(Take(port, packet, isNew: true));
        return before.Ends.Count == 0 && before.Sent.Count == 0
            ? outcome
            : outcome with { Sent = [.. before.Sent, .. outcome.Sent], Ends = [.. before.Ends, .. outcome.Ends] };
    }

    /// <summary>Adds what becomes of the held packets whose turn has come.</summary>
    private ReferenceOutcome WithReleased(ReferenceOutcome outcome)
    {
        if (_released.Count == 0)
        {
            return outcome;
        }

        List<(string Port, byte[] Frame)> sent = [.. outcome.Sent];
        List<HeldEnd> ends = [];
        while (_released.Count > 0)
        {
            (ReferenceHeldPacket Held, DropReason Reason) next = _released[0];
            _released.RemoveAt(0);
            string port = next.Held.Port;
            ReferenceOutcome own = next.Reason == DropReason.None
                ? Take(port, next.Held.Packet, isNew: false)
                : ReferenceOutcome.Drop(next.Reason);
            sent.AddRange(own.Sent);
            if (own.Kind != OutcomeKind.Held)
            {
                ends.Add(new HeldEnd(port, own.Kind, own.DropReason));
            }
        }

        return outcome with { Sent = sent, Ends = ends };
    }

    private ReferenceOutcome Take(string port, ReferencePacket packet, bool isNew)
    {
        bool isOutside = port == ReferenceTopology.InternetPort && Config.Internet is not null;
        EniConfig? eni = _topology.Eni(port);
        if (!isOutside && eni is null)
        {
            return ReferenceOutcome.Drop(DropReason.UnknownPort);
        }

        if (eni is { Detached: true })
        {
            return ReferenceOutcome.Drop(DropReason.PortDown);
        }

        // 1. Parse.
        DropReason malformed = isNew ? packet.Parse() : DropReason.None;
        if (malformed != DropReason.None)
        {
            return ReferenceOutcome.Drop(malformed);
        }

        // 2. Ingress.
        bool isForgedMac = eni is null
            ? packet.SourceMac.IsMulticast || packet.SourceMac == _topology.Internet.Mac
            : packet.SourceMac != eni.Mac;
        if (isForgedMac)
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedMac);
        }

        if (packet.IsArp)
        {
            return eni is null
                ? Learning(neighbors => neighbors.ArpOutside(_topology, packet, NowMs))
                : ReferenceNeighbors.Arp(_topology, eni, packet);
        }

        if (packet.IsNeighborDiscovery)
        {
            return eni is null
                ? Learning(neighbors => neighbors.DiscoveryOutside(_topology, packet, NowMs))
                : ReferenceNeighbors.Discovery(_topology, eni, packet);
        }

        if (eni is not null && ReferenceDhcp.Answer(_topology, eni, packet) is { } answered)
        {
            return answered;
        }

        DropReason refused = Ingress(eni, packet);
        return refused == DropReason.None ? Steer(eni, packet) : ReferenceOutcome.Drop(refused);
    }

    /// <summary>What waited for a neighbour that is now known is looked at again.</summary>
    private ReferenceOutcome Learning(Func<ReferenceNeighbors, ReferenceOutcome> talk)
    {
        ReferenceOutcome outcome = talk(_neighbors);
        if (_neighbors.TakeLearnt() is { } neighbor)
        {
            foreach (ReferenceHeldPacket held in _held.TakeFor(neighbor))
            {
                _released.Add((held, DropReason.None));
            }
        }

        return outcome;
    }

    /// <summary>2.3 to 2.6.</summary>
    private DropReason Ingress(EniConfig? eni, ReferencePacket packet)
    {
        if (eni is null && packet.DestinationMac != _topology.Internet.Mac && !packet.DestinationMac.IsMulticast)
        {
            return DropReason.UnknownDestinationMac;
        }

        bool isBroadcast = !packet.IsV6 && packet.Destination.V4Value == uint.MaxValue;
        if (packet.DestinationMac.IsMulticast || packet.Destination.IsMulticast || isBroadcast)
        {
            return DropReason.Multicast;
        }

        if (IsMartian(packet.Source, isSource: true) || IsMartian(packet.Destination, isSource: false))
        {
            return DropReason.MartianAddress;
        }

        return eni is not null && !_topology.MaySend(eni, packet.Source) ? DropReason.SpoofedIp : DropReason.None;
    }

    private static bool IsMartian(IpAddress address, bool isSource)
    {
        if (address.IsV6)
        {
            return address.Bits <= 1 || (isSource && address.IsMulticast);
        }

        uint first = address.V4Value >> 24;
        return first is 0 or 127 or >= 240 || (isSource && address.IsMulticast);
    }

    /// <summary>3, then 9 and 4 by what kind of packet it is.</summary>
    private ReferenceOutcome Steer(EniConfig? eni, ReferencePacket packet)
    {
        ReferenceSteering steering = ReferenceSteering.Of(_topology, eni, packet);
        if (steering.IsForRouter)
        {
            return ForRouter(eni, packet);
        }

        if (steering.Way is not { } way)
        {
            return ReferenceOutcome.Drop(steering.Reason);
        }

        if (packet.IsFragment && packet.Datagram is null)
        {
            return Fragment(packet, way);
        }

        return packet is { IsLaterFragment: false, Datagram: { } datagram } ? First(datagram, packet, way) : Follow(packet, way);
    }

    private ReferenceOutcome Follow(ReferencePacket packet, ReferenceWay way)
    {
        if (packet.IsLaterFragment)
        {
            return LaterFragment(packet, way);
        }

        if (packet.IsIcmpError)
        {
            return Error(packet, way);
        }

        ReferenceTuple? tuple =
            ReferenceTuples.Of(way.Space, way.Source, way.Destination, packet.Protocol, packet.Frame, packet.L4);
        if (tuple is null)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        ReferenceConnection? connection = _connections.Find(tuple);
        return connection is null ? Miss(packet, way, tuple) : Hit(packet, way, tuple, connection);
    }

    /// <summary>9. What was seen of the datagram decides; a later fragment may have to wait for the first.</summary>
    private ReferenceOutcome Fragment(ReferencePacket packet, ReferenceWay way)
    {
        string port = PortOf(way.From);
        ReferenceDatagram datagram = _fragments.Of(port, packet, _nowNs);
        packet.Datagram = datagram;
        bool wasPoisoned = datagram.IsPoisoned;
        int start = packet.FragmentOffset * 8;
        if (!datagram.Add(start, start + packet.End - packet.FragmentDataAt, !packet.MoreFragments))
        {
            if (datagram.IsPoisoned && !wasPoisoned && !datagram.HasFirstCome)
            {
                Release(datagram, DropReason.FragmentOverlap);
            }

            return ReferenceOutcome.Drop(DropReason.FragmentOverlap);
        }

        if (datagram.IsComplete)
        {
            _fragments.Forget(port, packet);
        }

        if (!packet.IsLaterFragment)
        {
            return First(datagram, packet, way);
        }

        if (datagram.IsFirstSeen)
        {
            return Follow(packet, way);
        }

        return _held.TryHold(new ReferenceHeldPacket(port, packet, _nowNs) { Datagram = datagram })
            ? ReferenceOutcome.Hold(port, null)
            : ReferenceOutcome.Drop(DropReason.FragmentUnmatched);
    }

    /// <summary>A first fragment, and after it what waits for it; what it waits for itself, they wait for, too.</summary>
    private ReferenceOutcome First(ReferenceDatagram datagram, ReferencePacket packet, ReferenceWay way)
    {
        datagram.HasFirstCome = true;
        ReferenceOutcome outcome = Follow(packet, way);
        if (outcome.Kind != OutcomeKind.Held)
        {
            datagram.IsFirstSeen = true;
            Release(datagram, DropReason.None);
        }

        return outcome;
    }

    private void Release(ReferenceDatagram datagram, DropReason reason) =>
        _released.InsertRange(0, _held.TakeOf(datagram).Select(held => (held, reason)));

    /// <summary>3.2: the router answers echo requests and nothing else.</summary>
    private ReferenceOutcome ForRouter(EniConfig? eni, ReferencePacket packet)
    {
        if (packet.IsFragment || !packet.IsIcmp || !packet.IsEchoRequest || packet.IcmpCode != 0)
        {
            return ReferenceOutcome.Drop(DropReason.UnsupportedProtocol);
        }

        return packet.IsIcmpChecksumRight()
            ? ReferenceOutcome.Answer(PortOf(eni), ReferenceFrames.EchoAnswer(packet, MacToward(eni)))
            : ReferenceOutcome.Drop(DropReason.MalformedL4);
    }

    private static string PortOf(EniConfig? eni) => eni?.Name ?? ReferenceTopology.InternetPort;

    /// <summary>The MAC that the switch itself has on a port.</summary>
    private MacAddress MacToward(EniConfig? eni) => eni is null ? _topology.Internet.Mac : _topology.GatewayMac;
}
