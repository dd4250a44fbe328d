using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>A TCP segment (RFC 9293 section 3.1), or the first fragment of one. After <see cref="TryParse"/> said true, no
/// accessor can fail. Of an option that is there twice the last counts, as in Linux; an option list that is cut short
/// ends at the cut.</summary>
public readonly ref struct TcpView
{
    /// <summary>Bytes of a header without options.</summary>
    public const int MinHeaderBytes = 20;

    /// <summary>The largest shift of a window (RFC 7323 section 2.3).</summary>
    public const byte MaxWindowScale = 14;

    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte MaximumSegmentSizeKind = 2;
    private const byte WindowScaleKind = 3;
    private const byte SackPermittedKind = 4;
    private const byte TimestampsKind = 8;

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

    /// <summary>Maximum segment size in bytes (RFC 9293 section 3.7.1); null without the option.</summary>
    public ushort? MaximumSegmentSize => TryFind(MaximumSegmentSizeKind, 4, out ReadOnlySpan<byte> value)
        ? BinaryPrimitives.ReadUInt16BigEndian(value) : null;

    /// <summary>Shift of all later windows, at most <see cref="MaxWindowScale"/> whatever was sent (RFC 7323 section
    /// 2.3); null without the option.</summary>
    public byte? WindowScale => TryFind(WindowScaleKind, 3, out ReadOnlySpan<byte> value)
        ? Math.Min(value[0], MaxWindowScale) : null;

    /// <summary>The sender understands selective acknowledgments (RFC 2018).</summary>
    public bool IsSackPermitted => TryFind(SackPermittedKind, 2, out _);

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

    /// <summary>Timestamps (RFC 7323 section 3): the sender's clock and its echo of ours. False without them.</summary>
    public bool TryGetTimestamps(out uint value, out uint echoReply)
    {
        bool isFound = TryFind(TimestampsKind, 10, out ReadOnlySpan<byte> found);
        value = isFound ? BinaryPrimitives.ReadUInt32BigEndian(found) : 0;
        echoReply = isFound ? BinaryPrimitives.ReadUInt32BigEndian(found[4..]) : 0;
        return isFound;
    }

    /// <summary>Finds the last option of a kind that has its due length.</summary>
    private bool TryFind(byte kind, int bytes, out ReadOnlySpan<byte> value)
    {
        value = default;
        bool isFound = false;
        ReadOnlySpan<byte> rest = Options;
        while (rest.Length > 0 && rest[0] != EndOfOptions)
        {
            if (rest[0] == NoOperation)
            {
                rest = rest[1..];
                continue;
            }

            if (rest.Length < 2 || rest[1] < 2 || rest[1] > rest.Length)
            {
                break;
            }

            int length = rest[1];
            if (rest[0] == kind && length == bytes)
            {
                value = rest[2..length];
                isFound = true;
            }

            rest = rest[length..];
        }

        return isFound;
    }
}
