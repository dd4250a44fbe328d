using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Takes a frame apart with the header views of VSwitch.Wire, which the switch itself parses with, and gives their fields in
/// the names of <see cref="PacketFields"/>.</summary>
internal static class HeaderViewDecoder
{
    /// <summary>Takes a frame apart as far as the gates accept it.</summary>
    public static DecodedPacket Decode(ReadOnlySpan<byte> frame)
    {
        var decoded = new DecodedPacket();
        if (!EthernetView.TryParse(frame, out EthernetView ethernet))
        {
            decoded.Refused = "ethernet";
            return decoded;
        }

        decoded.Add("eth.dst", ethernet.Destination);
        decoded.Add("eth.src", ethernet.Source);
        EtherType type = ethernet.EtherType;
        ReadOnlySpan<byte> content = ethernet.Payload;
        while (VlanView.IsTag(type))
        {
            if (!VlanView.TryParse(content, out VlanView tag))
            {
                decoded.Refused = "vlan";
                return decoded;
            }

            decoded.Add("vlan.id", tag.VlanId);
            decoded.Add("vlan.priority", tag.Priority);
            decoded.Add("vlan.drop-eligible", tag.IsDropEligible ? "True" : "False");
            type = tag.EtherType;
            content = tag.Payload;
        }

        decoded.Add("eth.type", $"0x{(ushort)type:x4}");
        switch (type)
        {
            case EtherType.Ipv4:
                Ipv4(decoded, content);
                break;
            case EtherType.Ipv6:
                Ipv6(decoded, content);
                break;
            case EtherType.Arp:
                Arp(decoded, content);
                break;
            default:
                decoded.AddPayload("payload", content);
                break;
        }

        return decoded;
    }

    private static void Arp(DecodedPacket decoded, ReadOnlySpan<byte> bytes)
    {
        if (!ArpView.TryParse(bytes, out ArpView arp))
        {
            decoded.Refused = "arp";
            return;
        }

        decoded.Add("arp.op", arp.Opcode);
        decoded.Add("arp.sha", arp.SenderMac);
        decoded.Add("arp.spa", arp.SenderIp);
        decoded.Add("arp.tha", arp.TargetMac);
        decoded.Add("arp.tpa", arp.TargetIp);
    }

    private static void Ipv4(DecodedPacket decoded, ReadOnlySpan<byte> bytes)
    {
        if (!Ipv4View.TryParse(bytes, out Ipv4View ip))
        {
            decoded.Refused = "ipv4";
            return;
        }

        int flags = (ip.DontFragment ? 0x4000 : 0) | (ip.MoreFragments ? 0x2000 : 0);
        decoded.Add("ip.tos", (ip.Dscp << 2) | ip.Ecn);
        decoded.Add("ip.length", ip.TotalBytes);
        decoded.Add("ip.id", ip.Identification);
        decoded.Add("ip.fragment", $"0x{flags | (ip.FragmentOffsetBytes / 8):x4}");
        decoded.Add("ip.fragment-bits", $"{flags >> 13} {ip.FragmentOffsetBytes / 8}");
        decoded.Add("ip.ttl", ip.Ttl);
        decoded.Add("ip.protocol", (byte)ip.Protocol);
        decoded.Add("ip.checksum", $"0x{ip.HeaderChecksum:x4}");
        decoded.Add("ip.src", ip.Source);
        decoded.Add("ip.dst", ip.Destination);
        decoded.Add("ip.options", Convert.ToHexStringLower(ip.Options));
        decoded.Judge("checksum.ip", ip.IsHeaderChecksumValid);
        Transport(decoded, ip.Protocol, isV6: false, ip.Payload, ip.IsFragment, ip.IsLaterFragment);
    }

    private static void Ipv6(DecodedPacket decoded, ReadOnlySpan<byte> bytes)
    {
        if (!Ipv6View.TryParse(bytes, out Ipv6View ip))
        {
            decoded.Refused = "ipv6";
            return;
        }

        decoded.Add("ip6.class", (ip.Dscp << 2) | ip.Ecn);
        decoded.Add("ip6.flow", ip.FlowLabel);
        decoded.Add("ip6.length", ip.TotalBytes - Ipv6View.HeaderBytes);
        decoded.Add("ip6.hop-limit", ip.HopLimit);
        decoded.Add("ip6.src", ip.Source);
        decoded.Add("ip6.dst", ip.Destination);
        if (ip.Extensions.IsFragmented)
        {
            decoded.Add("ip6.fragment", $"{ip.Extensions.FragmentOffsetBytes} {ip.Extensions.MoreFragments}");
        }

        decoded.Add("ip6.extension-bytes", ip.ExtensionHeaders.Length);
        decoded.Add("ip6.next", (byte)ip.Protocol);
        Transport(decoded, ip.Protocol, isV6: true, ip.Payload, ip.IsFragment, ip.IsLaterFragment);
    }

    private static void Transport(
        DecodedPacket decoded, IpProtocol protocol, bool isV6, ReadOnlySpan<byte> payload, bool isFragment, bool isLater)
    {
        switch (protocol)
        {
            case IpProtocol.Tcp when !isLater:
                Tcp(decoded, payload);
                break;
            case IpProtocol.Udp when !isLater:
                Udp(decoded, payload, isFragment);
                break;
            case IpProtocol.Icmp when !isLater && !isV6:
            case IpProtocol.Icmpv6 when !isLater && isV6:
                Icmp(decoded, payload, isV6);
                break;
            default:
                decoded.AddPayload("payload", payload);
                break;
        }
    }

    private static void Tcp(DecodedPacket decoded, ReadOnlySpan<byte> bytes)
    {
        if (!TcpView.TryParse(bytes, out TcpView tcp))
        {
            decoded.Refused = "tcp";
            return;
        }

        decoded.Add("tcp.src", tcp.SourcePort);
        decoded.Add("tcp.dst", tcp.DestinationPort);
        decoded.Add("tcp.seq", tcp.SequenceNumber);
        decoded.Add("tcp.ack", tcp.AcknowledgmentNumber);
        decoded.Add("tcp.flags", ((TcpBits)tcp.Flags).ToString());
        decoded.Add("tcp.window", tcp.Window);
        decoded.Add("tcp.checksum", $"0x{tcp.Checksum:x4}");
        decoded.Add("tcp.flag-byte", (byte)tcp.Flags);
        decoded.Add("tcp.urgent", tcp.UrgentPointer);
        decoded.Add("tcp.options", Convert.ToHexStringLower(tcp.Options));
        if (tcp.MaximumSegmentSize is { } segment)
        {
            decoded.Add("tcp.mss", segment);
        }

        if (tcp.WindowScale is { } scale)
        {
            decoded.Add("tcp.window-scale", scale);
        }

        if (tcp.IsSackPermitted)
        {
            decoded.Add("tcp.sack-permitted", "True");
        }

        if (tcp.TryGetTimestamps(out uint value, out uint echoReply))
        {
            decoded.Add("tcp.timestamps", $"{value} {echoReply}");
        }

        decoded.AddPayload("payload", tcp.Payload);
    }

    private static void Udp(DecodedPacket decoded, ReadOnlySpan<byte> bytes, bool isFragment)
    {
        if (!UdpView.TryParse(bytes, isFragment, out UdpView udp))
        {
            decoded.Refused = "udp";
            return;
        }

        decoded.Add("udp.src", udp.SourcePort);
        decoded.Add("udp.dst", udp.DestinationPort);
        decoded.Add("udp.length", udp.LengthBytes);
        decoded.Add("udp.checksum", $"0x{udp.Checksum:x4}");
        decoded.AddPayload("payload", udp.Payload);
    }

    private static void Icmp(DecodedPacket decoded, ReadOnlySpan<byte> bytes, bool isV6)
    {
        if (!IcmpView.TryParse(bytes, out IcmpView icmp))
        {
            decoded.Refused = "icmp";
            return;
        }

        byte type = isV6 ? (byte)icmp.TypeV6 : (byte)icmp.Type;
        decoded.Add("icmp.type", type);
        decoded.Add("icmp.code", icmp.Code);
        decoded.Add("icmp.checksum", $"0x{icmp.Checksum:x4}");
        decoded.Add("icmp.rest", $"{icmp.Rest:x8}");
        if (isV6 && type is 135 or 136 && icmp.Payload.Length >= 16)
        {
            decoded.Add("nd.target", IpAddress.Read(icmp.Payload, isV6: true));
        }

        bool isError = isV6 ? type is >= 1 and <= 4 : type is 3 or 4 or 5 or 11 or 12;
        if (!isError)
        {
            decoded.AddPayload("payload", icmp.Payload);
        }
    }
}
