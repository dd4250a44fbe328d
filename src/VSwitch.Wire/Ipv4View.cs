using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>An IPv4 packet (RFC 791). Bytes beyond the total length are padding and belong to no part of it. After
/// <see cref="TryParse"/> said true, no accessor can fail.</summary>
public readonly ref struct Ipv4View
{
    /// <summary>Bytes of a header without options.</summary>
    public const int MinHeaderBytes = 20;

    private readonly ReadOnlySpan<byte> _packet;

    private Ipv4View(ReadOnlySpan<byte> packet) => _packet = packet;

    /// <summary>Bytes of the header with its options, 20 to 60: the IHL times four.</summary>
    public int HeaderBytes => (_packet[0] & 15) * 4;

    /// <summary>Bytes of header and payload: the total length field.</summary>
    public int TotalBytes => _packet.Length;

    /// <summary>The differentiated services code point (RFC 2474), 0 to 63.</summary>
    public int Dscp => _packet[1] >> 2;

    /// <summary>The congestion bits (RFC 3168), 0 to 3.</summary>
    public int Ecn => _packet[1] & 3;

    /// <summary>What the fragments of a packet share.</summary>
    public ushort Identification => BinaryPrimitives.ReadUInt16BigEndian(_packet[4..]);

    /// <summary>True when routers must not fragment.</summary>
    public bool DontFragment => (_packet[6] & 0x40) != 0;

    /// <summary>True when fragments follow this one.</summary>
    public bool MoreFragments => (_packet[6] & 0x20) != 0;

    /// <summary>Where the payload stood in the unfragmented packet, in bytes.</summary>
    public int FragmentOffsetBytes => (BinaryPrimitives.ReadUInt16BigEndian(_packet[6..]) & 0x1FFF) * 8;

    /// <summary>True for every fragment, the first too.</summary>
    public bool IsFragment => MoreFragments || IsLaterFragment;

    /// <summary>True for a fragment that does not begin with the transport header.</summary>
    public bool IsLaterFragment => FragmentOffsetBytes != 0;

    /// <summary>Time to live.</summary>
    public byte Ttl => _packet[8];

    /// <summary>What the payload is.</summary>
    public IpProtocol Protocol => (IpProtocol)_packet[9];

    /// <summary>The checksum field as it stands.</summary>
    public ushort HeaderChecksum => BinaryPrimitives.ReadUInt16BigEndian(_packet[10..]);

    /// <summary>Where the packet comes from.</summary>
    public IpAddress Source => IpAddress.Read(_packet[12..], isV6: false);

    /// <summary>Where the packet goes.</summary>
    public IpAddress Destination => IpAddress.Read(_packet[16..], isV6: false);

    /// <summary>The header with its options.</summary>
    public ReadOnlySpan<byte> Header => _packet[..HeaderBytes];

    /// <summary>The options, up to 40 bytes.</summary>
    public ReadOnlySpan<byte> Options => _packet[MinHeaderBytes..HeaderBytes];

    /// <summary>What follows the header, up to the total length.</summary>
    public ReadOnlySpan<byte> Payload => _packet[HeaderBytes..];

    /// <summary>True when the header sums to all ones (RFC 1071). Not part of the gate: a wrong checksum is a drop of
    /// its own.</summary>
    public bool IsHeaderChecksumValid => InternetChecksum.Sum(Header) == 0xFFFF;

    /// <summary>The gate: false for fewer than 20 bytes, a version other than 4, a header length below 20, a total length
    /// below the header length or beyond the bytes.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Ipv4View view)
    {
        view = default;
        if (bytes.Length < MinHeaderBytes || bytes[0] >> 4 != 4)
        {
            return false;
        }

        int header = (bytes[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (header < MinHeaderBytes || total < header || total > bytes.Length)
        {
            return false;
        }

        view = new Ipv4View(bytes[..total]);
        return true;
    }
}
