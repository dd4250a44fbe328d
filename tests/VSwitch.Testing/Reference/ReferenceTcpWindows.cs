using System.Buffers.Binary;

namespace VSwitch.Testing.Reference;

/// <summary>What section 11 asks of a TCP segment. Sequence numbers wrap at 2^32.</summary>
/// <param name="Flags">Its flags.</param>
/// <param name="Sequence">First sequence number.</param>
/// <param name="End">Sequence plus data, SYN and FIN.</param>
/// <param name="Ack">Acknowledgement field.</param>
/// <param name="Window">Window field, not scaled.</param>
/// <param name="Scale">Window scale option, at most 14; null without one.</param>
/// <param name="SackPermitted">It has the SACK-permitted option.</param>
/// <param name="SackEdges">Right edges of its SACK blocks.</param>
/// <param name="IsFirstFragment">More data follows in later fragments.</param>
internal sealed record ReferenceSegment(
    TcpBits Flags, uint Sequence, uint End, uint Ack, uint Window, int? Scale, bool SackPermitted, IReadOnlyList<uint> SackEdges,
    bool IsFirstFragment)
{
    private const int LargestScale = 14;

    public bool IsSyn => Flags.HasFlag(TcpBits.Syn);

    public bool IsAck => Flags.HasFlag(TcpBits.Ack);

    public bool IsRst => Flags.HasFlag(TcpBits.Rst);

    public static ReferenceSegment Of(ReferencePacket packet)
    {
        int at = packet.L4;
        int header = (packet.Frame[at + 12] >> 4) * 4;
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(packet.Frame.AsSpan(at + 4));
        uint end = sequence + (uint)(packet.End - at - header);
        end += packet.TcpFlags.HasFlag(TcpBits.Syn) ? 1u : 0;
        end += packet.TcpFlags.HasFlag(TcpBits.Fin) ? 1u : 0;
        var segment = new ReferenceSegment(
            packet.TcpFlags, sequence, end, BinaryPrimitives.ReadUInt32BigEndian(packet.Frame.AsSpan(at + 8)),
            (uint)packet.U16(at + 14), null, false, [], packet.IsFragment);
        return segment.WithOptions(packet.Frame.AsSpan((at + 20)..(at + header)));
    }

    private ReferenceSegment WithOptions(ReadOnlySpan<byte> options)
    {
        ReferenceSegment segment = this;
        while (options.Length > 0 && options[0] != 0)
        {
            if (options[0] == 1)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length)
            {
                break;
            }

            int length = options[1];
            segment = (options[0], length) switch
            {
                (3, 3) => segment with { Scale = Math.Min((int)options[2], LargestScale) },
                (4, 2) => segment with { SackPermitted = true },
                (5, >= 10) when length % 8 == 2 => segment with { SackEdges = [.. segment.SackEdges, .. RightEdges(options[2..length])] },
                _ => segment,
            };
            options = options[length..];
        }

        return segment;
    }

    private static List<uint> RightEdges(ReadOnlySpan<byte> blocks)
    {
        var edges = new List<uint>();
        for (int at = 4; at < blocks.Length; at += 8)
        {
            edges.Add(BinaryPrimitives.ReadUInt32BigEndian(blocks[at..]));
        }

        return edges;
    }
}

/// <summary>What is known of one direction of a TCP connection.</summary>
internal sealed record ReferenceTcpSide
{
    /// <summary>Highest sequence number seen, plus one.</summary>
    public uint End { get; set; }

    /// <summary>Highest that the other end's window allows.</summary>
    public uint MaxEnd { get; set; }

    /// <summary>Largest window offered, bytes; 0 = it has not spoken.</summary>
    public uint MaxWin { get; set; }

    /// <summary>Highest acknowledgement sent; null before the first.</summary>
    public uint? MaxAck { get; set; }

    /// <summary>Window scale; null = it sent none.</summary>
    public int? Scale { get; set; }

    public bool SackPermitted { get; set; }
}

/// <summary>A SYN of the opener that was let through into a connection that is open.</summary>
internal sealed record ReferenceRememberedSyn(uint End, uint Window, int? Scale, bool SackPermitted, bool AwaitsChallenge);

/// <summary>State of a TCP connection; a copy of it is judged, and taken over when the packet has left.</summary>
internal sealed record ReferenceTcpTrack
{
    public ReferenceTcpState State { get; set; }

    public ReferenceTcpSide Opener { get; init; } = new();

    public ReferenceTcpSide Responder { get; init; } = new();

    /// <summary>The state was ESTABLISHED: both ends have spoken to effect.</summary>
    public bool WasEstablished { get; set; }

    /// <summary>First sequence number of the opener's SYN.</summary>
    public uint FirstSequence { get; set; }

    /// <summary>Began in mid-stream: windows are judged for RST alone.</summary>
    public bool IsPickedUp { get; init; }

    /// <summary>Both ends sent a SYN before one was answered.</summary>
    public bool IsSimultaneous { get; set; }

    public ReferenceRememberedSyn? RememberedSyn { get; set; }

    /// <summary>Acknowledgement of a challenge ACK in SYN_SENT.</summary>
    public uint? ChallengeAck { get; set; }

    /// <summary>The first segment of a connection.</summary>
    public static ReferenceTcpTrack Begin(ReferenceSegment segment)
    {
        ReferenceTcpState state = ReferenceTcp.Next(original: true, ReferenceTcp.ClassOf(segment.Flags), ReferenceTcpState.None);
        var track = new ReferenceTcpTrack { State = state, IsPickedUp = !segment.IsSyn };
        if (segment.IsSyn)
        {
            track.FirstSequence = segment.Sequence;
            SetFromSyn(track.Opener, segment);
        }
        else
        {
            SetFromMidStream(track.Opener, segment);
            track.Opener.MaxAck = segment.Ack;
            (track.Responder.End, track.Responder.MaxEnd) = (segment.Ack, segment.Ack);
            (track.Opener.SackPermitted, track.Responder.SackPermitted) = (true, true);
        }

        return track;
    }

    public ReferenceTcpTrack Copy() => this with { Opener = Opener with { }, Responder = Responder with { } };

    /// <summary>A side's first SYN, or one that begins it anew; the options are those of the first.</summary>
    public static void SetFromSyn(ReferenceTcpSide side, ReferenceSegment syn)
    {
        bool isFirst = side.MaxWin == 0;
        side.Scale = isFirst ? syn.Scale : side.Scale;
        side.SackPermitted = isFirst ? syn.SackPermitted : side.SackPermitted;
        (side.End, side.MaxEnd, side.MaxWin) = (syn.End, syn.End, Math.Max(syn.Window, 1));
    }

    /// <summary>A side that is seen for the first time in mid-stream.</summary>
    public static void SetFromMidStream(ReferenceTcpSide side, ReferenceSegment segment)
    {
        (side.End, side.MaxWin) = (segment.End, Math.Max(segment.Window, 1));
        side.MaxEnd = side.End + side.MaxWin;
    }
}

/// <summary>Judges the segments of a connection (section 11).</summary>
internal sealed class ReferenceTcpJudge
{
    private const uint LeastAckWindow = 66_000;

    private readonly ReferenceSegment _segment;
    private readonly ReferenceTcpClass _kind;
    private readonly ReferenceTcpTrack _track;
    private readonly bool _isOriginal;
    private readonly ReferenceTcpSide _sender;
    private readonly ReferenceTcpSide _receiver;

    private ReferenceTcpJudge(ReferenceSegment segment, ReferenceTcpTrack track, bool isOriginal)
    {
        (_segment, _track, _isOriginal) = (segment, track.Copy(), isOriginal);
        _kind = ReferenceTcp.ClassOf(segment.Flags);
        (_sender, _receiver) = isOriginal ? (_track.Opener, _track.Responder) : (_track.Responder, _track.Opener);
    }

    /// <summary>What the windows say: I and III refuse, II and IV let pass without a change; what overruns the window a little passes
    /// and moves its sender's end alone.</summary>
    private enum Place
    {
        Outside,
        LittleOver,
        Late,
        Inside,
    }

    public static ReferenceVerdict Judge(ReferenceSegment segment, ReferenceTcpTrack track, bool isOriginal) =>
        new ReferenceTcpJudge(segment, track, isOriginal).Decide();

    /// <summary>a is behind b; 2^31 apart is undefined (RFC 1982 3.2).</summary>
    private static bool After(uint a, uint b) => (int)(a - b) > 0;

    /// <summary>a is behind b, or 2^31 from it: what windows never allow.</summary>
    private static bool Beyond(uint a, uint b) => (int)(a - b - 1) >= 0;

    private static uint Later(uint a, uint b) => After(b, a) ? b : a;

    private ReferenceVerdict Decide()
    {
        ReferenceTcpState state = _track.State;
        ReferenceTcpState next = ReferenceTcp.Next(_isOriginal, _kind, state);
        if (!ReferenceTcp.AreGood(_segment.Flags) || next == ReferenceTcpState.Invalid)
        {
            return ReferenceVerdict.Invalid;
        }

        if (next == ReferenceTcpState.SynSent && state is ReferenceTcpState.TimeWait or ReferenceTcpState.Close)
        {
            return ReferenceVerdict.Restart;
        }

        if (next == ReferenceTcpState.Ignore)
        {
            return Ignored();
        }

        if (_kind == ReferenceTcpClass.Rst)
        {
            return Reset();
        }

        bool isChallenge = state == ReferenceTcpState.LastAck && _kind == ReferenceTcpClass.Ack && !_isOriginal &&
            _track.RememberedSyn?.AwaitsChallenge == true;
        if (isChallenge)
        {
            _track.RememberedSyn = null;
            return Unmoved();
        }

        if (state == ReferenceTcpState.SynSent && _kind == ReferenceTcpClass.Syn && _isOriginal)
        {
            return AnotherSyn();
        }

        bool isAnswerToSyn = state == ReferenceTcpState.SynSent && _kind == ReferenceTcpClass.SynAck;
        if (isAnswerToSyn && _track.RememberedSyn is { } syn && _segment.Ack == syn.End)
        {
            return Resynchronise(syn);
        }

        if (isAnswerToSyn && !AcknowledgesSyn(_segment.Ack))
        {
            return ReferenceVerdict.Invalid;
        }

        return Move(state, next);
    }

    /// <summary>Passes by the table's IGNORE; what it might mean later is remembered.</summary>
    private ReferenceVerdict Ignored()
    {
        if (_kind == ReferenceTcpClass.Syn && _isOriginal)
        {
            RememberSyn();
        }
        else if (_kind == ReferenceTcpClass.SynAck && _track.RememberedSyn is { } syn && _segment.Ack == syn.End)
        {
            return Resynchronise(syn);
        }
        else if (_kind == ReferenceTcpClass.Ack && _track.State == ReferenceTcpState.SynSent)
        {
            // What is remembered last takes the place of what was remembered before.
            (_track.ChallengeAck, _track.RememberedSyn) = (_segment.Ack, null);
        }

        return Unmoved();
    }

    /// <summary>The opener's SYN again changes nothing; one with another end is remembered.</summary>
    private ReferenceVerdict AnotherSyn()
    {
        if (_segment.End != _track.Opener.End)
        {
            RememberSyn();
        }

        return Unmoved();
    }

    private void RememberSyn()
    {
        _track.ChallengeAck = null;
        _track.RememberedSyn = new ReferenceRememberedSyn(
            _segment.End, _segment.Window, _segment.Scale, _segment.SackPermitted,
            AwaitsChallenge: _track.State == ReferenceTcpState.LastAck);
    }

    /// <summary>Both ends began anew: the numbers are those of the SYN that was let through and of this SYN+ACK.</summary>
    private ReferenceVerdict Resynchronise(ReferenceRememberedSyn syn)
    {
        ReferenceTcpSide opener = _track.Opener;
        (opener.End, opener.MaxEnd, opener.MaxWin) = (syn.End, syn.End, Math.Max(syn.Window, 1));
        (opener.Scale, opener.SackPermitted, opener.MaxAck) = (syn.Scale, syn.SackPermitted, null);
        (_sender.MaxWin, _sender.MaxAck) = (0, null);
        ReferenceTcpTrack.SetFromSyn(_sender, _segment);
        (uint ack, uint sack) = Acknowledged();
        Place place = PlaceOf(_segment.Sequence, _segment.End, sack);
        if (place != Place.Inside)
        {
            return place == Place.Outside ? ReferenceVerdict.Invalid : ReferenceVerdict.Unchanged;
        }

        MoveWindows(_segment.End, ack, sack);
        _track.RememberedSyn = null;
        return Moved(ReferenceTcpState.SynRecv);
    }

    private ReferenceVerdict Reset()
    {
        if (!_isOriginal && _segment.IsAck && _track.RememberedSyn is { } syn && _segment.Ack == syn.End)
        {
            bool isOnlyAnswer = _track.State == ReferenceTcpState.SynSent;
            _track.RememberedSyn = null;
            return Moved(ReferenceTcpState.Close) with { Ends = isOnlyAnswer };
        }

        if (_track.State == ReferenceTcpState.SynSent)
        {
            if (!_isOriginal)
            {
                return _segment.IsAck && AcknowledgesSyn(_segment.Ack) ? Moved(ReferenceTcpState.Close) with { Ends = true } : ReferenceVerdict.Invalid;
            }

            if (_track.ChallengeAck == _segment.Sequence)
            {
                return Unmoved();
            }

            return _segment.Sequence == _sender.End ? Moved(ReferenceTcpState.Close) with { Ends = true } : ReferenceVerdict.Invalid;
        }

        return _receiver.MaxAck is { } maxAck && After(maxAck, _segment.Sequence)
            ? ReferenceVerdict.Invalid
            : Move(_track.State, ReferenceTcpState.Close);
    }

    /// <summary>The windows, and what follows for the state.</summary>
    private ReferenceVerdict Move(ReferenceTcpState state, ReferenceTcpState next)
    {
        uint? endBefore = _sender.MaxWin == 0 ? null : _sender.End;
        bool isAnew = _segment.IsSyn && After(_segment.End, _sender.End) &&
            state is ReferenceTcpState.SynSent2 or ReferenceTcpState.SynRecv;
        bool isSet = _segment.IsSyn && (_sender.MaxWin == 0 || isAnew);
        if (isSet)
        {
            ReferenceTcpTrack.SetFromSyn(_sender, _segment);
            (_sender.MaxWin, _receiver.MaxWin) = (InUnits(_sender), InUnits(_receiver));
        }
        else if (_sender.MaxWin == 0)
        {
            ReferenceTcpTrack.SetFromMidStream(_sender, _segment);
        }

        (uint ack, uint sack) = Acknowledged();
        (uint sequence, uint end) = (_segment.Sequence, _segment.End);
        if (_segment.IsFirstFragment)
        {
            end = Later(end, _sender.MaxEnd);
        }

        Place place = _track.IsPickedUp && !_segment.IsRst ? Place.Inside : PlaceOf(sequence, end, sack);
        if (place is Place.Outside or Place.Late)
        {
            return place == Place.Outside ? ReferenceVerdict.Invalid : ReferenceVerdict.Unchanged;
        }

        bool isExact = _segment.Sequence == _receiver.MaxAck || _segment.Sequence == endBefore;
        if (_segment.IsRst && state == ReferenceTcpState.Established && !isExact)
        {
            return ReferenceVerdict.Unchanged;
        }

        if (place == Place.LittleOver)
        {
            // A SYN (with ACK) that does not fit leaves nothing, this little neither.
            _sender.End = _segment.IsSyn ? _sender.End : end;
            return Unmoved();
        }

        // A SYN alone that begins its own side moves nothing of the other.
        if (_kind != ReferenceTcpClass.Syn || !isSet)
        {
            MoveWindows(end, ack, sack);
        }

        _track.RememberedSyn = null;
        _track.IsSimultaneous |= next == ReferenceTcpState.SynSent2;
        bool isReplyAck = !_isOriginal && _kind == ReferenceTcpClass.Ack;
        bool isEstablished = next == ReferenceTcpState.SynRecv && isReplyAck && _track.IsSimultaneous;
        return Moved(isEstablished ? ReferenceTcpState.Established : next);
    }

    /// <summary>The acknowledgement, and what SACK adds to it.</summary>
    private (uint Ack, uint Sack) Acknowledged()
    {
        if (!_segment.IsAck || (_segment.IsRst && _segment.Ack == 0))
        {
            return (_receiver.End, _receiver.End);
        }

        IEnumerable<uint> edges = _receiver.SackPermitted ? _segment.SackEdges : [];
        return (_segment.Ack, edges.Aggregate(_segment.Ack, Later));
    }

    private bool AcknowledgesSyn(uint ack) => After(ack, _track.FirstSequence) && !After(ack, _track.Opener.End);

    private Place PlaceOf(uint sequence, uint end, uint sack)
    {
        bool isNew = _receiver.MaxWin == 0 || After(end, _sender.End - _receiver.MaxWin - 1);
        bool isAckNew = _receiver.MaxWin == 0 || After(sack, _receiver.End - Math.Max(_sender.MaxWin, LeastAckWindow) - 1);
        bool isAckSent = _receiver.MaxWin == 0 || !Beyond(sack, _receiver.End);
        if (Beyond(sequence, _sender.MaxEnd))
        {
            bool isLittle = _receiver.MaxWin != 0 && end - _sender.MaxEnd < _receiver.MaxWin;
            return isLittle && isNew && isAckNew && isAckSent ? Place.LittleOver : Place.Outside;
        }

        if (!isAckSent)
        {
            return Place.Outside;
        }

        return isNew && isAckNew ? Place.Inside : Place.Late;
    }

    private void MoveWindows(uint end, uint ack, uint sack)
    {
        uint window = _segment.Window << (_segment.IsSyn ? 0 : ScaleOf(_sender));
        _sender.MaxWin = Math.Max(_sender.MaxWin, window + (sack - ack));
        _sender.End = Later(_sender.End, end);
        if (_segment.IsAck)
        {
            _sender.MaxAck = _sender.MaxAck is { } highest ? Later(highest, ack) : ack;
        }

        if (_receiver.MaxWin != 0 && After(end, _sender.MaxEnd))
        {
            _receiver.MaxWin += end - _sender.MaxEnd;
        }

        _receiver.MaxEnd = Later(_receiver.MaxEnd, sack + window + (window == 0 ? 1u : 0));
        (_sender.MaxWin, _receiver.MaxWin) = (InUnits(_sender), InUnits(_receiver));
    }

    /// <summary>0 unless both sides sent one.</summary>
    private int ScaleOf(ReferenceTcpSide side) =>
        _sender.Scale is not null && _receiver.Scale is not null ? side.Scale!.Value : 0;

    /// <summary>A side's largest window in whole units of its scale, at most 65535 of them.</summary>
    private uint InUnits(ReferenceTcpSide side)
    {
        int scale = ScaleOf(side);
        ulong units = ((ulong)side.MaxWin + (1u << scale) - 1) >> scale;
        return (uint)Math.Min(units, ushort.MaxValue) << scale;
    }

    private ReferenceVerdict Moved(ReferenceTcpState state)
    {
        _track.State = state;
        _track.WasEstablished |= state == ReferenceTcpState.Established;
        return new ReferenceVerdict { Tcp = _track, Refreshes = true };
    }

    /// <summary>Passes; what is remembered of it is no change of state, window or timer.</summary>
    private ReferenceVerdict Unmoved() => new() { Tcp = _track };
}
