using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>5. Flow and 7. Rewrite. The question: does the packet fit its connection? An established packet reads and writes
/// one line of the table's index, one line of its entry, and an action that it shares with others.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const PacketFlags NeedsAdmit = PacketFlags.NoKey | PacketFlags.IcmpError | PacketFlags.LaterFragment;
    private const int TrafficBytesBits = 22;
    private const uint TrafficBytesMask = (1u << TrafficBytesBits) - 1;
    private const uint CarryAtBytes = 0x3E_0000;
    private const uint CarryAtPackets = 1000u << TrafficBytesBits;

    /// <summary>State, and the marks that rule a short way out; the bytes between may be anything.</summary>
    private const uint PlainStandingMask =
        0xFF | ((uint)(TcpMarks.RememberedSyn | TcpMarks.RememberedAck | TcpMarks.Liberal) << 24);

    /// <summary>Data offset, and FIN, SYN, RST, ACK of bytes 12 and 13 of the TCP header.</summary>
    private const uint PlainHeaderMask = 0x17F0;
    private const uint NopNopTimestamps = 0x0A08_0101;
    private const uint LeastAckWindow = 66_000;
    private const int EndAt = 0;
    private const int MaxEndAt = 2;
    private const int MaxAckAt = 4;

    private enum HitOutcome
    {
        /// <summary>The packet went its way or was dropped.</summary>
        Done,

        /// <summary>The connection is over and was forgotten; the packet may open a new one.</summary>
        Miss,
    }

    private void RunFlows4()
    {
        FlowTable table = _connections.V4;
        PacketBuffer** live = _live4;
        int count = _live4Count;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = live[i];
            FlowEntry* entry = null;
            if (p->Candidate >= 0)
            {
                entry = table.At(p->Candidate);
                entry = entry->KeyLow == p->KeyLow && entry->KeyHigh == p->KeyHigh ? entry : null;
            }

            if (entry == null)
            {
                // The guess was wrong, or a packet before this one in the burst opened the connection.
                entry = table.Find(p->KeyLow, p->KeyHigh, p->Hash);
            }

            if (entry == null || !TryHit(p, entry))
            {
                Admit<uint, Ip4Family>(p);
            }
        }
    }

    private void RunFlows6()
    {
        FlowTable table = _connections.V6;
        for (int i = 0; i < _live6Count; i++)
        {
            PacketBuffer* p = _live6[i];
            FlowEntry* entry = table.Find(*Scratch6(p), p->KeyLow, p->KeyHigh, p->Hash);
            if (entry == null || !TryHit(p, entry))
            {
                Admit<Tables.RawIp6, Ip6Family>(p);
            }
        }
    }

    /// <summary>True when the entry and its action are good for the packet as they are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHit(PacketBuffer* p, FlowEntry* entry)
    {
        FlowAction* action = ActionOf(p, entry);
        bool fits = (p->Flags & NeedsAdmit) == 0 && !Connections.IsExpired(entry, _nowMs) && Fits(p, action);
        return fits && Hit(p, entry, action) == HitOutcome.Done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FlowAction* ActionOf(PacketBuffer* p, FlowEntry* entry) =>
        _connections.Paths.Actions + (2L * entry->Path) + ((p->Flags & PacketFlags.Swapped) != 0 ? 1 : 0);

    /// <summary>True when the action was made for packets like this one, under the policy in force.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Fits(PacketBuffer* p, FlowAction* action) =>
        action->Generation == _generation && action->InPort == p->InPort &&
        ((*(ulong*)p->Data ^ action->ExpectedMac) & MacMask) == 0;

    /// <summary>Order of checks, section 4, hit, from 2 on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private HitOutcome Hit(PacketBuffer* p, FlowEntry* entry, FlowAction* action)
    {
        byte* ip = p->Data + p->L3Offset;
        byte ttl = (p->Flags & PacketFlags.IsV6) != 0 ? ip[7] : ip[8];
        if (action->TtlDecrement != 0 && ttl <= 1)
        {
            ExpireTtl(p);
            return HitOutcome.Done;
        }

        if (p->L3Length > action->MtuBytes && IsTooLong(p, action->MtuBytes))
        {
            Drop(p, DropReason.MtuExceeded);
            return HitOutcome.Done;
        }

        if ((action->OutBucket & action->InBucket) != -1)
        {
            return HitCapped(p, entry, action);
        }

        if (!TryTrackPlain(p, entry))
        {
            TcpVerdict verdict = Track(p, entry);
            if (verdict >= TcpVerdict.Invalid)
            {
                return Refuse(p, entry, action, verdict);
            }
        }

        if (TryForward(p, entry, action) && (entry->Flags & FlowFlags.Answered) == 0)
        {
            NoteAnswer(p, entry);
        }

        return HitOutcome.Done;
    }

    /// <summary>The rest of <see cref="Hit"/> for a connection with a bandwidth: what is over it never reaches the other end, so
    /// the connection then has not moved.</summary>
    private HitOutcome HitCapped(PacketBuffer* p, FlowEntry* entry, FlowAction* action)
    {
        FlowEntry before = *entry;
        if (!TryTrackPlain(p, entry))
        {
            TcpVerdict verdict = Track(p, entry);
            if (verdict >= TcpVerdict.Invalid)
            {
                return Refuse(p, entry, action, verdict);
            }
        }

        if (!TryForward(p, entry, action))
        {
            *entry = before;
        }
        else if ((entry->Flags & FlowFlags.Answered) == 0)
        {
            NoteAnswer(p, entry);
        }

        return HitOutcome.Done;
    }

    /// <summary>Established TCP, a plain ACK with or without data, inside the windows of both ends: nearly every packet. It
    /// moves the windows as <see cref="TcpWindows"/> would. False, and nothing has moved, when it is anything else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryTrackPlain(PacketBuffer* p, FlowEntry* entry)
    {
        byte* l4 = p->Data + p->L4Offset;
        uint standing = *(uint*)&entry->State;
        uint header = *(ushort*)(l4 + 12);
        bool isPlain = (standing & PlainStandingMask) == (uint)FlowState.TcpEstablished &&
            ((header & PlainHeaderMask) == 0x1050 || ((header & PlainHeaderMask) == 0x1080 && *(uint*)(l4 + 20) == NopNopTimestamps));
        if (!isPlain)
        {
            return false;
        }

        int d = (p->Flags & PacketFlags.Swapped) != 0 ? 1 : 0;
        uint* sender = entry->End + d;
        uint* receiver = entry->End + (d ^ 1);
        int scales = (int)(standing >> 16);
        ulong numbers = BinaryPrimitives.ReverseEndianness(*(ulong*)(l4 + 4));
        uint sequence = (uint)(numbers >> 32);
        uint ack = (uint)numbers;
        uint window = BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + 14));
        uint end = sequence + (uint)(p->L3Offset + p->L3Length - p->L4Offset) - ((header & 0xF0) >> 2);
        uint receiverWindow = (uint)entry->MaxWindow[d ^ 1] << ((scales >> (4 * (d ^ 1))) & 15);

        // All inside: each difference is positive. Equal or slightly stricter than TcpWindows: what is not inside here is
        // looked at again there.
        int inside = (int)(sender[MaxEndAt] - end) | (int)(receiver[EndAt] - ack) |
            (int)(end - sender[EndAt] + receiverWindow) | (int)(ack - receiver[EndAt] + LeastAckWindow) | (int)(window - 1) |
            (int)(PacketFlags.Fragment & p->Flags) << 30;
        if (inside < 0)
        {
            return false;
        }

        if ((int)(end - sender[EndAt]) > 0)
        {
            sender[EndAt] = end;
        }

        if ((int)(ack - sender[MaxAckAt]) > 0)
        {
            sender[MaxAckAt] = ack;
        }

        uint allowed = ack + (window << ((scales >> (4 * d)) & 15));
        if ((int)(allowed - receiver[MaxEndAt]) > 0)
        {
            receiver[MaxEndAt] = allowed;
        }

        if (window > entry->MaxWindow[d])
        {
            entry->MaxWindow[d] = (ushort)window;
        }

        entry->DeadlineMs = _nowMs + _timeoutMs[(int)FlowState.TcpEstablished];
        return true;
    }

    /// <summary>The state machines of everything but plain established TCP; sets state and deadline.</summary>
    private TcpVerdict Track(PacketBuffer* p, FlowEntry* entry)
    {
        bool isReply = ((p->Flags & PacketFlags.Swapped) != 0) != ((entry->Flags & FlowFlags.OpenerSwapped) != 0);
        byte* l4 = p->Data + p->L4Offset;
        switch (entry->State)
        {
            case FlowState.Udp when isReply:
                entry->State = FlowState.UdpStream;
                break;
            case FlowState.Udp or FlowState.UdpStream or FlowState.Other:
                break;
            case FlowState.Icmp:
                bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
                if (!(isReply ? IcmpRules.IsReply(*l4, isV6) : IcmpRules.IsRequest(*l4, isV6) && l4[1] == 0))
                {
                    return TcpVerdict.Invalid;
                }

                break;
            default:
                int direction = (p->Flags & PacketFlags.Swapped) != 0 ? 1 : 0;
                TcpVerdict verdict = TcpTracker.Judge(entry, SegmentOf(p), direction, isReply);
                if (verdict != TcpVerdict.Accept)
                {
                    return verdict;
                }

                break;
        }

        entry->DeadlineMs = _nowMs + _timeoutMs[(int)entry->State];
        return TcpVerdict.Accept;
    }

    private static TcpSegment SegmentOf(PacketBuffer* p) => TcpSegment.Read(
        p->Data + p->L4Offset, p->L3Offset + p->L3Length - p->L4Offset, (p->Flags & PacketFlags.Fragment) != 0);

    /// <summary>A packet went its way: does it make the connection one that both ends have spoken on?</summary>
    private void NoteAnswer(PacketBuffer* p, FlowEntry* entry)
    {
        bool isReply = ((p->Flags & PacketFlags.Swapped) != 0) != ((entry->Flags & FlowFlags.OpenerSwapped) != 0);
        bool isKnownByState = entry->State is FlowState.TcpEstablished or FlowState.UdpStream &&
            (entry->Marks & TcpMarks.Liberal) == 0;
        bool isAnswered = isKnownByState ||
            (isReply && (entry->State is FlowState.Icmp or FlowState.Other || (entry->Marks & TcpMarks.Liberal) != 0));
        if (isAnswered)
        {
            _connections.MarkAnswered(entry);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private HitOutcome Refuse(PacketBuffer* p, FlowEntry* entry, FlowAction* action, TcpVerdict verdict)
    {
        switch (verdict)
        {
            case TcpVerdict.Refused:
                if (TryForward(p, entry, action))
                {
                    _connections.Remove(entry);
                }

                return HitOutcome.Done;
            case TcpVerdict.Reopen:
                _connections.Remove(entry);
                return HitOutcome.Miss;
            default:
                if (_tracer.IsEnabled)
                {
                    _tracer.Note(PipelineStage.Connection, $"known connection in state {entry->State}; the packet does not fit it");
                }

                Drop(p, DropReason.ConnectionInvalid);
                return HitOutcome.Done;
        }
    }

    /// <summary>Bandwidth, counters, rewrite, egress; false when it is over the bandwidth and was dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryForward(PacketBuffer* p, FlowEntry* entry, FlowAction* action)
    {
        if ((action->OutBucket & action->InBucket) != -1 && !IsWithinBandwidth(p, action))
        {
            Drop(p, DropReason.EipBandwidth);
            return false;
        }

        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        uint* traffic = swapped ? &entry->TrafficDown : &entry->TrafficUp;
        uint sum = *traffic + (1u << TrafficBytesBits) + (uint)p->Length;
        *traffic = sum;
        if ((sum & TrafficBytesMask) >= CarryAtBytes || sum >= CarryAtPackets)
        {
            CarryTraffic(entry);
        }

        if ((p->Flags & PacketFlags.Fragment) != 0)
        {
            RememberFragment(p, entry);
        }

        if (_tracer.IsEnabled)
        {
            TraceForward(p, action);
        }

        Rewrite(p, action);
        Enqueue(p, action->OutPort);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rewrite(PacketBuffer* p, FlowAction* action)
    {
        byte* frame = p->Data;
        byte* ip = frame + p->L3Offset;
        *(ulong*)frame = action->MacBytes;
        *(uint*)(frame + 8) = action->MacBytesEnd;
        p->Length = p->L3Offset + p->L3Length;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            ip[7] -= action->TtlDecrement;
        }
        else if (action->IpDelta != 0)
        {
            ip[8] -= action->TtlDecrement;
            *(ushort*)(ip + 10) = InternetChecksum.ApplyRaw(*(ushort*)(ip + 10), action->IpDelta);
            if (action->Translates != 0)
            {
                Translate(p, action, ip);
            }
        }
    }

    private static void Translate(PacketBuffer* p, FlowAction* action, byte* ip)
    {
        *(uint*)(ip + 12) ^= action->SourceXor;
        *(uint*)(ip + 16) ^= action->DestinationXor;
        if ((p->Flags & PacketFlags.LaterFragment) != 0)
        {
            return;
        }

        byte* l4 = p->Data + p->L4Offset;
        if (p->Protocol == ParseStage.Tcp)
        {
            MendChecksum(p, (ushort*)(l4 + 16), action->L4Delta, isUdp: false);
        }
        else if (p->Protocol == ParseStage.Udp)
        {
            MendChecksum(p, (ushort*)(l4 + 6), action->L4Delta, isUdp: true);
        }
    }

    /// <summary>A partial checksum (virtio NEEDS_CSUM) is the folded pseudo-header sum itself, not its complement.</summary>
    private static void MendChecksum(PacketBuffer* p, ushort* checksum, ushort delta, bool isUdp) =>
        *checksum = (p->Offload.Flags & 1) != 0 ? InternetChecksum.AddRaw(*checksum, delta)
            : isUdp ? InternetChecksum.ApplyUdpRaw(*checksum, delta)
            : InternetChecksum.ApplyRaw(*checksum, delta);

    private bool IsWithinBandwidth(PacketBuffer* p, FlowAction* action)
    {
        int bytes = ParseStage.EthernetBytes + p->L3Length;
        return (action->OutBucket < 0 || _shared.Buckets.TryTake(action->OutBucket, bytes, _nowNs)) &&
            (action->InBucket < 0 || _shared.Buckets.TryTake(action->InBucket, bytes, _nowNs));
    }

    /// <summary>A super-packet is judged by its segments (semantics.md decision 15).</summary>
    private static bool IsTooLong(PacketBuffer* p, int mtuBytes) =>
        p->Offload.GsoType == 0 || p->Offload.HeaderLength - p->L3Offset + p->Offload.GsoSize > mtuBytes;

    private static void CarryTraffic(FlowEntry* entry)
    {
        entry->PacketsUp += entry->TrafficUp >> TrafficBytesBits;
        entry->BytesUp += entry->TrafficUp & TrafficBytesMask;
        entry->PacketsDown += entry->TrafficDown >> TrafficBytesBits;
        entry->BytesDown += entry->TrafficDown & TrafficBytesMask;
        entry->TrafficUp = 0;
        entry->TrafficDown = 0;
    }

    private void RememberFragment(PacketBuffer* p, FlowEntry* entry)
    {
        FlowTable table = (p->Flags & PacketFlags.IsV6) != 0 ? _connections.V6 : _connections.V4;
        var owner = new FragmentOwner(_pool.Worker, table.NumberOf(entry), entry->Hash, entry->KeyHigh);
        _fragments.Remember(FragmentKeyOf(p), owner, _nowMs);
    }
}
