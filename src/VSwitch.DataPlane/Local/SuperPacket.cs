using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Local;

/// <summary>What a sender left to its device: a checksum (virtio NEEDS_CSUM), or that and the cutting of a super-packet
/// (virtio 1.2, 5.1.6.1 and 5.1.6.2). A guest may say anything there, so it is held against the parsed frame before the
/// switch believes it: else a checksum "left to the device" could be written over an address that was already judged.</summary>
internal static unsafe class SuperPacket
{
    public const int TcpChecksumOffset = 16;
    public const int UdpChecksumOffset = 6;

    /// <summary>Most segments of a super-packet: 64 KiB of the least that a TCP sender sends (48 bytes, Linux
    /// TCP_MIN_SND_MSS). It bounds what one packet may cost a port that takes no super-packets.</summary>
    public const int MostSegments = ushort.MaxValue / 48;

    private const int UdpBytes = 8;
    private const byte SynAndReset = 0x06;

    /// <summary>True when the frame came with an offload, whatever it says.</summary>
    public static bool IsMarked(PacketBuffer* p) => *(ushort*)&p->Offload != 0;

    /// <summary>True when the virtio header fits the parsed frame. After it, a partial checksum is that of the packet's own TCP
    /// or UDP header, a super-packet can be cut, and its header length is the true one (Linux gives the linear part of its
    /// buffer there). A partial checksum elsewhere, as in a tunnel, has been filled in.</summary>
    public static bool IsSound(PacketBuffer* p)
    {
        if (p->L3Length == 0)
        {
            // ARP: nothing to cut, nothing to sum.
            p->Offload = default;
            return true;
        }

        bool isPartial = (p->Offload.Flags & VirtioNetHeader.NeedsChecksum) != 0;
        bool isWhole = (p->Flags & PacketFlags.Fragment) == 0;
        if (p->Offload.GsoType != 0)
        {
            return isPartial && isWhole && IsOwnChecksum(p) && IsCuttable(p);
        }

        return !isPartial || (isWhole && (IsOwnChecksum(p) || TryCompleteInner(p)));
    }

    /// <summary>Fills in a checksum that the sender left to the device: the field holds the folded sum of the pseudo header.
    /// </summary>
    public static void CompleteChecksum(PacketBuffer* p)
    {
        if ((p->Offload.Flags & VirtioNetHeader.NeedsChecksum) == 0)
        {
            return;
        }

        int start = p->Offload.ChecksumStart;
        ushort sum = (ushort)~InternetChecksum.SumRaw(p->Data + start, p->L3Offset + p->L3Length - start);

        // Zero means none in UDP, and the other zero of one's complement is as right in any other.
        *(ushort*)(p->Data + start + p->Offload.ChecksumOffset) = sum == 0 ? ushort.MaxValue : sum;
        p->Offload = default;
    }

    /// <summary>Bytes of the frame, or of all the frames that a super-packet stands for: what a rate limit counts.</summary>
    public static int WireBytes(PacketBuffer* p)
    {
        int bytes = p->L3Offset + p->L3Length;
        if (p->Offload.GsoType == 0)
        {
            return bytes;
        }

        return bytes + (p->Offload.HeaderLength * (WirePackets(p) - 1));
    }

    /// <summary>Frames that a super-packet stands for; 1 for any other.</summary>
    public static int WirePackets(PacketBuffer* p) => p->Offload.GsoType == 0 ? 1
        : 1 + ((p->L3Offset + p->L3Length - p->Offload.HeaderLength - 1) / p->Offload.GsoSize);

    private static bool IsOwnChecksum(PacketBuffer* p) => p->Offload.ChecksumStart == p->L4Offset &&
        p->Offload.ChecksumOffset == p->Protocol switch
        {
            ParseStage.Tcp => TcpChecksumOffset,
            ParseStage.Udp => UdpChecksumOffset,
            _ => -1,
        };

    private static bool IsCuttable(PacketBuffer* p)
    {
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        byte* l4 = p->Data + p->L4Offset;
        bool isTcp = p->Protocol == ParseStage.Tcp;
        int type = p->Offload.GsoType & ~VirtioNetHeader.EcnBit;
        bool isOfKind = isTcp ? type == (isV6 ? VirtioNetHeader.Tcp6 : VirtioNetHeader.Tcp4) && (l4[13] & SynAndReset) == 0 : type == VirtioNetHeader.UdpDatagrams;
        int header = p->L4Offset + (isTcp ? (l4[12] >> 4) * 4 : UdpBytes);
        int payload = p->L3Offset + p->L3Length - header;
        int segment = p->Offload.GsoSize;
        if (!isOfKind || segment == 0 || payload <= 0 || payload > (long)segment * MostSegments)
        {
            return false;
        }

        p->Offload.HeaderLength = (ushort)header;
        return true;
    }

    /// <summary>A partial checksum behind the transport header that rules are about, or of a protocol without ports.</summary>
    private static bool TryCompleteInner(PacketBuffer* p)
    {
        int start = p->Offload.ChecksumStart;
        int least = p->L4Offset + p->Protocol switch
        {
            ParseStage.Tcp => (p->Data[p->L4Offset + 12] >> 4) * 4,
            ParseStage.Udp => UdpBytes,
            _ => 0,
        };
        if (start < least || start + p->Offload.ChecksumOffset + sizeof(ushort) > p->L3Offset + p->L3Length)
        {
            return false;
        }

        CompleteChecksum(p);
        return true;
    }
}
