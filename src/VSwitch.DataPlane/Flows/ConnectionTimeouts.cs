namespace VSwitch.DataPlane.Flows;

/// <summary>Idle times in milliseconds (semantics.md decision 5).</summary>
public sealed record ConnectionTimeouts
{
    /// <summary>TCP half open.</summary>
    public uint TcpTransientMs { get; init; } = 60_000;

    /// <summary>TCP after the handshake.</summary>
    public uint TcpEstablishedMs { get; init; } = 432_000_000;

    /// <summary>TCP after a FIN.</summary>
    public uint TcpClosingMs { get; init; } = 120_000;

    /// <summary>TCP after a RST.</summary>
    public uint TcpResetMs { get; init; } = 10_000;

    /// <summary>UDP one way.</summary>
    public uint UdpMs { get; init; } = 30_000;

    /// <summary>UDP both ways.</summary>
    public uint UdpStreamMs { get; init; } = 180_000;

    /// <summary>ICMP queries.</summary>
    public uint IcmpMs { get; init; } = 30_000;

    /// <summary>Any other protocol.</summary>
    public uint OtherMs { get; init; } = 600_000;

    /// <summary>The shortest idle time of connections that have others than these (<see cref="Tables.NatGateway.Timeouts"/>).</summary>
    public uint ShortestOfOthersMs { get; init; } = uint.MaxValue;

    /// <summary>The idle time of a state.</summary>
    public uint Of(FlowState state) => state switch
    {
        FlowState.TcpSynSent or FlowState.TcpSynSent2 or FlowState.TcpSynRecv => TcpTransientMs,
        FlowState.TcpEstablished => TcpEstablishedMs,
        FlowState.TcpFinWait or FlowState.TcpCloseWait or FlowState.TcpLastAck or FlowState.TcpTimeWait => TcpClosingMs,
        FlowState.TcpClose => TcpResetMs,
        FlowState.Udp => UdpMs,
        FlowState.UdpStream => UdpStreamMs,
        FlowState.Icmp => IcmpMs,
        _ => OtherMs,
    };

    /// <summary>The shortest of all.</summary>
    public uint ShortestMs => Math.Min(
        Math.Min(ShortestOfOthersMs, OwnShortestMs), Math.Min(IcmpMs, OtherMs));

    private uint OwnShortestMs => Math.Min(
        Math.Min(Math.Min(TcpTransientMs, TcpEstablishedMs), Math.Min(TcpClosingMs, TcpResetMs)), Math.Min(UdpMs, UdpStreamMs));
}
