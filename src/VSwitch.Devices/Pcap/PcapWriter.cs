using System.Buffers.Binary;

namespace VSwitch.Devices.Pcap;

/// <summary>Writes classic pcap: nanoseconds, little endian, Ethernet (draft-ietf-opsawg-pcap).</summary>
public sealed class PcapWriter : CaptureWriter
{
    private const uint NanosecondMagic = 0xA1B23C4D;
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const int FileHeaderBytes = 24;
    private const int RecordHeaderBytes = 16;

    /// <summary>Creates the file ("-" = standard output) and writes its header.</summary>
    /// <exception cref="IOException">The file cannot be created; the message is for the user.</exception>
    public PcapWriter(string path)
        : this(NameOf(path), CaptureFile.OpenToWrite(path))
    {
    }

    /// <summary>Writes to a stream, which the writer closes.</summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="stream">Where the bytes go.</param>
    public PcapWriter(string name, Stream stream)
        : base(name, stream)
    {
        Span<byte> header = Reserve(FileHeaderBytes);
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, NanosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], CaptureReader.MaxRecordBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], CaptureReader.LinkTypeEthernet);
        Commit(FileHeaderBytes);
    }

    /// <summary>Writes a frame; of one longer than <see cref="CaptureReader.MaxRecordBytes"/> the beginning.</summary>
    /// <param name="frame">Captured bytes.</param>
    /// <param name="timestampNs">Nanoseconds since 1970, UTC; the format reaches from there to 2106, others give the nearest.</param>
    /// <param name="originalLength">Bytes on the wire where <paramref name="frame"/> is only their beginning; null = all.</param>
    /// <exception cref="IOException">The disk is full or the file cannot be written; the message is for the user.</exception>
    public void Write(ReadOnlySpan<byte> frame, long timestampNs, long? originalLength = null)
    {
        ReadOnlySpan<byte> captured = Snap(frame);
        ulong ns = Math.Min((ulong)Math.Max(0, timestampNs), ((uint.MaxValue + 1UL) * NanosecondsPerSecond) - 1);
        int bytes = RecordHeaderBytes + captured.Length;
        Span<byte> record = Reserve(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)(ns / NanosecondsPerSecond));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], (uint)(ns % NanosecondsPerSecond));
        BinaryPrimitives.WriteInt32LittleEndian(record[8..], captured.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], Original(frame, originalLength));
        captured.CopyTo(record[RecordHeaderBytes..]);
        Commit(bytes);
        Count++;
    }
}
