using VSwitch.DataPlane.Buffers;

namespace VSwitch.SharpPcap;

/// <summary>A bounded queue of frames from one thread to another one: slots of equal size and a cursor of each.</summary>
internal sealed unsafe class FrameQueue : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly int _frameBytes;
    private readonly int _slotBytes;
    private readonly long _slots;
    private long _put;
    private long _taken;

    /// <summary>Makes a queue.</summary>
    /// <param name="frameBytes">Longest frame.</param>
    /// <param name="bytes">Memory, for two frames at least.</param>
    public FrameQueue(int frameBytes, int bytes)
    {
        _frameBytes = frameBytes;
        _slotBytes = (frameBytes + sizeof(int) + 63) & -64;
        _slots = Math.Max(2, bytes / _slotBytes);
        _memory = new HugeMemory((nuint)(_slots * _slotBytes));
    }

    /// <summary>The putting thread: adds a frame; false when it is too long or there is no room.</summary>
    public bool TryPut(ReadOnlySpan<byte> frame)
    {
        if (frame.Length > _frameBytes || _put - Volatile.Read(ref _taken) == _slots)
        {
            return false;
        }

        byte* slot = SlotOf(_put);
        *(int*)slot = frame.Length;
        frame.CopyTo(new Span<byte>(slot + sizeof(int), frame.Length));
        Volatile.Write(ref _put, _put + 1);
        return true;
    }

    /// <summary>The taking thread: the oldest frame, which stays until <see cref="Release"/>; empty with false when there is none.</summary>
    public bool TryPeek(out ReadOnlySpan<byte> frame)
    {
        if (_taken == Volatile.Read(ref _put))
        {
            frame = default;
            return false;
        }

        byte* slot = SlotOf(_taken);
        frame = new ReadOnlySpan<byte>(slot + sizeof(int), *(int*)slot);
        return true;
    }

    /// <summary>The taking thread: is done with the oldest frame.</summary>
    public void Release() => Volatile.Write(ref _taken, _taken + 1);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private byte* SlotOf(long number) => _memory.Address + (number % _slots * _slotBytes);
}
