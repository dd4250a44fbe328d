using PacketDotNet;
using PacketDotNet.Tcp;
using PacketDotNet.Utils;
using VSwitch.Testing;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <content>TCP, UDP, ICMP and ICMPv6, with the packets that errors quote.</content>
internal static partial class PacketDotNetDecoder
{
    private const int UdpHeaderBytes = 8;
    private const int IcmpHeaderBytes = 8;

    /// <summary>Asks for a transport packet only where the IP header's protocol is one that both sides know: PacketDotNet's parsers of
    /// others (IGMP, OSPF, GRE) throw on any bytes that they do not expect.</summary>
    private static void Transport(DecodedPacket decoded, string prefix, IPPacket ip, ByteArraySegment payload, bool isLater)
    {
        bool isV6 = ip is IPv6Packet;
        bool isQuote = prefix.Length > 0;
        int least = ip.Protocol switch
        {
            _ when isLater => 0,
            ProtocolType.Tcp => isQuote ? 8 : TcpPacket.HeaderMinimumLength,
            ProtocolType.Udp => UdpHeaderBytes,
            ProtocolType.Icmp => isV6 ? 0 : IcmpHeaderBytes,
            ProtocolType.IcmpV6 => isV6 ? IcmpHeaderBytes : 0,
            _ => 0,
        };
        if (least == 0)
        {
            decoded.AddPayload(prefix + "payload", payload);
            return;
        }

        if (!HasRoom(decoded, prefix, ip.Protocol.ToString(), payload.Length, least))
        {
            return;
        }

        switch (ip.PayloadPacket)
        {
            case TcpPacket tcp:
                Tcp(decoded, prefix, tcp, payload.Length);
                break;
            case UdpPacket udp:
                Udp(decoded, prefix, udp);
                break;
            case IcmpV4Packet icmp:
                Icmp(decoded, prefix, icmp);
                break;
            case IcmpV6Packet icmp:
                Icmp(decoded, prefix, icmp);
                break;
            default:
                decoded.Fail(prefix, $"no packet of {ip.Protocol}");
                break;
        }
    }

    private static void Tcp(DecodedPacket decoded, string prefix, TcpPacket tcp, int length)
    {
        decoded.Add(prefix + "tcp.src", tcp.SourcePort);
        decoded.Add(prefix + "tcp.dst", tcp.DestinationPort);
        if (length < TcpPacket.HeaderMinimumLength)
        {
            return;
        }

        decoded.Add(prefix + "tcp.seq", tcp.SequenceNumber);
        decoded.Add(prefix + "tcp.ack", tcp.AcknowledgmentNumber);
        decoded.Add(prefix + "tcp.flags", ((TcpBits)tcp.Flags).ToString());
        decoded.Add(prefix + "tcp.window", tcp.WindowSize);
        decoded.Add(prefix + "tcp.checksum", $"0x{tcp.Checksum:x4}");
        decoded.AddPayload(prefix + "payload", tcp.HeaderDataSegment);
        if (prefix.Length > 0)
        {
            return;
        }

        decoded.Sizes = decoded.Sizes with { SaidBytes = tcp.DataOffset * 4 };
        decoded.Add("tcp.flag-byte", (byte)tcp.Flags);
        decoded.Add("tcp.urgent", tcp.UrgentPointer);
        if (tcp.DataOffset * 4 >= TcpPacket.HeaderMinimumLength && tcp.DataOffset * 4 <= length)
        {
            byte[] options = tcp.HeaderData[20..];
            decoded.Add("tcp.options", Convert.ToHexStringLower(options));
            if (!tcp.Urgent && FrameFacts.HasPlainOptions(options))
            {
                Options(decoded, tcp.OptionsCollection ?? []);
            }
        }

        Judge(decoded, "checksum.tcp", () => tcp.ValidTcpChecksum);
    }

    private static void Options(DecodedPacket decoded, List<TcpOption> options)
    {
        if (options.OfType<MaximumSegmentSizeOption>().LastOrDefault() is { } segment)
        {
            decoded.Add("tcp.mss", segment.Value);
        }

        if (options.OfType<WindowScaleFactorOption>().LastOrDefault() is { } scale)
        {
            decoded.Add("tcp.window-scale", scale.ScaleFactor);
        }

        if (options.OfType<SelectiveAcknowledgmentPermittedOption>().Any())
        {
            decoded.Add("tcp.sack-permitted", "True");
        }

        if (options.OfType<TimeStampOption>().LastOrDefault() is { } stamp)
        {
            decoded.Add("tcp.timestamps", $"{stamp.Value} {stamp.EchoReply}");
        }
    }

    private static void Udp(DecodedPacket decoded, string prefix, UdpPacket udp)
    {
        decoded.Add(prefix + "udp.src", udp.SourcePort);
        decoded.Add(prefix + "udp.dst", udp.DestinationPort);
        decoded.Add(prefix + "udp.length", udp.Length);
        decoded.Add(prefix + "udp.checksum", $"0x{udp.Checksum:x4}");
        decoded.AddPayload(prefix + "payload", udp.HeaderDataSegment);
        if (prefix.Length == 0)
        {
            decoded.Sizes = decoded.Sizes with { SaidBytes = (ushort)udp.Length };
            Judge(decoded, "checksum.udp", () => udp.ValidUdpChecksum);
        }
    }

    private static void Icmp(DecodedPacket decoded, string prefix, IcmpV4Packet icmp)
    {
        var type = (byte)((ushort)icmp.TypeCode >> 8);
        decoded.Add(prefix + "icmp.type", type);
        decoded.Add(prefix + "icmp.code", (byte)icmp.TypeCode);
        decoded.Add(prefix + "icmp.checksum", $"0x{icmp.Checksum:x4}");
        decoded.Add(prefix + "icmp.rest", $"{icmp.Id:x4}{icmp.Sequence:x4}");
        byte[] data = icmp.PayloadData;
        if (prefix.Length > 0)
        {
            decoded.AddPayload(prefix + "payload", data);
            return;
        }

        Judge(decoded, "checksum.icmp", () => icmp.ValidIcmpChecksum);
        if (type is 3 or 4 or 5 or 11 or 12)
        {
            if (HasRoom(decoded, "quote.", "IPv4", data.Length, IPv4Packet.HeaderMinimumLength))
            {
                Try(decoded, "quote.", () => Ipv4(decoded, "quote.", new IPv4Packet(Quote(data))));
            }
        }
        else
        {
            decoded.AddPayload("payload", data);
        }
    }

    private static void Icmp(DecodedPacket decoded, string prefix, IcmpV6Packet icmp)
    {
        decoded.Add(prefix + "icmp.type", (byte)icmp.Type);
        decoded.Add(prefix + "icmp.code", icmp.Code);
        decoded.Add(prefix + "icmp.checksum", $"0x{icmp.Checksum:x4}");

        // Messages of neighbour discovery are packets of their own, whose header is the whole message.
        byte[] data = icmp.PayloadPacket is NdpPacket discovery ? discovery.HeaderData[4..] : icmp.PayloadData;
        decoded.Add(prefix + "icmp.rest", Convert.ToHexStringLower(data, 0, 4));
        if (prefix.Length > 0)
        {
            decoded.AddPayload(prefix + "payload", data.AsSpan(4));
            return;
        }

        Judge(decoded, "checksum.icmp", () => icmp.ValidIcmpChecksum);
        switch (icmp.PayloadPacket)
        {
            case NdpNeighborSolicitationPacket solicitation when data.Length >= 20:
                decoded.Add("nd.target", solicitation.TargetAddress);
                break;
            case NdpNeighborAdvertisementPacket advertisement when data.Length >= 20:
                decoded.Add("nd.target", advertisement.TargetAddress);
                break;
        }

        if ((byte)icmp.Type is >= 1 and <= 4)
        {
            if (HasRoom(decoded, "quote.", "IPv6", data.Length - 4, IPv6Fields.HeaderLength))
            {
                Try(decoded, "quote.", () => Ipv6(decoded, "quote.", new IPv6Packet(Quote(data[4..]))));
            }
        }
        else
        {
            decoded.AddPayload("payload", data.AsSpan(4));
        }
    }

    private static ByteArraySegment Quote(byte[] bytes) =>
        new([.. bytes, .. new byte[QuoteMargin]], 0, bytes.Length, bytes.Length);

    /// <summary>A checksum at which PacketDotNet throws is not judged, and the failure stands.</summary>
    private static void Judge(DecodedPacket decoded, string checksum, Func<bool> isRight) =>
        Try(decoded, "", () => decoded.Judge(checksum, isRight()));
}
