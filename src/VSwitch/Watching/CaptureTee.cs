namespace VSwitch.Watching;

/// <summary>A stream that is read, and whose whole blocks are copied to another one as they go by: the copy ends with a whole block,
/// wherever the reading ends. Cancelled, it ends like a stream that is over.</summary>
/// <param name="source">What is read.</param>
/// <param name="copy">Where whole blocks go; null = nowhere.</param>
/// <param name="stop">Ends it.</param>
internal sealed class CaptureTee(Stream source, Stream? copy, CancellationToken stop) : Stream
{
    private byte[] _pending = new byte[1 << 16];
    private int _pendingBytes;
    private long _released;

    /// <summary>How many bytes of the stream are whole blocks.</summary>
    public Func<long> WholeBytes { get; set; } = () => 0;

    /// <summary>Why the copy could not be written; null while it could.</summary>
    public IOException? Failure { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        Release();
        if (Failure != null || stop.IsCancellationRequested)
        {
            return 0;
        }

        EnsureRoom(Math.Min(buffer.Length, 1 << 16));
        Memory<byte> room = _pending.AsMemory(_pendingBytes);
        room = room[..Math.Min(room.Length, buffer.Length)];
        int count;
        try
        {
            count = source.ReadAsync(room, stop).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return 0;
        }

        room.Span[..count].CopyTo(buffer);
        _pendingBytes += copy == null ? 0 : count;
        return count;
    }

    /// <summary>Copies what is whole by now.</summary>
    public void Release()
    {
        int bytes = (int)(WholeBytes() - _released);
        if (copy == null || bytes <= 0 || Failure != null)
        {
            return;
        }

        try
        {
            copy.Write(_pending, 0, bytes);
            copy.Flush();
        }
        catch (IOException e)
        {
            Failure = e;
            return;
        }

        _released += bytes;
        _pendingBytes -= bytes;
        _pending.AsSpan(bytes, _pendingBytes).CopyTo(_pending);
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            source.Dispose();
        }

        base.Dispose(disposing);
    }

    private void EnsureRoom(int bytes)
    {
        if (_pending.Length - _pendingBytes < bytes)
        {
            Array.Resize(ref _pending, Math.Max(_pending.Length * 2, _pendingBytes + bytes));
        }
    }
}
