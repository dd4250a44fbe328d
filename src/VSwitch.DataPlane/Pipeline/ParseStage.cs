using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <summary>The question: is this a well-formed frame, and where are its headers? Section 1 of the order of checks
/// (Pipeline/README.md). Reads the frame once, writes only the descriptor; knows no port and no table. After
/// <see cref="DropReason.None"/>, every header that the descriptor points at lies inside the frame.</summary>
internal static unsafe class ParseStage
{
    public const int EthernetBytes = 14;
    public const ushort EtherTypeIp4 = 0x0008;
    public const ushort EtherTypeIp6 = 0xDD86;
    public const ushort EtherTypeArp = 0x0608;
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Icmp6 = 58;
    public const byte Sctp = 132;
    public const int PlainL4Offset = EthernetBytes + Ip4Bytes;
    private const int ArpBytes = 28;
    private const int Ip4Bytes = 20;
    private const int Ip6Bytes = 40;
    private const int MaxExtensions = 8;
    private const ushort FragmentBits = 0xFF3F;
    private const int FragmentUnitBytes = 8;

    /// <summary>Parses a whole TCP or UDP packet over IPv4 without options, the kind that comes most; false, and nothing is
    /// decided, for any other frame. EtherTypes are compared raw.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryParsePlain(PacketBuffer* p)
    {
        byte* frame = p->Data;
        byte* ip = frame + EthernetBytes;
        if (p->Length < EthernetBytes + Ip4Bytes + 8 || *(ushort*)(frame + 12) != EtherTypeIp4 || *ip != 0x45)
        {
            return false;
        }

        int total = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2));
        byte protocol = ip[9];
        byte* l4 = ip + Ip4Bytes;
        bool isWhole = (*(ushort*)(ip + 6) & FragmentBits) == 0 && total <= p->Length - EthernetBytes;
        if (!isWhole || !InternetChecksum.IsIpv4Header20Valid(ip) || !(protocol == Tcp
            ? l4[12] >= 0x50 && Ip4Bytes + ((l4[12] >> 4) * 4) <= total
            : protocol == Udp && total >= Ip4Bytes + 8 && IsUdpLengthValid(l4, total - Ip4Bytes)))
        {
            return false;
        }

        // L4Offset, L3Offset and Protocol lie side by side.
        *(uint*)&p->L4Offset = PlainL4Offset | (EthernetBytes << 16) | ((uint)protocol << 24);
        p->L3Length = (ushort)total;
        return true;
    }

    /// <summary>Parses any frame.</summary>
    public static DropReason Parse(PacketBuffer* p) => TryParsePlain(p) ? DropReason.None : ParseSlow(p);

    /// <summary>Raw EtherType of a frame of at least 14 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort EtherType(PacketBuffer* p) => *(ushort*)(p->Data + 12);

    /// <summary>Everything that is not a plain TCP or UDP packet over IPv4.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DropReason ParseSlow(PacketBuffer* p)
    {
        p->L4Offset = 0;
        p->L3Offset = EthernetBytes;
        p->L3Length = 0;
        if (p->Length < EthernetBytes)
        {
            return DropReason.MalformedEthernet;
        }

        ushort raw = EtherType(p);
        switch (raw)
        {
            case EtherTypeIp4:
                return CheckFragment(p, ParseIp4(p), DropReason.MalformedIpv4);
            case EtherTypeIp6:
                return CheckFragment(p, ParseIp6(p), DropReason.MalformedIpv6);
            case EtherTypeArp:
                return ParseArp(p);
            default:
                ushort type = BinaryPrimitives.ReverseEndianness(raw);
                return type < 0x0600 ? DropReason.MalformedEthernet
                    : type is 0x8100 or 0x88A8 or 0x9100 ? DropReason.VlanTagged
                    : DropReason.UnsupportedEthertype;
        }
    }

    private static DropReason ParseArp(PacketBuffer* p)
    {
        byte* arp = p->Data + EthernetBytes;
        return p->Length >= EthernetBytes + ArpBytes && *(ushort*)arp == 0x0100 && *(ushort*)(arp + 2) == EtherTypeIp4 &&
            arp[4] == 6 && arp[5] == 4
            ? DropReason.None : DropReason.MalformedArp;
    }

    private static DropReason ParseIp4(PacketBuffer* p)
    {
        byte* ip = p->Data + EthernetBytes;
        int available = p->Length - EthernetBytes;
        if (available < Ip4Bytes || (*ip >> 4) != 4)
        {
            return DropReason.MalformedIpv4;
        }

        int header = (*ip & 15) * 4;
        int total = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2));
        if (header < Ip4Bytes || total < header || total > available)
        {
            return DropReason.MalformedIpv4;
        }

        if (!InternetChecksum.IsIpv4HeaderValid(ip, header))
        {
            return DropReason.BadIpv4Checksum;
        }

        p->L3Length = (ushort)total;
        p->Protocol = ip[9];
        int fragment = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 6));
        bool more = (fragment & 0x2000) != 0;
        if ((fragment & 0x1FFF) != 0)
        {
            p->Flags |= PacketFlags.Fragment | PacketFlags.LaterFragment;
            return DropReason.None;
        }

        if (more)
        {
            p->Flags |= PacketFlags.Fragment;
        }

        p->L4Offset = (ushort)(EthernetBytes + header);
        return ParseL4(p, total - header, more);
    }

    private static DropReason ParseIp6(PacketBuffer* p)
    {
        byte* ip = p->Data + EthernetBytes;
        int available = p->Length - EthernetBytes;
        p->Flags |= PacketFlags.IsV6;
        if (available < Ip6Bytes || (*ip >> 4) != 6)
        {
            return DropReason.MalformedIpv6;
        }

        int total = Ip6Bytes + BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 4));
        if (total > available || total > ushort.MaxValue)
        {
            return DropReason.MalformedIpv6;
        }

        p->L3Length = (ushort)total;
        byte next = ip[6];
        int offset = Ip6Bytes;
        bool more = false;
        bool hasFragmentHeader = false;
        for (int i = 0; next is 0 or 43 or 44 or 51 or 60; i++)
        {
            bool isOutOfPlace = (next == 0 && i > 0) || (next == 44 && hasFragmentHeader);
            if (i == MaxExtensions || isOutOfPlace || offset + 8 > total)
            {
                return DropReason.MalformedIpv6;
            }

            byte* header = ip + offset;
            int bytes = next == 44 ? 8 : next == 51 ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
            if (offset + bytes > total)
            {
                return DropReason.MalformedIpv6;
            }

            byte following = header[0];
            if (next == 44)
            {
                hasFragmentHeader = true;
                int field = BinaryPrimitives.ReverseEndianness(*(ushort*)(header + 2));
                more = (field & 1) != 0;
                if ((field & 0xFFF8) != 0)
                {
                    p->Flags |= PacketFlags.Fragment | PacketFlags.LaterFragment;
                    p->Protocol = following;
                    p->L4Offset = (ushort)(EthernetBytes + offset);
                    return DropReason.None;
                }

                if (more)
                {
                    p->Flags |= PacketFlags.Fragment;
                }
            }

            next = following;
            offset += bytes;
        }

        p->Protocol = next;
        p->L4Offset = (ushort)(EthernetBytes + offset);
        return ParseL4(p, total - offset, more);
    }

    private static DropReason ParseL4(PacketBuffer* p, int bytes, bool isFirstFragment)
    {
        byte* l4 = p->Data + p->L4Offset;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        bool valid = p->Protocol switch
        {
            Tcp => bytes >= 20 && l4[12] >= 0x50 && (l4[12] >> 4) * 4 <= bytes,
            Udp => bytes >= 8 && IsUdpLengthValid(l4, isFirstFragment ? ushort.MaxValue : bytes),
            Sctp => bytes >= 12,
            Icmp => isV6 || bytes >= 8,
            Icmp6 => !isV6 || bytes >= 8,
            _ => true,
        };
        return valid ? DropReason.None : DropReason.MalformedL4;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsUdpLengthValid(byte* udp, int available)
    {
        int length = BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 4));
        return length >= 8 && length <= available;
    }

    /// <summary>A fragment that no datagram can be made of (order of checks, section 1).</summary>
    private static DropReason CheckFragment(PacketBuffer* p, DropReason reason, DropReason malformed)
    {
        if (reason != DropReason.None || (p->Flags & PacketFlags.Fragment) == 0)
        {
            return reason;
        }

        FragmentPart part = PartOf(p);
        int bytes = part.EndBytes - part.OffsetBytes;
        return bytes == 0 || part.EndBytes > ushort.MaxValue || (part.More && bytes % FragmentUnitBytes != 0) ? malformed
            : part.OffsetBytes == FragmentUnitBytes && p->Protocol == Tcp ? DropReason.MalformedL4
            : DropReason.None;
    }

    /// <summary>Which part of its datagram a fragment is.</summary>
    public static FragmentPart PartOf(PacketBuffer* p)
    {
        byte* ip = p->Data + p->L3Offset;
        if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            int field = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 6));
            int offset = (field & 0x1FFF) * FragmentUnitBytes;
            int end = offset + p->L3Length - ((*ip & 15) * 4);
            return new FragmentPart(offset, end, (field & 0x2000) != 0, *(ushort*)(ip + 4));
        }

        byte next = ip[6];
        int at = Ip6Bytes;
        while (next != 44)
        {
            byte following = ip[at];
            at += next == 51 ? (ip[at + 1] + 2) * 4 : (ip[at + 1] + 1) * 8;
            next = following;
        }

        int field6 = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + at + 2));
        int offset6 = field6 & 0xFFF8;
        return new FragmentPart(offset6, offset6 + p->L3Length - at - 8, (field6 & 1) != 0, *(uint*)(ip + at + 4));
    }
}

/// <summary>A fragment's place in its datagram.</summary>
/// <param name="OffsetBytes">First byte of its payload.</param>
/// <param name="EndBytes">Byte behind its last one.</param>
/// <param name="More">False in the last fragment.</param>
/// <param name="Identification">Raw identification.</param>
internal readonly record struct FragmentPart(int OffsetBytes, int EndBytes, bool More, uint Identification);
