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

    /// <summary>A RST of either end while there is only a SYN: passes, and the connection is forgotten (semantics.md section
    /// 2.2).</summary>
    Refused,
}

/// <summary>The question: does this TCP packet fit its connection, and where does it leave it? Linux's state table
/// (vectors/linux_nf_conntrack_tcp.tsv, semantics.md section 2.2) and what Linux does around it, strict: only a bare SYN opens.
/// Order of checks, section 11. Never looks at rules; sequence numbers against windows: <see cref="TcpWindows"/>.</summary>
public static unsafe class TcpTracker
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

    /// <summary>Begins a connection with its opener's first segment.</summary>
    /// <param name="e">The new entry; gets its numbers and its state.</param>
    /// <param name="segment">A bare SYN, or (loose) a segment in mid-stream.</param>
    /// <param name="d">The opener's direction: 0 from the lower endpoint, 1 from the higher.</param>
    public static void Begin(FlowEntry* e, in TcpSegment segment, int d)
    {
        if (segment.IsSyn)
        {
            e->State = SynSent;
            TcpWindows.BeginSyn(e, segment, d);
        }
        else
        {
            e->State = Established;
            TcpWindows.BeginMidStream(e, segment, d);
        }
    }

    /// <summary>Judges a segment of a connection; moves state and windows of one that is accepted.</summary>
    /// <param name="e">The connection.</param>
    /// <param name="memory">What it remembers of packets that did not fit.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="d">Its direction: 0 from the lower endpoint, 1 from the higher.</param>
    /// <param name="isReply">True against the opener's direction.</param>
    public static TcpVerdict Judge(FlowEntry* e, TcpMemory* memory, in TcpSegment segment, int d, bool isReply)
    {
        FlowState state = e->State;
        Kind kind = KindOf(segment.Flags);
        FlowState next = Next(state, segment.Flags, kind, isReply);
        switch (next)
        {
            case Refuses:
                return TcpVerdict.Invalid;
            case Ignored:
                return PassOver(e, memory, segment, kind, d, isReply);
            case SynSent when state is TimeWait or Close:
                return TcpVerdict.Reopen;
            case SynSent when segment.End != e->End[d]:
                // The port is used again, or the first SYN was forged: the responder's answer will tell.
                TcpWindows.Remember(e, memory, segment);
                return TcpVerdict.Ignore;
            case SynSent:
                // The same SYN again; its timer does not start anew, or a dead responder would be remembered for ever.
                return TcpVerdict.Ignore;
            case Close when kind == Kind.Rst:
                return JudgeReset(e, memory, segment, d, isReply);
            case SynRecv when state == SynSent && !AcknowledgesSyn(e, segment, d ^ 1):
                return RemembersAck(e, memory, segment) ? Resynchronise(e, memory, segment, d) : TcpVerdict.Invalid;
            case SynRecv when kind == Kind.Ack && (e->Marks & TcpMarks.SimultaneousOpen) != 0:
                next = Established;
                break;
            case TimeWait when state == LastAck && isReply && (e->Marks & TcpMarks.RememberedSyn) != 0:
                // A challenge ACK in answer to that SYN, not the acknowledgment of the last FIN (RFC 5961 section 4).
                e->Marks &= ~TcpMarks.RememberedSyn;
                return TcpVerdict.Ignore;
        }

        return Move(e, segment, d, next);
    }

    /// <summary>The table alone: what a segment of some flags does in a state, whatever its numbers.</summary>
    /// <param name="state">Where the connection stands.</param>
    /// <param name="flags">Byte 13 of the TCP header.</param>
    /// <param name="isReply">True against the opener's direction.</param>
    /// <param name="next">The state that the table names; the old one when it names none.</param>
    public static TcpVerdict Look(FlowState state, byte flags, bool isReply, out FlowState next)
    {
        FlowState entry = Next(state, flags, KindOf(flags), isReply);
        next = entry is Refuses or Ignored ? state : entry;
        return entry == Refuses ? TcpVerdict.Invalid : entry == Ignored ? TcpVerdict.Ignore : TcpVerdict.Accept;
    }

    private static Kind KindOf(byte flags) =>
        (flags & Rst) != 0 ? Kind.Rst : (flags & Syn) != 0 ? ((flags & Ack) != 0 ? Kind.SynAck : Kind.Syn)
        : (flags & Fin) != 0 ? Kind.Fin : Kind.Ack;

    private static FlowState Next(FlowState state, byte flags, Kind kind, bool isReply) =>
        AreFlagsValid(flags) ? Table[(((isReply ? 5 : 0) + (int)kind) * StateCount) + (int)state] : Refuses;

    private static TcpVerdict Move(FlowEntry* e, in TcpSegment segment, int d, FlowState next)
    {
        switch (TcpWindows.Fit(e, segment, d, isReset: KindOf(segment.Flags) == Kind.Rst, moves: true))
        {
            case TcpFit.Outside:
                return TcpVerdict.Invalid;
            case TcpFit.Late:
                return TcpVerdict.Ignore;
            default:
                e->State = next;
                e->Marks = (e->Marks & ~(TcpMarks.RememberedSyn | TcpMarks.RememberedAck)) |
                    (next == SynSent2 ? TcpMarks.SimultaneousOpen : TcpMarks.None);
                return TcpVerdict.Accept;
        }
    }

    /// <summary>A segment that passes although the connection does not move.</summary>
    private static TcpVerdict PassOver(FlowEntry* e, TcpMemory* memory, in TcpSegment segment, Kind kind, int d, bool isReply)
    {
        if (kind == Kind.SynAck && isReply && RemembersAck(e, memory, segment))
        {
            return Resynchronise(e, memory, segment, d);
        }

        if (kind == Kind.Syn && !isReply)
        {
            TcpWindows.Remember(e, memory, segment);
        }
        else if (kind == Kind.Ack && isReply && e->State == SynSent)
        {
            e->Marks = (e->Marks & ~TcpMarks.RememberedSyn) | TcpMarks.RememberedAck;
            memory->Sequence = segment.Acknowledgment;
        }

        return TcpVerdict.Ignore;
    }

    /// <summary>The responder has taken the SYN that did not fit: the ends are in step, and the switch follows them.</summary>
    private static TcpVerdict Resynchronise(FlowEntry* e, TcpMemory* memory, in TcpSegment segment, int d)
    {
        TcpWindows.TakeRemembered(e, memory, d ^ 1);
        return Move(e, segment, d, SynRecv);
    }

    private static bool RemembersAck(FlowEntry* e, TcpMemory* memory, in TcpSegment segment) =>
        (e->Marks & TcpMarks.RememberedSyn) != 0 && segment.HasAck && segment.Acknowledgment == memory->Sequence;

    /// <summary>True when the acknowledgment covers the opener's SYN, or some of the data that came with it.</summary>
    private static bool AcknowledgesSyn(FlowEntry* e, in TcpSegment segment, int opener)
    {
        uint first = e->MaxAck[opener];
        return segment.HasAck && segment.Acknowledgment - first - 1 < e->End[opener] - first;
    }

    private static TcpVerdict JudgeReset(FlowEntry* e, TcpMemory* memory, in TcpSegment segment, int d, bool isReply)
    {
        int r = d ^ 1;
        if (e->State == SynSent && isReply)
        {
            return AcknowledgesSyn(e, segment, r) || RemembersAck(e, memory, segment) ? TcpVerdict.Refused : TcpVerdict.Invalid;
        }

        if (e->State == SynSent)
        {
            // The opener gives up, or it answers an ACK that belongs to an older connection of the two ends.
            bool answersAck = (e->Marks & TcpMarks.RememberedAck) != 0 && segment.Sequence == memory->Sequence;
            return answersAck ? TcpVerdict.Ignore : segment.Sequence == e->End[d] ? TcpVerdict.Refused : TcpVerdict.Invalid;
        }

        if (isReply && RemembersAck(e, memory, segment))
        {
            e->State = Close;
            e->Marks &= ~TcpMarks.RememberedSyn;
            return TcpVerdict.Accept;
        }

        bool isKnown = (e->Marks & TcpWindows.Of(TcpMarks.HasAcknowledged, r)) != 0;
        if (isKnown && (int)(segment.Sequence - e->MaxAck[r]) < 0)
        {
            return TcpVerdict.Invalid;
        }

        bool isExact = (isKnown && segment.Sequence == e->MaxAck[r]) || segment.Sequence == e->End[d];
        if (e->State == Established && !isExact)
        {
            // Perhaps real, perhaps forged: the receiver asks its sender by a challenge ACK (RFC 5961 section 3).
            TcpFit fit = TcpWindows.Fit(e, segment, d, isReset: true, moves: false);
            return fit == TcpFit.Outside ? TcpVerdict.Invalid : TcpVerdict.Ignore;
        }

        return Move(e, segment, d, Close);
    }

    private enum Kind
    {
        Syn,
        SynAck,
        Fin,
        Ack,
        Rst,
    }
}
