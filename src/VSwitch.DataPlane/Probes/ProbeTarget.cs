namespace VSwitch.DataPlane.Probes;

/// <summary>What a health check asks with.</summary>
public enum ProbeKind : byte
{
    /// <summary>An ARP request (RFC 826): does anybody hold the address?</summary>
    Arp,

    /// <summary>An ICMP echo request (RFC 792): does its network stack answer?</summary>
    Icmp,

    /// <summary>A TCP SYN (RFC 9293): is the port open?</summary>
    Tcp,
}

/// <summary>A health check as compiled: whom to ask, how, and when to believe what. Its number is its place in the snapshot's
/// <see cref="Tables.ForwardingSnapshot.Probes"/>, and stays the same over reconfigurations.</summary>
public readonly record struct ProbeTarget
{
    /// <summary>Port of the ENI; 0 = there is no such health check.</summary>
    public ushort Port { get; init; }

    /// <summary>Private IPv4 address of the ENI, raw.</summary>
    public uint Address { get; init; }

    /// <summary>How it is asked.</summary>
    public ProbeKind Kind { get; init; }

    /// <summary>TCP port, host order; 0 for the other kinds.</summary>
    public ushort TcpPort { get; init; }

    /// <summary>From one question to the next, milliseconds.</summary>
    public int IntervalMs { get; init; }

    /// <summary>So long an answer is waited for, milliseconds; at most <see cref="IntervalMs"/>.</summary>
    public int TimeoutMs { get; init; }

    /// <summary>Answers in a row that make an unhealthy target healthy.</summary>
    public ushort HealthyThreshold { get; init; }

    /// <summary>Questions in a row without one that make a target unhealthy.</summary>
    public ushort UnhealthyThreshold { get; init; }

    /// <summary>Version of the snapshot in which the health check appeared: what is older was another's.</summary>
    public uint Since { get; init; }

    /// <summary>Number of the next ARP check of the same address; 0 = none.</summary>
    public int NextOfAddress { get; init; }

    /// <summary>True when both ask the same of the same, so that what is known of one holds for the other.</summary>
    public bool AsksTheSame(in ProbeTarget other) =>
        Port == other.Port && Address == other.Address && Kind == other.Kind && TcpPort == other.TcpPort && Since == other.Since;
}

/// <summary>What the health checks say of a target.</summary>
public enum ProbeHealth : byte
{
    /// <summary>Nothing yet.</summary>
    Unknown,

    /// <summary>It answers.</summary>
    Healthy,

    /// <summary>It does not answer, or refuses.</summary>
    Unhealthy,
}

/// <summary>What is known of a target; a copy.</summary>
/// <param name="Health">How it is.</param>
/// <param name="SinceNs">Since when, nanoseconds on the data plane's clock; 0 = never checked.</param>
/// <param name="RoundTripNs">From the last question that was answered to its answer, nanoseconds; 0 = none was.</param>
/// <param name="Sent">Questions.</param>
/// <param name="Answered">Questions that were answered well.</param>
/// <param name="Failed">Questions that were not answered in time, or refused.</param>
public readonly record struct ProbeReading(
    ProbeHealth Health, long SinceNs, long RoundTripNs, long Sent, long Answered, long Failed);

/// <summary>A question that is to be sent now.</summary>
/// <param name="Number">The health check.</param>
/// <param name="Target">Whom it asks.</param>
/// <param name="Token">What the answer must repeat, so that an answer to an earlier question is none to this one.</param>
/// <param name="Attempt">How many questions this one is.</param>
public readonly record struct DueProbe(int Number, ProbeTarget Target, uint Token, uint Attempt);
