using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>ICMP errors (semantics.md section 4). The question: which connection does this error speak of, and what must be
/// mended in it? Never makes or changes a connection. Order of checks, section 7.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Where the quoted packet's headers are, from the frame's first byte.</summary>
    private struct Quote
    {
        public int L3Offset;
        public int L4Offset;

        /// <summary>Behind the quoted packet's last byte; what follows is padding or extensions (RFC 4884).</summary>
        public int EndOffset;
        public byte Protocol;
        /// <summary>An ICMP message that is no query: nothing is related to it.</summary>
        public bool IsError;
        public bool IsLaterFragment;
    }

    /// <summary>Gives an error the key of the connection whose packet it quotes, in the direction that the error travels.</summary>
    private void KeyOfQuote(PacketBuffer* p)
    {
        if (!TryReadQuote(p, out Quote quote) || quote.IsError || quote.IsLaterFragment)
        {
            SetNoKey(p);
            return;
        }

        if ((p->Flags & PacketFlags.IsV6) == 0 && TryKeyQuoteForBalancer(p, quote))
        {
            return;
        }

        byte* ip = p->Data + quote.L3Offset;
        uint ports = QuotedPorts(p, quote, out byte kind);
        uint from = ports & 0xFFFF;
        uint to = ports >> 16;
        bool swapped;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            RawIp6 source = *(RawIp6*)(ip + 8);
            RawIp6 destination = *(RawIp6*)(ip + 24);
            int space6 = p->InPort != 0 ? SpaceToward<RawIp6, Ip6Family>(p, p->InPort, source) : _snapshot.Enis[PublicPortOf(source)].Vpc;
            swapped = FlowKey.Sort(destination, source, to, from, out FlowAddresses6 addresses, out ulong ports6);
            SetKey6(p, addresses, ports6 | FlowKey.Space(space6, quote.Protocol, kind));
        }
        else
        {
            uint source = *(uint*)(ip + 12);
            uint destination = *(uint*)(ip + 16);
            int space = SpaceOfQuote(p, quote, ref source, ref destination, ref from);
            ulong low = destination | ((ulong)source << 32);
            uint ports4 = to | (from << 16);
            swapped = FlowKey.Sort(ref low, ref ports4) != 0;
            p->KeyLow = low;
            p->KeyHigh = ports4 | FlowKey.Space(space, quote.Protocol, kind);
            p->Hash = FlowKey.Hash(low, p->KeyHigh, _secretLow, _secretHigh);
        }

        p->Flags = swapped ? p->Flags | PacketFlags.Swapped : p->Flags & ~PacketFlags.Swapped;
    }

    private static void SetNoKey(PacketBuffer* p)
    {
        p->Flags |= PacketFlags.NoKey;
        p->KeyLow = 0;
        p->KeyHigh = 0;
        p->Hash = 0;
        *Scratch6(p) = default;
    }

    /// <summary>Turns the quoted addresses, as they were where the error was made, into those of the key.</summary>
    private int SpaceOfQuote(PacketBuffer* p, in Quote quote, ref uint source, ref uint destination, ref uint sourcePort)
    {
        int port = p->InPort;
        EipMap.Slot* slot = _snapshot.EipByAddress.Find(source);
        if (port == 0)
        {
            if (slot->Nat != 0)
            {
                return SpaceOfMappedQuote(p, quote, slot, ref source, ref sourcePort);
            }

            source = slot->Private;
            return slot->Vpc;
        }

        // To the ENI, the other end of a hairpin is an EIP of this switch.
        int remote = Ip4Family.EipOf(_snapshot, source);
        int own = Ip4Family.EipOfPrivate(_snapshot, port, destination);
        if (remote != 0 && own != 0)
        {
            destination = _snapshot.Eips[own].Address;
            return slot->Nat == 0 ? 0 : SpaceOfMappedQuote(p, quote, slot, ref source, ref sourcePort);
        }

        return SpaceToward<uint, Ip4Family>(p, port, source);
    }

    private void Relate<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (!IsErrorIntact(p, out Quote quote))
        {
            Drop(p, DropReason.MalformedL4);
            return;
        }

        FlowEntry* entry = quote.IsError ? null : FindEntry(p);
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        byte* quoted = p->Data + quote.L3Offset;
        bool isToSource = new ReadOnlySpan<byte>(p->Data + p->L3Offset + (isV6 ? 24 : 16), isV6 ? 16 : 4)
            .SequenceEqual(new ReadOnlySpan<byte>(quoted + (isV6 ? 8 : 12), isV6 ? 16 : 4));
        if (entry == null || !isToSource ||
            (ActionOf(p, entry)->InPort != p->InPort && !IsByOtherGateway(p, ActionOf(p, entry)->InPort)))
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "the packet that the error quotes belongs to no known connection");
            }

            Drop(p, DropReason.ConnectionInvalid);
            return;
        }

        DropReason reason = Refresh<TAddress, TFamily>(p, entry, isRouted, out bool isGone);
        if (reason != DropReason.None || isGone)
        {
            Drop(p, reason != DropReason.None ? reason : DropReason.ConnectionInvalid);
            return;
        }

        FlowAction* action = ActionOf(p, entry);
        DropReason refusal = CheckRelated<TAddress, TFamily>(p, action, quote);
        if (refusal != DropReason.None)
        {
            Drop(p, refusal);
            return;
        }

        if (p->L3Length > action->MtuBytes && RefuseTooLong(p, action->MtuBytes, action->OutPort))
        {
            return;
        }

        if (action->PlainBytes == 0 && Regulate(p, action) is DropReason over and not DropReason.None)
        {
            Drop(p, over);
            return;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, "an ICMP error about a known connection: related, passes without a rule");
        }

        if (action->Translates != 0)
        {
            TranslateQuote(p, action, quote);
        }

        Rewrite(p, action, (p->Flags & PacketFlags.IsV6) != 0);
        Enqueue(p, action->OutPort);
    }

    /// <summary>Order of checks, section 7, for an error about a connection that goes on.</summary>
    private DropReason CheckRelated<TAddress, TFamily>(PacketBuffer* p, FlowAction* action, in Quote quote)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        bool fromEnd = isV6 || *(uint*)(p->Data + p->L3Offset + 12) == *(uint*)(p->Data + quote.L3Offset + 16);
        bool isOther = (!fromEnd && action->SourceXor != 0) || !IsQuoteTranslatedBy(p, action, quote);
        return action->Generation == FlowAction.Unrouted ? DropReason.NoRoute
            : isOther ? DropReason.ConnectionInvalid
            : action->TtlDecrement != 0 && TFamily.Ttl(p) <= 1 ? DropReason.TtlExpired
            : IsErrorDenied<TAddress, TFamily>(p, action) ? DropReason.NetworkAcl
            : DropReason.None;
    }

    /// <summary>The quote's source is the error's destination and changes as that does; the quote's destination likewise. In the
    /// ICMP checksum the change of an address and of the quoted header's checksum cancel (semantics.md section 7).</summary>
    private static void TranslateQuote(PacketBuffer* p, FlowAction* action, in Quote quote)
    {
        byte* ip = p->Data + quote.L3Offset;
        byte* icmp = p->Data + p->L4Offset;
        uint source = *(uint*)(ip + 12);
        uint destination = *(uint*)(ip + 16);
        uint newSource = source ^ action->DestinationXor;
        uint newDestination = destination ^ action->SourceXor;
        *(uint*)(ip + 12) = newSource;
        *(uint*)(ip + 16) = newDestination;
        ushort delta = InternetChecksum.AddRaw(
            InternetChecksum.DeltaRaw(source, newSource), InternetChecksum.DeltaRaw(destination, newDestination));
        *(ushort*)(ip + 10) = InternetChecksum.ApplyRaw(*(ushort*)(ip + 10), delta);
        if (action->PortXor != 0)
        {
            delta = InternetChecksum.AddRaw(delta, TranslateQuotedPorts(p, action, quote));
        }

        int at = quote.Protocol == ParseStage.Udp ? 6 : quote.Protocol == ParseStage.Tcp ? 16 : -1;
        if (at < 0 || quote.L4Offset + at + 2 > quote.EndOffset)
        {
            return;
        }

        ushort* l4 = (ushort*)(p->Data + quote.L4Offset + at);
        ushort old = *l4;
        *l4 = quote.Protocol == ParseStage.Udp
            ? InternetChecksum.ApplyUdpRaw(old, delta) : InternetChecksum.ApplyRaw(old, delta);
        ushort* outer = (ushort*)(icmp + 2);
        *outer = InternetChecksum.ApplyRaw(*outer, InternetChecksum.DeltaRaw(old, *l4));
    }

    private static bool IsErrorIntact(PacketBuffer* p, out Quote quote)
    {
        quote = default;
        byte* icmp = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        if ((p->Flags & PacketFlags.Fragment) != 0)
        {
            // Cut in pieces, it cannot be checked; it is related to nothing.
            quote.IsError = true;
            return true;
        }

        ushort sum = isV6 ? FrameWriter.SumWithPseudoHeader6(p->Data + p->L3Offset, icmp, bytes)
            : (ushort)InternetChecksum.SumRaw(icmp, bytes);
        return (sum == 0xFFFF || (p->Offload.Flags & 1) != 0) && TryReadQuote(p, out quote);
    }

    /// <summary>Finds the quoted headers; false when the quote holds less than an IP header and 8 bytes, or its header checksum
    /// is wrong.</summary>
    private static bool TryReadQuote(PacketBuffer* p, out Quote quote)
    {
        int start = p->L4Offset + 8;
        int end = p->L3Offset + p->L3Length;
        quote = new Quote { L3Offset = start, EndOffset = end };
        byte* ip = p->Data + start;
        int available = end - start;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            return TryReadQuote6(p, ip, available, ref quote);
        }

        if (available < FrameWriter.Ip4Bytes || (*ip >> 4) != 4)
        {
            return false;
        }

        int header = (*ip & 15) * 4;
        if (header < FrameWriter.Ip4Bytes || available < header + 8 || !InternetChecksum.IsIpv4HeaderValid(ip, header))
        {
            return false;
        }

        quote.L4Offset = start + header;
        quote.EndOffset = start + Math.Min(available, QuotedBytes(p, ip));
        quote.Protocol = ip[9];
        quote.IsLaterFragment = (BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 6)) & 0x1FFF) != 0;
        quote.IsError = quote.Protocol == ParseStage.Icmp && !quote.IsLaterFragment &&
            !IcmpRules.IsQuery(p->Data[quote.L4Offset], isV6: false);
        return true;
    }

    /// <summary>Bytes of the quoted packet that the error can hold: by the packet's own length, and by the length that stands in
    /// the error when extensions follow (RFC 4884 section 4: in words of 32 bits, in types 3, 11 and 12).</summary>
    private static int QuotedBytes(PacketBuffer* p, byte* quoted)
    {
        byte* icmp = p->Data + p->L4Offset;
        int total = BinaryPrimitives.ReverseEndianness(*(ushort*)(quoted + 2));
        bool hasLength = *icmp is 3 or 11 or 12 && icmp[5] != 0;
        return hasLength ? Math.Min(total, icmp[5] * 4) : total;
    }

    private static bool TryReadQuote6(PacketBuffer* p, byte* ip, int available, ref Quote quote)
    {
        if (available < FrameWriter.Ip6Bytes || (*ip >> 4) != 6)
        {
            return false;
        }

        byte next = ip[6];
        int offset = FrameWriter.Ip6Bytes;
        for (int i = 0; next is 0 or 43 or 44 or 51 or 60 && i < 8; i++)
        {
            if (offset + 8 > available)
            {
                return false;
            }

            if (next == 44 && (BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + offset + 2)) & 0xFFF8) != 0)
            {
                // What follows is the middle of a packet: no header says more.
                quote.IsLaterFragment = true;
                return offset + 16 <= available;
            }

            int bytes = next == 44 ? 8 : next == 51 ? (ip[offset + 1] + 2) * 4 : (ip[offset + 1] + 1) * 8;
            next = ip[offset];
            offset += bytes;
        }

        quote.Protocol = next;
        quote.L4Offset = quote.L3Offset + offset;
        quote.IsError = next == ParseStage.Icmp6 && offset < available && !IcmpRules.IsQuery(ip[offset], isV6: true);
        return offset + 8 <= available;
    }

    private static uint QuotedPorts(PacketBuffer* p, in Quote quote, out byte kind)
    {
        byte* l4 = p->Data + quote.L4Offset;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        kind = 0;
        if (quote.Protocol is ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp)
        {
            return *(uint*)l4;
        }

        if (quote.Protocol != (isV6 ? ParseStage.Icmp6 : ParseStage.Icmp))
        {
            return 0;
        }

        kind = IcmpRules.KindOf(*l4, isV6);
        return PortsOfQuery(*l4, *(ushort*)(l4 + 4), isV6);
    }
}
