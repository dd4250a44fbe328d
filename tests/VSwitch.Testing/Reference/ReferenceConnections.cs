using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>An end of a connection. The port is 0 where the protocol has none; an ICMP query has its identifier there.
/// </summary>
internal sealed record ReferenceEndpoint(IpAddress Address, int Port);

/// <summary>A packet's tuple in its space: a VPC's name, or empty for the public space of hairpins.</summary>
/// <param name="Space">VPC name or empty.</param>
/// <param name="Source">Sender.</param>
/// <param name="Destination">Receiver.</param>
/// <param name="Protocol">IP protocol.</param>
/// <param name="Kind">Kind of an ICMP query: echo 0, timestamp 1, information 2.</param>
internal sealed record ReferenceTuple(string Space, ReferenceEndpoint Source, ReferenceEndpoint Destination, byte Protocol, int Kind)
{
    public ReferenceTuple Reverse() => this with { Source = Destination, Destination = Source };
}

/// <summary>One connection; the tuple is its opener's.</summary>
internal sealed class ReferenceConnection(ReferenceTuple tuple)
{
    public ReferenceTuple Tuple { get; } = tuple;

    /// <summary>Port of the opener.</summary>
    public required string OpenerPort { get; init; }

    /// <summary>The opener's address on its own port: private where the tuple has the EIP.</summary>
    public required IpAddress OpenerAddress { get; init; }

    /// <summary>True when the opener's packet was switched by MAC.</summary>
    public required bool IsSwitched { get; init; }

    /// <summary>The destination that the opener's packet had on the wire: the EIP where it named one.</summary>
    public required IpAddress WireDestination { get; init; }

    /// <summary>ICMP type and code of the opener's packet.</summary>
    public byte? IcmpType { get; init; }

    public byte? IcmpCode { get; init; }

    /// <summary>From outside: the router that brought the opener's first packet; replies go back to it.</summary>
    public MacAddress? OpenerMac { get; init; }

    /// <summary>Port of the other end.</summary>
    public required string ReceiverPort { get; init; }

    public int Generation { get; set; }

    /// <summary>TCP's state and windows; null for the other protocols.</summary>
    public ReferenceTcpTrack? Tcp { get; set; }

    public bool IsReplySeen { get; set; }

    public long RefreshedMs { get; set; }

    /// <summary>True when a packet with this tuple goes the opener's way; always for a tuple that is its own reverse.</summary>
    public bool IsOriginal(ReferenceTuple packet) => packet == Tuple;
}

/// <summary>Live connections, and which of them the later fragments belong to.</summary>
internal sealed class ReferenceConnections
{
    private const long FragmentMs = 30_000;

    private readonly Dictionary<ReferenceTuple, ReferenceConnection> _byTuple = [];
    private readonly Dictionary<FragmentKey, RememberedFragment> _fragments = [];

    private sealed record FragmentKey(string Space, IpAddress Source, IpAddress Destination, byte Protocol, uint Id);

    private sealed record RememberedFragment(ReferenceConnection Connection, bool IsOriginal, long UntilMs);

    public int Count => _byTuple.Count;

    /// <summary>The connection of a packet, whichever way it goes.</summary>
    public ReferenceConnection? Find(ReferenceTuple tuple) =>
        _byTuple.GetValueOrDefault(tuple) ?? _byTuple.GetValueOrDefault(tuple.Reverse());

    public void Add(ReferenceConnection connection) => _byTuple.Add(connection.Tuple, connection);

    public void Remove(ReferenceConnection connection) => _byTuple.Remove(connection.Tuple);

    /// <summary>Removes what has been idle for its time.</summary>
    public void Expire(long nowMs, TimeoutSettings timeouts)
    {
        foreach (ReferenceConnection connection in _byTuple.Values.Where(c => nowMs >= c.RefreshedMs + TimeoutMs(c, timeouts)).ToList())
        {
            Remove(connection);
        }

        foreach (FragmentKey key in _fragments.Where(f => nowMs >= f.Value.UntilMs).Select(f => f.Key).ToList())
        {
            _fragments.Remove(key);
        }
    }

    public void RememberFragment(ReferencePacket packet, ReferenceTuple tuple, ReferenceConnection connection, long nowMs) =>
        _fragments[KeyOf(packet, tuple.Space, tuple.Source.Address, tuple.Destination.Address)] =
            new RememberedFragment(connection, connection.IsOriginal(tuple), nowMs + FragmentMs);

    /// <summary>The connection of a later fragment and its direction there; null when its first fragment was not seen or
    /// the connection has ended.</summary>
    public (ReferenceConnection Connection, bool IsOriginal)? FindFragment(ReferencePacket packet, string space,
        IpAddress source, IpAddress destination)
    {
        RememberedFragment? found = _fragments.GetValueOrDefault(KeyOf(packet, space, source, destination));
        bool isLive = found is not null && ReferenceEquals(_byTuple.GetValueOrDefault(found.Connection.Tuple), found.Connection);
        return isLive ? (found!.Connection, found.IsOriginal) : null;
    }

    private static FragmentKey KeyOf(ReferencePacket packet, string space, IpAddress source, IpAddress destination) =>
        new(space, source, destination, packet.Protocol, packet.FragmentId);

    private static long TimeoutMs(ReferenceConnection connection, TimeoutSettings timeouts)
    {
        TimeSpan timeout = connection.Tuple.Protocol switch
        {
            6 => TcpTimeout(connection.Tcp!.State, timeouts),
            17 => connection.IsReplySeen ? timeouts.UdpStream : timeouts.Udp,
            1 when !connection.Tuple.Source.Address.IsV6 => timeouts.Icmp,
            58 when connection.Tuple.Source.Address.IsV6 => timeouts.Icmp,
            _ => timeouts.Other,
        };
        return (long)timeout.TotalMilliseconds;
    }

    private static TimeSpan TcpTimeout(ReferenceTcpState state, TimeoutSettings timeouts) => state switch
    {
        ReferenceTcpState.Established => timeouts.TcpEstablished,
        ReferenceTcpState.FinWait or ReferenceTcpState.CloseWait or ReferenceTcpState.LastAck or ReferenceTcpState.TimeWait =>
            timeouts.TcpClosing,
        ReferenceTcpState.Close => timeouts.TcpReset,
        _ => timeouts.TcpTransient,
    };
}

/// <summary>EIP bandwidth as a virtual scheduling algorithm (GCRA): one theoretical arrival time an EIP and direction.
/// </summary>
internal sealed class ReferenceMeters
{
    private const long SmallestBurstBytes = 131_072;
    private const long BurstMs = 50;
    private const long InboundFloorBitsPerSecond = 100_000_000;

    private readonly Dictionary<(IpAddress Eip, bool Outbound), long> _arrivals = [];

    /// <summary>Lets a frame pass and charges it, or refuses it and charges nothing.</summary>
    public bool Admit(ElasticIpConfig eip, bool outbound, int frameBytes, long nowNs)
    {
        if (RateOf(eip, outbound) is not { } rate)
        {
            return true;
        }

        long burstBytes = Math.Max(rate / 8 * BurstMs / 1000, SmallestBurstBytes);
        long start = Math.Max(_arrivals.GetValueOrDefault((eip.Address, outbound)), nowNs);
        long cost = Nanoseconds(frameBytes, rate);
        if (start - nowNs + cost > Nanoseconds(burstBytes, rate))
        {
            return false;
        }

        _arrivals[(eip.Address, outbound)] = start + cost;
        return true;
    }

    private static long? RateOf(ElasticIpConfig eip, bool outbound) => (outbound, eip.BandwidthInBitsPerSecond) switch
    {
        (true, _) => eip.BandwidthBitsPerSecond,
        (false, { } given) => given,
        (false, null) => eip.BandwidthBitsPerSecond is { } rate ? Math.Max(rate, InboundFloorBitsPerSecond) : null,
    };

    private static long Nanoseconds(long bytes, long bitsPerSecond) =>
        (long)((Int128)bytes * 8 * 1_000_000_000 / bitsPerSecond);
}
