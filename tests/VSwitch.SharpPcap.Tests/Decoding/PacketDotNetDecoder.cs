using PacketDotNet;
using PacketDotNet.Utils;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Lets PacketDotNet take a frame apart, and gives what it found in the names of
/// <see cref="VSwitch.Testing.PacketFields"/>. Nothing of our own parsers is in it: lengths, offsets and checksums are PacketDotNet's,
/// its mistakes included; <see cref="KnownDifferences"/> names those.</summary>
/// <remarks>PacketDotNet parses when it is asked and throws where bytes are missing: what was found until then stays. It also writes
/// into the bytes that it was given (lengths, before it looks at a checksum), so it gets a copy, and fields are read first.</remarks>
internal static partial class PacketDotNetDecoder
{
    /// <summary>Bytes behind a quote, which is mostly cut short: PacketDotNet reads a TCP header's data offset while it parses.</summary>
    private const int QuoteMargin = 64;

    /// <summary>Takes a frame apart; never throws.</summary>
    public static DecodedPacket Decode(ReadOnlySpan<byte> frame)
    {
        var decoded = new DecodedPacket();
        byte[] copy = frame.ToArray();
        if (!HasRoom(decoded, "", "Ethernet", frame.Length, EthernetFields.HeaderLength))
        {
            return decoded;
        }

        Try(decoded, "", () => Ethernet(decoded, (EthernetPacket)Packet.ParsePacket(LinkLayers.Ethernet, copy)));
        return decoded;
    }

    /// <summary>Gives up where a header is not all there: PacketDotNet reads its numbers without asking (see "short-header").</summary>
    private static bool HasRoom(DecodedPacket decoded, string prefix, string layer, int present, int needed)
    {
        if (present < needed)
        {
            decoded.Fail(prefix, $"{layer} in {present} bytes");
        }

        return present >= needed;
    }

    private static void Try(DecodedPacket decoded, string prefix, Action parse)
    {
        try
        {
            parse();
        }
        catch (SystemException e) when (e is not (NullReferenceException or InvalidCastException))
        {
            decoded.Fail(prefix, $"{e.GetType().Name}: {e.Message}");
        }
    }

    private static void Ethernet(DecodedPacket decoded, EthernetPacket ethernet)
    {
        decoded.Add("eth.dst", ethernet.DestinationHardwareAddress);
        decoded.Add("eth.src", ethernet.SourceHardwareAddress);
        Packet link = ethernet;
        EthernetType type = ethernet.Type;
        while (type is EthernetType.VLanTaggedFrame or EthernetType.ProviderBridging or EthernetType.QInQ)
        {
            int present = link.HeaderDataSegment.Length;
            if (!HasRoom(decoded, "", "VLAN", present, Ieee8021QFields.HeaderLength))
            {
                return;
            }

            var tag = (Ieee8021QPacket)link.PayloadPacket;
            decoded.Add("vlan.id", tag.VlanIdentifier);
            decoded.Add("vlan.priority", (int)tag.PriorityControlPoint);
            decoded.Add("vlan.drop-eligible", tag.CanonicalFormatIndicator ? "True" : "False");
            (link, type) = (tag, tag.Type);
        }

        decoded.Add("eth.type", $"0x{(ushort)type:x4}");
        ByteArraySegment content = link.HeaderDataSegment;
        decoded.Sizes = decoded.Sizes with { NetworkBytes = content.Length };
        switch (type)
        {
            case EthernetType.IPv4 when HasRoom(decoded, "", "IPv4", content.Length, IPv4Packet.HeaderMinimumLength):
                Ipv4(decoded, "", (IPv4Packet)link.PayloadPacket);
                break;
            case EthernetType.IPv6 when HasRoom(decoded, "", "IPv6", content.Length, IPv6Fields.HeaderLength):
                Ipv6(decoded, "", (IPv6Packet)link.PayloadPacket);
                break;
            case EthernetType.Arp when HasRoom(decoded, "", "ARP", content.Length, ArpFields.HeaderLength):
                Arp(decoded, (ArpPacket)link.PayloadPacket);
                break;
            case EthernetType.IPv4 or EthernetType.IPv6 or EthernetType.Arp:
                break;
            default:
                decoded.AddPayload("payload", content);
                break;
        }
    }

    private static void Arp(DecodedPacket decoded, ArpPacket arp)
    {
        decoded.Sizes = decoded.Sizes with
        {
            IsEthernetArp = arp.HardwareAddressType == LinkLayers.Ethernet && arp.ProtocolAddressType == EthernetType.IPv4 &&
                arp.HardwareAddressLength == 6 && arp.ProtocolAddressLength == 4,
        };
        decoded.Add("arp.op", (ushort)arp.Operation);

        // Its addresses have the length that the packet says; without six bytes they are none.
        if (arp.HardwareAddressLength == 6)
        {
            decoded.Add("arp.sha", arp.SenderHardwareAddress);
            decoded.Add("arp.tha", arp.TargetHardwareAddress);
        }

        decoded.Add("arp.spa", arp.SenderProtocolAddress);
        decoded.Add("arp.tpa", arp.TargetProtocolAddress);
    }

    private static void Ipv4(DecodedPacket decoded, string prefix, IPv4Packet ip)
    {
        int header = ip.HeaderLength * 4;
        ByteArraySegment all = ip.HeaderSegment;
        int present = all.BytesLength - all.Offset;
        ByteArraySegment payload = all.NextSegment(ip.PayloadLength);
        if (prefix.Length == 0)
        {
            decoded.Sizes = decoded.Sizes with
            {
                Version = (int)ip.Version,
                HeaderBytes = header,
                TotalBytes = ip.TotalLength,
                TransportBytes = payload.Length,
            };
        }

        decoded.Add(prefix + "ip.tos", ip.DifferentiatedServices);
        decoded.Add(prefix + "ip.length", ip.TotalLength);
        decoded.Add(prefix + "ip.id", ip.Id);
        decoded.Add(prefix + "ip.fragment", $"0x{(ip.FragmentFlags << 13) | ip.FragmentOffset:x4}");
        decoded.Add(prefix + "ip.fragment-bits", $"{ip.FragmentFlags & 3} {ip.FragmentOffset}");
        decoded.Add(prefix + "ip.ttl", ip.TimeToLive);
        decoded.Add(prefix + "ip.protocol", (byte)ip.Protocol);
        decoded.Add(prefix + "ip.checksum", $"0x{ip.Checksum:x4}");
        decoded.Add(prefix + "ip.src", ip.SourceAddress);
        decoded.Add(prefix + "ip.dst", ip.DestinationAddress);
        if (header < IPv4Packet.HeaderMinimumLength || header > present)
        {
            decoded.Fail(prefix, $"IPv4 header of {header} bytes in {present}");
            return;
        }

        decoded.Add(prefix + "ip.options", Convert.ToHexStringLower(ip.HeaderData, 20, header - 20));
        decoded.Judge(prefix + "checksum.ip", ip.ValidIPChecksum);
        Transport(decoded, prefix, ip, payload, isLater: ip.FragmentOffset != 0);
    }

    private static void Ipv6(DecodedPacket decoded, string prefix, IPv6Packet ip)
    {
        if (prefix.Length == 0)
        {
            decoded.Sizes = decoded.Sizes with
            {
                Version = (int)ip.Version,
                HeaderBytes = 40,
                TotalBytes = 40 + ip.PayloadLength,
            };
        }

        decoded.Add(prefix + "ip6.class", ip.TrafficClass);
        decoded.Add(prefix + "ip6.flow", ip.FlowLabel);
        decoded.Add(prefix + "ip6.length", ip.PayloadLength);
        decoded.Add(prefix + "ip6.hop-limit", ip.HopLimit);
        decoded.Add(prefix + "ip6.src", ip.SourceAddress);
        decoded.Add(prefix + "ip6.dst", ip.DestinationAddress);
        bool isLater = false;
        foreach (IPv6ExtensionHeader header in ip.ExtensionHeaders)
        {
            string first = Convert.ToHexStringLower(header.Payload.Bytes, header.Payload.Offset, 6);
            decoded.Add(prefix + "ip6.extension",
                $"{(byte)header.Header} {(byte)header.NextHeader:x2}{header.HeaderExtensionLength:x2}{first}");
            if (header is IPv6FragmentationExtensionHeader fragment)
            {
                decoded.Add(prefix + "ip6.fragment", $"{fragment.FragmentOffset * 8} {fragment.More}");
                isLater |= fragment.FragmentOffset != 0;
            }
        }

        decoded.Add(prefix + "ip6.extension-bytes", ip.ExtensionHeadersLength);
        decoded.Add(prefix + "ip6.next", (byte)ip.Protocol);
        ByteArraySegment payload = ip.HeaderSegment.NextSegment(ip.PayloadLength);
        if (prefix.Length == 0)
        {
            decoded.Sizes = decoded.Sizes with { TransportBytes = payload.Length };
        }

        Transport(decoded, prefix, ip, payload, isLater);
    }
}
