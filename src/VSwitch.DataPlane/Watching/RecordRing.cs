using System.Numerics;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Watching;

/// <summary>A bounded ring of records from one worker to one reader. The worker reserves and commits, and publishes once a burst; the
/// reader peeks and releases. Nobody waits: what finds no room is lost, and the worker counts it. The two cursors are written each by
/// one of them, on lines of their own (as in <see cref="SpscRing"/>).</summary>
internal sealed unsafe class RecordRing : IDisposable
{
    private const int Alignment = 8;
    private readonly HugeMemory _memory;
    private readonly byte* _bytes;
    private readonly long _size;
    private Cursors _cursors;

    /// <summary>Makes a ring of at least so many bytes.</summary>
    public RecordRing(int bytes)
    {
        _size = BitOperations.RoundUpToPowerOf2((uint)Math.Max(4096, bytes));
        _memory = new HugeMemory((nuint)_size);
        _bytes = _memory.Address;
    }

    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Cursors
    {
        [FieldOffset(128)] public long Head;
        [FieldOffset(256)] public long Tail;
        [FieldOffset(384)] public long Staged;
        [FieldOffset(392)] public long HeadSeen;
    }

    /// <summary>Worker: room for a record with so many bytes of a frame; null when there is none.</summary>
    public PacketRecord* TryReserve(int frameBytes)
    {
        int bytes = (sizeof(PacketRecord) + frameBytes + Alignment - 1) & -Alignment;
        long staged = _cursors.Staged;
        long at = staged & (_size - 1);
        long skipped = at + bytes > _size ? _size - at : 0;
        if (!HasRoom(staged + skipped + bytes))
        {
            return null;
        }

        if (skipped > 0)
        {
            // A record lies in one piece; every record is a multiple of 8 bytes, so its first word fits.
            ((PacketRecord*)(_bytes + at))->RecordBytes = -(int)skipped;
            _cursors.Staged = staged + skipped;
            at = 0;
        }

        var record = (PacketRecord*)(_bytes + at);
        record->RecordBytes = bytes;
        return record;
    }

    /// <summary>Worker: the record that was reserved last is written.</summary>
    public void Commit(PacketRecord* record) => _cursors.Staged += record->RecordBytes;

    /// <summary>Worker: lets the reader see all that was committed.</summary>
    public void Publish()
    {
        if (_cursors.Staged != _cursors.Tail)
        {
            Volatile.Write(ref _cursors.Tail, _cursors.Staged);
        }
    }

    /// <summary>Reader: the oldest record; null when there is none.</summary>
    public PacketRecord* Peek()
    {
        long head = _cursors.Head;
        if (head == Volatile.Read(ref _cursors.Tail))
        {
            return null;
        }

        var record = (PacketRecord*)(_bytes + (head & (_size - 1)));
        if (record->RecordBytes >= 0)
        {
            return record;
        }

        Volatile.Write(ref _cursors.Head, head - record->RecordBytes);
        return Peek();
    }

    /// <summary>Reader: is done with the record that it saw.</summary>
    public void Release(PacketRecord* record) => Volatile.Write(ref _cursors.Head, _cursors.Head + record->RecordBytes);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private bool HasRoom(long end)
    {
        if (end - _cursors.HeadSeen > _size)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
        }

        return end - _cursors.HeadSeen <= _size;
    }
}
