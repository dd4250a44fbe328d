using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>Where a chain of IPv6 extension headers leads (RFC 8200 section 4). A later fragment ends the chain: what
/// follows its fragment header is data, whatever the next header says.</summary>
public readonly struct Ipv6ExtensionWalk
{
    /// <summary>The most extension headers that a packet may have.</summary>
    public const int MaxHeaderCount = 8;

    private const int MinHeaderBytes = 8;

    private Ipv6ExtensionWalk(IpProtocol protocol, int l4Offset, in Fragment fragment, bool hasSegmentsLeft)
    {
        Protocol = protocol;
        L4Offset = l4Offset;
        IsFragmented = fragment.IsPresent;
        FragmentOffsetBytes = fragment.OffsetBytes;
        MoreFragments = fragment.More;
        FragmentIdentification = fragment.Identification;
        HasSegmentsLeft = hasSegmentsLeft;
    }

    /// <summary>The first next header that is no extension header; of a later fragment, what its fragment header says.
    /// </summary>
    public IpProtocol Protocol { get; }

    /// <summary>Bytes of extension headers: where the transport header, or a later fragment's data, begins behind the
    /// IPv6 header.</summary>
    public int L4Offset { get; }

    /// <summary>True when there is a fragment header, an atomic fragment's too (RFC 6946).</summary>
    public bool IsFragmented { get; }

    /// <summary>Where the data stood in the unfragmented packet, in bytes; 0 without a fragment header.</summary>
    public int FragmentOffsetBytes { get; }

    /// <summary>True when fragments follow this one.</summary>
    public bool MoreFragments { get; }

    /// <summary>What the fragments of a packet share; 0 without a fragment header.</summary>
    public uint FragmentIdentification { get; }

    /// <summary>True when a routing header names nodes still to visit: the packet's destination is then not the last one,
    /// which the transport checksum covers (RFC 8200 section 8.1).</summary>
    public bool HasSegmentsLeft { get; }

    /// <summary>True for the headers that the walk goes over: hop-by-hop, routing, fragment, AH, destination options.
    /// </summary>
    public static bool IsExtension(IpProtocol protocol) => protocol is IpProtocol.HopByHop or IpProtocol.Routing or
        IpProtocol.Fragment or IpProtocol.Ah or IpProtocol.DestinationOptions;

    /// <summary>Walks the chain; false when a header is cut short, a hop-by-hop header is not the first, there is a second
    /// fragment header, or there are more than <see cref="MaxHeaderCount"/>.</summary>
    /// <param name="payload">What follows the IPv6 header, without padding.</param>
    /// <param name="next">The IPv6 header's next header.</param>
    /// <param name="walk">Where the chain leads; <see cref="L4Offset"/> never lies beyond the payload.</param>
    public static bool TryWalk(ReadOnlySpan<byte> payload, IpProtocol next, out Ipv6ExtensionWalk walk)
    {
        walk = default;
        int offset = 0;
        Fragment fragment = default;
        bool hasSegmentsLeft = false;
        for (int count = 0; IsExtension(next) && fragment.OffsetBytes == 0; count++)
        {
            ReadOnlySpan<byte> header = payload[offset..];
            bool isOutOfPlace = (next == IpProtocol.HopByHop && count > 0) || (next == IpProtocol.Fragment && fragment.IsPresent);
            if (count == MaxHeaderCount || isOutOfPlace || header.Length < MinHeaderBytes)
            {
                return false;
            }

            int bytes = HeaderBytes(next, header[1]);
            if (bytes > header.Length)
            {
                return false;
            }

            if (next == IpProtocol.Fragment)
            {
                fragment = Fragment.Read(header);
            }
            else if (next == IpProtocol.Routing)
            {
                hasSegmentsLeft |= header[3] != 0;
            }

            next = (IpProtocol)header[0];
            offset += bytes;
        }

        walk = new Ipv6ExtensionWalk(next, offset, fragment, hasSegmentsLeft);
        return true;
    }

    /// <summary>AH counts words of 4 bytes less two (RFC 4302 section 2.2), the others units of 8 bytes less one.</summary>
    private static int HeaderBytes(IpProtocol protocol, byte length) => protocol switch
    {
        IpProtocol.Fragment => MinHeaderBytes,
        IpProtocol.Ah => (length + 2) * 4,
        _ => (length + 1) * 8,
    };

    private readonly record struct Fragment(bool IsPresent, int OffsetBytes, bool More, uint Identification)
    {
        public static Fragment Read(ReadOnlySpan<byte> header)
        {
            int field = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
            return new Fragment(true, field & 0xFFF8, (field & 1) != 0, BinaryPrimitives.ReadUInt32BigEndian(header[4..]));
        }
    }
}
