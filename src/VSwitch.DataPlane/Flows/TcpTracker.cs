namespace VSwitch.DataPlane.Flows;

/// <summary>What the TCP state machine says of a packet.</summary>
public enum TcpVerdict : byte
{
    /// <summary>Passes; the state moves and the timer starts again.</summary>
    Accept,

    /// <summary>Passes; state and timer stay (Linux IGNORE: the other end will answer with a challenge ACK or a RST).</summary>
    Ignore,

    /// <summary>Not a packet of this connection in this state.</summary>
    Invalid,

    /// <summary>A SYN on a connection that is over: forget it, this is a new one.</summary>
    Reopen,

    /// <summary>The only answer to a SYN is a RST: passes, and the connection is forgotten (semantics.md section 2.2).</summary>
    Refused,
}

/// <summary>The question: does this TCP packet fit its connection, and where does it leave it? Linux's state table
/// (vectors/linux_nf_conntrack_tcp.tsv, semantics.md section 2.2), strict: only a bare SYN opens. Never looks at rules.</summary>
public static class TcpTracker
{
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Rst = 4;
    private const byte Ack = 16;
    private const byte Urg = 32;

    private const FlowState SynSent = FlowState.TcpSynSent;
    private const FlowState SynRecv = FlowState.TcpSynRecv;
    private const FlowState Established = FlowState.TcpEstablished;
    private const FlowState FinWait = FlowState.TcpFinWait;
    private const FlowState CloseWait = FlowState.TcpCloseWait;
    private const FlowState LastAck = FlowState.TcpLastAck;
    private const FlowState TimeWait = FlowState.TcpTimeWait;
    private const FlowState Close = FlowState.TcpClose;
    private const FlowState SynSent2 = FlowState.TcpSynSent2;
    private const FlowState Ignored = (FlowState)0xFE;
    private const FlowState Refuses = (FlowState)0xFF;

    /// <summary>States of the table's columns, <see cref="FlowState.Free"/> (none) included.</summary>
    public const int StateCount = 10;

    // Columns: none, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE, SYN_SENT2.
    private static readonly FlowState[] Table =
    [
        // Opener: SYN, SYN+ACK, FIN, ACK, RST.
        SynSent, SynSent, Ignored, Ignored, Ignored, Ignored, Ignored, SynSent, SynSent, SynSent2,
        Refuses, Refuses, SynRecv, Refuses, Refuses, Refuses, Refuses, Refuses, Refuses, SynRecv,
        Refuses, Refuses, FinWait, FinWait, LastAck, LastAck, LastAck, TimeWait, Close, Refuses,
        Refuses, Refuses, Established, Established, CloseWait, CloseWait, TimeWait, TimeWait, Close, Refuses,
        Refuses, Close, Close, Close, Close, Close, Close, Close, Close, Close,

        // Reply: SYN, SYN+ACK, FIN, ACK, RST.
        Refuses, SynSent2, Refuses, Refuses, Refuses, Refuses, Refuses, SynSent, Refuses, SynSent2,
        Refuses, SynRecv, Ignored, Ignored, Ignored, Ignored, Ignored, Ignored, Ignored, SynRecv,
        Refuses, Refuses, FinWait, FinWait, LastAck, LastAck, LastAck, TimeWait, Close, Refuses,
        Refuses, Ignored, SynRecv, Established, CloseWait, CloseWait, TimeWait, TimeWait, Close, Ignored,
        Refuses, Close, Close, Close, Close, Close, Close, Close, Close, Close,
    ];

    /// <summary>True for the combinations of flags that Linux and RFC 9293 know (PSH, ECE and CWR aside).</summary>
    public static bool AreFlagsValid(byte flags) => (flags & (Fin | Syn | Rst | Ack | Urg)) switch
    {
        Syn or (Syn | Urg) or (Syn | Ack) or Rst or (Rst | Ack) => true,
        (Fin | Ack) or (Fin | Ack | Urg) or Ack or (Ack | Urg) => true,
        _ => false,
    };

    /// <summary>True when the packet may open a connection: a bare SYN.</summary>
    public static bool MayOpen(byte flags) => AreFlagsValid(flags) && (flags & (Syn | Ack)) == Syn;

    /// <summary>True when a loose ENI lets the packet pick a connection up in mid-stream: an ACK without SYN, RST, FIN.</summary>
    public static bool MayPickUp(byte flags) => AreFlagsValid(flags) && (flags & (Fin | Syn | Rst | Ack)) == Ack;

    /// <summary>Judges a packet of a connection.</summary>
    /// <param name="state">Where the connection stands.</param>
    /// <param name="flags">Byte 13 of the TCP header.</param>
    /// <param name="isReply">True against the opener's direction.</param>
    /// <param name="next">Where the packet leaves it; the old state unless accepted.</param>
    public static TcpVerdict Judge(FlowState state, byte flags, bool isReply, out FlowState next)
    {
        next = state;
        if (!AreFlagsValid(flags))
        {
            return TcpVerdict.Invalid;
        }

        int row = (flags & Rst) != 0 ? 4 : (flags & Syn) != 0 ? ((flags & Ack) != 0 ? 1 : 0) : (flags & Fin) != 0 ? 2 : 3;
        FlowState entry = Table[((isReply ? 5 : 0) + row) * StateCount + (int)state];
        switch (entry)
        {
            case Refuses:
                return TcpVerdict.Invalid;
            case Ignored:
                return TcpVerdict.Ignore;
            case SynSent when state is TimeWait or Close:
                return TcpVerdict.Reopen;
            case Close when isReply && state == SynSent:
                return TcpVerdict.Refused;
            default:
                next = entry;
                return TcpVerdict.Accept;
        }
    }
}
