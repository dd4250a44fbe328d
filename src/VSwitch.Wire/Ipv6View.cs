using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>An IPv6 packet with its extension headers (RFC 8200). Bytes beyond the payload length are padding and belong to
/// no part of it. After <see cref="TryParse"/> said true, no accessor can fail.</summary>
public readonly ref struct Ipv6View
{
    /// <summary>Bytes of the fixed header.</summary>
    public const int HeaderBytes = 40;

    private readonly ReadOnlySpan<byte> _packet;

    private Ipv6View(ReadOnlySpan<byte> packet, Ipv6ExtensionWalk extensions)
    {
        _packet = packet;
        Extensions = extensions;
    }

    /// <summary>Where the extension headers lead.</summary>
    public Ipv6ExtensionWalk Extensions { get; }

    /// <summary>Bytes of header and payload.</summary>
    public int TotalBytes => _packet.Length;

    /// <summary>The differentiated services code point (RFC 2474), 0 to 63.</summary>
    public int Dscp => TrafficClass >> 2;

    /// <summary>The congestion bits (RFC 3168), 0 to 3.</summary>
    public int Ecn => TrafficClass & 3;

    /// <summary>The flow label (RFC 6437), 20 bits.</summary>
    public uint FlowLabel => BinaryPrimitives.ReadUInt32BigEndian(_packet) & 0xF_FFFF;

    /// <summary>What follows the fixed header: an extension header or the transport.</summary>
    public IpProtocol NextHeader => (IpProtocol)_packet[6];

    /// <summary>The hop limit.</summary>
    public byte HopLimit => _packet[7];

    /// <summary>Where the packet comes from.</summary>
    public IpAddress Source => IpAddress.Read(_packet[8..], isV6: true);

    /// <summary>Where the packet goes; the next node, where a routing header has segments left.</summary>
    public IpAddress Destination => IpAddress.Read(_packet[24..], isV6: true);

    /// <summary>What the payload is, behind all extension headers.</summary>
    public IpProtocol Protocol => Extensions.Protocol;

    /// <summary>True for every fragment, the first too; an atomic fragment is a whole packet (RFC 6946).</summary>
    public bool IsFragment => Extensions.MoreFragments || IsLaterFragment;

    /// <summary>True for a fragment that does not begin with the transport header.</summary>
    public bool IsLaterFragment => Extensions.FragmentOffsetBytes != 0;

    /// <summary>The extension headers.</summary>
    public ReadOnlySpan<byte> ExtensionHeaders => _packet.Slice(HeaderBytes, Extensions.L4Offset);

    /// <summary>What follows the last extension header, up to the payload length.</summary>
    public ReadOnlySpan<byte> Payload => _packet[(HeaderBytes + Extensions.L4Offset)..];

    private byte TrafficClass => (byte)(BinaryPrimitives.ReadUInt16BigEndian(_packet) >> 4);

    /// <summary>The gate: false for fewer than 40 bytes, a version other than 6, a payload length beyond the bytes, and
    /// extension headers that <see cref="Ipv6ExtensionWalk.TryWalk"/> refuses.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Ipv6View view)
    {
        view = default;
        if (bytes.Length < HeaderBytes || bytes[0] >> 4 != 6)
        {
            return false;
        }

        int payload = BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);
        if (payload > bytes.Length - HeaderBytes ||
            !Ipv6ExtensionWalk.TryWalk(bytes.Slice(HeaderBytes, payload), (IpProtocol)bytes[6], out Ipv6ExtensionWalk walk))
        {
            return false;
        }

        view = new Ipv6View(bytes[..(HeaderBytes + payload)], walk);
        return true;
    }
}
