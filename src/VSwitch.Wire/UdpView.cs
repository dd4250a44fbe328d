using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>A UDP datagram (RFC 768), or the first fragment of one. After <c>TryParse</c> said true, no accessor can fail.
/// </summary>
public readonly ref struct UdpView
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 8;

    private readonly ReadOnlySpan<byte> _datagram;

    private UdpView(ReadOnlySpan<byte> datagram) => _datagram = datagram;

    /// <summary>The sender's port.</summary>
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_datagram);

    /// <summary>The receiver's port.</summary>
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_datagram[2..]);

    /// <summary>Bytes of header and data as the header says; more than are here in a first fragment.</summary>
    public int LengthBytes => BinaryPrimitives.ReadUInt16BigEndian(_datagram[4..]);

    /// <summary>The checksum field as it stands; 0 says over IPv4 that there is none.</summary>
    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_datagram[6..]);

    /// <summary>The data that are here, up to the header's length.</summary>
    public ReadOnlySpan<byte> Payload => _datagram[HeaderBytes..];

    /// <summary>Header and payload: what the checksum covers.</summary>
    public ReadOnlySpan<byte> Datagram => _datagram;

    /// <summary>The gate: false for fewer than 8 bytes, a length below 8, and, but for a fragment, beyond the bytes.</summary>
    /// <param name="bytes">The IP payload, without padding.</param>
    /// <param name="isFirstFragment">True when the rest of the datagram comes in later fragments.</param>
    /// <param name="view">The datagram.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, bool isFirstFragment, out UdpView view)
    {
        view = default;
        if (bytes.Length < HeaderBytes)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);
        if (length < HeaderBytes || (!isFirstFragment && length > bytes.Length))
        {
            return false;
        }

        view = new UdpView(bytes[..Math.Min(length, bytes.Length)]);
        return true;
    }

    /// <summary>The gate for a whole datagram.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out UdpView view) => TryParse(bytes, isFirstFragment: false, out view);
}
