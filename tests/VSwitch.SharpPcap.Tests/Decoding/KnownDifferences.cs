namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Every known difference between PacketDotNet 1.4.8 and us, in one place, each with its reason. Nothing else excuses a
/// difference, and an excuse counts only for a frame that has what it names; <see cref="KnownDifferenceTests"/> shows a frame for
/// each, so that none outlives its cause.</summary>
internal static class KnownDifferences
{
    private static readonly string[] TransportChecksums = ["checksum.tcp", "checksum.udp", "checksum.icmp"];
    private static readonly string[] ParsedOptions = ["tcp.mss", "tcp.window-scale", "tcp.sack-permitted", "tcp.timestamps"];

    public static IReadOnlyList<KnownDifference> All { get; } =
        [.. Checksums(), .. Numbers(), .. Extensions(), .. Missing(), .. OfOurs()];

    /// <summary>What explains a difference; null when nothing does. What our own side leaves out is asked first, but for checksums:
    /// there PacketDotNet's mistake must be known, lest the product's verdict be held against it.</summary>
    public static KnownDifference? Of(FrameFacts facts, string name, Party with)
    {
        bool isChecksum = name.StartsWith("checksum.", StringComparison.Ordinal);
        return All.Where(known => (known.Party == Party.PacketDotNet || known.Party == with) && known.Explains(facts, name))
            .OrderBy(known => (known.Party == Party.PacketDotNet) != isChecksum).FirstOrDefault();
    }

    private static IEnumerable<KnownDifference> Checksums() =>
    [
        new("udp-without-checksum", Party.PacketDotNet,
            "TransportPacket.IsValidChecksum sums any datagram; over IPv4 a field of 0 says that there is no checksum (RFC 768)",
            (f, name) => name is "checksum.udp" && f.IsV4 && f["udp.checksum"] == "0x0000"),
        new("fragment-checksum", Party.PacketDotNet,
            "the transport of a first fragment is judged as if it were whole; its checksum covers the datagram (RFC 791 section 3.2, RFC 8200 section 4.5)",
            (f, name) => TransportChecksums.Contains(name) && f.IsFragment),
        new("icmpv6-checksum-with-padding", Party.PacketDotNet,
            "IcmpV6Packet.CalculateIcmpChecksum covers all to the frame's end, Ethernet padding too; it covers the message (RFC 4443 section 2.3)",
            (f, name) => name is "checksum.icmp" && f.IsV6 && f.HasPadding),
        new("icmp-checksum-all-ones", Party.PacketDotNet,
            "ICMP checksums are compared with a computed one, so that 0xFFFF is not 0x0000; the sum of all must be all ones, which both give (RFC 1071 section 1)",
            (f, name) => name is "checksum.icmp" && f["icmp.checksum"] == "0xffff"),
        new("udp-length-not-asked", Party.PacketDotNet,
            "before a checksum is judged the UDP length is overwritten with what the IP header leaves; the length field bounds the datagram (RFC 768)",
            (f, name) => name is "checksum.udp" or "payload" or "verify" && f.IsUdp && f.UdpLength >= 8 && f.UdpLength < f.TransportBytes),
        new("udp-payload-guessed", Party.PacketDotNet,
            "payloads of VXLAN, L2TP, Teredo and Wake-on-LAN ports are parsed before the checksum is judged, which then covers what that parser took, or throws where bytes are missing",
            (f, name) => name is "checksum.udp" or "failure" &&
                (f.UdpDestination is 4789 or 1701 or 3544 or 0 or 7 or 9 || f.UdpSource is 1701 or 3544)),
    ];

    private static IEnumerable<KnownDifference> Numbers() =>
    [
        new("ipv4-flags-negative", Party.PacketDotNet,
            "IPv4Packet.FragmentFlags shifts a signed number: negative with the reserved bit, instead of 4 to 7 (RFC 791 section 3.1)",
            (f, name) => name is "ip.fragment" && f.HasReservedBit),
        new("udp-length-negative", Party.PacketDotNet, "UdpPacket.Length is read as a signed number: negative from 32768 (RFC 768: 16 bits)",
            (f, name) => name is "udp.length" && f.UdpLength >= 0x8000),
        new("tcp-urgent-negative", Party.PacketDotNet,
            "TcpPacket.UrgentPointer is read as a signed number: negative from 32768 (RFC 9293 section 3.1: 16 bits)",
            (f, name) => name is "tcp.urgent" && f.UrgentPointer >= 0x8000),
        new("tcp-reserved-bits", Party.PacketDotNet,
            "TcpPacket.Flags has nine bits (NS among them); the other three reserved ones are not to be had (RFC 9293 section 3.1)",
            (f, name) => name is "tcp.flags" && (f.TcpBits & 0x0E00) != 0),
        new("ipv4-length-zero", Party.PacketDotNet,
            "a total length of 0 is taken for segmentation offload and replaced by what is there; it is less than the header (RFC 791 section 3.1)",
            (f, name) => name is "refusal.ipv4" && f.TotalLength == 0),
    ];

    private static IEnumerable<KnownDifference> Extensions() =>
    [
        new("ipv6-second-extension", Party.PacketDotNet,
            "IPv6Packet.ParseExtensionHeaders reads every header at the first one's place: wrong contents, and from a second length on a wrong place for the rest (RFC 8200 section 4)",
            (f, name) => (name is "ip6.extension" && f.Extensions.Count > 1) || (f.Extensions.IsMisread && IsBehindIpv6(name))),
        new("ipv6-ah-length", Party.PacketDotNet,
            "the length of AH is taken for units of 8 bytes less one; it counts words of 4 less two (RFC 4302 section 2.2)",
            (f, name) => f.Extensions.IsAuthenticationMisread && IsBehindIpv6(name)),
        new("ipv6-more-extensions", Party.PacketDotNet,
            "98 (ENCAP, RFC 1241) is walked over, which is no extension header, and so are 135, 139, 140, 253 and 254, at which we stop: for a switch they are protocols like any other (RFC 8200 section 4: a packet's ends look at these headers)",
            (f, name) => f.Extensions.GoesOn && IsBehindIpv6(name)),
        new("ipv6-walk-in-later-fragment", Party.PacketDotNet,
            "the walk goes on behind the header of a later fragment, where data are and no headers (RFC 8200 section 4.5)",
            (f, name) => f.Extensions.GoesOnInFragment && IsBehindIpv6(name)),
        new("ipv6-extension-cut-short", Party.PacketDotNet,
            "an extension header of which the packet's end has left only a part is walked over as if it were whole, and its next header believed, or the constructor throws and nothing of the packet is to be had (RFC 8200 section 4)",
            (f, name) => f.Extensions.IsCut && (IsBehindIpv6(name) || name.StartsWith("ip6.", StringComparison.Ordinal))),
        new("ipv6-fragment-reserved-byte", Party.PacketDotNet, "the reserved byte of a fragment header is always shown as 0 (RFC 8200 section 4.5)",
            (f, name) => name is "ip6.extension" && f.Extensions.HasReservedByte),
        new("ipv6-extension-with-padding", Party.PacketDotNet,
            "the payload length is not shortened by the extension headers, so that the payload runs into Ethernet padding (RFC 8200 section 3)",
            (f, name) => f.HasPadding && f.Extensions.Count > 0 &&
                (name is "payload" or "refusal.tcp" or "refusal.udp" or "refusal.icmp" || TransportChecksums.Contains(name))),
        new("routing-segments-left", Party.PacketDotNet,
            "with segments left the pseudo header has the last destination of the routing header (RFC 8200 section 8.1), not the next one; the switch does not judge then",
            (f, name) => name is "verify" && f.Extensions.HasSegmentsLeft),
    ];

    private static IEnumerable<KnownDifference> Missing() =>
    [
        new("short-header", Party.PacketDotNet,
            "numbers are read by Unsafe without asking whether all their bytes are there, so that a header cut short has values from beyond the frame; it is not asked then (RFC 894, 791, 8200: the least sizes)",
            (f, name) => false),
        new("no-padding", Party.PacketDotNet, "no property has the bytes behind the network packet",
            (f, name) => name is "padding"),
        new("no-sctp", Party.PacketDotNet, "SCTP is not known: all of it is payload",
            (f, name) => f.IsSctp && (name is "payload" || name.StartsWith("sctp.", StringComparison.Ordinal))),
        new("tcp-options-with-urgent", Party.PacketDotNet, "TcpPacket.OptionsCollection throws when URG is set",
            (f, name) => ParsedOptions.Contains(name) && (f.TcpBits & 0x20) != 0),
        new("tcp-odd-options", Party.PacketDotNet,
            "OptionsCollection goes on behind the end of the list, believes any length and never ends at a length of 0; it is not asked then (RFC 9293 section 3.2)",
            (f, name) => ParsedOptions.Contains(name) && f.HasOddOptions),
        new("icmpv6-of-a-built-packet", Party.PacketDotNet,
            "the checksum of an ICMPv6 packet that was put into a new IPv6 packet covers no byte of it, until all is made bytes and parsed again (RFC 4443 section 2.3)",
            (f, name) => false),
        new("icmp-of-the-other-family", Party.PacketDotNet,
            "protocol 1 in IPv6 and 58 in IPv4 are parsed as ICMP; they are none there (RFC 792, RFC 4443 section 1), so it is not asked",
            (f, name) => false),
    ];

    private static IEnumerable<KnownDifference> OfOurs() =>
    [
        new("fields-legacy-tag", Party.PacketFields, "PacketFields stops at a tag of type 0x9100, which PacketDotNet and VlanView know",
            (f, name) => f.HasLegacyTag && name is not ("eth.dst" or "eth.src")),
        new("fields-cut-tag", Party.PacketFields, "PacketFields takes a tag that is cut short for the type, without a fault; VlanView and PacketDotNet do not",
            (f, name) => f.IsTagCut && name is "eth.type" or "payload" or "vlan.id"),
        new("fields-no-ah", Party.PacketFields, "PacketFields stops at AH, over which PacketDotNet and Ipv6ExtensionWalk go",
            (f, name) => f.Extensions.HasAuthentication && IsBehindIpv6(name)),
        new("views-no-reserved-bit", Party.Views, "Ipv4View has no reserved bit: nothing asks for it",
            (f, name) => name is "ip.fragment" && f.HasReservedBit),
        new("views-eight-tcp-flags", Party.Views, "TcpView.Flags has the eight flags of RFC 9293 section 3.1 and neither NS nor the reserved bits",
            (f, name) => name is "tcp.flags" && (f.TcpBits & 0x0F00) != 0),
        new("views-window-scale-14", Party.Views, "TcpView.WindowScale is 14 at most (RFC 7323 section 2.3)",
            (f, name) => name is "tcp.window-scale" && f.WindowScale > 14),
    ];

    /// <summary>All that depends on where the extension headers lead.</summary>
    private static bool IsBehindIpv6(string name) => name is "failure" or "payload" or "verify" or "nd.target" or "quote" ||
        name.StartsWith("ip6.extension", StringComparison.Ordinal) || name is "ip6.next" or "ip6.fragment" ||
        new[] { "tcp.", "udp.", "icmp.", "sctp.", "checksum.", "refusal." }.Any(layer => name.StartsWith(layer, StringComparison.Ordinal));
}
