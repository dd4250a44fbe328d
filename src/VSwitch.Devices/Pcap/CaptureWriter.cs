using System.IO.Pipelines;

namespace VSwitch.Devices.Pcap;

/// <summary>Writes captures through a PipeWriter in blocks of 1 MiB, without allocating per frame: the same frames give the same
/// bytes, with no name of a machine in them. One thread at a time. What cannot be written (a full disk) is an IOException of
/// the call that noticed, and of every Write and Flush after it; nothing is kept for another try. One case stays silent: on
/// standard output the runtime's console stream takes a reader that has gone for the end of interest.</summary>
public abstract class CaptureWriter : IDisposable
{
    private const int BlockBytes = 1 << 20;
    private readonly PipeWriter _pipe;
    private IOException? _failure;
    private bool _isDisposed;

    private protected CaptureWriter(string name, Stream stream)
    {
        Name = name;
        _pipe = PipeWriter.Create(
            new SynchronousStream(stream), new StreamPipeWriterOptions(minimumBufferSize: BlockBytes));
    }

    /// <summary>The file, for messages.</summary>
    public string Name { get; }

    /// <summary>Records written.</summary>
    public long Count { get; private protected set; }

    /// <summary>Writes out what is buffered.</summary>
    /// <exception cref="IOException">The disk is full or the file cannot be written; the message is for the user.</exception>
    public void Flush()
    {
        ThrowIfFailed();
        try
        {
            ValueTask<FlushResult> flush = _pipe.FlushAsync();
            if (!flush.IsCompletedSuccessfully)
            {
                flush.AsTask().GetAwaiter().GetResult();
            }
        }
        catch (Exception e) when (CaptureFile.IsExpected(e))
        {
            _failure = new IOException($"{Name}: cannot be written: {CaptureFile.Cause(Name, e)}", e);
            throw _failure;
        }
    }

    /// <summary>Writes out what is buffered and closes the file. It is closed in any case; a failure that a call has told already
    /// is not told again.</summary>
    /// <exception cref="IOException">The rest cannot be written.</exception>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        GC.SuppressFinalize(this);
        try
        {
            if (_failure == null)
            {
                Flush();
            }
        }
        finally
        {
            // With an error the pipe drops what it holds instead of writing it once more.
            _pipe.Complete(_failure);
        }
    }

    private protected static string NameOf(string path) => path == CaptureFile.Standard ? "standard output" : path;

    /// <summary>Bytes of a frame that go into its record: no more than a reader believes.</summary>
    private protected static ReadOnlySpan<byte> Snap(ReadOnlySpan<byte> frame) =>
        frame[..Math.Min(frame.Length, CaptureReader.MaxRecordBytes)];

    /// <summary>The original length for the file.</summary>
    private protected static uint Original(ReadOnlySpan<byte> frame, long? originalLength) =>
        (uint)Math.Clamp(originalLength ?? frame.Length, frame.Length, uint.MaxValue);

    /// <summary>Room for one header, record or block, in one piece.</summary>
    private protected Span<byte> Reserve(int bytes)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ThrowIfFailed();
        if (_pipe.UnflushedBytes + bytes > BlockBytes)
        {
            Flush();
        }

        return _pipe.GetSpan(bytes)[..bytes];
    }

    private protected void Commit(int bytes) => _pipe.Advance(bytes);

    private void ThrowIfFailed()
    {
        if (_failure != null)
        {
            throw _failure;
        }
    }
}
