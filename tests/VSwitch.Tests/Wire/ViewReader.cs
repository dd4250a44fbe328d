using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Tests.Wire;

/// <summary>What the views find in a frame; offsets count from the frame's begin.</summary>
internal readonly record struct ParsedFrame(
    DropReason Reason, int TotalBytes = 0, int L4Offset = 0, IpProtocol Protocol = default, bool IsLaterFragment = false);

/// <summary>Reads everything that the views offer.</summary>
internal static class ViewReader
{
    /// <summary>Section 1 of the order of checks, by views.</summary>
    public static ParsedFrame Judge(ReadOnlySpan<byte> frame)
    {
        if (!EthernetView.TryParse(frame, out EthernetView ethernet))
        {
            return new ParsedFrame(DropReason.MalformedEthernet);
        }

        if (ethernet.IsTagged)
        {
            return new ParsedFrame(DropReason.VlanTagged);
        }

        switch (ethernet.EtherType)
        {
            case EtherType.Arp:
                return new ParsedFrame(ArpView.TryParse(ethernet.Payload, out _) ? DropReason.None : DropReason.MalformedArp);
            case EtherType.Ipv4:
                if (!Ipv4View.TryParse(ethernet.Payload, out Ipv4View ip))
                {
                    return new ParsedFrame(DropReason.MalformedIpv4);
                }

                return !ip.IsHeaderChecksumValid
                    ? new ParsedFrame(DropReason.BadIpv4Checksum)
                    : JudgeFragment(
                        Judge(ip.Payload, false, ip.Protocol, ip.MoreFragments, ip.IsLaterFragment, ip.TotalBytes), ip.IsFragment,
                        ip.FragmentOffsetBytes, ip.Payload.Length, ip.MoreFragments, DropReason.MalformedIpv4);
            case EtherType.Ipv6:
                return Ipv6View.TryParse(ethernet.Payload, out Ipv6View ip6)
                    ? JudgeFragment(
                        Judge(ip6.Payload, true, ip6.Protocol, ip6.Extensions.MoreFragments, ip6.IsLaterFragment, ip6.TotalBytes),
                        ip6.IsFragment, ip6.Extensions.FragmentOffsetBytes, ip6.Payload.Length + BytesBehindFragmentHeader(ip6),
                        ip6.Extensions.MoreFragments, DropReason.MalformedIpv6)
                    : new ParsedFrame(DropReason.MalformedIpv6);
            default:
                return new ParsedFrame(DropReason.UnsupportedEthertype);
        }
    }

    /// <summary>Every view over the same bytes, whatever they are.</summary>
    public static int ReadAll(ReadOnlySpan<byte> bytes)
    {
        int read = ReadFrame(bytes) + ReadArp(bytes) + ReadIpv4(bytes) + ReadIpv6(bytes) + ReadTransport(bytes, false) +
            ReadTransport(bytes, true);
        for (int next = 0; next < 256 && bytes.Length > 0; next += bytes[0] % 2 == 0 ? 43 : 60)
        {
            read += Ipv6ExtensionWalk.TryWalk(bytes, (IpProtocol)next, out Ipv6ExtensionWalk walk)
                ? bytes[walk.L4Offset..].Length : 0;
        }

        return read + (FrameChecksum.Verify(bytes) ? 1 : 0);
    }

    /// <summary>The views of a frame, one inside the other.</summary>
    public static int ReadFrame(ReadOnlySpan<byte> frame)
    {
        if (!EthernetView.TryParse(frame, out EthernetView ethernet))
        {
            return 0;
        }

        int read = (int)ethernet.Destination.Value + (int)ethernet.Source.Value + ethernet.Payload.Length;
        EtherType type = ethernet.EtherType;
        ReadOnlySpan<byte> payload = ethernet.Payload;
        while (VlanView.IsTag(type) && VlanView.TryParse(payload, out VlanView tag))
        {
            read += tag.VlanId + tag.Priority + (tag.IsDropEligible ? 1 : 0) + (tag.IsTagged ? 1 : 0);
            type = tag.EtherType;
            payload = tag.Payload;
        }

        return read + type switch
        {
            EtherType.Arp => ReadArp(payload),
            EtherType.Ipv4 => ReadIpv4(payload),
            EtherType.Ipv6 => ReadIpv6(payload),
            _ => 0,
        };
    }

    /// <summary>Extension headers that a first fragment carries as the beginning of its datagram.</summary>
    private static int BytesBehindFragmentHeader(Ipv6View ip)
    {
        ReadOnlySpan<byte> headers = ip.ExtensionHeaders;
        IpProtocol next = ip.NextHeader;
        while (headers.Length > 0 && next != IpProtocol.Fragment)
        {
            int bytes = next == IpProtocol.Ah ? (headers[1] + 2) * 4 : (headers[1] + 1) * 8;
            next = (IpProtocol)headers[0];
            headers = headers[bytes..];
        }

        return ip.IsLaterFragment ? 0 : Math.Max(0, headers.Length - 8);
    }

    /// <summary>A fragment that no datagram can be made of.</summary>
    private static ParsedFrame JudgeFragment(
        ParsedFrame frame, bool isFragment, int offset, int bytes, bool more, DropReason malformed)
    {
        if (frame.Reason != DropReason.None || !isFragment)
        {
            return frame;
        }

        bool isGood = bytes > 0 && offset + bytes <= 65535 && (!more || bytes % 8 == 0);
        return !isGood ? new ParsedFrame(malformed)
            : offset == 8 && frame.Protocol == IpProtocol.Tcp ? new ParsedFrame(DropReason.MalformedL4)
            : frame;
    }

    private static ParsedFrame Judge(
        ReadOnlySpan<byte> payload, bool isV6, IpProtocol protocol, bool isFirstFragment, bool isLaterFragment, int totalBytes)
    {
        bool isGood = isLaterFragment || protocol switch
        {
            IpProtocol.Tcp => TcpView.TryParse(payload, out _),
            IpProtocol.Udp => UdpView.TryParse(payload, isFirstFragment, out _),
            IpProtocol.Sctp => payload.Length >= 12,
            IpProtocol.Icmp => isV6 || IcmpView.TryParse(payload, out _),
            IpProtocol.Icmpv6 => !isV6 || IcmpView.TryParse(payload, out _),
            _ => true,
        };
        int l4Offset = EthernetView.HeaderBytes + totalBytes - payload.Length;
        return isGood
            ? new ParsedFrame(DropReason.None, totalBytes, l4Offset, protocol, isLaterFragment)
            : new ParsedFrame(DropReason.MalformedL4);
    }

    private static int ReadArp(ReadOnlySpan<byte> bytes) => !ArpView.TryParse(bytes, out ArpView arp)
        ? 0
        : arp.Opcode + (int)arp.SenderMac.Value + (int)arp.TargetMac.Value + (int)arp.SenderIp.Bits + (int)arp.TargetIp.Bits;

    private static int ReadIpv4(ReadOnlySpan<byte> bytes)
    {
        if (!Ipv4View.TryParse(bytes, out Ipv4View ip))
        {
            return 0;
        }

        int read = ip.HeaderBytes + ip.TotalBytes + ip.Dscp + ip.Ecn + ip.Identification + ip.FragmentOffsetBytes + ip.Ttl +
            ip.HeaderChecksum + (int)ip.Source.Bits + (int)ip.Destination.Bits + ip.Header.Length + ip.Options.Length +
            (ip.DontFragment ? 1 : 0) + (ip.IsFragment ? 1 : 0) + (ip.IsHeaderChecksumValid ? 1 : 0);
        return read + ReadTransport(ip.Payload, ip.MoreFragments);
    }

    private static int ReadIpv6(ReadOnlySpan<byte> bytes)
    {
        if (!Ipv6View.TryParse(bytes, out Ipv6View ip))
        {
            return 0;
        }

        int read = ip.TotalBytes + ip.Dscp + ip.Ecn + (int)ip.FlowLabel + (int)ip.NextHeader + ip.HopLimit +
            (int)ip.Source.Bits + (int)ip.Destination.Bits + ip.ExtensionHeaders.Length + (ip.IsFragment ? 1 : 0);
        return read + ReadTransport(ip.Payload, ip.Extensions.MoreFragments);
    }

    private static int ReadTransport(ReadOnlySpan<byte> bytes, bool isFirstFragment)
    {
        int read = 0;
        if (TcpView.TryParse(bytes, out TcpView tcp))
        {
            read += tcp.SourcePort + tcp.DestinationPort + (int)tcp.SequenceNumber + (int)tcp.AcknowledgmentNumber +
                tcp.HeaderBytes + (int)tcp.Flags + tcp.Window + tcp.Checksum + tcp.UrgentPointer + tcp.Options.Length +
                tcp.Payload.Length + (tcp.MaximumSegmentSize ?? 0) + (tcp.WindowScale ?? 0) +
                (tcp.IsSackPermitted ? 1 : 0) +
                (tcp.TryGetTimestamps(out uint clock, out uint echo) ? (int)(clock ^ echo) : 0);
        }

        if (UdpView.TryParse(bytes, isFirstFragment, out UdpView udp))
        {
            read += udp.SourcePort + udp.DestinationPort + udp.LengthBytes + udp.Checksum + udp.Payload.Length + udp.Datagram.Length;
        }

        if (IcmpView.TryParse(bytes, out IcmpView icmp))
        {
            read += (int)icmp.Type + (int)icmp.TypeV6 + icmp.Code + icmp.Checksum + (int)icmp.Rest + icmp.Identifier +
                icmp.SequenceNumber + icmp.Payload.Length + icmp.Message.Length;
        }

        return read;
    }
}
