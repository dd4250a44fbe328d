using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Text;

namespace VSwitch.Devices.Pcap;

/// <summary>Writes captures through a PipeWriter: the same frames give the same bytes, with no name of a machine in them.</summary>
public abstract class CaptureWriter : IDisposable
{
    private const int FlushBytes = 1 << 20;
    private readonly PipeWriter _pipe;

    private protected CaptureWriter(string path)
    {
        Stream stream = path == "-" ? Console.OpenStandardOutput()
            : new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _pipe = PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: 65536));
    }

    /// <summary>Records written.</summary>
    public long Count { get; private protected set; }

    /// <summary>Writes out what is buffered.</summary>
    /// <exception cref="IOException">The disk is full or the file cannot be written.</exception>
    public void Flush()
    {
        ValueTask<FlushResult> flush = _pipe.FlushAsync();
        if (!flush.IsCompletedSuccessfully)
        {
            flush.AsTask().GetAwaiter().GetResult();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Flush();
        _pipe.Complete();
        GC.SuppressFinalize(this);
    }

    private protected Span<byte> Reserve(int bytes) => _pipe.GetSpan(bytes)[..bytes];

    private protected void Commit(int bytes)
    {
        _pipe.Advance(bytes);
        if (_pipe.UnflushedBytes >= FlushBytes)
        {
            Flush();
        }
    }
}

/// <summary>Writes classic pcap: nanoseconds, little endian, Ethernet.</summary>
public sealed class PcapWriter : CaptureWriter
{
    private const uint NanosecondMagic = 0xA1B23C4D;

    /// <summary>Creates the file ("-" = standard output) and writes its header.</summary>
    public PcapWriter(string path)
        : base(path)
    {
        Span<byte> header = Reserve(24);
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, NanosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], CaptureReader.MaxRecordBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[20..], CaptureReader.LinkTypeEthernet);
        Commit(24);
    }

    /// <summary>Writes a frame.</summary>
    public void Write(ReadOnlySpan<byte> frame, long timestampNs)
    {
        Span<byte> record = Reserve(16 + frame.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)(timestampNs / 1_000_000_000));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], (uint)(timestampNs % 1_000_000_000));
        BinaryPrimitives.WriteInt32LittleEndian(record[8..], frame.Length);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], frame.Length);
        frame.CopyTo(record[16..]);
        Commit(record.Length);
        Count++;
    }
}

/// <summary>Writes pcapng: one section, named interfaces, nanoseconds; each packet may carry a comment.</summary>
public sealed class PcapngWriter : CaptureWriter
{
    /// <summary>Creates the file ("-" = standard output) with one interface a name.</summary>
    public PcapngWriter(string path, IReadOnlyList<string> interfaces)
        : base(path)
    {
        Span<byte> section = Reserve(28);
        BinaryPrimitives.WriteUInt32LittleEndian(section, 0x0A0D0D0A);
        BinaryPrimitives.WriteInt32LittleEndian(section[4..], 28);
        BinaryPrimitives.WriteUInt32LittleEndian(section[8..], 0x1A2B3C4D);
        BinaryPrimitives.WriteUInt16LittleEndian(section[12..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(section[14..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(section[16..], -1);
        BinaryPrimitives.WriteInt32LittleEndian(section[24..], 28);
        Commit(28);
        foreach (string name in interfaces)
        {
            WriteInterface(name);
        }
    }

    /// <summary>Writes a frame that came in by an interface.</summary>
    public void Write(int interfaceId, ReadOnlySpan<byte> frame, long timestampNs, string comment)
    {
        int padded = Pad(frame.Length);
        int commentBytes = Encoding.UTF8.GetByteCount(comment);
        int options = 4 + Pad(commentBytes) + 8 + 4;
        int length = 28 + padded + options + 4;
        Span<byte> block = Reserve(length);
        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, 6);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], length);
        BinaryPrimitives.WriteInt32LittleEndian(block[8..], interfaceId);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], (uint)((ulong)timestampNs >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(block[16..], (uint)timestampNs);
        BinaryPrimitives.WriteInt32LittleEndian(block[20..], frame.Length);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], frame.Length);
        frame.CopyTo(block[28..]);
        Span<byte> option = block[(28 + padded)..];
        BinaryPrimitives.WriteUInt16LittleEndian(option, 1);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], (ushort)commentBytes);
        Encoding.UTF8.GetBytes(comment, option[4..]);
        option = option[(4 + Pad(commentBytes))..];
        BinaryPrimitives.WriteUInt16LittleEndian(option, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(option[4..], 1);
        BinaryPrimitives.WriteInt32LittleEndian(block[(length - 4)..], length);
        Commit(length);
        Count++;
    }

    private void WriteInterface(string name)
    {
        int nameBytes = Encoding.UTF8.GetByteCount(name);
        int length = 16 + 4 + Pad(nameBytes) + 8 + 4 + 4;
        Span<byte> block = Reserve(length);
        block.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, 1);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(block[8..], CaptureReader.LinkTypeEthernet);
        BinaryPrimitives.WriteInt32LittleEndian(block[12..], CaptureReader.MaxRecordBytes);
        Span<byte> option = block[16..];
        BinaryPrimitives.WriteUInt16LittleEndian(option, 2);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], (ushort)nameBytes);
        Encoding.UTF8.GetBytes(name, option[4..]);
        option = option[(4 + Pad(nameBytes))..];
        BinaryPrimitives.WriteUInt16LittleEndian(option, 9);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], 1);
        option[4] = 9;
        BinaryPrimitives.WriteInt32LittleEndian(block[(length - 4)..], length);
        Commit(length);
    }

    private static int Pad(int bytes) => (bytes + 3) & ~3;
}
