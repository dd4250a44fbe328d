using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>The checksums of a whole Ethernet frame: IPv4 header, TCP, UDP, ICMP and ICMPv6, behind any VLAN tags. The
/// transport's is left alone where this frame alone cannot tell it: in fragments, and behind an IPv6 routing header with
/// segments left, whose last destination the pseudo header covers (RFC 8200 section 8.1).</summary>
public static class FrameChecksum
{
    private const int Ipv4ChecksumOffset = 10;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;
    private const int IcmpChecksumOffset = 2;

    /// <summary>Computes and writes every checksum of the frame; <see cref="Verify"/> then holds. False, and nothing written,
    /// when a header is malformed. A frame that has no checksum is left as it is.</summary>
    public static bool Fill(Span<byte> frame)
    {
        if (!TryLocate(frame, out Layout at))
        {
            return false;
        }

        if (at.Ipv4HeaderBytes != 0)
        {
            Span<byte> header = frame.Slice(at.NetworkOffset, at.Ipv4HeaderBytes);
            header.Slice(Ipv4ChecksumOffset, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(header[Ipv4ChecksumOffset..], InternetChecksum.Compute(header));
        }

        if (at.TransportBytes != 0)
        {
            Span<byte> transport = frame.Slice(at.TransportOffset, at.TransportBytes);
            Span<byte> field = transport.Slice(at.ChecksumOffset, 2);
            field.Clear();
            ushort checksum = InternetChecksum.Compute(transport, at.PseudoHeader);
            BinaryPrimitives.WriteUInt16BigEndian(field, checksum == 0 && at.IsUdp ? (ushort)0xFFFF : checksum);
        }

        return true;
    }

    /// <summary>True when no header is malformed and every checksum is right that this frame alone can tell. A UDP checksum
    /// of 0 is right over IPv4 (there is none, RFC 768) and wrong over IPv6 (RFC 8200 section 8.1).</summary>
    public static bool Verify(ReadOnlySpan<byte> frame)
    {
        if (!TryLocate(frame, out Layout at) ||
            (at.Ipv4HeaderBytes != 0 && InternetChecksum.Sum(frame.Slice(at.NetworkOffset, at.Ipv4HeaderBytes)) != 0xFFFF))
        {
            return false;
        }

        if (at.TransportBytes == 0)
        {
            return true;
        }

        ReadOnlySpan<byte> transport = frame.Slice(at.TransportOffset, at.TransportBytes);
        return at.IsUdp && BinaryPrimitives.ReadUInt16BigEndian(transport[at.ChecksumOffset..]) == 0
            ? at.Ipv4HeaderBytes != 0
            : InternetChecksum.Fold(InternetChecksum.Sum(transport) + at.PseudoHeader) == 0xFFFF;
    }

    /// <summary>Finds what the checksums cover; false when a header is malformed.</summary>
    private static bool TryLocate(ReadOnlySpan<byte> frame, out Layout layout)
    {
        layout = default;
        if (!EthernetView.TryParse(frame, out EthernetView ethernet))
        {
            return false;
        }

        EtherType type = ethernet.EtherType;
        int offset = EthernetView.HeaderBytes;
        while (VlanView.IsTag(type))
        {
            if (!VlanView.TryParse(frame[offset..], out VlanView tag))
            {
                return false;
            }

            type = tag.EtherType;
            offset += VlanView.TagBytes;
        }

        layout.NetworkOffset = offset;
        return type switch
        {
            EtherType.Ipv4 => TryLocateIpv4(frame[offset..], ref layout),
            EtherType.Ipv6 => TryLocateIpv6(frame[offset..], ref layout),
            _ => true,
        };
    }

    private static bool TryLocateIpv4(ReadOnlySpan<byte> packet, ref Layout layout)
    {
        if (!Ipv4View.TryParse(packet, out Ipv4View ip))
        {
            return false;
        }

        layout.Ipv4HeaderBytes = ip.HeaderBytes;
        layout.TransportOffset = layout.NetworkOffset + ip.HeaderBytes;
        bool isIcmpv6 = ip.Protocol == IpProtocol.Icmpv6;
        return ip.IsFragment || isIcmpv6 || TryLocateTransport(ip.Payload, ip.Protocol, ip.Source, ip.Destination, ref layout);
    }

    private static bool TryLocateIpv6(ReadOnlySpan<byte> packet, ref Layout layout)
    {
        if (!Ipv6View.TryParse(packet, out Ipv6View ip))
        {
            return false;
        }

        layout.TransportOffset = layout.NetworkOffset + Ipv6View.HeaderBytes + ip.Extensions.L4Offset;
        bool isUnknown = ip.IsFragment || ip.Extensions.HasSegmentsLeft || ip.Protocol == IpProtocol.Icmp;
        return isUnknown || TryLocateTransport(ip.Payload, ip.Protocol, ip.Source, ip.Destination, ref layout);
    }

    private static bool TryLocateTransport(
        ReadOnlySpan<byte> payload, IpProtocol protocol, IpAddress source, IpAddress destination, ref Layout layout)
    {
        switch (protocol)
        {
            case IpProtocol.Tcp when TcpView.TryParse(payload, out _):
                layout.Cover(payload.Length, TcpChecksumOffset);
                break;
            case IpProtocol.Udp when UdpView.TryParse(payload, out UdpView udp):
                layout.Cover(udp.LengthBytes, UdpChecksumOffset);
                layout.IsUdp = true;
                break;
            case IpProtocol.Icmp or IpProtocol.Icmpv6 when IcmpView.TryParse(payload, out _):
                layout.Cover(payload.Length, IcmpChecksumOffset);
                break;
            case IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Icmp or IpProtocol.Icmpv6:
                return false;
            default:
                return true;
        }

        if (protocol != IpProtocol.Icmp)
        {
            layout.PseudoHeader =
                InternetChecksum.PseudoHeader(source, destination, (byte)protocol, layout.TransportBytes);
        }

        return true;
    }

    /// <summary>What the checksums of a frame cover: offsets in the frame, a length of 0 where there is none.</summary>
    private record struct Layout(
        int NetworkOffset, int Ipv4HeaderBytes, int TransportOffset, int TransportBytes, int ChecksumOffset,
        uint PseudoHeader, bool IsUdp)
    {
        public void Cover(int bytes, int checksumOffset) => (TransportBytes, ChecksumOffset) = (bytes, checksumOffset);
    }
}
