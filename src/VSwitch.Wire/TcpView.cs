using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>A TCP segment (RFC 9293 section 3.1), or the first fragment of one. After <see cref="TryParse"/> said true, no
/// accessor can fail.</summary>
public readonly ref struct TcpView
{
    /// <summary>Bytes of a header without options.</summary>
    public const int MinHeaderBytes = 20;

    private readonly ReadOnlySpan<byte> _segment;

    private TcpView(ReadOnlySpan<byte> segment) => _segment = segment;

    /// <summary>The sender's port.</summary>
    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_segment);

    /// <summary>The receiver's port.</summary>
    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_segment[2..]);

    /// <summary>The number of the first data byte, or of the SYN.</summary>
    public uint SequenceNumber => BinaryPrimitives.ReadUInt32BigEndian(_segment[4..]);

    /// <summary>The number that the sender expects next, where <see cref="TcpFlags.Ack"/> is set.</summary>
    public uint AcknowledgmentNumber => BinaryPrimitives.ReadUInt32BigEndian(_segment[8..]);

    /// <summary>Bytes of the header with its options, 20 to 60: the data offset times four.</summary>
    public int HeaderBytes => (_segment[12] >> 4) * 4;

    /// <summary>The control bits.</summary>
    public TcpFlags Flags => (TcpFlags)_segment[13];

    /// <summary>The window field, not scaled (RFC 7323).</summary>
    public ushort Window => BinaryPrimitives.ReadUInt16BigEndian(_segment[14..]);

    /// <summary>The checksum field as it stands.</summary>
    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_segment[16..]);

    /// <summary>The urgent pointer, where <see cref="TcpFlags.Urg"/> is set.</summary>
    public ushort UrgentPointer => BinaryPrimitives.ReadUInt16BigEndian(_segment[18..]);

    /// <summary>The options, up to 40 bytes.</summary>
    public ReadOnlySpan<byte> Options => _segment[MinHeaderBytes..HeaderBytes];

    /// <summary>The data.</summary>
    public ReadOnlySpan<byte> Payload => _segment[HeaderBytes..];

    /// <summary>The gate: false for fewer than 20 bytes, a data offset below 5 or beyond the bytes.</summary>
    /// <param name="bytes">The IP payload, without padding.</param>
    /// <param name="view">The segment.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out TcpView view)
    {
        view = default;
        if (bytes.Length < MinHeaderBytes)
        {
            return false;
        }

        int header = (bytes[12] >> 4) * 4;
        if (header < MinHeaderBytes || header > bytes.Length)
        {
            return false;
        }

        view = new TcpView(bytes);
        return true;
    }
}
