using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Reads a capture, pcap or pcapng, record by record, on System.IO.Pipelines, without allocating per record or block.
/// Bad content never throws: the records before it are delivered, then <see cref="Error"/> says what is wrong and where.
/// One thread at a time.</summary>
public abstract class CaptureReader : IDisposable
{
    /// <summary>Link type of Ethernet (tcpdump.org/linktypes).</summary>
    public const int LinkTypeEthernet = 1;

    /// <summary>Largest record that is believed, bytes (libpcap's MAXIMUM_SNAPLEN).</summary>
    public const int MaxRecordBytes = 262_144;

    private const int BlockBytes = 1 << 20;
    private const int MagicBytes = 4;
    private readonly PipeReader _pipe;
    private ReadOnlySequence<byte> _buffer;
    private byte[] _scratch = [];
    private bool _isComplete;
    private long _itemOffset;

    private protected CaptureReader(string name, PipeReader pipe, ReadOnlySequence<byte> buffer, bool isComplete)
    {
        Name = name;
        _pipe = pipe;
        _buffer = buffer;
        _isComplete = isComplete;
    }

    /// <summary>The file, for messages.</summary>
    public string Name { get; }

    /// <summary>What is wrong with the content, in one line that names the file and the offset of the damaged record or block;
    /// null while nothing is.</summary>
    public string? Error { get; private set; }

    /// <summary>Bytes taken so far.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes up to which every record or block was taken whole: a copy of the stream may end there.</summary>
    public long WholeBytes => _itemOffset;

    /// <summary>Packets that pcapng's interface statistics say were lost so far.</summary>
    public virtual long LostCount => 0;

    /// <summary>Name of an interface of the section at hand; empty where none is told.</summary>
    public virtual string InterfaceName(int interfaceId) => "";

    /// <summary>Opens a file, or standard input for "-".</summary>
    /// <exception cref="IOException">The file cannot be opened or is no capture; the message is for the user.</exception>
    public static CaptureReader Open(string path) =>
        Open(path == CaptureFile.Standard ? "standard input" : path, CaptureFile.OpenToRead(path));

    /// <summary>Reads from a stream, which the reader closes, also when this fails.</summary>
    /// <exception cref="IOException">The stream is no capture; the message is for the user.</exception>
    public static CaptureReader Open(string name, Stream stream)
    {
        var options = new StreamPipeReaderOptions(bufferSize: BlockBytes, minimumReadSize: 4096);
        PipeReader pipe = PipeReader.Create(new SynchronousStream(stream), options);
        try
        {
            return Detect(name, pipe);
        }
        catch
        {
            pipe.Complete();
            throw;
        }
    }

    /// <summary>Reads the next record; false at the end, and when <see cref="Error"/> is set.</summary>
    public abstract bool TryReadNext(out CaptureRecord record);

    /// <inheritdoc/>
    public void Dispose()
    {
        _pipe.Complete();
        GC.SuppressFinalize(this);
    }

    /// <summary>Begins a record or block: an error before the next one names this place.</summary>
    private protected void BeginItem() => _itemOffset = Offset;

    /// <summary>Takes bytes off the stream as one span, valid until the next call.</summary>
    /// <returns>False when the stream ends before; <paramref name="available"/> says how many bytes there were.</returns>
    private protected bool TryTake(int count, out ReadOnlySpan<byte> bytes, out long available)
    {
        while (_buffer.Length < count && TryFill())
        {
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

    /// <summary>Passes over bytes, however many, without keeping them.</summary>
    /// <returns>False when the stream ends before; <paramref name="available"/> says how many bytes there were.</returns>
    private protected bool TrySkip(long count, out long available)
    {
        available = 0;
        do
        {
            long step = Math.Min(count - available, _buffer.Length);
            _buffer = _buffer.Slice(step);
            Offset += step;
            available += step;
        }
        while (available < count && TryFill());
        return available == count;
    }

    /// <summary>Sets the error unless an earlier one, of the stream itself, explains it.</summary>
    /// <returns>False, for the caller to return.</returns>
    private protected bool Fail(string what)
    {
        Error ??= $"{Name}: at byte {_itemOffset}: {what}";
        return false;
    }

    private static CaptureReader Detect(string name, PipeReader pipe)
    {
        ReadResult result = ReadBeginning(name, pipe);
        if (result.Buffer.Length < MagicBytes)
        {
            throw new IOException(
                $"{name}: is no capture: it has {result.Buffer.Length} bytes; a pcap or pcapng file begins with 24 or more");
        }

        Span<byte> magic = stackalloc byte[MagicBytes];
        result.Buffer.Slice(0, MagicBytes).CopyTo(magic);
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(magic);
        if (value == PcapngReader.SectionHeaderBlock)
        {
            return new PcapngReader(name, pipe, result.Buffer, result.IsCompleted);
        }

        return PcapReader.IsMagic(value)
            ? new PcapReader(name, pipe, result.Buffer, result.IsCompleted)
            : throw new IOException($"{name}: is no capture: it begins with {value:x8}; " +
                "expected pcap (a1b2c3d4, a1b23c4d, a1b2cd34) or pcapng (0a0d0d0a)");
    }

    private static ReadResult ReadBeginning(string name, PipeReader pipe)
    {
        try
        {
            ReadResult result = Read(pipe);
            while (result.Buffer.Length < MagicBytes && !result.IsCompleted)
            {
                pipe.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                result = Read(pipe);
            }

            return result;
        }
        catch (Exception e) when (CaptureFile.IsExpected(e))
        {
            throw new IOException($"{name}: cannot be read: {CaptureFile.Cause(name, e)}", e);
        }
    }

    private static ReadResult Read(PipeReader pipe)
    {
        ValueTask<ReadResult> read = pipe.ReadAsync();
        return read.IsCompletedSuccessfully ? read.Result : read.AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Gets more of the stream into the buffer; false at its end and when it fails.</summary>
    private bool TryFill()
    {
        if (_isComplete)
        {
            return false;
        }

        _pipe.AdvanceTo(_buffer.Start, _buffer.End);
        try
        {
            ReadResult result = Read(_pipe);
            _buffer = result.Buffer;
            _isComplete = result.IsCompleted;
            return true;
        }
        catch (Exception e) when (CaptureFile.IsExpected(e))
        {
            // What is buffered ends inside a record, else nobody had asked for more: there is nothing left to deliver.
            _buffer = ReadOnlySequence<byte>.Empty;
            _isComplete = true;
            return Fail($"cannot be read further: {CaptureFile.Cause(Name, e)}");
        }
    }
}
