using System.Numerics;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>An allow rule as a box: protocol, prefix, selectors.</summary>
/// <param name="Protocol">IP protocol, or null for all (then the selectors do not count).</param>
/// <param name="IsV6">Family of the prefix.</param>
/// <param name="Network">Raw network; IPv4 in the low half of <c>First</c>.</param>
/// <param name="Mask">Raw mask.</param>
/// <param name="First">First selector: port, or ICMP type * 256 + code.</param>
/// <param name="Last">Last selector.</param>
/// <param name="Rule">Number that <see cref="SecurityGroupTableBuilder.AddRule"/> gave.</param>
public readonly record struct RuleBox(
    byte? Protocol, bool IsV6, RawIp6 Network, RawIp6 Mask, ushort First, ushort Last, int Rule);

/// <summary>Collects rule sets and compiles them to a <see cref="SecurityGroupTable"/>. Control-plane work: it may allocate.</summary>
public sealed class SecurityGroupTableBuilder
{
    private readonly SortedDictionary<int, string> _rules = [];
    private SecurityGroupState[] _groups = [];
    private readonly List<RuleSet> _sets = [];
    private readonly List<ProtocolClass> _classes = [];
    private readonly List<RawIp6> _masks = [];
    private readonly List<PrefixEntry> _entries = [];
    private readonly List<SelectorRange> _ranges = [];

    /// <summary>Says what the groups are, by their numbers.</summary>
    public void SetGroups(SecurityGroupState[] groups) => _groups = groups;

    /// <summary>Registers a rule's words.</summary>
    /// <param name="group">Number of the rule's group, at most <see cref="SecurityGroupTable.MaxGroup"/>.</param>
    /// <param name="ordinal">Which rule of the group, at most <see cref="SecurityGroupTable.MaxOrdinal"/>; both directions
    /// share the ordinals.</param>
    /// <param name="description">Its words.</param>
    /// <returns>Its number, the same in every snapshot while the rule keeps its place in the group.</returns>
    public int AddRule(int group, int ordinal, string description)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(group, SecurityGroupTable.MaxGroup);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ordinal, SecurityGroupTable.MaxOrdinal);
        int rule = (group << SecurityGroupTable.OrdinalBits) | ordinal;
        _rules.Add(rule, description);
        return rule;
    }

    /// <summary>Compiles the union of some boxes.</summary>
    /// <returns>The rule set's index.</returns>
    public int AddRuleSet(IReadOnlyList<RuleBox> boxes)
    {
        var sorted = new RuleBox[boxes.Count];
        for (int i = 0; i < sorted.Length; i++)
        {
            sorted[i] = boxes[i];
        }

        Array.Sort(sorted, Compare);
        int firstClass = _classes.Count;
        for (int i = 0; i < sorted.Length;)
        {
            int end = i + 1;
            while (end < sorted.Length && KeyOf(sorted[end]) == KeyOf(sorted[i]))
            {
                end++;
            }

            AddClass(sorted.AsSpan(i, end - i));
            i = end;
        }

        _sets.Add(new RuleSet(firstClass, _classes.Count - firstClass));
        return _sets.Count - 1;
    }

    /// <summary>Makes the table.</summary>
    public SecurityGroupTable Build()
    {
        int[] slots = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, _entries.Count * 2))];
        int shift = SecurityGroupTable.ShiftOf(slots.Length);
        for (int i = 0; i < _entries.Count; i++)
        {
            int slot = SecurityGroupTable.HomeOf(_entries[i].Group, _entries[i].Network, shift);
            while (slots[slot] != 0)
            {
                slot = (slot + 1) & (slots.Length - 1);
            }

            slots[slot] = i + 1;
        }

        return new SecurityGroupTable(
            [.. _sets], [.. _classes], [.. _masks], [.. _entries], [.. _ranges], slots,
            [.. _rules.Keys], [.. _rules.Values], _groups);
    }

    private void AddClass(ReadOnlySpan<RuleBox> boxes)
    {
        int firstGroup = _masks.Count;
        for (int i = 0; i < boxes.Length;)
        {
            int end = i + 1;
            while (end < boxes.Length && boxes[end].Mask == boxes[i].Mask)
            {
                end++;
            }

            AddGroup(boxes[i..end]);
            i = end;
        }

        _classes.Add(new ProtocolClass(KeyOf(boxes[0]), firstGroup, _masks.Count - firstGroup));
    }

    private void AddGroup(ReadOnlySpan<RuleBox> boxes)
    {
        int group = _masks.Count;
        _masks.Add(boxes[0].Mask);
        for (int i = 0; i < boxes.Length;)
        {
            int end = i + 1;
            while (end < boxes.Length && boxes[end].Network == boxes[i].Network)
            {
                end++;
            }

            int firstRange = _ranges.Count;
            AddRanges(boxes[i..end]);
            _entries.Add(new PrefixEntry(group, boxes[i].Network, firstRange, _ranges.Count - firstRange));
            i = end;
        }
    }

    /// <summary>Makes sorted ranges that share no selector of sorted ones that may: what an earlier one allows stays its,
    /// and what one rule allows in a row is one range.</summary>
    private void AddRanges(ReadOnlySpan<RuleBox> boxes)
    {
        int firstRange = _ranges.Count;
        int covered = -1;
        foreach (RuleBox box in boxes)
        {
            bool all = box.Protocol == null;
            int first = Math.Max(all ? 0 : box.First, covered + 1);
            int last = all ? ushort.MaxValue : box.Last;
            if (first > last)
            {
                continue;
            }

            if (_ranges.Count > firstRange && first == covered + 1 && _ranges[^1].Rule == box.Rule)
            {
                _ranges[^1] = _ranges[^1] with { Last = (ushort)last };
            }
            else
            {
                _ranges.Add(new SelectorRange((ushort)first, (ushort)last, box.Rule));
            }

            covered = last;
        }
    }

    private static int KeyOf(in RuleBox box) =>
        ProtocolClass.KeyOf(box.IsV6, box.Protocol ?? ProtocolClass.AnyProtocol);

    private static int Compare(RuleBox a, RuleBox b)
    {
        int order = KeyOf(a).CompareTo(KeyOf(b));
        order = order != 0 ? order : Compare(a.Mask, b.Mask);
        order = order != 0 ? order : Compare(a.Network, b.Network);
        order = order != 0 ? order : a.First.CompareTo(b.First);
        order = order != 0 ? order : a.Last.CompareTo(b.Last);
        return order != 0 ? order : a.Rule.CompareTo(b.Rule);
    }

    private static int Compare(RawIp6 a, RawIp6 b) =>
        a.First != b.First ? a.First.CompareTo(b.First) : a.Second.CompareTo(b.Second);
}
