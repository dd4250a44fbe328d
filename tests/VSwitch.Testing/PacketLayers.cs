using System.Buffers.Binary;
using System.Numerics;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Bits of the TCP flags field (RFC 9293 3.1).</summary>
[Flags]
public enum TcpBits : ushort
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
    Urg = 32,
    Ece = 64,
    Cwr = 128,
    Reserved = 0x0F00,
}

/// <summary>One header of a packet under construction. A nullable property is computed when it is null and written as it
/// is when it is not: that is how a test spoils a field.</summary>
public abstract record PacketLayer
{
    /// <summary>The header (and trailer) around what stands inside it.</summary>
    /// <param name="inner">Bytes of everything inside.</param>
    /// <param name="next">The layer inside; null before the payload.</param>
    /// <param name="network">The IP header around this layer, if there is one.</param>
    internal abstract byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network);

    /// <summary>What an IP header says when this layer follows.</summary>
    internal virtual byte ProtocolNumber(PacketLayer? network) => 255;

    /// <summary>What an Ethernet header says when this layer follows.</summary>
    internal virtual ushort EtherTypeNumber => 0x88B5;

    private protected static void Put16(byte[] bytes, int at, int value) =>
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)value);

    private protected static void Put32(byte[] bytes, int at, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);

    /// <summary>Sum of the pseudo header that the network layer gives; nothing without one.</summary>
    private protected static ulong Pseudo(PacketLayer? network, byte protocol, int length) => network switch
    {
        IPv4Layer ip => OnesComplement.Pseudo(ip.Source, ip.Destination, protocol, length),
        IPv6Layer ip => OnesComplement.Pseudo(ip.Source, ip.Destination, protocol, length),
        _ => 0,
    };
}

/// <summary>Ethernet II.</summary>
public sealed record EthernetLayer(MacAddress Source, MacAddress Destination) : PacketLayer
{
    public ushort? EtherType { get; init; }

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] type = new byte[2];
        Put16(type, 0, EtherType ?? next?.EtherTypeNumber ?? 0x88B5);
        return [.. OnesComplement.BytesOf(Destination), .. OnesComplement.BytesOf(Source), .. type, .. inner];
    }
}

/// <summary>An 802.1Q or 802.1ad tag.</summary>
public sealed record VlanLayer(int Id) : PacketLayer
{
    public ushort TagType { get; init; } = 0x8100;

    public int Priority { get; init; }

    public ushort? EtherType { get; init; }

    internal override ushort EtherTypeNumber => TagType;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] tag = new byte[4];
        Put16(tag, 0, (Priority << 13) | Id);
        Put16(tag, 2, EtherType ?? next?.EtherTypeNumber ?? 0x88B5);
        return [.. tag, .. inner];
    }
}

/// <summary>ARP for IPv4 over Ethernet (RFC 826).</summary>
public sealed record ArpLayer(int Opcode, MacAddress SenderMac, IpAddress SenderIp, MacAddress TargetMac, IpAddress TargetIp)
    : PacketLayer
{
    public int HardwareType { get; init; } = 1;

    public int ProtocolType { get; init; } = 0x0800;

    public int HardwareSize { get; init; } = 6;

    public int ProtocolSize { get; init; } = 4;

    internal override ushort EtherTypeNumber => 0x0806;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] head = new byte[8];
        Put16(head, 0, HardwareType);
        Put16(head, 2, ProtocolType);
        (head[4], head[5]) = ((byte)HardwareSize, (byte)ProtocolSize);
        Put16(head, 6, Opcode);
        return
        [
            .. head, .. OnesComplement.BytesOf(SenderMac), .. OnesComplement.BytesOf(SenderIp),
            .. OnesComplement.BytesOf(TargetMac), .. OnesComplement.BytesOf(TargetIp), .. inner,
        ];
    }
}

/// <summary>IPv4 (RFC 791). The fragment offset counts units of 8 bytes.</summary>
public sealed record IPv4Layer(IpAddress Source, IpAddress Destination) : PacketLayer
{
    public int Version { get; init; } = 4;

    public int? HeaderWords { get; init; }

    public byte TypeOfService { get; init; }

    public int? TotalLength { get; init; }

    public ushort Identification { get; init; }

    public bool DontFragment { get; init; }

    public bool MoreFragments { get; init; }

    public int FragmentOffset { get; init; }

    public byte Ttl { get; init; } = 64;

    public byte? Protocol { get; init; }

    public ushort? Checksum { get; init; }

    /// <summary>Options; padded with zeros to whole words.</summary>
    public byte[] Options { get; init; } = [];

    internal override ushort EtherTypeNumber => 0x0800;

    internal override byte ProtocolNumber(PacketLayer? network) => 4;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        int length = 20 + ((Options.Length + 3) / 4 * 4);
        byte[] header = new byte[length];
        header[0] = (byte)((Version << 4) | ((HeaderWords ?? length / 4) & 15));
        header[1] = TypeOfService;
        Put16(header, 2, TotalLength ?? length + inner.Length);
        Put16(header, 4, Identification);
        Put16(header, 6, (DontFragment ? 0x4000 : 0) | (MoreFragments ? 0x2000 : 0) | FragmentOffset);
        header[8] = Ttl;
        header[9] = Protocol ?? next?.ProtocolNumber(this) ?? 255;
        Source.Write(header.AsSpan(12));
        Destination.Write(header.AsSpan(16));
        Options.CopyTo(header, 20);
        Put16(header, 10, Checksum ?? OnesComplement.Checksum(header));
        return [.. header, .. inner];
    }
}

/// <summary>IPv6 (RFC 8200).</summary>
public sealed record IPv6Layer(IpAddress Source, IpAddress Destination) : PacketLayer
{
    public int Version { get; init; } = 6;

    public byte TrafficClass { get; init; }

    public uint FlowLabel { get; init; }

    public int? PayloadLength { get; init; }

    public byte? NextHeader { get; init; }

    public byte HopLimit { get; init; } = 64;

    internal override ushort EtherTypeNumber => 0x86DD;

    internal override byte ProtocolNumber(PacketLayer? network) => 41;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] header = new byte[40];
        Put32(header, 0, ((uint)Version << 28) | ((uint)TrafficClass << 20) | FlowLabel);
        Put16(header, 4, PayloadLength ?? inner.Length);
        header[6] = NextHeader ?? next?.ProtocolNumber(this) ?? 59;
        header[7] = HopLimit;
        Source.Write(header.AsSpan(8));
        Destination.Write(header.AsSpan(24));
        return [.. header, .. inner];
    }
}

/// <summary>An IPv6 extension header other than the fragment header: hop-by-hop 0, routing 43, destination options 60,
/// AH 51. The body begins behind the length byte and is padded to the header's unit.</summary>
public sealed record IPv6ExtensionLayer(byte Number, byte[] Body) : PacketLayer
{
    public byte? NextHeader { get; init; }

    public byte? Length { get; init; }

    internal override byte ProtocolNumber(PacketLayer? network) => Number;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        int length = (2 + Body.Length + 7) / 8 * 8;
        byte[] header = new byte[length];
        header[0] = NextHeader ?? next?.ProtocolNumber(network) ?? 59;
        header[1] = Length ?? (byte)(Number == 51 ? (length / 4) - 2 : (length / 8) - 1);
        Body.CopyTo(header, 2);
        return [.. header, .. inner];
    }
}

/// <summary>The IPv6 fragment header (RFC 8200 4.5). The offset counts units of 8 bytes.</summary>
public sealed record IPv6FragmentLayer(int Offset, bool More, uint Identification) : PacketLayer
{
    public byte? NextHeader { get; init; }

    internal override byte ProtocolNumber(PacketLayer? network) => 44;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] header = new byte[8];
        header[0] = NextHeader ?? next?.ProtocolNumber(network) ?? 59;
        Put16(header, 2, (Offset << 3) | (More ? 1 : 0));
        Put32(header, 4, Identification);
        return [.. header, .. inner];
    }
}

/// <summary>TCP (RFC 9293).</summary>
public sealed record TcpLayer(ushort SourcePort, ushort DestinationPort, TcpBits Flags) : PacketLayer
{
    public uint Sequence { get; init; }

    public uint Acknowledgment { get; init; }

    public ushort Window { get; init; } = 65535;

    public ushort Urgent { get; init; }

    public int? DataOffset { get; init; }

    public ushort? Checksum { get; init; }

    /// <summary>Options; padded with zeros to whole words.</summary>
    public byte[] Options { get; init; } = [];

    internal override byte ProtocolNumber(PacketLayer? network) => 6;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        int length = 20 + ((Options.Length + 3) / 4 * 4);
        byte[] segment = [.. new byte[length], .. inner];
        Put16(segment, 0, SourcePort);
        Put16(segment, 2, DestinationPort);
        Put32(segment, 4, Sequence);
        Put32(segment, 8, Acknowledgment);
        Put16(segment, 12, ((DataOffset ?? length / 4) << 12) | (int)Flags);
        Put16(segment, 14, Window);
        Put16(segment, 18, Urgent);
        Options.CopyTo(segment, 20);
        Put16(segment, 16, Checksum ?? OnesComplement.Checksum(segment, Pseudo(network, 6, segment.Length)));
        return segment;
    }
}

/// <summary>UDP (RFC 768).</summary>
public sealed record UdpLayer(ushort SourcePort, ushort DestinationPort) : PacketLayer
{
    public int? Length { get; init; }

    public ushort? Checksum { get; init; }

    internal override byte ProtocolNumber(PacketLayer? network) => 17;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] datagram = [.. new byte[8], .. inner];
        Put16(datagram, 0, SourcePort);
        Put16(datagram, 2, DestinationPort);
        Put16(datagram, 4, Length ?? datagram.Length);
        ushort computed = OnesComplement.Checksum(datagram, Pseudo(network, 17, datagram.Length));
        Put16(datagram, 6, Checksum ?? (computed == 0 ? 0xFFFF : computed));
        return datagram;
    }
}

/// <summary>ICMP (RFC 792) inside IPv4, ICMPv6 (RFC 4443) inside IPv6: the checksum and the protocol follow the header
/// around it. <paramref name="Rest"/> is the second word: identifier and sequence, or unused.</summary>
public sealed record IcmpLayer(byte Type, byte Code, uint Rest) : PacketLayer
{
    public ushort? Checksum { get; init; }

    internal override byte ProtocolNumber(PacketLayer? network) => (byte)(network is IPv6Layer ? 58 : 1);

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] message = [.. new byte[8], .. inner];
        (message[0], message[1]) = (Type, Code);
        Put32(message, 4, Rest);
        ulong pseudo = network is IPv6Layer ? Pseudo(network, 58, message.Length) : 0;
        Put16(message, 2, Checksum ?? OnesComplement.Checksum(message, pseudo));
        return message;
    }
}

/// <summary>SCTP (RFC 9260): the common header with its CRC32c; chunks are the payload.</summary>
public sealed record SctpLayer(ushort SourcePort, ushort DestinationPort, uint VerificationTag) : PacketLayer
{
    public uint? Checksum { get; init; }

    internal override byte ProtocolNumber(PacketLayer? network) => 132;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network)
    {
        byte[] packet = [.. new byte[12], .. inner];
        Put16(packet, 0, SourcePort);
        Put16(packet, 2, DestinationPort);
        Put32(packet, 4, VerificationTag);
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), Checksum ?? Crc32c(packet));
        return packet;
    }

    /// <summary>CRC32c as RFC 9260 Appendix A has it; the field holds zero while it is computed.</summary>
    public static uint Crc32c(ReadOnlySpan<byte> packet)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in packet)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }
}

/// <summary>Any other IP protocol: no header of its own.</summary>
public sealed record RawProtocolLayer(byte Number) : PacketLayer
{
    internal override byte ProtocolNumber(PacketLayer? network) => Number;

    internal override byte[] Wrap(byte[] inner, PacketLayer? next, PacketLayer? network) => inner;
}
