using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>The slow twin: what the switch must do with a frame, written from the order of checks
/// (src/VSwitch.DataPlane/Pipeline/README.md) with lists and plain classes, to judge the fast one. It shares no code with
/// the data plane; only the names of the drop reasons are the same. Numbers in comments are that page's.</summary>
public sealed class ReferenceSwitch
{
    private readonly ReferenceConnections _connections = new();
    private readonly ReferenceNeighbors _neighbors = new();
    private readonly ReferenceMeters _meters = new();
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
        _topology = new ReferenceTopology(config);
        _generation++;
    }

    /// <summary>Forgets what has been idle for its time.</summary>
    /// <param name="nowNs">Virtual time, nanoseconds; it never goes back.</param>
    public void Expire(long nowNs)
    {
        _nowNs = nowNs;
        _connections.Expire(NowMs, Config.Switch.Timeouts);
    }

    /// <summary>Takes one frame.</summary>
    /// <param name="port">An ENI's name, or "internet".</param>
    /// <param name="frame">The frame without FCS.</param>
    /// <param name="nowNs">Virtual time, nanoseconds; it never goes back.</param>
    public ReferenceOutcome Receive(string port, ReadOnlySpan<byte> frame, long nowNs)
    {
        Expire(nowNs);
        bool isOutside = port == ReferenceTopology.InternetPort && Config.Internet is not null;
        EniConfig? eni = _topology.Eni(port);
        if (!isOutside && eni is null)
        {
            return ReferenceOutcome.Drop(DropReason.UnknownPort);
        }

        // 1. Parse.
        var packet = new ReferencePacket(frame.ToArray());
        DropReason malformed = packet.Parse();
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
            return eni is null ? _neighbors.ArpOutside(_topology, packet) : ReferenceNeighbors.Arp(_topology, eni, packet);
        }

        if (packet.IsNeighborDiscovery)
        {
            return eni is null
                ? _neighbors.DiscoveryOutside(_topology, packet)
                : ReferenceNeighbors.Discovery(_topology, eni, packet);
        }

        DropReason refused = Ingress(eni, packet);
        return refused == DropReason.None ? Steer(eni, packet) : ReferenceOutcome.Drop(refused);
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

        return eni is not null && !ReferenceTopology.Owns(eni, packet.Source) ? DropReason.SpoofedIp : DropReason.None;
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

    /// <summary>3, then 4 by what kind of packet it is.</summary>
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

    private ReferenceOutcome Hit(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple, ReferenceConnection connection)
    {
        bool isOriginal = connection.IsOriginal(tuple);
        if (PrepareHit(packet, way, connection, isOriginal) is { } ended)
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
            Commit(packet, tuple, connection, verdict);
        }

        return outcome;
    }

    /// <summary>Steps 1 to 3 of a hit.</summary>
    private ReferenceOutcome? PrepareHit(ReferencePacket packet, ReferenceWay way, ReferenceConnection connection, bool isOriginal)
    {
        if (connection.Generation != _generation)
        {
            DropReason reason = ReferenceRecheck.Refuses(_topology, connection);
            if (reason != DropReason.None)
            {
                _connections.Remove(connection);
                return ReferenceOutcome.Drop(reason);
            }

            connection.Generation = _generation;
        }

        if (way.IsRouted && packet.Ttl <= 1)
        {
            return Expired(packet, way.From);
        }

        return packet.IpLength > _topology.MtuBytes(ReceiverOf(connection, isOriginal))
            ? ReferenceOutcome.Drop(DropReason.MtuExceeded)
            : null;
    }

    private void Commit(ReferencePacket packet, ReferenceTuple tuple, ReferenceConnection connection, ReferenceVerdict verdict)
    {
        connection.Tcp = verdict.Tcp ?? connection.Tcp;
        if (verdict.Refreshes)
        {
            connection.IsReplySeen |= !connection.IsOriginal(tuple);
            connection.RefreshedMs = NowMs;
        }

        if (verdict.Ends)
        {
            _connections.Remove(connection);
        }
        else if (packet.IsFragment)
        {
            _connections.RememberFragment(packet, tuple, connection, NowMs);
        }
    }

    private ReferenceOutcome Miss(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple)
    {
        if (!ReferenceState.MayOpen(packet, () => IsLoose(way, packet)))
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        PolicyQuestion question = ReferenceState.QuestionOf(packet, packet.Destination);
        if (way.From is { } sender && !ReferencePolicy.AllowsEgress(Config, sender, question))
        {
            return ReferenceOutcome.Drop(DropReason.SecurityGroupEgress);
        }

        ReferenceRoute route = RouteOf(packet, way);
        if (route.Reason != DropReason.None)
        {
            return ReferenceOutcome.Drop(route.Reason);
        }

        if (way.IsRouted && packet.Ttl <= 1)
        {
            return Expired(packet, way.From);
        }

        if (route.Receiver is { } receiver &&
            !ReferencePolicy.AllowsIngress(Config, receiver, question with { Remote = way.Source }))
        {
            return ReferenceOutcome.Drop(DropReason.SecurityGroupIngress);
        }

        if (route.Receiver is null && _neighbors.Resolve(_topology, _topology.NextHop(packet.Destination)!.Value) is null)
        {
            return Unresolved(_topology.NextHop(packet.Destination)!.Value);
        }

        if (packet.IpLength > _topology.MtuBytes(route.Receiver))
        {
            return ReferenceOutcome.Drop(DropReason.MtuExceeded);
        }

        return Open(packet, way, tuple, route.Receiver);
    }

    /// <summary>Steps 8 and 9 of a miss.</summary>
    private ReferenceOutcome Open(ReferencePacket packet, ReferenceWay way, ReferenceTuple tuple, EniConfig? receiver)
    {
        if (ConnectionCount >= Config.Switch.ConnectionCapacity)
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionTableFull);
        }

        var connection = new ReferenceConnection(tuple)
        {
            OpenerPort = PortOf(way.From),
            OpenerAddress = packet.Source,
            OpenerMac = way.From is null ? packet.SourceMac : null,
            IsSwitched = !way.IsRouted,
            WireDestination = packet.Destination,
            ReceiverPort = PortOf(receiver),
            IcmpType = packet.IsIcmp ? packet.IcmpType : null,
            IcmpCode = packet.IsIcmp ? packet.IcmpCode : null,
            Generation = _generation,
            Tcp = ReferenceState.First(packet),
            RefreshedMs = NowMs,
        };
        _connections.Add(connection);
        ReferenceOutcome outcome = Send(packet, way, receiver, null);
        if (outcome.Kind == OutcomeKind.Forwarded && packet.IsFragment)
        {
            _connections.RememberFragment(packet, tuple, connection, NowMs);
        }

        return outcome;
    }

    private ReferenceOutcome LaterFragment(ReferencePacket packet, ReferenceWay way)
    {
        if (_connections.FindFragment(packet, way.Space, way.Source, way.Destination) is not var (connection, isOriginal))
        {
            return ReferenceOutcome.Drop(DropReason.FragmentUnmatched);
        }

        return PrepareHit(packet, way, connection, isOriginal) ??
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
        bool isTranslated = way.From is not null && !packet.IsV6 && (way.IsHairpin || ReceiverOf(connection, isOriginal) is null);
        if (PortOf(way.From) != endPort || (isTranslated && packet.Source != quote.Destination))
        {
            return ReferenceOutcome.Drop(DropReason.ConnectionInvalid);
        }

        return PrepareHit(packet, way, connection, isOriginal) ??
            Send(packet, way, ReceiverOf(connection, isOriginal), quote, connection.OpenerMac);
    }

    /// <summary>Bandwidth and the copy that leaves.</summary>
    private ReferenceOutcome Send(
        ReferencePacket packet, ReferenceWay way, EniConfig? receiver, ReferenceQuote? quote, MacAddress? replyTo = null)
    {
        if (way.SwitchedTo is { } peer)
        {
            return ReferenceOutcome.Forward(peer.Name, ReferenceRewrite.Switched(packet));
        }

        MacAddress? to = receiver?.Mac ?? replyTo;
        if (to is null)
        {
            if (_topology.NextHop(packet.Destination) is not { } nextHop)
            {
                return ReferenceOutcome.Drop(DropReason.NoRoute);
            }

            to = _neighbors.Resolve(_topology, nextHop);
            if (to is null)
            {
                return Unresolved(nextHop);
            }
        }

        bool isByEip = !packet.IsV6 && (receiver is null || way.IsHairpin || way.From is null);
        BoundEip? sender = isByEip && way.From is not null ? _topology.EipOf(way.From, packet.Source) : null;
        BoundEip? target = isByEip && receiver is not null ? _topology.Bound(packet.Destination) : null;
        if (isByEip && sender is null && target is null)
        {
            return ReferenceOutcome.Drop(DropReason.EipUnbound);
        }

        int bytes = packet.End;
        if ((sender is not null && !_meters.Admit(sender.Eip, outbound: true, bytes, _nowNs)) ||
            (target is not null && !_meters.Admit(target.Eip, outbound: false, bytes, _nowNs)))
        {
            return ReferenceOutcome.Drop(DropReason.EipBandwidth);
        }

        IpAddress source = sender?.Eip.Address ?? packet.Source;
        IpAddress destination = target?.Private ?? packet.Destination;
        byte[] frame = ReferenceRewrite.Routed(packet, to!.Value, MacToward(receiver), source, destination);
        if (quote is not null && isByEip)
        {
            IpAddress quotedTo = way.From is null ? quote.Destination : EipInVpc(way.From, quote.Destination) ?? quote.Destination;
            ReferenceRewrite.TranslateQuote(frame, packet, quote, destination, quotedTo);
        }

        return ReferenceOutcome.Forward(PortOf(receiver), frame);
    }

    private ReferenceRoute RouteOf(ReferencePacket packet, ReferenceWay way) => way switch
    {
        { From: null } => new ReferenceRoute(DropReason.None, way.InboundTo, false),
        { SwitchedTo: not null } => new ReferenceRoute(DropReason.None, way.SwitchedTo, false),
        _ => ReferenceRoute.Find(_topology, way.From, packet.Source, packet.Destination),
    };

    /// <summary>True when either end admits connections in mid-stream.</summary>
    private bool IsLoose(ReferenceWay way, ReferencePacket packet) =>
        way.From?.TcpLoose == true || RouteOf(packet, way).Receiver?.TcpLoose == true;

    private IpAddress? EipInVpc(EniConfig eni, IpAddress privateAddress)
    {
        EniConfig? holder = _topology.Holder(_topology.VpcOf(eni), privateAddress);
        return holder is null ? null : _topology.EipOf(holder, privateAddress)?.Eip.Address;
    }

    private EniConfig? ReceiverOf(ReferenceConnection connection, bool isOriginal) =>
        _topology.Eni(isOriginal ? connection.ReceiverPort : connection.OpenerPort);

    private ReferenceOutcome Unresolved(IpAddress nextHop) => ReferenceOutcome.Drop(
        DropReason.NeighborUnresolved, ReferenceTopology.InternetPort, _neighbors.Ask(_topology, nextHop, NowMs));

    /// <summary>TTL ran out: the router of the sender's subnet, or the switch's own outside address, says so.</summary>
    private ReferenceOutcome Expired(ReferencePacket packet, EniConfig? eni)
    {
        IpAddress? from = eni is null
            ? _topology.FirstOutside(packet.IsV6)
            : ReferenceTopology.Router(_topology.SubnetOf(eni), packet.IsV6);
        byte[]? told = from is null || packet.IsLaterFragment || packet.IsIcmpError
            ? null
            : ReferenceFrames.TimeExceeded(packet, MacToward(eni), from.Value);
        return ReferenceOutcome.Drop(DropReason.TtlExpired, PortOf(eni), told);
    }

    private static string PortOf(EniConfig? eni) => eni?.Name ?? ReferenceTopology.InternetPort;

    /// <summary>The MAC that the switch itself has on a port.</summary>
    private MacAddress MacToward(EniConfig? eni) => eni is null ? _topology.Internet.Mac : _topology.GatewayMac;
}
