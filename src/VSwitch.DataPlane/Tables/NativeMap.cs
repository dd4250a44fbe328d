using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Tables;

/// <summary>A 64-bit key to 32-bit value map in native memory: built once, then only read, by any thread.
/// Open addressing at most half full, so that a miss ends within a line.</summary>
public sealed unsafe class NativeMap : IDisposable
{
    private struct Slot
    {
        public ulong Key;
        public int Value;
        public int Used;
    }

    private readonly HugeMemory _memory;
    private readonly Slot* _slots;
    private readonly ulong _mask;

    /// <summary>Builds the map. A key that occurs twice keeps its first value.</summary>
    public NativeMap(ReadOnlySpan<KeyValuePair<ulong, int>> entries)
    {
        int slots = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, entries.Length * 2));
        _memory = new HugeMemory((nuint)slots * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
        _mask = (ulong)slots - 1;
        foreach ((ulong key, int value) in entries)
        {
            Slot* slot = Find(key);
            if (slot->Used == 0)
            {
                *slot = new Slot { Key = key, Value = value, Used = 1 };
                Count++;
            }
        }
    }

    /// <summary>Entries.</summary>
    public int Count { get; }

    /// <summary>The value of a key, or <paramref name="missing"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Lookup(ulong key, int missing)
    {
        Slot* slot = Find(key);
        return slot->Used != 0 ? slot->Value : missing;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Slot* Find(ulong key)
    {
        ulong i = (key * 0x9E37_79B9_7F4A_7C15UL) >> 20;
        while (true)
        {
            Slot* slot = _slots + (i & _mask);
            if (slot->Used == 0 || slot->Key == key)
            {
                return slot;
            }

            i++;
        }
    }
}
