using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>An end of a connection. The port is 0 where the protocol has none; the requester of an
/// ICMP query has its identifier there.
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

    /// <summary>The same if that ENI holds it; null when it sends for others, and for the public port.</summary>
    public IpAddress? HeldOpenerAddress { get; init; }

    /// <summary>The address of the other end if its ENI holds it; null when a route or a MAC led there.</summary>
    public IpAddress? HeldReceiverAddress { get; init; }

    /// <summary>The EIP that stands for the opener's address; null without one.</summary>
    public IpAddress? TranslatedSource { get; init; }

    /// <summary>The private address for the EIP that the opener named; null without one.</summary>
    public IpAddress? TranslatedDestination { get; init; }

    /// <summary>True when the opener's last packet was switched by MAC.</summary>
    public required bool IsSwitched { get; set; }

    /// <summary>The destination that the opener's packet had on the wire: the EIP where it named one.</summary>
    public required IpAddress WireDestination { get; init; }

    /// <summary>ICMP type and code of the opener's packet.</summary>
    public byte? IcmpType { get; init; }

    public byte? IcmpCode { get; init; }

    /// <summary>From outside: the router that brought the opener's first packet; replies go back to it.</summary>
    public MacAddress? OpenerMac { get; init; }

    /// <summary>Port of the other end.</summary>
    public required string ReceiverPort { get; set; }

    /// <summary>The ENI that pays for it while it is half open.</summary>
    public required string ChargedTo { get; init; }

    /// <summary>Connections are numbered as they are opened.</summary>
    public required long Number { get; init; }

    /// <summary>The group whose rule let it out; null when the opener is outside.</summary>
    public string? EgressGroup { get; set; }

    /// <summary>The group whose rule let it in; null when the other end is outside.</summary>
    public string? IngressGroup { get; set; }

    public int Generation { get; set; }

    /// <summary>TCP's state and windows; null for the other protocols.</summary>
    public ReferenceTcpTrack? Tcp { get; set; }

    public bool IsReplySeen { get; set; }

    public long RefreshedMs { get; set; }

    /// <summary>Both ends have not yet spoken to effect (section 12).</summary>
    public bool IsHalfOpen => Tcp is null || Tcp.IsPickedUp ? !IsReplySeen : !Tcp.WasEstablished;

    /// <summary>True when a packet with this tuple goes the opener's way; always for a tuple that is its own reverse.</summary>
    public bool IsOriginal(ReferenceTuple packet) => packet == Tuple;

    public string PortOf(bool isOriginal) => isOriginal ? OpenerPort : ReceiverPort;

    /// <summary>What rules and ACLs are asked of a packet in a direction; the remote address is to be filled in.</summary>
    public PolicyQuestion QuestionOf(bool isOriginal)
    {
        bool hasPorts = Tuple.Protocol is 6 or 17 or 132;
        ReferenceEndpoint to = isOriginal ? Tuple.Destination : Tuple.Source;
        bool isAnswer = !isOriginal && IcmpType is not null;
        byte? type = isAnswer ? ReferenceTuples.AnswerTo(IcmpType!.Value) : IcmpType;
        return new PolicyQuestion(to.Address, Tuple.Protocol, hasPorts ? to.Port : null, type, isAnswer ? (byte)0 : IcmpCode);
    }
}

/// <summary>Live connections.</summary>
internal sealed class ReferenceConnections
{
    private const int LeastShare = 16;

    private readonly Dictionary<ReferenceTuple, ReferenceConnection> _byTuple = [];
    private TimeoutSettings _timeouts = new();
    private long _nowMs;
    private long _opened;

    /// <summary>Connections that have not expired.</summary>
    public int Count
    {
        get
        {
            ForgetExpired();
            return _byTuple.Count;
        }
    }

    public long NextNumber() => _opened++;

    /// <summary>Time goes on; the timeouts are those of the current policy.</summary>
    public void Advance(long nowMs, TimeoutSettings timeouts) => (_nowMs, _timeouts) = (nowMs, timeouts);

    /// <summary>The connection of a packet, whichever way it goes.</summary>
    public ReferenceConnection? Find(ReferenceTuple tuple) => Live(tuple) ?? Live(tuple.Reverse());

    public void Add(ReferenceConnection connection) => _byTuple.Add(connection.Tuple, connection);

    public void Remove(ReferenceConnection connection) => _byTuple.Remove(connection.Tuple);

    /// <summary>True while a connection is neither over nor expired.</summary>
    public bool IsLive(ReferenceConnection connection) => ReferenceEquals(Live(connection.Tuple), connection);

    /// <summary>Section 4, miss, step 8: makes room; false when there is none to be made.</summary>
    public bool MakeRoom(string chargedTo, SwitchConfig config)
    {
        int capacity = config.Switch.ConnectionCapacity;
        int share = Math.Min(capacity, Math.Max(LeastShare, capacity / Math.Max(1, config.Enis.Count)));
        ForgetExpired();
        List<ReferenceConnection> own = [.. HalfOpen().Where(connection => connection.ChargedTo == chargedTo)];
        if (own.Count >= share)
        {
            Remove(own.MinBy(connection => connection.Number)!);
        }

        if (_byTuple.Count < capacity)
        {
            return true;
        }

        // Of ENIs with equally many the one with the lower port number.
        List<string> ports = [.. config.Enis.Select(eni => eni.Name)];
        ReferenceConnection? victim = HalfOpen().GroupBy(connection => connection.ChargedTo)
            .OrderByDescending(group => group.Count()).ThenBy(group => ports.IndexOf(group.Key))
            .Select(group => group.MinBy(connection => connection.Number)).FirstOrDefault();
        if (victim is null)
        {
            return false;
        }

        Remove(victim);
        return true;
    }

    private IEnumerable<ReferenceConnection> HalfOpen() => _byTuple.Values.Where(connection => connection.IsHalfOpen);

    private ReferenceConnection? Live(ReferenceTuple tuple)
    {
        if (!_byTuple.TryGetValue(tuple, out ReferenceConnection? connection))
        {
            return null;
        }

        if (!IsExpired(connection))
        {
            return connection;
        }

        Remove(connection);
        return null;
    }

    private void ForgetExpired()
    {
        foreach (ReferenceConnection connection in _byTuple.Values.Where(IsExpired).ToList())
        {
            Remove(connection);
        }
    }

    private bool IsExpired(ReferenceConnection connection) => _nowMs >= connection.RefreshedMs + TimeoutMs(connection);

    private long TimeoutMs(ReferenceConnection connection)
    {
        TimeSpan timeout = connection.Tuple.Protocol switch
        {
            6 => TcpTimeout(connection.Tcp!.State),
            17 => connection.IsReplySeen ? _timeouts.UdpStream : _timeouts.Udp,
            1 when !connection.Tuple.Source.Address.IsV6 => _timeouts.Icmp,
            58 when connection.Tuple.Source.Address.IsV6 => _timeouts.Icmp,
            _ => _timeouts.Other,
        };
        return (long)timeout.TotalMilliseconds;
    }

    private TimeSpan TcpTimeout(ReferenceTcpState state) => state switch
    {
        ReferenceTcpState.Established => _timeouts.TcpEstablished,
        ReferenceTcpState.FinWait or ReferenceTcpState.CloseWait or ReferenceTcpState.LastAck or ReferenceTcpState.TimeWait =>
            _timeouts.TcpClosing,
        ReferenceTcpState.Close => _timeouts.TcpReset,
        _ => _timeouts.TcpTransient,
    };
}
