using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Reads pcapng: sections of either byte order, several interfaces, their time resolution and offset; enhanced, simple
/// and obsolete packet blocks; everything else is passed over (draft-ietf-opsawg-pcapng). A block whose two lengths differ is
/// damage, as are options of a section or an interface that reach beyond their block.</summary>
internal sealed class PcapngReader : CaptureReader
{
    public const uint SectionHeaderBlock = 0x0A0D0D0A;
    private const uint ByteOrderMagic = 0x1A2B3C4D;
    private const uint InterfaceBlock = 1;
    private const uint ObsoletePacketBlock = 2;
    private const uint SimplePacketBlock = 3;
    private const uint StatisticsBlock = 5;
    private const uint EnhancedPacketBlock = 6;
    private const int BlockHeaderBytes = 8;
    private const int TrailerBytes = 4;
    private const int MinBlockBytes = BlockHeaderBytes + TrailerBytes;
    private const int MinSectionBytes = 28;
    private const int PacketHeaderBytes = 20;
    private const int MajorVersion = 1;
    private const int OptionEnd = 0;
    private const int OptionComment = 1;
    private const int OptionInterfaceName = 2;
    private const int OptionPacketFlags = 2;
    private const int OptionPacketsLost = 4;
    private const int OptionInterfaceDrops = 5;
    private const int OptionSystemDrops = 7;
    private const int OptionTimeResolution = 9;
    private const int OptionTimeOffset = 14;
    private const byte Microseconds = 6;

    /// <summary>Statistics of any use are shorter; longer ones are passed over.</summary>
    private const int MaxStatisticsBytes = 1 << 16;

    /// <summary>Largest block that is read as a whole (Wireshark's limit); others may be of any length.</summary>
    private const int MaxBlockBytes = 16 << 20;

    /// <summary>Interfaces of a section that are believed.</summary>
    private const int MaxInterfaceCount = 1 << 16;
    private readonly List<PcapngInterface> _interfaces = [];
    private readonly List<string> _names = [];
    private readonly List<long> _lost = [];
    private long _lostInEarlierSections;
    private bool _isBigEndian;
    private long _lastTimestampNs;

    public PcapngReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
        : base(name, pipe, buffer, isComplete)
    {
    }

    public override long LostCount => _lostInEarlierSections + _lost.Sum();

    public override string InterfaceName(int interfaceId) => _names[interfaceId];

    public override bool TryReadNext(out CaptureRecord record)
    {
        record = default;
        while (Error == null && TryReadBlock(out uint type, out ReadOnlySpan<byte> body))
        {
            bool isRecord = type switch
            {
                EnhancedPacketBlock or ObsoletePacketBlock => TryReadPacket(body, type == ObsoletePacketBlock, out record),
                SimplePacketBlock => TryReadSimple(body, out record),
                InterfaceBlock => AddInterface(body),
                StatisticsBlock => NoteStatistics(body),
                _ => false,
            };
            if (isRecord)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a block. The body, without header and trailer, is there for the types that this reader knows.</summary>
    private bool TryReadBlock(out uint type, out ReadOnlySpan<byte> body)
    {
        body = default;
        type = 0;
        BeginItem();
        if (!TryTake(BlockHeaderBytes, out ReadOnlySpan<byte> header, out long available))
        {
            return available != 0 && Fail($"the file is cut off in a block header: {available} of {BlockHeaderBytes} bytes");
        }

        type = U32(header);
        uint length = U32(header[4..]);
        if (type == SectionHeaderBlock)
        {
            return TryReadSection(length);
        }

        if (length < MinBlockBytes || length % 4 != 0)
        {
            return Fail($"a block of type {type:x} claims {length} bytes; the file is damaged here");
        }

        bool isKnown = type is InterfaceBlock or EnhancedPacketBlock or ObsoletePacketBlock or SimplePacketBlock ||
            (type == StatisticsBlock && length <= MaxStatisticsBytes);
        return isKnown ? TryTakeBody(type, length, BlockHeaderBytes, out body) : TrySkipBody(type, length);
    }

    /// <summary>A section begins: its byte order holds and its interfaces are numbered anew.</summary>
    private bool TryReadSection(uint length)
    {
        if (!TryTake(4, out ReadOnlySpan<byte> magic, out _))
        {
            return Fail("the file is cut off in a section header");
        }

        bool wasBigEndian = _isBigEndian;
        _isBigEndian = BinaryPrimitives.ReadUInt32BigEndian(magic) == ByteOrderMagic;
        if (!_isBigEndian && BinaryPrimitives.ReadUInt32LittleEndian(magic) != ByteOrderMagic)
        {
            return Fail("a section header has no byte-order mark; the file is damaged here");
        }

        // The length was read in the byte order of the section before.
        length = wasBigEndian == _isBigEndian ? length : BinaryPrimitives.ReverseEndianness(length);
        if (length < MinSectionBytes || length % 4 != 0)
        {
            return Fail($"a section header claims {length} bytes; the file is damaged here");
        }

        if (!TryTakeBody(SectionHeaderBlock, length, BlockHeaderBytes + 4, out ReadOnlySpan<byte> body))
        {
            return false;
        }

        int major = U16(body);
        if (major != MajorVersion)
        {
            return Fail($"pcapng version {major} is unknown; expected {MajorVersion}");
        }

        _lostInEarlierSections += _lost.Sum();
        _interfaces.Clear();
        _names.Clear();
        _lost.Clear();
        ReadOnlySpan<byte> options = body[12..];
        while (TryReadOption(ref options, out _, out _))
        {
        }

        return Error == null;
    }

    private bool TryTakeBody(uint type, uint length, int taken, out ReadOnlySpan<byte> body)
    {
        body = default;
        if (length > MaxBlockBytes)
        {
            return Fail($"a block of type {type:x} claims {length} bytes; at most {MaxBlockBytes} are believed, so the file is damaged here");
        }

        if (!TryTake((int)length - taken, out ReadOnlySpan<byte> rest, out long available))
        {
            return Fail($"the file is cut off in a block: {taken + available} of {length} bytes");
        }

        body = rest[..^TrailerBytes];
        return IsTrailer(type, length, rest[^TrailerBytes..]);
    }

    private bool TrySkipBody(uint type, uint length)
    {
        if (!TrySkip(length - MinBlockBytes, out long available))
        {
            return Fail($"the file is cut off in a block: {BlockHeaderBytes + available} of {length} bytes");
        }

        return TryTake(TrailerBytes, out ReadOnlySpan<byte> trailer, out available)
            ? IsTrailer(type, length, trailer)
            : Fail($"the file is cut off in a block: {length - TrailerBytes + available} of {length} bytes");
    }

    private bool IsTrailer(uint type, uint length, ReadOnlySpan<byte> trailer) => U32(trailer) == length ||
        Fail($"a block of type {type:x} has {length} bytes by its beginning and {U32(trailer)} by its end; the file is damaged here");

    /// <summary>Takes note of an interface.</summary>
    /// <returns>False: it is no record.</returns>
    private bool AddInterface(ReadOnlySpan<byte> body)
    {
        if (body.Length < 8)
        {
            return Fail("an interface block is too short");
        }

        if (_interfaces.Count == MaxInterfaceCount)
        {
            return Fail($"a section has more than {MaxInterfaceCount} interfaces; the file is damaged here");
        }

        byte resolution = Microseconds;
        long offsetSeconds = 0;
        string name = "";
        ReadOnlySpan<byte> options = body[8..];
        while (TryReadOption(ref options, out int code, out ReadOnlySpan<byte> value))
        {
            if (code == OptionTimeResolution && value.Length >= 1)
            {
                resolution = value[0];
            }
            else if (code == OptionInterfaceName)
            {
                name = System.Text.Encoding.UTF8.GetString(value);
            }
            else if (code == OptionTimeOffset && value.Length >= 8)
            {
                offsetSeconds = _isBigEndian
                    ? BinaryPrimitives.ReadInt64BigEndian(value) : BinaryPrimitives.ReadInt64LittleEndian(value);
            }
        }

        _interfaces.Add(new PcapngInterface(U16(body), U32(body[4..]), resolution, offsetSeconds));
        _names.Add(name);
        _lost.Add(0);
        return false;
    }

    /// <summary>Takes note of what was lost at an interface: it counts from the section's beginning.</summary>
    /// <returns>False: it is no record.</returns>
    private bool NoteStatistics(ReadOnlySpan<byte> body)
    {
        if (body.Length < 12 || U32(body) >= (uint)_interfaces.Count)
        {
            return false;
        }

        long lost = 0;
        ReadOnlySpan<byte> options = body[12..];
        while (TryPeekOption(ref options, out int code, out ReadOnlySpan<byte> value))
        {
            lost += code is OptionInterfaceDrops or OptionSystemDrops ? Number(value) : 0;
        }

        _lost[(int)U32(body)] = lost;
        return false;
    }

    /// <summary>A number of 64 bits; 0 when it is none.</summary>
    private long Number(ReadOnlySpan<byte> value) => value.Length != 8 ? 0
        : _isBigEndian ? BinaryPrimitives.ReadInt64BigEndian(value) : BinaryPrimitives.ReadInt64LittleEndian(value);

    /// <summary>Takes the next option off where damage only means that there is none: a packet is not worse for its options.</summary>
    private bool TryPeekOption(scoped ref ReadOnlySpan<byte> options, out int code, out ReadOnlySpan<byte> value)
    {
        bool isWhole = options.Length >= 4 && 4 + ((U16(options[2..]) + 3) & ~3) <= options.Length;
        code = OptionEnd;
        value = default;
        return isWhole && TryReadOption(ref options, out code, out value);
    }

    /// <summary>Takes the next option off; false at the last, and with an error when it reaches beyond its block.</summary>
    private bool TryReadOption(scoped ref ReadOnlySpan<byte> options, out int code, out ReadOnlySpan<byte> value)
    {
        code = OptionEnd;
        value = default;
        if (options.Length < 4)
        {
            return false;
        }

        code = U16(options);
        int length = U16(options[2..]);
        if (code == OptionEnd)
        {
            return false;
        }

        int padded = 4 + ((length + 3) & ~3);
        if (padded > options.Length)
        {
            return Fail($"an option {code} claims {length} bytes and its block has {options.Length - 4} left");
        }

        value = options.Slice(4, length);
        options = options[padded..];
        return true;
    }

    private bool TryReadPacket(ReadOnlySpan<byte> body, bool isObsolete, out CaptureRecord record)
    {
        record = default;
        if (body.Length < PacketHeaderBytes)
        {
            return Fail("a packet block is too short");
        }

        uint id = isObsolete ? (uint)U16(body) : U32(body);
        uint captured = U32(body[12..]);
        if (id >= (uint)_interfaces.Count)
        {
            return Fail($"a packet names interface {id}, and there are {_interfaces.Count}");
        }

        if (!IsBelievable(captured, body.Length - PacketHeaderBytes))
        {
            return false;
        }

        ReadOnlySpan<byte> comment = default;
        uint flags = 0;
        long lostBefore = 0;
        ReadOnlySpan<byte> options = body[Math.Min(body.Length, PacketHeaderBytes + (int)((captured + 3) & ~3u))..];
        while (!isObsolete && TryPeekOption(ref options, out int code, out ReadOnlySpan<byte> value))
        {
            comment = code == OptionComment && comment.IsEmpty ? value : comment;
            flags = code == OptionPacketFlags && value.Length == 4 ? U32(value) : flags;
            lostBefore = code == OptionPacketsLost ? Number(value) : lostBefore;
        }

        PcapngInterface from = _interfaces[(int)id];
        _lastTimestampNs = from.ToNanoseconds(((ulong)U32(body[4..]) << 32) | U32(body[8..]));
        record = new CaptureRecord
        {
            Bytes = body.Slice(PacketHeaderBytes, (int)captured),
            TimestampNs = _lastTimestampNs,
            OriginalLength = U32(body[16..]),
            LinkType = from.LinkType,
            InterfaceId = (int)id,
            Comment = comment,
            Direction = (flags & 3) is uint direction and <= 2 ? (CaptureDirection)direction : CaptureDirection.Unknown,
            LostBefore = lostBefore,
        };
        return true;
    }

    /// <summary>A simple packet belongs to the first interface and says neither its time nor how much of it was kept.</summary>
    private bool TryReadSimple(ReadOnlySpan<byte> body, out CaptureRecord record)
    {
        record = default;
        if (body.Length < 4 || _interfaces.Count == 0)
        {
            return Fail("a simple packet block is too short, or comes before any interface");
        }

        PcapngInterface from = _interfaces[0];
        uint original = U32(body);
        uint captured = from.SnapLength == 0 ? original : Math.Min(original, from.SnapLength);
        if (!IsBelievable(captured, body.Length - 4))
        {
            return false;
        }

        record = new CaptureRecord
        {
            Bytes = body.Slice(4, (int)captured),
            TimestampNs = _lastTimestampNs,
            OriginalLength = original,
            LinkType = from.LinkType,
        };
        return true;
    }

    private bool IsBelievable(uint captured, int available) =>
        (captured <= available && captured <= MaxRecordBytes) ||
        Fail($"a packet block claims {captured} captured bytes and has {available}; at most {MaxRecordBytes} are believed");

    private uint U32(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private int U16(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
}
