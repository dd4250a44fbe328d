using System.Numerics;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.FlowLogs;

/// <summary>Reports from one worker to the flow logs, in order. The worker alone writes the tail, the reader alone the head; each is
/// published by a release store and taken by an acquire load of the other side. Bounded: a worker never waits.</summary>
public sealed unsafe class FlowReportRing : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly FlowReport* _slots;
    private readonly uint _mask;
    private readonly EventWaitHandle? _isFilling;
    private Cursors _cursors;

    /// <summary>Makes a ring for at least <paramref name="capacity"/> reports.</summary>
    /// <param name="capacity">Reports.</param>
    /// <param name="isFilling">Set once by the worker when the ring is half full, until the reader has been there; may be null.</param>
    public FlowReportRing(int capacity, EventWaitHandle? isFilling)
    {
        uint slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, capacity));
        _memory = new HugeMemory(slots * (nuint)FlowReport.SizeBytes);
        _slots = (FlowReport*)_memory.Address;
        _mask = slots - 1;
        _isFilling = isFilling;
    }

    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Cursors
    {
        [FieldOffset(128)] public uint Head;
        [FieldOffset(256)] public uint Tail;
        [FieldOffset(384)] public uint HeadSeen;
        [FieldOffset(388)] public uint ToldAt;
        [FieldOffset(392)] public bool HasTold;
    }

    /// <summary>Reports that fit.</summary>
    public int Capacity => (int)_mask + 1;

    /// <summary>Reports written so far, wrapping.</summary>
    public uint Written => Volatile.Read(ref _cursors.Tail);

    /// <summary>Reports read so far, wrapping.</summary>
    public uint Taken => Volatile.Read(ref _cursors.Head);

    /// <summary>Worker: true when more than three quarters are used.</summary>
    public bool IsCrowded => _cursors.Tail - Volatile.Read(ref _cursors.Head) > (_mask >> 1) + (_mask >> 2);

    /// <summary>Worker: the place of the next report, to be filled and then published; null when the ring is full.</summary>
    public FlowReport* Begin()
    {
        uint tail = _cursors.Tail;
        if (tail - _cursors.HeadSeen > _mask >> 1)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
            if (tail - _cursors.HeadSeen > _mask >> 1)
            {
                Tell();
            }

            if (tail - _cursors.HeadSeen > _mask)
            {
                return null;
            }
        }

        return _slots + (tail & _mask);
    }

    /// <summary>Worker: lets the reader see what was begun.</summary>
    public void Publish() => Volatile.Write(ref _cursors.Tail, _cursors.Tail + 1);

    /// <summary>Reader: takes up to as many reports as fit.</summary>
    /// <returns>How many.</returns>
    public int Read(Span<FlowReport> into)
    {
        uint head = _cursors.Head;
        int count = (int)Math.Min((uint)into.Length, Volatile.Read(ref _cursors.Tail) - head);
        for (int i = 0; i < count; i++)
        {
            into[i] = _slots[(head + (uint)i) & _mask];
        }

        if (count > 0)
        {
            Volatile.Write(ref _cursors.Head, head + (uint)count);
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Once for each time that the reader has not moved since.</summary>
    private void Tell()
    {
        if (_isFilling != null && (!_cursors.HasTold || _cursors.ToldAt != _cursors.HeadSeen))
        {
            _cursors.HasTold = true;
            _cursors.ToldAt = _cursors.HeadSeen;
            _isFilling.Set();
        }
    }
}
