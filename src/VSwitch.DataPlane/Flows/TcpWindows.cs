using System.Runtime.CompilerServices;

namespace VSwitch.DataPlane.Flows;

/// <summary>Where a segment lies to the windows of its connection.</summary>
public enum TcpFit : byte
{
    /// <summary>Inside; the windows have moved.</summary>
    Inside,

    /// <summary>Inside, and it is the first of its sender: the windows begin.</summary>
    Begins,

    /// <summary>Old: data that was acknowledged, or an acknowledgment long passed. Nothing has moved.</summary>
    Late,

    /// <summary>Data that the receiver's window does not allow, or an acknowledgment of what was never sent.</summary>
    Outside,
}

/// <summary>Sequence windows of a connection: order of checks, section 11; the four conditions are those of Guido van Rooij's
/// "Real Stateful TCP Packet Filtering", which Linux uses too. Direction d is 0 for the lower endpoint as the sender, 1 for the
/// higher. All comparisons are modulo 2^32 (RFC 9293 section 3.4).</summary>
public static unsafe class TcpWindows
{
    private const int NoScale = 15;
    private const uint LeastAckWindow = 66_000;

    /// <summary>Takes the numbers of a first SYN.</summary>
    public static void BeginSyn(FlowEntry* e, in TcpSegment segment, int d)
    {
        Take(e, d, segment.End, segment.Window, segment.SynOptions());
        e->MaxAck[d] = segment.Sequence;
    }

    /// <summary>Takes the numbers of a segment that a loose ENI picks up in mid-stream.</summary>
    public static void BeginMidStream(FlowEntry* e, in TcpSegment segment, int d)
    {
        int r = d ^ 1;
        e->Marks |= TcpMarks.Liberal | Of(TcpMarks.SackPermitted, 0) | Of(TcpMarks.SackPermitted, 1) |
            Of(TcpMarks.HasAcknowledged, d);
        e->End[d] = segment.End;
        e->MaxWindow[d] = Math.Max((ushort)1, segment.Window);
        e->MaxEnd[d] = segment.End + e->MaxWindow[d];
        e->MaxAck[d] = segment.Acknowledgment;
        e->End[r] = segment.Acknowledgment;
        e->MaxEnd[r] = segment.Acknowledgment;
    }

    /// <summary>Keeps the numbers of a SYN that passed although it does not fit.</summary>
    public static void Remember(FlowEntry* e, TcpMemory* memory, in TcpSegment syn)
    {
        e->Marks = (e->Marks & ~TcpMarks.RememberedAck) | TcpMarks.RememberedSyn;
        memory->Sequence = syn.End;
        memory->Window = syn.Window;
        memory->Options = syn.SynOptions();
    }

    /// <summary>The remembered SYN was the right one: its numbers replace the opener's, the responder's begin anew.</summary>
    /// <param name="e">The connection.</param>
    /// <param name="memory">The SYN.</param>
    /// <param name="opener">The opener's direction.</param>
    public static void TakeRemembered(FlowEntry* e, TcpMemory* memory, int opener)
    {
        int responder = opener ^ 1;
        Take(e, opener, memory->Sequence, memory->Window, memory->Options);
        e->MaxAck[opener] = memory->Sequence - 1;
        e->End[responder] = 0;
        e->MaxEnd[responder] = 0;
        e->MaxWindow[responder] = 0;
        e->Marks &= ~(Of(TcpMarks.HasAcknowledged, 0) | Of(TcpMarks.HasAcknowledged, 1) |
            Of(TcpMarks.SackPermitted, responder) | TcpMarks.RememberedSyn | TcpMarks.RememberedAck);
    }

    /// <summary>The mark of a direction, of a pair of marks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TcpMarks Of(TcpMarks lower, int d) => (TcpMarks)((int)lower << d);

    /// <summary>Judges a segment and, where it is inside, moves the windows.</summary>
    /// <param name="e">The connection.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="d">Its direction.</param>
    /// <param name="isReset">True for a RST: it is judged even where windows are not known well.</param>
    /// <param name="moves">False when the windows must stay whatever the answer.</param>
    public static TcpFit Fit(FlowEntry* e, in TcpSegment segment, int d, bool isReset, bool moves)
    {
        if (moves && !segment.IsSyn && e->MaxWindow[d] != 0)
        {
            return FitOrBegin(e, segment, d, isReset, moves);
        }

        // The segment may begin the numbers of its side; one that then does not fit must leave nothing behind.
        FlowEntry before = *e;
        TcpFit fit = FitOrBegin(e, segment, d, isReset, moves);
        if (!moves || fit is TcpFit.Outside or TcpFit.Late)
        {
            *e = before;
        }

        return fit;
    }

    private static TcpFit FitOrBegin(FlowEntry* e, in TcpSegment segment, int d, bool isReset, bool moves)
    {
        int r = d ^ 1;
        bool isUnsettled = e->State is FlowState.TcpSynSent or FlowState.TcpSynSent2 or FlowState.TcpSynRecv;
        if (segment.IsSyn && (e->MaxWindow[d] == 0 || (isUnsettled && (int)(segment.End - e->End[d]) > 0)))
        {
            BeginOrRestart(e, segment, d);
            if (!segment.HasAck)
            {
                return TcpFit.Begins;
            }
        }
        else if (e->MaxWindow[d] == 0)
        {
            // The answering side of a connection that was picked up.
            e->End[d] = segment.End;
            e->MaxWindow[d] = Math.Max((ushort)1, segment.Window);
            e->MaxEnd[d] = segment.End + Window(e, d);
        }

        bool countsAck = segment.HasAck && !(isReset && segment.Acknowledgment == 0);
        uint ack = countsAck ? segment.Acknowledgment : e->End[r];
        uint sack = countsAck && (e->Marks & Of(TcpMarks.SackPermitted, r)) != 0 ? segment.SackEdge() : ack;
        uint sequence = segment.Sequence;
        uint end = segment.End;
        if (segment.IsCut && (int)(e->MaxEnd[d] - end) > 0)
        {
            end = e->MaxEnd[d];
        }

        // While the receiver has sent nothing, there is nothing to hold the acknowledgment against.
        bool isKnown = e->MaxWindow[r] != 0;
        bool isBeyondWindow = (int)(e->MaxEnd[d] - sequence) < 0;
        bool acksUnsent = isKnown && (int)(e->End[r] - sack) < 0;
        bool isLate = isKnown && ((int)(end - (e->End[d] - Window(e, r))) < 0 ||
            (int)(sack - (e->End[r] - Math.Max(Window(e, d), LeastAckWindow))) < 0);
        if ((isBeyondWindow || acksUnsent || isLate) && ((e->Marks & TcpMarks.Liberal) == 0 || isReset))
        {
            if (acksUnsent || (isBeyondWindow && (isLate || !isKnown || end - e->MaxEnd[d] >= Window(e, r))))
            {
                return TcpFit.Outside;
            }

            if (isBeyondWindow && moves)
            {
                // A sender that overruns the window a little: the receiver may take it, and will then acknowledge it.
                e->End[d] = end;
            }

            return TcpFit.Late;
        }

        if (moves)
        {
            Move(e, segment, d, end, ack, sack);
        }

        return TcpFit.Inside;
    }

    /// <summary>The first SYN of the answering side, or a SYN that goes beyond the one seen (RFC 9293 section 3.4.3).</summary>
    private static void BeginOrRestart(FlowEntry* e, in TcpSegment segment, int d)
    {
        if (e->MaxWindow[d] == 0)
        {
            Take(e, d, segment.End, segment.Window, segment.SynOptions());
            Settle(e);
            return;
        }

        e->End[d] = segment.End;
        e->MaxEnd[d] = segment.End;
        e->MaxWindow[d] = 0;
        Widen(e, d, Math.Max(1u, segment.Window));
    }

    /// <summary>Largest window a side has offered, bytes.</summary>
    private static uint Window(FlowEntry* e, int d) => (uint)e->MaxWindow[d] << Scale(e, d);

    private static int Scale(FlowEntry* e, int d)
    {
        int scale = (e->Scales >> (4 * d)) & 15;
        return scale == NoScale ? 0 : scale;
    }

    private static void Move(FlowEntry* e, in TcpSegment segment, int d, uint end, uint ack, uint sack)
    {
        int r = d ^ 1;
        uint window = (uint)segment.Window << (segment.IsSyn ? 0 : Scale(e, d));
        Widen(e, d, window + (sack - ack));
        if (e->MaxWindow[r] != 0 && (int)(end - e->MaxEnd[d]) > 0)
        {
            Widen(e, r, Window(e, r) + (end - e->MaxEnd[d]));
        }

        if ((int)(end - e->End[d]) > 0)
        {
            e->End[d] = end;
        }

        if (segment.HasAck && ((e->Marks & Of(TcpMarks.HasAcknowledged, d)) == 0 || (int)(ack - e->MaxAck[d]) > 0))
        {
            e->MaxAck[d] = ack;
            e->Marks |= Of(TcpMarks.HasAcknowledged, d);
        }

        if ((int)(sack + window - e->MaxEnd[r]) >= 0)
        {
            e->MaxEnd[r] = sack + window + (window == 0 ? 1u : 0);
        }
    }

    private static void Widen(FlowEntry* e, int d, uint bytes)
    {
        int scale = Scale(e, d);
        ulong units = ((ulong)bytes + (1UL << scale) - 1) >> scale;
        ushort raw = (ushort)Math.Min(units, ushort.MaxValue);
        if (raw > e->MaxWindow[d])
        {
            e->MaxWindow[d] = raw;
        }
    }

    private static void Take(FlowEntry* e, int d, uint end, ushort window, byte options)
    {
        e->End[d] = end;
        e->MaxEnd[d] = end;
        e->MaxWindow[d] = Math.Max((ushort)1, window);
        e->Scales = (byte)((e->Scales & (0xF0 >> (4 * d))) | ((options & 15) << (4 * d)));
        TcpMarks sack = Of(TcpMarks.SackPermitted, d);
        e->Marks = (options & 16) != 0 ? e->Marks | sack : e->Marks & ~sack;
    }

    /// <summary>Both SYNs are known: windows are scaled only if both sides offered it (RFC 7323 section 2.2).</summary>
    private static void Settle(FlowEntry* e)
    {
        if ((e->Scales & 15) == NoScale || (e->Scales >> 4) == NoScale)
        {
            e->Scales = 0;
            return;
        }

        for (int d = 0; d < 2; d++)
        {
            // The window of a SYN is not scaled; from here on the field counts in units of the scale.
            int scale = Scale(e, d);
            e->MaxWindow[d] = (ushort)((e->MaxWindow[d] + (1 << scale) - 1) >> scale);
        }
    }
}
