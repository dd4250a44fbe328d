using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Reads classic pcap: both byte orders, micro- and nanoseconds (draft-ietf-opsawg-pcap).</summary>
internal sealed class PcapReader : CaptureReader
{
    private const uint MicrosecondMagic = 0xA1B2C3D4;
    private const uint NanosecondMagic = 0xA1B23C4D;
    private const int FileHeaderBytes = 24;
    private const int RecordHeaderBytes = 16;
    private readonly bool _isBigEndian;
    private readonly long _unitNs;
    private readonly int _linkType;

    public PcapReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
        : base(name, pipe, buffer, isComplete)
    {
        if (!TryTake(FileHeaderBytes, out ReadOnlySpan<byte> header, out long available))
        {
            Fail($"the file header is cut off: {available} of {FileHeaderBytes} bytes");
            return;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(header);
        _isBigEndian = magic is not (MicrosecondMagic or NanosecondMagic);
        uint native = _isBigEndian ? BinaryPrimitives.ReverseEndianness(magic) : magic;
        _unitNs = native == NanosecondMagic ? 1 : 1000;
        _linkType = (int)(U32(header[20..]) & 0x0FFF_FFFF);
        int major = _isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(header[4..]) : BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        if (major != 2)
        {
            Fail($"pcap version {major} is unknown; expected 2");
        }
    }

    public static bool IsMagic(uint littleEndian) =>
        littleEndian is MicrosecondMagic or NanosecondMagic ||
        BinaryPrimitives.ReverseEndianness(littleEndian) is MicrosecondMagic or NanosecondMagic;

    public override bool TryReadNext(out CaptureRecord record)
    {
        record = default;
        if (Error != null)
        {
            return false;
        }

        if (!TryTake(RecordHeaderBytes, out ReadOnlySpan<byte> header, out long available))
        {
            return available != 0 && Fail($"the file is cut off in a record header: {available} of {RecordHeaderBytes} bytes");
        }

        // A fraction of a second and more, which some writers give, counts on: time stays what was meant.
        long timestampNs = (U32(header) * 1_000_000_000L) + (U32(header[4..]) * _unitNs);
        uint captured = U32(header[8..]);
        uint original = U32(header[12..]);
        if (captured > MaxRecordBytes)
        {
            return Fail($"a record claims {captured} captured bytes; at most {MaxRecordBytes} are believed, so the file is damaged here");
        }

        if (!TryTake((int)captured, out ReadOnlySpan<byte> bytes, out available))
        {
            return Fail($"the file is cut off in a record: {available} of {captured} bytes");
        }

        record = new CaptureRecord
        {
            Bytes = bytes,
            TimestampNs = timestampNs,
            OriginalLength = original,
            LinkType = _linkType,
        };
        return true;
    }

    private uint U32(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
