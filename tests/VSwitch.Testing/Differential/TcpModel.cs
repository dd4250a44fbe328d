using static VSwitch.Testing.TcpBits;

namespace VSwitch.Testing.Differential;

/// <summary>States of a tracked TCP connection, in the order of the columns of the table.</summary>
internal enum TcpModelState
{
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
    Ignore,
    Invalid,
}

/// <summary>What a tracker does with a segment.</summary>
internal enum TcpModelVerdict
{
    Drop,
    Pass,

    /// <summary>It opens a connection if the rules let it.</summary>
    New,
}

/// <summary>One TCP connection as Linux 6.x tracks it when it is strict (nf_conntrack_tcp_loose 0, be_liberal 0): written to
/// name the reason of a difference, from the observed behaviour of the kernel. Each documented difference of the switch is a
/// variation that can be turned on.</summary>
internal sealed class TcpModel(TcpVariations variations)
{
    private const uint LeastAckWindow = 66_000;

    private static readonly TcpModelState[][] Table = [.. new[]
    {
        // None, SynSent, SynRecv, Established, FinWait, CloseWait, LastAck, TimeWait, Close, SynSent2; opener, then reply.
        "SS SS IG IG IG IG IG SS SS S2", "IV IV SR IV IV IV IV IV IV SR", "IV IV FW FW LA LA LA TW CL IV",
        "IV IV ES ES CW CW TW TW CL IV", "IV CL CL CL CL CL CL CL CL CL",
        "IV S2 IV IV IV IV IV SS IV S2", "IV SR IG IG IG IG IG IG IG SR", "IV IV FW FW LA LA LA TW CL IV",
        "IV IG SR ES CW CW TW TW CL IG", "IV CL CL CL CL CL CL CL CL CL",
    }.Select(row => row.Split(' ').Select(StateOf).ToArray())];

    private readonly TcpModelSide[] _sides = [new(), new()];
    private int _opener;
    private bool _isReplySeen;
    private bool _isAssured;
    private bool _isSimultaneous;
    private bool _isChallengeExpected;

    // The last segment that counted: of which kind, by whom, and its numbers.
    private Kind _lastKind = Kind.None;
    private int _lastSender;
    private uint _lastEnd;
    private uint _lastAck;
    private TrialSegment? _lastSyn;

    // What the switch keeps instead.
    private uint _firstOfSyn;
    private TrialSegment? _keptSyn;
    private uint? _keptAck;

    private enum Kind
    {
        Syn,
        SynAck,
        Fin,
        Ack,
        Rst,
        None,
    }

    /// <summary>What a refused answer must not have changed.</summary>
    private readonly record struct Memory(
        TcpModelSide Lower, TcpModelSide Higher, TrialSegment? KeptSyn, uint? KeptAck, uint FirstOfSyn, bool IsChallengeExpected);

    /// <summary>Where the connection stands; None when there is none.</summary>
    public TcpModelState State { get; private set; }

    private bool Varies(TcpVariations variation) => (variations & variation) != 0;

    /// <summary>Judges a segment, and moves as the tracker does.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="traits">What else is known of its frame.</param>
    /// <param name="isAllowed">Whether the rules let it open a connection, where it comes to that.</param>
    public bool Judge(TrialSegment segment, TrialTraits traits, bool isAllowed)
    {
        bool isLastHop = (traits & TrialTraits.LastHop) != 0;
        if ((traits & TrialTraits.Malformed) != 0 || !AreFlagsKnown(segment.Flags) ||
            ((traits & TrialTraits.WrongTransportChecksum) != 0 && !Varies(TcpVariations.NoChecksum)) ||
            (isLastHop && Varies(TcpVariations.HopFirst)))
        {
            return false;
        }

        TcpModelVerdict verdict = State == TcpModelState.None ? TcpModelVerdict.New : Track(segment);
        if (verdict == TcpModelVerdict.New)
        {
            State = TcpModelState.None;
            bool opens = segment.IsSyn && isAllowed && !isLastHop;
            if (opens)
            {
                Begin(segment);
            }

            return opens;
        }

        return verdict == TcpModelVerdict.Pass && !isLastHop;
    }

    private static TcpModelState StateOf(string name) => name switch
    {
        "SS" => TcpModelState.SynSent,
        "SR" => TcpModelState.SynRecv,
        "ES" => TcpModelState.Established,
        "FW" => TcpModelState.FinWait,
        "CW" => TcpModelState.CloseWait,
        "LA" => TcpModelState.LastAck,
        "TW" => TcpModelState.TimeWait,
        "CL" => TcpModelState.Close,
        "S2" => TcpModelState.SynSent2,
        "IG" => TcpModelState.Ignore,
        _ => TcpModelState.Invalid,
    };

    private static bool AreFlagsKnown(TcpBits flags) => (flags & (Fin | Syn | Rst | Ack | Urg)) is
        Syn or (Syn | Urg) or (Syn | Ack) or Rst or (Rst | Ack) or (Fin | Ack) or (Fin | Ack | Urg) or Ack or (Ack | Urg);

    private static Kind KindOf(TrialSegment segment) =>
        segment.Has(Rst) ? Kind.Rst : segment.IsSynAck ? Kind.SynAck : segment.IsSyn ? Kind.Syn
        : segment.Has(Fin) ? Kind.Fin : Kind.Ack;

    private static bool IsBefore(uint a, uint b) => TrialSegment.IsAfter(b, a);

    private void Begin(TrialSegment syn)
    {
        _opener = syn.Sender;
        (_sides[0], _sides[1]) = (new TcpModelSide(), new TcpModelSide());
        _sides[_opener].Begin(syn);
        (_isReplySeen, _isAssured, _isSimultaneous, _isChallengeExpected) = (false, false, false, false);
        (_lastKind, _lastSender, _lastEnd, _lastAck, _lastSyn) = (Kind.Syn, _opener, 0, 0, null);
        (_firstOfSyn, _keptSyn, _keptAck) = (syn.Sequence, null, null);
        State = TcpModelState.SynSent;
    }

    private TcpModelVerdict Track(TrialSegment segment)
    {
        bool isReply = segment.Sender != _opener;
        Kind kind = KindOf(segment);
        TcpModelState old = State;
        TcpModelState next = Table[(isReply ? 5 : 0) + (int)kind][(int)old];
        Memory memory = Memorise();
        bool isWindowAsked = true;
        switch (next)
        {
            case TcpModelState.Invalid:
                return TcpModelVerdict.Drop;
            case TcpModelState.SynSent when old is TcpModelState.TimeWait or TcpModelState.Close:
                bool isOver = Varies(TcpVariations.Reopening) || _sides[0].IsCloser || _sides[1].IsCloser ||
                    (_lastSender == segment.Sender && _lastKind == Kind.Rst);
                return isOver ? TcpModelVerdict.New : PassOver(segment, kind, isReply);
            case TcpModelState.SynSent when Varies(TcpVariations.SynMemory):
                if (segment.End != _sides[_opener].End)
                {
                    Keep(segment);
                }

                return Passed(isReply);
            case TcpModelState.SynRecv when kind == Kind.SynAck && old == TcpModelState.SynSent &&
                    Varies(TcpVariations.SynAckFits) && !AcknowledgesSyn(segment):
                if (!AcknowledgesKept(segment))
                {
                    return TcpModelVerdict.Drop;
                }

                Resynchronise(segment.Sender, _keptSyn!);
                break;
            case TcpModelState.Ignore when kind == Kind.SynAck && isReply && AcknowledgesRemembered(segment):
                Resynchronise(segment.Sender, Varies(TcpVariations.SynMemory) ? _keptSyn! : _lastSyn!);
                (old, next) = (TcpModelState.SynSent, TcpModelState.SynRecv);
                break;
            case TcpModelState.Ignore:
                return PassOver(segment, kind, isReply);
            case TcpModelState.TimeWait when old == TcpModelState.LastAck && kind == Kind.Ack && isReply &&
                    IsChallengeExpected(segment):
                (_isChallengeExpected, _keptSyn) = (false, null);
                return Passed(isReply);
            case TcpModelState.SynSent2:
                _isSimultaneous = true;
                break;
            case TcpModelState.SynRecv when isReply && kind == Kind.Ack && _isSimultaneous:
                next = TcpModelState.Established;
                break;
            case TcpModelState.Close when kind == Kind.Rst && Varies(TcpVariations.Resets):
                if (JudgeResetByRule(segment, isReply) is { } judged)
                {
                    return judged;
                }

                break;
            case TcpModelState.Close when kind == Kind.Rst:
                (bool isForged, isWindowAsked, bool closes) = JudgeReset(segment, old);
                if (isForged)
                {
                    return TcpModelVerdict.Drop;
                }

                next = closes ? next : old;
                break;
            default:
                break;
        }

        if (isWindowAsked && Look(segment, kind) is { } refused)
        {
            if (Varies(TcpVariations.Restart) && kind == Kind.SynAck)
            {
                // An answer to a SYN that was let through, but whose numbers do not fit it, brings nothing in step.
                Recall(memory);
            }

            return refused == TcpModelVerdict.Pass ? Passed(isReply) : refused;
        }

        return Move(segment, kind, old, next, isReply);
    }

    private TcpModelVerdict Move(TrialSegment segment, Kind kind, TcpModelState old, TcpModelState next, bool isReply)
    {
        (_lastKind, _lastSender) = (kind, segment.Sender);
        (_keptSyn, _keptAck) = (null, null);
        State = next;
        _sides[segment.Sender].IsCloser |= next == TcpModelState.FinWait && old != next;
        if (!_isReplySeen && kind == Kind.Rst && !Varies(TcpVariations.Resets))
        {
            State = TcpModelState.None;
            return TcpModelVerdict.Pass;
        }

        _isAssured |= _isReplySeen && next == TcpModelState.Established &&
            old is TcpModelState.SynRecv or TcpModelState.Established;
        return Passed(isReply);
    }

    private TcpModelVerdict Passed(bool isReply)
    {
        _isReplySeen |= isReply;
        return TcpModelVerdict.Pass;
    }

    /// <summary>A segment that passes without a change, but is remembered.</summary>
    private TcpModelVerdict PassOver(TrialSegment segment, Kind kind, bool isReply)
    {
        (_lastKind, _lastSender, _lastEnd) = (kind, segment.Sender, segment.End);
        if (kind == Kind.Syn && !isReply)
        {
            _lastSyn = segment;
            Keep(segment);
            _isSimultaneous &= Varies(TcpVariations.SynMemory);
            _isChallengeExpected = State == TcpModelState.LastAck;
        }

        if (kind == Kind.Ack && isReply && State == TcpModelState.SynSent)
        {
            _lastAck = segment.Acknowledgment;
            (_keptSyn, _keptAck) = (null, segment.Acknowledgment);
        }

        return Passed(isReply);
    }

    private void Keep(TrialSegment syn) => (_keptSyn, _keptAck) = (syn, null);

    private bool AcknowledgesKept(TrialSegment segment) =>
        _keptSyn is { } syn && segment.Has(Ack) && segment.Acknowledgment == syn.End;

    private bool AcknowledgesSyn(TrialSegment segment) =>
        segment.Has(Ack) && segment.Acknowledgment - _firstOfSyn - 1 < _sides[_opener].End - _firstOfSyn;

    private bool AcknowledgesRemembered(TrialSegment segment) => Varies(TcpVariations.SynMemory)
        ? AcknowledgesKept(segment)
        : _lastKind == Kind.Syn && _lastSender != segment.Sender && segment.Acknowledgment == _lastEnd;

    private bool IsChallengeExpected(TrialSegment segment) => Varies(TcpVariations.SynMemory)
        ? _keptSyn is not null
        : _lastSender != segment.Sender && _lastKind == Kind.Syn && _isChallengeExpected;

    /// <summary>The responder took the SYN that was let through: its numbers count, and those of the answer.</summary>
    private void Resynchronise(int responder, TrialSegment syn)
    {
        TcpModelSide side = _sides[1 - responder];
        (side.Scale, side.HasScale, side.PermitsSack, side.MaxAck, side.IsCloser) = (0, false, false, null, false);
        side.Begin(syn);
        _sides[responder] = new TcpModelSide();
        (_isChallengeExpected, _firstOfSyn, _keptSyn, _keptAck) = (false, syn.End - 1, null, null);
    }

    private Memory Memorise() =>
        new(_sides[0].Copy(), _sides[1].Copy(), _keptSyn, _keptAck, _firstOfSyn, _isChallengeExpected);

    private void Recall(Memory memory) =>
        (_sides[0], _sides[1], _keptSyn, _keptAck, _firstOfSyn, _isChallengeExpected) = memory;

    /// <summary>A RST by the rule of the switch: null where the windows decide, and it closes.</summary>
    private TcpModelVerdict? JudgeResetByRule(TrialSegment segment, bool isReply)
    {
        if (State == TcpModelState.SynSent && isReply)
        {
            bool isAnswer = AcknowledgesSyn(segment) || AcknowledgesKept(segment);
            State = isAnswer ? TcpModelState.None : State;
            return isAnswer ? TcpModelVerdict.Pass : TcpModelVerdict.Drop;
        }

        if (State == TcpModelState.SynSent)
        {
            if (_keptAck == segment.Sequence)
            {
                return TcpModelVerdict.Pass;
            }

            bool isOwn = segment.Sequence == _sides[_opener].End;
            State = isOwn ? TcpModelState.None : State;
            return isOwn ? TcpModelVerdict.Pass : TcpModelVerdict.Drop;
        }

        if (isReply && AcknowledgesKept(segment))
        {
            (State, _keptSyn) = (TcpModelState.Close, null);
            (_lastKind, _lastSender) = (Kind.Rst, segment.Sender);
            return Passed(isReply);
        }

        uint? expected = _sides[1 - segment.Sender].MaxAck;
        if (expected is { } least && IsBefore(segment.Sequence, least))
        {
            return TcpModelVerdict.Drop;
        }

        bool isExact = segment.Sequence == expected || segment.Sequence == _sides[segment.Sender].End;
        if (State != TcpModelState.Established || isExact)
        {
            return null;
        }

        return Look(segment, Kind.Rst, isFixed: true) == TcpModelVerdict.Drop ? TcpModelVerdict.Drop : TcpModelVerdict.Pass;
    }

    /// <summary>Whether a RST passes for one, whether its window is asked then, and whether it closes.</summary>
    private (bool IsForged, bool IsWindowAsked, bool Closes) JudgeReset(TrialSegment segment, TcpModelState old)
    {
        if (old is TcpModelState.FinWait or TcpModelState.CloseWait or TcpModelState.LastAck or
            TcpModelState.TimeWait or TcpModelState.Close)
        {
            return (false, false, true);
        }

        bool closes = true;
        bool isEstablished = old == TcpModelState.Established && _isAssured;
        if (_sides[1 - segment.Sender].MaxAck is { } expected && _lastKind != Kind.Syn)
        {
            if (segment.Sequence == 0 && !isEstablished)
            {
                return (false, true, true);
            }

            if (IsBefore(segment.Sequence, expected))
            {
                return (true, true, false);
            }

            bool isOfATrain = _lastKind == Kind.Ack && _lastSender == segment.Sender && segment.Sequence == _lastEnd;
            if (!isEstablished || segment.Sequence == expected || isOfATrain)
            {
                return (false, true, true);
            }

            closes = false;
        }

        bool answersWhatPassed = (_isReplySeen && _lastKind == Kind.Syn && _lastSender != segment.Sender) ||
            (!_isAssured && _lastKind == Kind.Ack);
        bool answersChallenge = old == TcpModelState.SynSent && _lastKind == Kind.Ack && _lastSender != _opener &&
            segment.Sequence == _lastAck;
        return (false, !((answersWhatPassed && segment.Acknowledgment == _lastEnd) || answersChallenge), closes);
    }

    /// <summary>Compares with the windows and moves them.</summary>
    /// <returns>Null when it is inside; else what becomes of it.</returns>
    private TcpModelVerdict? Look(TrialSegment segment, Kind kind, bool isFixed = false)
    {
        TcpModelSide before = _sides[segment.Sender].Copy();
        TcpModelVerdict? verdict = LookAt(segment, kind, isFixed);
        bool mayBegin = segment.Has(Syn) || before.MaxWindow == 0;
        if (verdict is not null && mayBegin && Varies(TcpVariations.Restart))
        {
            // What would have begun the numbers of its side did not fit: it leaves none.
            _sides[segment.Sender] = before;
        }

        return verdict;
    }

    private TcpModelVerdict? LookAt(TrialSegment segment, Kind kind, bool isFixed)
    {
        (TcpModelSide sender, TcpModelSide receiver) = (_sides[segment.Sender], _sides[1 - segment.Sender]);
        uint sequence = segment.Sequence;
        uint end = segment.End;
        uint ack = segment.Acknowledgment;
        uint sack = receiver.PermitsSack ? TcpModelSide.SackEdge(segment) : ack;
        if (BeginSender(segment, sender, receiver, sack))
        {
            return null;
        }

        bool isReset = kind == Kind.Rst;
        if (!segment.Has(Ack) || (isReset && ack == 0))
        {
            (ack, sack) = (receiver.End, receiver.End);
        }

        if (isReset && sequence == 0 && State == TcpModelState.SynSent)
        {
            (sequence, end) = (sender.End, sender.End);
        }

        bool isUnknown = receiver.MaxWindow == 0 && Varies(TcpVariations.Resets);
        bool isAckOld = !isUnknown &&
            !TrialSegment.IsAfter(sack, receiver.End - Math.Max(sender.MaxWindow, LeastAckWindow) - 1);
        bool isAckNew = !isUnknown && !IsBefore(sack, receiver.End + 1);
        bool isOld = receiver.MaxWindow != 0 && !TrialSegment.IsAfter(end, sender.End - receiver.MaxWindow - 1);
        if (!IsBefore(sequence, sender.MaxEnd + 1))
        {
            uint over = end - sender.MaxEnd + 1;
            if (receiver.MaxWindow != 0 && !isOld && !isAckOld && !isAckNew && over <= receiver.MaxWindow)
            {
                sender.End = isFixed ? sender.End : end;
                return TcpModelVerdict.Pass;
            }

            return Outside(segment, kind);
        }

        if (isAckNew)
        {
            return Outside(segment, kind);
        }

        if (isOld || isAckOld || isFixed)
        {
            return TcpModelVerdict.Pass;
        }

        MoveWindows(segment, sender, receiver, end, ack, sack);
        if (kind == Kind.Ack)
        {
            // Of data and acknowledgements the numbers are kept, of the rest only the kind.
            _lastEnd = end;
            _lastAck = ack;
        }

        return null;
    }

    private TcpModelVerdict Outside(TrialSegment segment, Kind kind)
    {
        bool isAnswered = _lastSender != segment.Sender && _lastKind is Kind.Fin or Kind.Rst;
        if (_isAssured && kind is Kind.Rst or Kind.Fin && !isAnswered)
        {
            (_lastKind, _lastSender) = (kind, segment.Sender);
        }

        return TcpModelVerdict.Drop;
    }

    /// <summary>Takes first numbers of a side, or those of a SYN that goes beyond the one seen.</summary>
    /// <returns>True when nothing more is asked of the segment.</returns>
    private bool BeginSender(TrialSegment segment, TcpModelSide sender, TcpModelSide receiver, uint sack)
    {
        bool isSyn = segment.Has(Syn);
        bool isReply = segment.Sender != _opener;
        bool isFirst = sender.MaxWindow == 0;
        bool isBeyond = isSyn && !isFirst && TrialSegment.IsAfter(segment.End, sender.End);
        bool isUnsettled = State is TcpModelState.SynSent or TcpModelState.SynRecv;
        if (isBeyond && Varies(TcpVariations.Restart) && (isUnsettled || State == TcpModelState.SynSent2))
        {
            (sender.End, sender.MaxEnd) = (segment.End, segment.End);
            SetWindow(sender, Math.Max((ushort)1, segment.Window));
            return !segment.Has(Ack);
        }

        if (isSyn && (isFirst || (isBeyond && isUnsettled && !Varies(TcpVariations.Restart))))
        {
            sender.Begin(segment);
            if (isReply && !(sender.HasScale && receiver.HasScale))
            {
                (sender.Scale, receiver.Scale) = (0, 0);
            }

            SetWindow(sender, sender.MaxWindow);
            SetWindow(receiver, receiver.MaxWindow);
            return !segment.Has(Ack) && (isFirst || isReply);
        }

        if (isFirst)
        {
            sender.End = segment.End;
            SetWindow(sender, Math.Max(1, (uint)segment.Window << sender.Scale));
            sender.MaxEnd = sender.End + sender.MaxWindow;
            if (receiver.MaxWindow == 0)
            {
                (receiver.End, receiver.MaxEnd) = (sack, sack);
            }
            else if (sack == receiver.End + 1 && !Varies(TcpVariations.Resets))
            {
                receiver.End++;
            }
        }

        return false;
    }

    /// <summary>The switch counts windows in units of their scale.</summary>
    private void SetWindow(TcpModelSide side, uint bytes)
    {
        ulong units = ((ulong)bytes + (1UL << side.Scale) - 1) >> side.Scale;
        side.MaxWindow = Varies(TcpVariations.WindowUnits) ? (uint)Math.Min(units, ushort.MaxValue) << side.Scale : bytes;
    }

    private void MoveWindows(TrialSegment segment, TcpModelSide sender, TcpModelSide receiver, uint end, uint ack, uint sack)
    {
        uint window = segment.Has(Syn) ? segment.Window : (uint)segment.Window << sender.Scale;
        SetWindow(sender, Math.Max(sender.MaxWindow, window + (sack - ack)));
        if (TrialSegment.IsAfter(end, sender.End))
        {
            sender.End = end;
        }

        if (segment.Has(Ack) && (sender.MaxAck is not { } known || TrialSegment.IsAfter(ack, known)))
        {
            sender.MaxAck = ack;
        }

        if (receiver.MaxWindow != 0 && TrialSegment.IsAfter(end, sender.MaxEnd))
        {
            SetWindow(receiver, receiver.MaxWindow + (end - sender.MaxEnd));
        }

        if (TrialSegment.IsAfter(sack + window, receiver.MaxEnd - 1))
        {
            receiver.MaxEnd = sack + window + (window == 0 ? 1u : 0);
        }
    }
}
