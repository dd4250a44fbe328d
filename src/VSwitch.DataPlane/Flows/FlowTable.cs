using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>The connections of one worker, of one address family: a slab of entries and the index to them. Single writer.
/// Entries never move; numbers are reused last in, first out.</summary>
public sealed unsafe class FlowTable : IDisposable
{
    private const int BlockSlotBits = 6;
    private const int BlockSlots = 1 << BlockSlotBits;
    private readonly HugeMemory _entryMemory;
    private readonly HugeMemory _detailMemory;
    private readonly HugeMemory? _addressMemory;
    private readonly FlowIndex _index;
    private readonly FlowEntry* _entries;
    private readonly FlowDetail* _details;
    private readonly FlowAddresses6* _addresses;
    private readonly int _capacity;
    private int _used;
    private int _free = FlowIndex.NotFound;

    /// <summary>Makes a table for <paramref name="capacity"/> connections; memory is taken as they come.</summary>
    public FlowTable(int capacity, bool isV6)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _capacity = capacity;
        SlotCount = (capacity + BlockSlots - 1) & -BlockSlots;
        IsV6 = isV6;
        _entryMemory = new HugeMemory((nuint)SlotCount * FlowEntry.SizeBytes);
        _detailMemory = new HugeMemory((nuint)SlotCount * FlowDetail.SizeBytes);
        _entries = (FlowEntry*)_entryMemory.Address;
        _details = (FlowDetail*)_detailMemory.Address;
        if (isV6)
        {
            _addressMemory = new HugeMemory((nuint)SlotCount * (nuint)sizeof(FlowAddresses6));
            _addresses = (FlowAddresses6*)_addressMemory.Address;
        }

        _index = new FlowIndex(SlotCount);
    }

    /// <summary>True for the table of IPv6 connections.</summary>
    public bool IsV6 { get; }

    /// <summary>The way from hashes to entries.</summary>
    public FlowIndex Index => _index;

    /// <summary>Live entries, expired ones that nothing has met yet included.</summary>
    public int Count { get; private set; }

    /// <summary>Slots: numbers are below it. The capacity, rounded up to whole blocks.</summary>
    public int SlotCount { get; }

    /// <summary>Slots that were ever given out lie below it: what a walk over all connections has to look at. Whole blocks.</summary>
    public int WalkedSlotCount => Math.Min(SlotCount, (_used + BlockSlots - 1) & -BlockSlots);

    /// <summary>Bytes a connection takes, index included, when the table is full.</summary>
    public double BytesPerConnection => FlowEntry.SizeBytes + FlowDetail.SizeBytes +
        (IsV6 ? sizeof(FlowAddresses6) : 0) + ((double)_index.LengthBytes / SlotCount);

    /// <summary>The entry of a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowEntry* At(int number) => _entries + number;

    /// <summary>The number of an entry.</summary>
    public int NumberOf(FlowEntry* entry) => (int)(entry - _entries);

    /// <summary>What is rarely asked of an entry.</summary>
    public FlowDetail* DetailOf(FlowEntry* entry) => _details + (entry - _entries);

    /// <summary>The addresses of an entry; of the IPv6 table only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public FlowAddresses6* AddressesOf(FlowEntry* entry) => _addresses + (entry - _entries);

    /// <summary>Asks the cache for an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int number) => Sse.Prefetch0(_entries + number);

    /// <summary>Asks the cache for all of an entry.</summary>
    public void PrefetchWhole(int number)
    {
        Sse.Prefetch0(_entries + number);
        Sse.Prefetch0(_details + number);
        if (IsV6)
        {
            Sse.Prefetch0(_addresses + number);
        }
    }

    /// <summary>The number that <see cref="Add"/> gives out next, if there is one.</summary>
    public int NextNumber => _free != FlowIndex.NotFound ? _free : Scatter(_used);

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
            if (entry->KeyLow == keyLow && entry->KeyHigh == keyHigh && *AddressesOf(entry) == addresses)
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

            number = Scatter(_used);
        }

        if (!_index.TryAdd(hash, number))
        {
            return null;
        }

        FlowEntry* entry = At(number);
        FlowDetail* detail = DetailOf(entry);
        if (number == _free)
        {
            _free = detail->NextFree;
        }
        else
        {
            _used++;
        }

        byte inWheel = detail->InWheel;
        *entry = default;
        *detail = default;
        detail->InWheel = inWheel;
        detail->Hash = hash;
        entry->KeyLow = keyLow;
        entry->KeyHigh = keyHigh;
        entry->Flags = IsV6 ? FlowFlags.IsV6 : FlowFlags.None;
        Count++;
        return entry;
    }

    /// <summary>Fresh slots in an order of their own within each block. Connections often begin in turn, one for each port, so in
    /// plain order those of one port would lie at even distances, in a few sets of the cache, and what is prefetched for one
    /// burst of that port would push itself out (bench/README.md).</summary>
    private static int Scatter(int i) => i ^ (int)((((uint)i / BlockSlots) * 0x9E37_79B1u) >> (32 - BlockSlotBits));

    /// <summary>Takes an entry out; its slot may be used again at once.</summary>
    public void Remove(FlowEntry* entry)
    {
        Debug.Assert(entry->State != FlowState.Free, "an entry is removed once");
        int number = NumberOf(entry);
        FlowDetail* detail = DetailOf(entry);
        _index.Remove(detail->Hash, number);
        entry->State = FlowState.Free;
        entry->KeyHigh = ulong.MaxValue;
        detail->NextFree = _free;
        _free = number;
        Count--;
    }

    /// <summary>Touches all memory, so that no page is faulted in on a packet's way.</summary>
    public void Prefault()
    {
        _entryMemory.Prefault();
        _detailMemory.Prefault();
        _addressMemory?.Prefault();
        _index.Prefault();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _entryMemory.Dispose();
        _detailMemory.Dispose();
        _addressMemory?.Dispose();
        _index.Dispose();
    }
}
