using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>The connections of one worker, of one address family: a slab of entries and the index to them. Single writer.
/// Entries never move; numbers are reused last in, first out.</summary>
public sealed unsafe class FlowTable : IDisposable
{
    private const int Prefix6Bytes = 64;
    private const int ColdBytesAt = 64;
    private readonly HugeMemory _memory;
    private readonly FlowIndex _index;
    private readonly byte* _first;
    private readonly int _strideBytes;
    private readonly int _capacity;
    private int _used;
    private int _free = FlowIndex.NotFound;

    /// <summary>Makes a table for <paramref name="capacity"/> connections; memory is taken as they come.</summary>
    public FlowTable(int capacity, bool isV6)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _capacity = capacity;
        IsV6 = isV6;
        _strideBytes = FlowEntry.SizeBytes + (isV6 ? Prefix6Bytes : 0);
        _memory = new HugeMemory((nuint)capacity * (nuint)_strideBytes);
        _index = new FlowIndex(capacity);
        _first = _memory.Address + (isV6 ? Prefix6Bytes : 0);
    }

    /// <summary>True for the table of IPv6 connections.</summary>
    public bool IsV6 { get; }

    /// <summary>The way from hashes to entries.</summary>
    public FlowIndex Index => _index;

    /// <summary>Entries that there is room for.</summary>
    public int Capacity => _capacity;

    /// <summary>Live entries, expired ones that nothing has met yet included.</summary>
    public int Count { get; private set; }

    /// <summary>Highest number ever used, plus one: walks end there.</summary>
    public int UsedCount => _used;

    /// <summary>Bytes a connection takes, index included, when the table is full.</summary>
    public double BytesPerConnection => _strideBytes + ((double)_index.LengthBytes / _capacity);

    /// <summary>The entry of a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowEntry* At(int number) => (FlowEntry*)(_first + ((long)number * _strideBytes));

    /// <summary>The number of an entry.</summary>
    public int NumberOf(FlowEntry* entry) => (int)(((byte*)entry - _first) / _strideBytes);

    /// <summary>The addresses of an IPv6 entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FlowAddresses6* Addresses6(FlowEntry* entry) => (FlowAddresses6*)((byte*)entry - Prefix6Bytes);

    /// <summary>Asks the cache for an entry's first line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int number) => Sse.Prefetch0(_first + ((long)number * _strideBytes));

    /// <summary>Asks the cache for all of an entry.</summary>
    public void PrefetchWhole(int number)
    {
        byte* entry = _first + ((long)number * _strideBytes);
        Sse.Prefetch0(entry);
        Sse.Prefetch0(entry + ColdBytesAt);
        if (IsV6)
        {
            Sse.Prefetch0(entry - Prefix6Bytes);
        }
    }

    /// <summary>The number that <see cref="Add"/> gives out next, if there is one.</summary>
    public int NextNumber => _free != FlowIndex.NotFound ? _free : _used;

    /// <summary>Finds the IPv4 connection of a key; null when there is none.</summary>
    public FlowEntry* Find(ulong keyLow, ulong keyHigh, uint hash)
    {
        int cursor = 0;
        for (int number = _index.Find(hash, ref cursor); number != FlowIndex.NotFound; number = _index.Find(hash, ref cursor))
        {
            FlowEntry* entry = At(number);
            if (entry->KeyLow == keyLow && entry->KeyHigh == keyHigh)
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>Finds the IPv6 connection of a key; null when there is none.</summary>
    public FlowEntry* Find(in FlowAddresses6 addresses, ulong keyLow, ulong keyHigh, uint hash)
    {
        int cursor = 0;
        for (int number = _index.Find(hash, ref cursor); number != FlowIndex.NotFound; number = _index.Find(hash, ref cursor))
        {
            FlowEntry* entry = At(number);
            if (entry->KeyLow == keyLow && entry->KeyHigh == keyHigh && *Addresses6(entry) == addresses)
            {
                return entry;
            }
        }

        return null;
    }

    /// <summary>Makes an entry for a key that the table does not hold; all but key, hash and family is zero (except the wheel
    /// mark, which belongs to the slot). Null when the table is full.</summary>
    public FlowEntry* Add(ulong keyLow, ulong keyHigh, uint hash)
    {
        int number = _free;
        if (number == FlowIndex.NotFound)
        {
            if (_used == _capacity)
            {
                return null;
            }

            number = _used;
        }

        if (!_index.TryAdd(hash, number))
        {
            return null;
        }

        FlowEntry* entry = At(number);
        if (number == _free)
        {
            _free = entry->NextFree;
        }
        else
        {
            _used++;
        }

        byte inWheel = entry->InWheel;
        *entry = default;
        entry->InWheel = inWheel;
        entry->KeyLow = keyLow;
        entry->KeyHigh = keyHigh;
        entry->Hash = hash;
        entry->Flags = IsV6 ? FlowFlags.IsV6 : FlowFlags.None;
        Count++;
        return entry;
    }

    /// <summary>Takes an entry out; its slot may be used again at once.</summary>
    public void Remove(FlowEntry* entry)
    {
        Debug.Assert(entry->State != FlowState.Free, "an entry is removed once");
        int number = NumberOf(entry);
        _index.Remove(entry->Hash, number);
        entry->State = FlowState.Free;
        entry->KeyHigh = ulong.MaxValue;
        entry->NextFree = _free;
        _free = number;
        Count--;
    }

    /// <summary>Touches all memory, so that no page is faulted in on a packet's way.</summary>
    public void Prefault()
    {
        _memory.Prefault();
        _index.Prefault();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _index.Dispose();
    }
}
