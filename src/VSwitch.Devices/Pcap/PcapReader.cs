using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Reads classic pcap: both byte orders, micro- and nanoseconds (draft-ietf-opsawg-pcap), and Kuznetzov's variant of
/// it, whose records have eight bytes more (libpcap, KUZNETZOV_TCPDUMP_MAGIC).</summary>
internal sealed class PcapReader : CaptureReader
{
    private const uint MicrosecondMagic = 0xA1B2C3D4;
    private const uint NanosecondMagic = 0xA1B23C4D;
    private const uint KuznetzovMagic = 0xA1B2CD34;
    private const int FileHeaderBytes = 24;
    private const int RecordHeaderBytes = 16;
    private const int KuznetzovHeaderBytes = 24;
    private const int MajorVersion = 2;
    private const long NanosecondsPerSecond = 1_000_000_000;

    // The upper half of the word tells of frame check sequences.
    private const uint LinkTypeMask = 0xFFFF;
    private readonly bool _isBigEndian;
    private readonly long _unitNs;
    private readonly int _linkType;
    private readonly int _headerBytes;

    public PcapReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
        : base(name, pipe, buffer, isComplete)
    {
        if (!TryTake(FileHeaderBytes, out ReadOnlySpan<byte> header, out long available))
        {
            Fail($"the file header is cut off: {available} of {FileHeaderBytes} bytes");
            return;
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(header);
        _isBigEndian = !IsNativeMagic(magic);
        uint native = _isBigEndian ? BinaryPrimitives.ReverseEndianness(magic) : magic;
        _unitNs = native == NanosecondMagic ? 1 : 1000;
        _headerBytes = native == KuznetzovMagic ? KuznetzovHeaderBytes : RecordHeaderBytes;
        _linkType = (int)(U32(header[20..]) & LinkTypeMask);
        int major = _isBigEndian
            ? BinaryPrimitives.ReadUInt16BigEndian(header[4..]) : BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        if (major != MajorVersion)
        {
            Fail($"pcap version {major} is unknown; expected {MajorVersion}");
        }
    }

    public static bool IsMagic(uint littleEndian) =>
        IsNativeMagic(littleEndian) || IsNativeMagic(BinaryPrimitives.ReverseEndianness(littleEndian));

    public override bool TryReadNext(out CaptureRecord record)
    {
        record = default;
        if (Error != null)
        {
            return false;
        }

        BeginItem();
        if (!TryTake(_headerBytes, out ReadOnlySpan<byte> header, out long available))
        {
            return available != 0 && Fail($"the file is cut off in a record header: {available} of {_headerBytes} bytes");
        }

        long fractionNs = Math.Min(U32(header[4..]) * _unitNs, NanosecondsPerSecond - _unitNs);
        long timestampNs = (U32(header) * NanosecondsPerSecond) + fractionNs;
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

    private static bool IsNativeMagic(uint magic) => magic is MicrosecondMagic or NanosecondMagic or KuznetzovMagic;

    private uint U32(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
