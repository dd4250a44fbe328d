using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Policy;

/// <summary>The rules of a block that share protocol, family and prefix length: one hash slot for each prefix, with the range of
/// selectors of its rule in it (nearly every prefix has one rule), or the place of its ranges where it has several.
/// Flat arrays, immutable, shared by all snapshots in which these rules are the same.</summary>
internal readonly struct PrefixTable<TAddress, TFamily>
    where TAddress : unmanaged, IEquatable<TAddress>
    where TFamily : IRawAddress<TAddress>
{
    private readonly PrefixSlot<TAddress>[] _slots;
    private readonly SelectorRange[] _ranges;
    private readonly TAddress _mask;
    private readonly int _shift;

    /// <summary>Compiles rules whose networks are all under the mask, in any order. Control-plane work: it may allocate.</summary>
    public PrefixTable(TAddress mask, ReadOnlySpan<PrefixRule<TAddress>> rules)
    {
        // At most two thirds full, so that a miss ends soon; at least two slots, so that the hash is shifted by less than its width.
        _slots = new PrefixSlot<TAddress>[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, rules.Length + (rules.Length / 2)))];
        _shift = 64 - BitOperations.Log2((uint)_slots.Length);
        _mask = mask;
        _ranges = [];
        bool hasSeveral = false;
        foreach (ref readonly PrefixRule<TAddress> rule in rules)
        {
            ref PrefixSlot<TAddress> slot = ref _slots[Find(rule.Network)];
            slot = slot.RangeCount == 0
                ? new PrefixSlot<TAddress>(rule.Network, rule.Rule, 1, rule.First, rule.Last)
                : slot with { RangeCount = slot.RangeCount + 1 };
            hasSeveral |= slot.RangeCount > 1;
        }

        if (hasSeveral)
        {
            _ranges = Unite(rules);
        }
    }

    /// <summary>The prefix length, which orders the tables of a class.</summary>
    public int Length => TFamily.LengthOf(_mask);

    /// <summary>Slots that a look-up reads, at most.</summary>
    public int LongestProbe
    {
        get
        {
            int longest = 0;
            for (int i = 0; i < _slots.Length; i++)
            {
                if (_slots[i].RangeCount != 0)
                {
                    int home = (int)(TFamily.Hash(_slots[i].Network) >> _shift);
                    longest = Math.Max(longest, ((i - home) & (_slots.Length - 1)) + 1);
                }
            }

            return longest;
        }
    }

    /// <summary>The rule of the address's prefix that allows the selector.</summary>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">What rules look at besides.</param>
    /// <param name="place">First and last selector of the rule: of two rules the one with the lower is meant.</param>
    /// <returns>Its number, or <see cref="SecurityGroupTable.NoRule"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Match(TAddress remote, ushort selector, out uint place)
    {
        ref PrefixSlot<TAddress> slot = ref Unsafe.Add(
            ref MemoryMarshal.GetArrayDataReference(_slots), Find(TFamily.And(remote, _mask)));
        place = slot.Bounds;

        // An empty slot has no range; the bounds of several ranges are those of all together.
        if (slot.RangeCount == 0 || selector < slot.First || selector > slot.Last)
        {
            return SecurityGroupTable.NoRule;
        }

        return slot.RangeCount == 1 ? slot.Rule : Search(slot, selector, out place);
    }

    /// <summary>The slot of a network, or the empty one where it would be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Find(TAddress network)
    {
        ref PrefixSlot<TAddress> first = ref MemoryMarshal.GetArrayDataReference(_slots);
        uint mask = (uint)_slots.Length - 1;
        for (uint i = (uint)(TFamily.Hash(network) >> _shift); ; i = (i + 1) & mask)
        {
            ref PrefixSlot<TAddress> slot = ref Unsafe.Add(ref first, i);
            if (slot.RangeCount == 0 || slot.Network.Equals(network))
            {
                return (int)i;
            }
        }
    }

    private int Search(in PrefixSlot<TAddress> slot, ushort selector, out uint place)
    {
        int low = slot.Rule;
        int high = slot.Rule + slot.RangeCount - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            SelectorRange range = _ranges[middle];
            if (selector >= range.First && selector <= range.Last)
            {
                place = ((uint)range.RuleFirst << 16) | range.Last;
                return range.Rule;
            }

            (low, high) = selector > range.Last ? (middle + 1, high) : (low, middle - 1);
        }

        place = 0;
        return SecurityGroupTable.NoRule;
    }

    /// <summary>Makes sorted ranges that share no selector for each prefix with several rules: what an earlier rule allows stays
    /// its.</summary>
    private SelectorRange[] Unite(ReadOnlySpan<PrefixRule<TAddress>> rules)
    {
        var crowded = new List<(int Slot, PrefixRule<TAddress> Rule)>();
        foreach (ref readonly PrefixRule<TAddress> rule in rules)
        {
            int slot = Find(rule.Network);
            if (_slots[slot].RangeCount > 1)
            {
                crowded.Add((slot, rule));
            }
        }

        crowded.Sort(static (a, b) => OrderOf(a.Slot, a.Rule).CompareTo(OrderOf(b.Slot, b.Rule)));
        var ranges = new List<SelectorRange>(crowded.Count);
        for (int i = 0; i < crowded.Count;)
        {
            int slot = crowded[i].Slot;
            int first = ranges.Count;
            int covered = -1;
            for (; i < crowded.Count && crowded[i].Slot == slot; i++)
            {
                PrefixRule<TAddress> rule = crowded[i].Rule;
                if (rule.Last > covered)
                {
                    ranges.Add(new SelectorRange((ushort)Math.Max(rule.First, covered + 1), rule.Last, rule.First, rule.Rule));
                    covered = rule.Last;
                }
            }

            int count = ranges.Count - first;
            _slots[slot] = new PrefixSlot<TAddress>(
                _slots[slot].Network, count == 1 ? ranges[first].Rule : first, count, ranges[first].First, (ushort)covered);
        }

        return [.. ranges];
    }

    private static (int Slot, int Selectors, int Rule) OrderOf(int slot, in PrefixRule<TAddress> rule) =>
        (slot, (int)(((uint)rule.First << 16 | rule.Last) ^ 0x8000_0000), rule.Rule);
}

/// <summary>A prefix with its rules. With one range: its rule and bounds; with several: the place of the first one, and the bounds
/// of all. No range: the slot is empty.</summary>
internal readonly record struct PrefixSlot<TAddress>(TAddress Network, int Rule, int RangeCount, ushort First, ushort Last)
    where TAddress : unmanaged, IEquatable<TAddress>
{
    /// <summary>First and last selector in one word.</summary>
    public uint Bounds => ((uint)First << 16) | Last;
}

/// <summary>Selectors from first to last that a rule allows and no rule before it; <paramref name="RuleFirst"/> is where the rule
/// itself begins.</summary>
internal readonly record struct SelectorRange(ushort First, ushort Last, ushort RuleFirst, int Rule);
