using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.Wire;

namespace VSwitch.SharpPcap;

/// <summary>Linux gives frames of its own virtual interfaces, and what it joined on receive, with work left for a device: the checksum field
/// has only the sum of the pseudo header, and one frame may stand for many. Libpcap does not say so, but the field does. A frame
/// whose checksum is right and has that value by chance is not harmed: completing it gives the same value again. The pipeline holds what is
/// said here against the frame, as it does with a virtio header of a TAP.</summary>
internal static unsafe class LinuxOffload
{
    /// <summary>Longest frame that is taken: with libpcap's header it fills a slot of 64 KiB.</summary>
    public const int LongestBytes = 65_400;

    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int LeastIpv4Bytes = 20;
    private const int Ipv6Bytes = 40;
    private const int LeastTcpBytes = 20;
    private const int UdpBytes = 8;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const ushort TcpChecksumOffset = 16;
    private const ushort UdpChecksumOffset = 6;
    private const byte CongestionWindowReduced = 0x80;

    /// <summary>Says in the buffer what was left to the device.</summary>
    /// <param name="p">A received frame; <c>Offload</c> is written.</param>
    /// <param name="mtuBytes">Largest network packet of the interface. A longer one is a super-packet of TCP, which will be cut to this
    /// size: what the sender's segments are libpcap does not say either.</param>
    /// <returns>False for a frame that is too long and no such super-packet.</returns>
    public static bool TryMark(PacketBuffer* p, int mtuBytes)
    {
        int l3 = EthernetBytes;
        ushort type = p->Length >= EthernetBytes ? Word(p->Data + EthernetBytes - 2) : (ushort)0;
        while (VlanView.IsTag((EtherType)type) && p->Length >= l3 + TagBytes)
        {
            type = Word(p->Data + l3 + 2);
            l3 += TagBytes;
        }

        bool isLong = p->Length > l3 + mtuBytes;
        if (!TryFindTransport(p, l3, type, out Transport found) || !IsPartial(p->Data + found.Offset, found))
        {
            return !isLong;
        }

        p->Offload.Flags = VirtioNetHeader.NeedsChecksum;
        p->Offload.ChecksumStart = (ushort)found.Offset;
        p->Offload.ChecksumOffset = found.Protocol == Tcp ? TcpChecksumOffset : UdpChecksumOffset;
        return !isLong || (found.Protocol == Tcp && TryMarkCut(p, l3, found, mtuBytes));
    }

    private static bool TryMarkCut(PacketBuffer* p, int l3, Transport found, int mtuBytes)
    {
        byte* tcp = p->Data + found.Offset;
        int headers = found.Offset + ((tcp[12] >> 4) * 4);
        int segment = mtuBytes - (headers - l3);
        if (segment <= 0 || headers >= p->Length)
        {
            return false;
        }

        byte ecn = (tcp[13] & CongestionWindowReduced) != 0 ? VirtioNetHeader.EcnBit : (byte)0;
        p->Offload.GsoType = (byte)((found.IsV6 ? VirtioNetHeader.Tcp6 : VirtioNetHeader.Tcp4) | ecn);
        p->Offload.GsoSize = (ushort)segment;
        p->Offload.HeaderLength = (ushort)headers;
        return true;
    }

    /// <summary>TCP or UDP directly behind an IP header whose length fits the frame, and no fragment.</summary>
    private static bool TryFindTransport(PacketBuffer* p, int l3, ushort type, out Transport found)
    {
        byte* ip = p->Data + l3;
        int room = p->Length - l3;
        found = default;
        if (type == (ushort)EtherType.Ipv4 && room >= LeastIpv4Bytes)
        {
            int header = (ip[0] & 15) * 4;
            int total = Word(ip + 2);
            bool isFragment = (Word(ip + 6) & 0x3FFF) != 0;
            if (ip[0] >> 4 != 4 || header < LeastIpv4Bytes || total > room || isFragment)
            {
                return false;
            }

            found = new Transport(l3 + header, total - header, ip[9], InternetChecksum.SumRaw(ip + 12, 8), IsV6: false);
        }
        else if (type == (ushort)EtherType.Ipv6 && room >= Ipv6Bytes && Word(ip + 4) + Ipv6Bytes <= room)
        {
            found = new Transport(l3 + Ipv6Bytes, Word(ip + 4), ip[6], InternetChecksum.SumRaw(ip + 8, 32), IsV6: true);
        }

        return found.Protocol == Tcp ? found.Bytes >= LeastTcpBytes : found.Protocol == Udp && found.Bytes >= UdpBytes;
    }

    private static bool IsPartial(byte* transport, in Transport found)
    {
        ushort field = *(ushort*)(transport + (found.Protocol == Tcp ? TcpChecksumOffset : UdpChecksumOffset));
        // Raw words: the protocol is the second byte of its word.
        uint rest = (uint)found.Protocol << 8;
        rest += BinaryPrimitives.ReverseEndianness((ushort)found.Bytes);
        return field != 0 && field == InternetChecksum.FoldRaw(found.AddressSum + rest);
    }

    private static ushort Word(byte* at) => BinaryPrimitives.ReverseEndianness(*(ushort*)at);

    /// <summary>Where the transport header is; the sum of the addresses is of raw words.</summary>
    private readonly record struct Transport(int Offset, int Bytes, byte Protocol, uint AddressSum, bool IsV6);
}
