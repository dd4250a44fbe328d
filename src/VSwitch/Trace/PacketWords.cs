using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using VSwitch.Wire;

namespace VSwitch.Trace;

/// <summary>A frame in words, in the language that <see cref="TracePacket"/> takes: "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn". What that
/// language does not have is said with further words behind it ("fragment id 7 at 1480", "neighbor-solicitation for fd00::1"), a VLAN
/// tag before it ("vlan 100 udp …"). Of a damaged frame, what can be read and what is wrong. "…" stands for what was not kept of the
/// frame. Any bytes will do; the words hold no control characters.</summary>
internal static class PacketWords
{
    private const int MostTags = 4;
    private const int Ip6FixedBytes = Ipv6View.HeaderBytes;

    /// <summary>A whole frame in words.</summary>
    public static string Describe(ReadOnlySpan<byte> frame) => Describe(frame, frame.Length);

    /// <summary>A frame in words, of which only the head was kept.</summary>
    /// <param name="head">The frame's first bytes, from the Ethernet destination on.</param>
    /// <param name="bytes">Bytes of the whole frame.</param>
    public static string Describe(ReadOnlySpan<byte> head, int bytes)
    {
        var words = new StringBuilder();
        var frame = new PacketPart(head, Math.Max(bytes, head.Length));
        if (!frame.Has(EthernetView.HeaderBytes))
        {
            return string.Create(CultureInfo.InvariantCulture, $"ethernet {(frame.IsWhole ? $"frame of {frame.Length} bytes" : "…")}");
        }

        ushort type = frame.Word(12);
        PacketPart payload = frame.From(EthernetView.HeaderBytes);
        for (int tags = 0; VlanView.IsTag((EtherType)type) && tags < MostTags && payload.Has(VlanView.TagBytes); tags++)
        {
            words.Append(CultureInfo.InvariantCulture, $"vlan {payload.Word(0) & 0xFFF} ");
            type = payload.Word(2);
            payload = payload.From(VlanView.TagBytes);
        }

        switch ((EtherType)type)
        {
            case EtherType.Ipv4:
                AddIp4(words, payload);
                break;
            case EtherType.Ipv6:
                AddIp6(words, payload);
                break;
            case EtherType.Arp:
                AddArp(words, payload);
                break;
            default:
                AddEthernet(words, frame, type);
                break;
        }

        return words.ToString();
    }

    private static void AddEthernet(StringBuilder words, in PacketPart frame, ushort type)
    {
        words.Append(CultureInfo.InvariantCulture, $"ethernet {MacAddress.Read(frame.Bytes[6..])} > {MacAddress.Read(frame.Bytes)} ");
        words.Append(type < EthernetView.MinEtherType
            ? string.Create(CultureInfo.InvariantCulture, $"length {type}")
            : string.Create(CultureInfo.InvariantCulture, $"type 0x{type:x4}"));
    }

    private static void AddArp(StringBuilder words, in PacketPart body)
    {
        if (!body.Has(ArpView.BodyBytes))
        {
            words.Append("arp").Append(body.IsWhole ? " cut short" : " …");
        }
        else if (!ArpView.TryParse(body.Bytes, out ArpView arp))
        {
            words.Append(
                CultureInfo.InvariantCulture, $"arp hardware {body.Word(0)} protocol 0x{body.Word(2):x4} sizes {body.Bytes[4]} and {body.Bytes[5]}");
        }
        else if (arp.Opcode == ArpView.Request)
        {
            words.Append(CultureInfo.InvariantCulture, $"arp who-has {arp.TargetIp} tell {arp.SenderIp}");
        }
        else if (arp.Opcode == ArpView.Reply)
        {
            words.Append(CultureInfo.InvariantCulture, $"arp {arp.SenderIp} is-at {arp.SenderMac}");
        }
        else
        {
            words.Append(CultureInfo.InvariantCulture, $"arp opcode {arp.Opcode} {arp.SenderIp} > {arp.TargetIp}");
        }
    }

    private static void AddIp4(StringBuilder words, in PacketPart ip)
    {
        if (!ip.Has(Ipv4View.MinHeaderBytes))
        {
            words.Append("ipv4").Append(ip.IsWhole ? " header cut short" : " …");
            return;
        }

        IpAddress source = IpAddress.Read(ip.Bytes[12..], isV6: false);
        IpAddress destination = IpAddress.Read(ip.Bytes[16..], isV6: false);
        int header = (ip.Bytes[0] & 15) * 4;
        int total = ip.Word(2);
        if (ip.Bytes[0] >> 4 != 4 || header < Ipv4View.MinHeaderBytes || header > ip.Length)
        {
            words.Append(CultureInfo.InvariantCulture, $"ipv4 {source} > {destination} version {ip.Bytes[0] >> 4}, header length {header}");
            return;
        }

        int field = ip.Word(6);
        var fragment = new FragmentPlace((field & 0x3FFF) != 0, ip.Word(4), (field & 0x1FFF) * 8, (field & 0x2000) != 0);
        bool isLengthGood = total >= header && (total <= ip.Length || ip.IsQuote);
        TransportWords.Add(words, source, destination, ip.Bytes[9], ip.From(header).Until(isLengthGood ? total - header : int.MaxValue), fragment);
        if (!isLengthGood)
        {
            words.Append(CultureInfo.InvariantCulture, $", ip length {total} in {ip.Length} bytes");
        }
    }

    private static void AddIp6(StringBuilder words, in PacketPart ip)
    {
        if (!ip.Has(Ip6FixedBytes))
        {
            words.Append("ipv6").Append(ip.IsWhole ? " header cut short" : " …");
            return;
        }

        IpAddress source = IpAddress.Read(ip.Bytes[8..], isV6: true);
        IpAddress destination = IpAddress.Read(ip.Bytes[24..], isV6: true);
        if (ip.Bytes[0] >> 4 != 6)
        {
            words.Append(CultureInfo.InvariantCulture, $"ipv6 {source} > {destination} version {ip.Bytes[0] >> 4}");
            return;
        }

        int length = ip.Word(4);
        bool isLengthGood = length <= ip.Length - Ip6FixedBytes || ip.IsQuote;
        PacketPart payload = ip.From(Ip6FixedBytes).Until(isLengthGood ? length : int.MaxValue);
        if (Ipv6ExtensionWalk.TryWalk(payload.Bytes, (IpProtocol)ip.Bytes[6], out Ipv6ExtensionWalk walk))
        {
            bool isFragment = walk.MoreFragments || walk.FragmentOffsetBytes != 0;
            var fragment = new FragmentPlace(isFragment, walk.FragmentIdentification, walk.FragmentOffsetBytes, walk.MoreFragments);
            TransportWords.Add(words, source, destination, (byte)walk.Protocol, payload.From(walk.L4Offset), fragment);
        }
        else
        {
            words.Append(CultureInfo.InvariantCulture, $"ipv6 {source} > {destination}").Append(payload.IsWhole ? " extension headers wrong" : " …");
        }

        if (!isLengthGood)
        {
            words.Append(CultureInfo.InvariantCulture, $", payload length {length} in {ip.Length} bytes");
        }
    }

    /// <summary>The IP packet that an ICMP error quotes.</summary>
    internal static void AddQuote(StringBuilder words, in PacketPart quote, bool isV6)
    {
        words.Append(" about ");
        if (isV6)
        {
            AddIp6(words, quote);
        }
        else
        {
            AddIp4(words, quote);
        }
    }
}

/// <summary>A part of a frame: the bytes that were kept of it, and how many it has.</summary>
internal readonly ref struct PacketPart
{
    /// <summary>A part; <paramref name="length"/> is at least the number of bytes.</summary>
    public PacketPart(ReadOnlySpan<byte> bytes, int length, bool isQuote = false)
    {
        Bytes = bytes;
        Length = length;
        IsQuote = isQuote;
    }

    /// <summary>What was kept.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>Bytes that the part has in the frame.</summary>
    public int Length { get; }

    /// <summary>True inside an ICMP error, which may quote the head of a packet only.</summary>
    public bool IsQuote { get; }

    /// <summary>True when all of it was kept: what is missing was never there.</summary>
    public bool IsWhole => Bytes.Length == Length;

    /// <summary>True when so many bytes can be read.</summary>
    public bool Has(int bytes) => Bytes.Length >= bytes;

    /// <summary>The big-endian number at an offset that <see cref="Has"/>.</summary>
    public ushort Word(int offset) => BinaryPrimitives.ReadUInt16BigEndian(Bytes[offset..]);

    /// <summary>What follows the first bytes; they lie within <see cref="Length"/>.</summary>
    public PacketPart From(int offset) => new(Bytes[Math.Min(offset, Bytes.Length)..], Length - offset, IsQuote);

    /// <summary>Without what lies behind.</summary>
    public PacketPart Until(int length) => new(Bytes[..Math.Min(length, Bytes.Length)], Math.Min(length, Length), IsQuote);

    /// <summary>The same part, as the quote of an ICMP error.</summary>
    public PacketPart AsQuote() => new(Bytes, Length, isQuote: true);
}

/// <summary>Where a fragment stands in its datagram.</summary>
/// <param name="IsFragment">False for a whole packet.</param>
/// <param name="Identification">What the fragments share.</param>
/// <param name="OffsetBytes">Where its data stood.</param>
/// <param name="HasMore">False for the last one.</param>
internal readonly record struct FragmentPlace(bool IsFragment, uint Identification, int OffsetBytes, bool HasMore)
{
    /// <summary>True when it does not begin with the transport header.</summary>
    public bool IsLater => OffsetBytes != 0;
}
