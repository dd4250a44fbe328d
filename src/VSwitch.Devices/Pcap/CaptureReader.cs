using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>One record of a capture file. The bytes are valid until the next record is read.</summary>
public readonly ref struct CaptureRecord
{
    /// <summary>Captured bytes.</summary>
    public ReadOnlySpan<byte> Bytes { get; init; }

    /// <summary>Nanoseconds since 1970, UTC.</summary>
    public long TimestampNs { get; init; }

    /// <summary>Bytes that were on the wire; more than <see cref="Bytes"/> when the capture cut the frame (snap length).</summary>
    public long OriginalLength { get; init; }

    /// <summary>Link type (1 = Ethernet) of the interface it was captured on.</summary>
    public int LinkType { get; init; }

    /// <summary>pcapng interface number within its section; 0 in pcap.</summary>
    public int InterfaceId { get; init; }
}

/// <summary>Reads a capture, pcap or pcapng, record by record, on System.IO.Pipelines. Bad content never throws: the records
/// before it are delivered, then <see cref="Error"/> says what is wrong and where.</summary>
public abstract class CaptureReader : IDisposable
{
    /// <summary>Link type of Ethernet (tcpdump.org/linktypes).</summary>
    public const int LinkTypeEthernet = 1;

    /// <summary>Largest record that is believed, bytes (libpcap's MAXIMUM_SNAPLEN).</summary>
    public const int MaxRecordBytes = 262_144;

    private const int BlockBytes = 1 << 20;
    private readonly PipeReader _pipe;
    private ReadOnlySequence<byte> _buffer;
    private byte[] _scratch = [];
    private bool _isComplete;

    private protected CaptureReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
    {
        Name = name;
        _pipe = pipe;
        _buffer = buffer;
        _isComplete = isComplete;
    }

    /// <summary>The file, for messages.</summary>
    public string Name { get; }

    /// <summary>What is wrong with the content, in one line; null while nothing is.</summary>
    public string? Error { get; private protected set; }

    /// <summary>Bytes taken so far.</summary>
    public long Offset { get; private set; }

    /// <summary>Opens a file, or standard input for "-".</summary>
    /// <exception cref="IOException">The file cannot be opened or is no capture; the message is for the user.</exception>
    public static CaptureReader Open(string path)
    {
        try
        {
            Stream stream = path == "-" ? Console.OpenStandardInput()
                : new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return Open(path == "-" ? "standard input" : path, stream);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new IOException($"{path}: cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Reads from a stream, which the reader closes.</summary>
    /// <exception cref="IOException">The stream is no capture.</exception>
    public static CaptureReader Open(string name, Stream stream)
    {
        PipeReader pipe = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: BlockBytes, minimumReadSize: 4096));
        ReadResult result = Read(pipe);
        while (result.Buffer.Length < 4 && !result.IsCompleted)
        {
            pipe.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            result = Read(pipe);
        }

        Span<byte> magic = stackalloc byte[4];
        if (result.Buffer.Length < 4)
        {
            long have = result.Buffer.Length;
            pipe.Complete();
            throw new IOException($"{name}: is no capture: it has {have} bytes; a pcap or pcapng file begins with 24 or more");
        }

        result.Buffer.Slice(0, 4).CopyTo(magic);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(magic);
        if (value == PcapngReader.SectionHeaderBlock)
        {
            return new PcapngReader(name, pipe, result.Buffer, result.IsCompleted);
        }

        if (PcapReader.IsMagic(value))
        {
            return new PcapReader(name, pipe, result.Buffer, result.IsCompleted);
        }

        pipe.Complete();
        throw new IOException($"{name}: is no capture: it begins with {value:x8}; expected pcap (a1b2c3d4, a1b23c4d) or pcapng (0a0d0d0a)");
    }

    /// <summary>Reads the next record; false at the end, and when <see cref="Error"/> is set.</summary>
    public abstract bool TryReadNext(out CaptureRecord record);

    /// <inheritdoc/>
    public void Dispose()
    {
        _pipe.Complete();
        GC.SuppressFinalize(this);
    }

    /// <summary>Takes bytes off the stream as one span, valid until the next call.</summary>
    /// <returns>False when the stream ends before; <paramref name="available"/> says how many bytes there were.</returns>
    private protected bool TryTake(int count, out ReadOnlySpan<byte> bytes, out long available)
    {
        while (_buffer.Length < count && !_isComplete)
        {
            _pipe.AdvanceTo(_buffer.Start, _buffer.End);
            ReadResult result = Read(_pipe);
            _buffer = result.Buffer;
            _isComplete = result.IsCompleted;
        }

        available = _buffer.Length;
        if (available < count)
        {
            bytes = default;
            return false;
        }

        ReadOnlySequence<byte> taken = _buffer.Slice(0, count);
        if (taken.IsSingleSegment)
        {
            bytes = taken.FirstSpan;
        }
        else
        {
            if (_scratch.Length < count)
            {
                _scratch = new byte[Math.Max(count, MaxRecordBytes + 64)];
            }

            taken.CopyTo(_scratch);
            bytes = _scratch.AsSpan(0, count);
        }

        _buffer = _buffer.Slice(count);
        Offset += count;
        return true;
    }

    private protected bool Fail(string what)
    {
        Error = $"{Name}: at byte {Offset}: {what}";
        return false;
    }

    private static ReadResult Read(PipeReader pipe)
    {
        ValueTask<ReadResult> read = pipe.ReadAsync();
        return read.IsCompletedSuccessfully ? read.Result : read.AsTask().GetAwaiter().GetResult();
    }
}
