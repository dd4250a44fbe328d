using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>5. Flow and 7. Rewrite. The question: does the packet fit its connection? An established packet reads and writes
/// one line of the table's index, one line of its entry, and an action that it shares with others.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const PacketFlags NeedsAdmit = PacketFlags.NoKey | PacketFlags.IcmpError | PacketFlags.Fragment | PacketFlags.Mapped;
    private const int TrafficBytesBits = FlowEntry.TrafficBytesBits;
    private const uint TrafficBytesMask = FlowEntry.TrafficBytesMask;

    /// <summary>Half of the packets or half of the bytes that fit were counted: one more frame always fits.</summary>
    private const uint CarryBits = (1u << (TrafficBytesBits - 1)) | (1u << 31);

    /// <summary>Both ends have acknowledged: their highest acknowledgments are known.</summary>
    private const uint BothAcknowledged = 3 * (uint)TcpMarks.HasAcknowledged << 24;

    /// <summary>State, and the marks that the short way asks for or that rule it out; the bytes between may be anything.</summary>
    private const uint PlainStandingMask =
        0xFF | BothAcknowledged | ((uint)(TcpMarks.RememberedSyn | TcpMarks.RememberedAck | TcpMarks.Liberal) << 24);

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
        FlowEntry* entries = _connections.V4.At(0);
        PacketBuffer** live = _live4;
        int count = _live4Count;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = live[i];
            FlowEntry* entry = entries + p->Candidate;
            if (p->Candidate < 0 || entry->KeyLow != p->KeyLow || entry->KeyHigh != p->KeyHigh)
            {
                RunUnguessed4(p);
            }
            else if (!TryHit(p, entry, isV6: false))
            {
                Admit<uint, Ip4Family>(p);
            }
        }
    }

    /// <summary>The guess was wrong, or there is no connection, or a packet before this one in the burst opened it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunUnguessed4(PacketBuffer* p)
    {
        FlowEntry* entry = _connections.V4.Index.MayHold(p->Hash) ? _connections.V4.Find(p->KeyLow, p->KeyHigh, p->Hash) : null;
        if (entry != null)
        {
            RunFound4(p, entry);
        }
        else if (RecallDenial(p) is DropReason reason and not DropReason.None)
        {
            Drop(p, reason);
        }
        else
        {
            Admit<uint, Ip4Family>(p);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunFound4(PacketBuffer* p, FlowEntry* entry)
    {
        if (!TryHit(p, entry, isV6: false))
        {
            Admit<uint, Ip4Family>(p);
        }
    }

    /// <summary>Why security groups denied the packet's flow before under the policy in force; none when that is not known. An
    /// explanation asks the rules themselves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private DropReason RecallDenial(PacketBuffer* p) => !_tracer.IsEnabled && MayRecallDenial(p)
        ? _denied.Find(p, FlowAction.ArrivalOf(*(ulong*)p->Data, p->InPort), Direction(p), _generation) : DropReason.None;

    /// <summary>Remembers a denial by a security group, where all that led to it is the same for every such packet of the flow.
    /// </summary>
    private void RememberDenial(PacketBuffer* p, DropReason reason)
    {
        if (MayRecallDenial(p))
        {
            _denied.Add(p, FlowAction.ArrivalOf(*(ulong*)p->Data, p->InPort), Direction(p), _generation, reason);
        }
    }

    /// <summary>True for whole packets over IPv4 that may open a connection of TCP or UDP, with a TTL that needs no answer: of these
    /// the order of checks asks nothing more than key, port, MAC and policy before it comes to the rules.</summary>
    private static bool MayRecallDenial(PacketBuffer* p)
    {
        const byte FinSynRstAck = 0x17;
        const byte Syn = 2;
        byte* ip = p->Data + ParseStage.EthernetBytes;
        return (p->Flags & (NeedsAdmit | PacketFlags.IsV6)) == 0 && p->L4Offset == ParseStage.PlainL4Offset && ip[8] > 1 &&
            (p->Protocol == ParseStage.Udp || (p->Protocol == ParseStage.Tcp && (p->Data[p->L4Offset + 13] & FinSynRstAck) == Syn));
    }

    private void RunFlows6()
    {
        FlowTable table = _connections.V6;
        for (int i = 0; i < _live6Count; i++)
        {
            PacketBuffer* p = _live6[i];
            FlowEntry* entry = table.Find(*Scratch6(p), p->KeyLow, p->KeyHigh, p->Hash);
            if (entry == null || !TryHit(p, entry, isV6: true))
            {
                Admit<Tables.RawIp6, Ip6Family>(p);
            }
        }
    }

    /// <summary>Takes the packet along its connection; false when the entry, its action or the packet needs a closer look first.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHit(PacketBuffer* p, FlowEntry* entry, bool isV6)
    {
        PacketFlags flags = p->Flags;
        uint d = DirectionOf(flags);
        FlowAction* action = _actions + (2L * entry->Path) + d;
        if ((flags & NeedsAdmit) != 0 || Connections.IsExpired(entry, _nowMs) || !Fits(p, action))
        {
            return false;
        }

        // Neither its TTL nor its length needs an answer, and no bandwidth is to be asked.
        byte ttl = p->Data[ParseStage.EthernetBytes + (isV6 ? 7 : 8)];
        if (ttl <= action->TtlDecrement || p->L3Length > action->PlainBytes || !TryTrackPlain(p, entry, d))
        {
            return Hit(p, entry, action) == HitOutcome.Done;
        }

        CountTraffic(p, entry, d);
        if (_tracer.IsEnabled)
        {
            TraceKnown(p, entry);
            TraceForward(p, action);
        }

        Rewrite(p, action, isV6);
        Enqueue(p, action->OutPort);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FlowAction* ActionOf(PacketBuffer* p, FlowEntry* entry) =>
        _actions + (2L * entry->Path) + Direction(p);

    /// <summary>0 from the lower endpoint of the key, 1 from the higher.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Direction(PacketBuffer* p) => DirectionOf(p->Flags);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint DirectionOf(PacketFlags flags) => ((uint)flags / (uint)PacketFlags.Swapped) & 1;

    /// <summary>True when the action was made for packets like this one, under the policy in force.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Fits(PacketBuffer* p, FlowAction* action) =>
        action->Generation == _generation && action->Arrival == FlowAction.ArrivalOf(*(ulong*)p->Data, p->InPort);

    /// <summary>Order of checks, section 4, hit, from 2 on: any packet of a known connection.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private HitOutcome Hit(PacketBuffer* p, FlowEntry* entry, FlowAction* action)
    {
        if (_tracer.IsEnabled)
        {
            TraceKnown(p, entry);
        }

        if ((action->Translates == FlowAction.TranslatesPorts || (p->Flags & PacketFlags.Mapped) != 0) && !IsTranslatedBy(p, action))
        {
            Drop(p, DropReason.ConnectionInvalid);
            return HitOutcome.Done;
        }

        byte* ip = p->Data + p->L3Offset;
        byte ttl = (p->Flags & PacketFlags.IsV6) != 0 ? ip[7] : ip[8];
        if (action->TtlDecrement != 0 && ttl <= 1)
        {
            ExpireTtl(p);
            return HitOutcome.Done;
        }

        if (p->L3Length > action->MtuBytes && RefuseTooLong(p, action->MtuBytes, action->OutPort))
        {
            return HitOutcome.Done;
        }

        FlowDetail* detail = _connections.DetailOf(entry);
        Unsafe.SkipInit(out FlowEntry before);
        Unsafe.SkipInit(out TcpMemory remembered);
        bool isCapped = action->PlainBytes == 0;
        if (isCapped)
        {
            before = *entry;
            remembered = detail->Remembered;
        }

        TcpVerdict verdict = Track(p, entry, &detail->Remembered);
        if (verdict >= TcpVerdict.Invalid)
        {
            return Refuse(p, entry, action, verdict);
        }

        if (!TryForward(p, entry, action))
        {
            // Over a rate, the only thing that refuses here: the other end never sees it, so the connection has not moved.
            *entry = before;
            detail->Remembered = remembered;
        }
        else if ((entry->Flags & FlowFlags.Answered) == 0)
        {
            NoteAnswer(p, entry);
        }

        return HitOutcome.Done;
    }

    /// <summary>Established TCP, a plain ACK with or without data that the windows of both ends allow, or UDP seen both ways:
    /// nearly every packet. It moves windows and timer as <see cref="TcpTracker"/> would. False, and nothing has moved, when it is
    /// anything else: a retransmission or a late segment too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryTrackPlain(PacketBuffer* p, FlowEntry* entry, uint d)
    {
        byte* l4 = p->Data + p->L4Offset;
        uint standing = *(uint*)&entry->State;
        uint header = *(ushort*)(l4 + 12) & PlainHeaderMask;
        bool isPlain = (standing & PlainStandingMask) == ((uint)FlowState.TcpEstablished | BothAcknowledged) &&
            (header == 0x1050 || (header == 0x1080 && *(uint*)(l4 + 20) == NopNopTimestamps));
        if (!isPlain)
        {
            return TryTrackUdp(entry);
        }

        uint* sender = entry->End + d;
        uint* receiver = entry->End + (d ^ 1);
        ulong numbers = BinaryPrimitives.ReverseEndianness(*(ulong*)(l4 + 4));
        uint ack = (uint)numbers;
        uint end = (uint)(numbers >> 32) + (uint)(ParseStage.EthernetBytes + p->L3Length - p->L4Offset) - ((header & 0xF0) >> 2);
        uint window = BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + 14));

        // What is late in its data or in its acknowledgment must move nothing, however new the other of the two is: else a blind
        // sender could bring in a sequence number of its own, and a RST with it. Those take the long way.
        int inside = (int)(sender[MaxEndAt] - end) | (int)(receiver[EndAt] - ack) | (int)(window - 1) |
            (int)(end - sender[EndAt]) | (int)(ack - receiver[EndAt] + LeastAckWindow);
        if (inside < 0)
        {
            return false;
        }

        sender[EndAt] = end;
        if ((int)(ack - sender[MaxAckAt]) > 0)
        {
            sender[MaxAckAt] = ack;
        }

        uint allowed = ack + (window << (int)((standing >> (int)(16 + (4 * d))) & 15));
        if ((int)(allowed - receiver[MaxEndAt]) > 0)
        {
            receiver[MaxEndAt] = allowed;
        }

        if (window > entry->MaxWindow[d])
        {
            entry->MaxWindow[d] = (ushort)window;
        }

        entry->DeadlineMs = _establishedDeadlineMs;
        return true;
    }

    /// <summary>UDP that both ends have spoken on has no state to move, only a timer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryTrackUdp(FlowEntry* entry)
    {
        if (entry->State != FlowState.UdpStream)
        {
            return false;
        }

        entry->DeadlineMs = _nowMs + _timeoutMs[(int)FlowState.UdpStream];
        return true;
    }

    /// <summary>The state machines of everything but plain established TCP; sets state and deadline.</summary>
    private TcpVerdict Track(PacketBuffer* p, FlowEntry* entry, TcpMemory* remembered)
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
                TcpVerdict verdict = TcpTracker.Judge(entry, remembered, SegmentOf(p), (int)Direction(p), isReply);
                if (verdict != TcpVerdict.Accept)
                {
                    return verdict;
                }

                break;
        }

        entry->DeadlineMs = _nowMs + TimeoutMs(entry);
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
                    _tracer.Note(PipelineStage.Connection, "the packet does not fit the connection");
                }

                Drop(p, DropReason.ConnectionInvalid);
                return HitOutcome.Done;
        }
    }

    /// <summary>Rates, counters, rewrite, egress; false when it is over a rate and was dropped.</summary>
    private bool TryForward(PacketBuffer* p, FlowEntry* entry, FlowAction* action)
    {
        if (action->PlainBytes == 0 && Regulate(p, action) is DropReason reason and not DropReason.None)
        {
            Drop(p, reason);
            return false;
        }

        CountTraffic(p, entry, Direction(p));
        if (p->Protocol == ParseStage.Tcp)
        {
            NoteTcpFlags(p, entry);
        }

        if ((p->Flags & PacketFlags.Fragment) != 0)
        {
            RememberFragment(p, entry);
        }

        if (_tracer.IsEnabled)
        {
            TraceForward(p, action);
        }

        if (action->PortXor != 0)
        {
            TranslatePorts(p, action);
        }

        Rewrite(p, action, (p->Flags & PacketFlags.IsV6) != 0);
        Enqueue(p, action->OutPort);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CountTraffic(PacketBuffer* p, FlowEntry* entry, uint d)
    {
        uint* traffic = &entry->TrafficUp + d;
        uint sum = *traffic + (1u << TrafficBytesBits) + (uint)p->Length;
        *traffic = sum;
        if ((sum & CarryBits) != 0)
        {
            CarryTraffic(entry);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Rewrite(PacketBuffer* p, FlowAction* action, bool isV6)
    {
        byte* frame = p->Data;
        byte* ip = frame + ParseStage.EthernetBytes;
        *(ulong*)frame = action->MacBytes;
        *(uint*)(frame + 8) = action->MacBytesEnd;
        p->Length = ParseStage.EthernetBytes + p->L3Length;
        if (isV6)
        {
            ip[7] -= action->TtlDecrement;
        }
        else if (action->IpDelta != 0)
        {
            // TTL, protocol and checksum are one word; the TTL is not smaller than what is taken from it.
            uint word = *(uint*)(ip + 8) - action->TtlDecrement;
            *(uint*)(ip + 8) = (ushort)word | ((uint)InternetChecksum.ApplyRaw((ushort)(word >> 16), action->IpDelta) << 16);
            if (action->Translates != 0)
            {
                Translate(p, action, ip);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Translate(PacketBuffer* p, FlowAction* action, byte* ip)
    {
        CountForEips(p, action);

        // Source and destination lie side by side, in the packet and in the action.
        *(ulong*)(ip + 12) ^= *(ulong*)&action->SourceXor;
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

    /// <summary>A super-packet is judged by its segments (semantics.md decision 15).</summary>
    private static bool IsTooLong(PacketBuffer* p, int mtuBytes) =>
        p->Offload.GsoType == 0 || p->Offload.HeaderLength - p->L3Offset + p->Offload.GsoSize > mtuBytes;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CarryTraffic(FlowEntry* entry)
    {
        FlowDetail* detail = _connections.DetailOf(entry);
        detail->PacketsUp += entry->TrafficUp >> TrafficBytesBits;
        detail->BytesUp += entry->TrafficUp & TrafficBytesMask;
        detail->PacketsDown += entry->TrafficDown >> TrafficBytesBits;
        detail->BytesDown += entry->TrafficDown & TrafficBytesMask;
        entry->TrafficUp = 0;
        entry->TrafficDown = 0;
    }
}
