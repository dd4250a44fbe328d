using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Local;

/// <summary>Writes the frames that the switch sends itself into a packet buffer: headers by offset, checksums last.
/// Values are raw (wire order) unless named otherwise.</summary>
internal static unsafe class FrameWriter
{
    public const int EthernetBytes = 14;
    public const int Ip4Bytes = 20;
    public const int Ip6Bytes = 40;
    public const int TcpBytes = 20;
    private const ushort DontFragment = 0x0040;
    private const byte TcpProtocol = 6;
    private const byte UdpProtocol = 17;

    public static void Ethernet(byte* frame, ulong destination, ulong source, ushort etherType)
    {
        *(ulong*)frame = destination | (source << 48);
        *(uint*)(frame + 8) = (uint)(source >> 16);
        *(ushort*)(frame + 12) = etherType;
    }

    /// <summary>A 20-byte header with DF and identification 0 (RFC 6864: atomic packets need none).</summary>
    public static void Ip4(byte* ip, int payloadBytes, byte tos, byte ttl, byte protocol, uint source, uint destination)
    {
        ip[0] = 0x45;
        ip[1] = tos;
        *(ushort*)(ip + 2) = BinaryPrimitives.ReverseEndianness((ushort)(Ip4Bytes + payloadBytes));
        *(ushort*)(ip + 4) = 0;
        *(ushort*)(ip + 6) = DontFragment;
        ip[8] = ttl;
        ip[9] = protocol;
        *(ushort*)(ip + 10) = 0;
        *(uint*)(ip + 12) = source;
        *(uint*)(ip + 16) = destination;
        *(ushort*)(ip + 10) = (ushort)~InternetChecksum.SumRaw(ip, Ip4Bytes);
    }

    public static void Ip6(byte* ip, int payloadBytes, byte hopLimit, byte protocol, RawIp6 source, RawIp6 destination)
    {
        *(uint*)ip = 0x60;
        *(ushort*)(ip + 4) = BinaryPrimitives.ReverseEndianness((ushort)payloadBytes);
        ip[6] = protocol;
        ip[7] = hopLimit;
        *(RawIp6*)(ip + 8) = source;
        *(RawIp6*)(ip + 24) = destination;
    }

    /// <summary>Fills in the checksum of an ICMP message (RFC 792).</summary>
    public static void IcmpChecksum(byte* icmp, int bytes)
    {
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = (ushort)~InternetChecksum.SumRaw(icmp, bytes);
    }

    /// <summary>Fills in the checksum of an ICMPv6 message (RFC 4443 section 2.3) behind its IPv6 header.</summary>
    public static void Icmp6Checksum(byte* ip, byte* icmp, int bytes)
    {
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = (ushort)~SumWithPseudoHeader6(ip, icmp, bytes);
    }

    /// <summary>Folded sum of an ICMPv6 message and its pseudo-header: all ones when the checksum is right.</summary>
    public static ushort SumWithPseudoHeader6(byte* ip, byte* icmp, int bytes) => SumWithPseudoHeader6(ip, icmp, bytes, 58);

    /// <summary>The same for a transport of any protocol (RFC 8200 section 8.1).</summary>
    public static ushort SumWithPseudoHeader6(byte* ip, byte* l4, int bytes, byte protocol)
    {
        uint sum = InternetChecksum.SumRaw(ip + 8, 32) + InternetChecksum.SumRaw(l4, bytes) +
            BinaryPrimitives.ReverseEndianness((ushort)bytes) + ((uint)protocol << 8);
        return InternetChecksum.FoldRaw(sum);
    }

    /// <summary>Folded sum of a UDP packet and its pseudo-header (RFC 768).</summary>
    public static ushort SumOfUdp4(byte* ip, byte* udp, int bytes) => SumWithPseudoHeader4(ip, udp, bytes, UdpProtocol);

    /// <summary>The same for a transport of any protocol (RFC 9293 section 3.1).</summary>
    public static ushort SumWithPseudoHeader4(byte* ip, byte* l4, int bytes, byte protocol)
    {
        uint sum = InternetChecksum.SumRaw(ip + 12, 8) + InternetChecksum.SumRaw(l4, bytes) +
            BinaryPrimitives.ReverseEndianness((ushort)bytes) + ((uint)protocol << 8);
        return InternetChecksum.FoldRaw(sum);
    }

    /// <summary>Writes a TCP segment without data (RFC 9293 section 3.1) behind its 20-byte IPv4 header, checksum included.</summary>
    /// <param name="ip">The IP header.</param>
    /// <param name="tcp">Where the segment goes.</param>
    /// <param name="portsRaw">Source port in the low half, destination port in the high half, raw.</param>
    /// <param name="sequence">Sequence number, host order.</param>
    /// <param name="flags">Flags.</param>
    /// <param name="window">Window, host order.</param>
    /// <param name="optionRaw">Four bytes of options, raw; 0 = none.</param>
    /// <returns>Bytes of the segment.</returns>
    public static int Tcp4(byte* ip, byte* tcp, uint portsRaw, uint sequence, TcpFlags flags, ushort window, uint optionRaw)
    {
        int bytes = optionRaw == 0 ? TcpBytes : TcpBytes + sizeof(uint);
        *(uint*)tcp = portsRaw;
        *(uint*)(tcp + 4) = BinaryPrimitives.ReverseEndianness(sequence);
        *(uint*)(tcp + 8) = 0;
        tcp[12] = (byte)(bytes / sizeof(uint) << 4);
        tcp[13] = (byte)flags;
        *(ushort*)(tcp + 14) = BinaryPrimitives.ReverseEndianness(window);
        *(uint*)(tcp + 16) = 0;
        if (optionRaw != 0)
        {
            *(uint*)(tcp + TcpBytes) = optionRaw;
        }

        *(ushort*)(tcp + 16) = (ushort)~SumWithPseudoHeader4(ip, tcp, bytes, TcpProtocol);
        return bytes;
    }

    /// <summary>A UDP header without its checksum.</summary>
    public static void UdpHeader(byte* udp, ushort sourcePortRaw, ushort destinationPortRaw, int bytes)
    {
        *(ushort*)udp = sourcePortRaw;
        *(ushort*)(udp + 2) = destinationPortRaw;
        *(ushort*)(udp + 4) = BinaryPrimitives.ReverseEndianness((ushort)bytes);
        *(ushort*)(udp + 6) = 0;
    }

    /// <summary>Fills in the checksum of a UDP packet behind its 20-byte IPv4 header; a sum of 0 is sent as FFFF.</summary>
    public static void UdpChecksum4(byte* ip, byte* udp, int bytes) => SetUdpChecksum(udp, SumOfUdp4(ip, udp, bytes));

    /// <summary>The same behind an IPv6 header (RFC 8200 section 8.1).</summary>
    public static void UdpChecksum6(byte* ip, byte* udp, int bytes) =>
        SetUdpChecksum(udp, SumWithPseudoHeader6(ip, udp, bytes, UdpProtocol));

    private static void SetUdpChecksum(byte* udp, ushort sum) =>
        *(ushort*)(udp + 6) = sum == ushort.MaxValue ? ushort.MaxValue : (ushort)~sum;
}
