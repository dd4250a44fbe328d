using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Buffers;

/// <summary>A bounded ring of buffers from exactly one worker to exactly one other, handed over in batches: the producer stages
/// buffers and publishes them together, the consumer takes what was published and frees all its slots with one store. So
/// neither worker writes a line that the other reads more than once a batch.
/// <para>The producer alone writes the tail, the consumer alone the head, each on lines of its own, apart from what the
/// producer keeps for itself. A release store of the tail publishes the slots written before it; the consumer's acquire load
/// of the tail pairs with it, and the same the other way round for slots that are free again.</para></summary>
public sealed unsafe class SpscRing : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly PacketBuffer** _slots;
    private readonly uint _mask;
    private Cursors _cursors;

    /// <summary>Makes a ring for at least <paramref name="capacity"/> buffers.</summary>
    public SpscRing(int capacity)
    {
        uint slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, capacity));
        _memory = new HugeMemory(slots * (nuint)sizeof(PacketBuffer*));
        _slots = (PacketBuffer**)_memory.Address;
        _mask = slots - 1;
    }

    /// <summary>Two lines apart, because the processor fetches lines in pairs.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Cursors
    {
        [FieldOffset(128)] public uint Head;
        [FieldOffset(256)] public uint Tail;
        [FieldOffset(384)] public uint Staged;
        [FieldOffset(388)] public uint HeadSeen;
    }

    /// <summary>Published buffers in the ring, as far as the caller can know.</summary>
    public int Count => (int)(Volatile.Read(ref _cursors.Tail) - Volatile.Read(ref _cursors.Head));

    /// <summary>Producer: adds a buffer, which the consumer sees after <see cref="Publish"/>; false when the ring is full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStage(PacketBuffer* packet)
    {
        uint staged = _cursors.Staged;
        if (staged - _cursors.HeadSeen > _mask)
        {
            _cursors.HeadSeen = Volatile.Read(ref _cursors.Head);
            if (staged - _cursors.HeadSeen > _mask)
            {
                return false;
            }
        }

        _slots[staged & _mask] = packet;
        _cursors.Staged = staged + 1;
        return true;
    }

    /// <summary>Producer: lets the consumer see all that was staged.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Publish() => Volatile.Write(ref _cursors.Tail, _cursors.Staged);

    /// <summary>Consumer: takes up to <paramref name="maxCount"/> buffers.</summary>
    public int Pop(PacketBuffer** packets, int maxCount)
    {
        uint head = _cursors.Head;
        int count = (int)Math.Min((uint)maxCount, Volatile.Read(ref _cursors.Tail) - head);
        for (int i = 0; i < count; i++)
        {
            packets[i] = _slots[(head + (uint)i) & _mask];
        }

        if (count > 0)
        {
            Volatile.Write(ref _cursors.Head, head + (uint)count);
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
