using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Reads pcapng: sections of either byte order, several interfaces, their time resolution and offset; enhanced, simple
/// and obsolete packet blocks; everything else is passed over (draft-ietf-opsawg-pcapng).</summary>
internal sealed class PcapngReader : CaptureReader
{
    public const uint SectionHeaderBlock = 0x0A0D0D0A;
    private const uint ByteOrderMagic = 0x1A2B3C4D;
    private const uint InterfaceBlock = 1;
    private const uint ObsoletePacketBlock = 2;
    private const uint SimplePacketBlock = 3;
    private const uint EnhancedPacketBlock = 6;
    private const int OptionTimeResolution = 9;
    private const int OptionTimeOffset = 14;
    private const int MaxBlockBytes = 16 << 20;
    private readonly List<Interface> _interfaces = [];
    private bool _isBigEndian;
    private long _lastTimestampNs;

    public PcapngReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
        : base(name, pipe, buffer, isComplete)
    {
    }

    private readonly record struct Interface(int LinkType, uint SnapLength, UInt128 UnitsPerSecond, long OffsetSeconds);

    public override bool TryReadNext(out CaptureRecord record)
    {
        record = default;
        while (Error == null && TryReadBlock(out uint type, out ReadOnlySpan<byte> body))
        {
            switch (type)
            {
                case InterfaceBlock:
                    AddInterface(body);
                    break;
                case EnhancedPacketBlock or ObsoletePacketBlock:
                    if (TryReadPacket(body, type == ObsoletePacketBlock, out record))
                    {
                        return true;
                    }

                    break;
                case SimplePacketBlock:
                    if (TryReadSimple(body, out record))
                    {
                        return true;
                    }

                    break;
                default:
                    break;
            }
        }

        return false;
    }

    private bool TryReadBlock(out uint type, out ReadOnlySpan<byte> body)
    {
        body = default;
        type = 0;
        if (!TryTake(8, out ReadOnlySpan<byte> header, out long available))
        {
            return available != 0 && Fail($"the file is cut off in a block header: {available} of 8 bytes");
        }

        type = U32(header);
        uint length = U32(header[4..]);
        int taken = 8;
        if (type == SectionHeaderBlock)
        {
            Span<byte> rawLength = stackalloc byte[4];
            header[4..8].CopyTo(rawLength);
            if (!TryTake(4, out ReadOnlySpan<byte> magic, out _))
            {
                return Fail("the file is cut off in a section header");
            }

            _isBigEndian = BinaryPrimitives.ReadUInt32BigEndian(magic) == ByteOrderMagic;
            if (!_isBigEndian && BinaryPrimitives.ReadUInt32LittleEndian(magic) != ByteOrderMagic)
            {
                return Fail("a section header has no byte-order mark; the file is damaged here");
            }

            length = U32(rawLength);
            taken = 12;
            _interfaces.Clear();
        }

        if (length < taken + 4 || length % 4 != 0 || length > MaxBlockBytes)
        {
            return Fail($"a block of type {type:x} claims {length} bytes; the file is damaged here");
        }

        if (!TryTake((int)length - taken, out body, out available))
        {
            return Fail($"the file is cut off in a block: {available} of {length - taken} bytes");
        }

        body = body[..^4];
        return true;
    }

    private void AddInterface(ReadOnlySpan<byte> body)
    {
        if (body.Length < 8)
        {
            Fail("an interface block is too short");
            return;
        }

        UInt128 units = 1_000_000;
        long offset = 0;
        ReadOnlySpan<byte> options = body[8..];
        while (options.Length >= 4)
        {
            int code = U16(options);
            int length = U16(options[2..]);
            int padded = 4 + ((length + 3) & ~3);
            if (code == 0 || padded > options.Length)
            {
                break;
            }

            if (code == OptionTimeResolution && length >= 1)
            {
                int exponent = options[4] & 0x7F;
                bool isBinary = (options[4] & 0x80) != 0;
                units = exponent > 30 ? units : isBinary ? UInt128.One << exponent : Power10(exponent);
            }
            else if (code == OptionTimeOffset && length >= 8)
            {
                ReadOnlySpan<byte> seconds = options.Slice(4, 8);
                offset = _isBigEndian ? BinaryPrimitives.ReadInt64BigEndian(seconds) : BinaryPrimitives.ReadInt64LittleEndian(seconds);
            }

            options = options[padded..];
        }

        _interfaces.Add(new Interface(U16(body), U32(body[4..]), units, offset));
    }

    private bool TryReadPacket(ReadOnlySpan<byte> body, bool isObsolete, out CaptureRecord record)
    {
        record = default;
        if (body.Length < 20)
        {
            return Fail("a packet block is too short");
        }

        int id = isObsolete ? U16(body) : (int)Math.Min(U32(body), int.MaxValue);
        uint captured = U32(body[12..]);
        if (id >= _interfaces.Count)
        {
            return Fail($"a packet names interface {id}, and there are {_interfaces.Count}");
        }

        if (captured > body.Length - 20 || captured > MaxRecordBytes)
        {
            return Fail($"a packet block claims {captured} captured bytes and has {body.Length - 20}");
        }

        Interface from = _interfaces[id];
        ulong units = ((ulong)U32(body[4..]) << 32) | U32(body[8..]);
        UInt128 ns = (UInt128)units * 1_000_000_000 / from.UnitsPerSecond;
        _lastTimestampNs = unchecked((long)(ulong)ns + (from.OffsetSeconds * 1_000_000_000));
        record = new CaptureRecord
        {
            Bytes = body.Slice(20, (int)captured),
            TimestampNs = _lastTimestampNs,
            OriginalLength = U32(body[16..]),
            LinkType = from.LinkType,
            InterfaceId = id,
        };
        return true;
    }

    /// <summary>A simple packet has no time: it takes the one before it.</summary>
    private bool TryReadSimple(ReadOnlySpan<byte> body, out CaptureRecord record)
    {
        record = default;
        if (body.Length < 4 || _interfaces.Count == 0)
        {
            return Fail("a simple packet block is too short, or comes before any interface");
        }

        uint original = U32(body);
        uint snap = _interfaces[0].SnapLength == 0 ? uint.MaxValue : _interfaces[0].SnapLength;
        uint captured = Math.Min(Math.Min(original, snap), (uint)body.Length - 4);
        record = new CaptureRecord
        {
            Bytes = body.Slice(4, (int)Math.Min(captured, MaxRecordBytes)),
            TimestampNs = _lastTimestampNs,
            OriginalLength = original,
            LinkType = _interfaces[0].LinkType,
        };
        return true;
    }

    private static UInt128 Power10(int exponent)
    {
        UInt128 power = 1;
        for (int i = 0; i < exponent; i++)
        {
            power *= 10;
        }

        return power;
    }

    private uint U32(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private int U16(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);
}
