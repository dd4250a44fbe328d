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
    private readonly int _shift;

    /// <summary>Builds the map. A key that occurs twice keeps its first value.</summary>
    public NativeMap(ReadOnlySpan<KeyValuePair<ulong, int>> entries)
    {
        int slots = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, entries.Length * 2));
        _memory = new HugeMemory((nuint)slots * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
        _mask = (ulong)slots - 1;
        _shift = 64 - BitOperations.Log2((uint)slots);
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

    /// <summary>Slots that the look-up of a key reads; the tests hold it small for keys that networks have.</summary>
    internal int ProbesOf(ulong key) => (int)(((ulong)(Find(key) - _slots) - Home(key)) & _mask) + 1;

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Where a key's search begins. Keys of one network differ in their high bits only (the last bytes of a MAC
    /// or of an address, the VPC), so the product's top bits are taken: its low ones would be the same for all.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Home(ulong key) => ((key ^ (key >> 29)) * 0x9E37_79B9_7F4A_7C15UL) >> _shift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Slot* Find(ulong key)
    {
        ulong i = Home(key);
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
