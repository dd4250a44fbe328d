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
    private readonly List<string> _rules = [];
    private readonly List<RuleSet> _sets = [];
    private readonly List<PrefixGroup> _groups = [];
    private readonly List<PrefixEntry> _entries = [];
    private readonly List<SelectorRange> _ranges = [];

    /// <summary>Registers a rule's words.</summary>
    /// <returns>Its number.</returns>
    public int AddRule(string description)
    {
        _rules.Add(description);
        return _rules.Count - 1;
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
        int firstGroup = _groups.Count;
        for (int i = 0; i < sorted.Length;)
        {
            int end = i + 1;
            while (end < sorted.Length && SameGroup(sorted[i], sorted[end]))
            {
                end++;
            }

            AddGroup(sorted.AsSpan(i, end - i));
            i = end;
        }

        _sets.Add(new RuleSet(firstGroup, _groups.Count - firstGroup));
        return _sets.Count - 1;
    }

    /// <summary>Makes the table.</summary>
    public SecurityGroupTable Build()
    {
        int[] slots = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, _entries.Count * 2))];
        for (int i = 0; i < _entries.Count; i++)
        {
            int slot = SecurityGroupTable.HashOf(_entries[i].Group, _entries[i].Network) & (slots.Length - 1);
            while (slots[slot] != 0)
            {
                slot = (slot + 1) & (slots.Length - 1);
            }

            slots[slot] = i + 1;
        }

        return new SecurityGroupTable([.. _sets], [.. _groups], [.. _entries], [.. _ranges], slots, [.. _rules]);
    }

    private void AddGroup(ReadOnlySpan<RuleBox> boxes)
    {
        int group = _groups.Count;
        _groups.Add(new PrefixGroup(boxes[0].Protocol ?? PrefixGroup.AnyProtocol, boxes[0].IsV6, boxes[0].Mask));
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

    /// <summary>Makes sorted ranges that share no selector of sorted ones that may: what an earlier one allows stays its.</summary>
    private void AddRanges(ReadOnlySpan<RuleBox> boxes)
    {
        int covered = -1;
        foreach (RuleBox box in boxes)
        {
            bool all = box.Protocol == null;
            int first = Math.Max(all ? 0 : box.First, covered + 1);
            int last = all ? ushort.MaxValue : box.Last;
            if (first <= last)
            {
                _ranges.Add(new SelectorRange((ushort)first, (ushort)last, box.Rule));
                covered = last;
            }
        }
    }

    private static bool SameGroup(in RuleBox a, in RuleBox b) =>
        a.Protocol == b.Protocol && a.IsV6 == b.IsV6 && a.Mask == b.Mask;

    private static int Compare(RuleBox a, RuleBox b)
    {
        int order = (a.Protocol ?? PrefixGroup.AnyProtocol).CompareTo(b.Protocol ?? PrefixGroup.AnyProtocol);
        order = order != 0 ? order : a.IsV6.CompareTo(b.IsV6);
        order = order != 0 ? order : Compare(a.Mask, b.Mask);
        order = order != 0 ? order : Compare(a.Network, b.Network);
        order = order != 0 ? order : a.First.CompareTo(b.First);
        order = order != 0 ? order : a.Last.CompareTo(b.Last);
        return order != 0 ? order : a.Rule.CompareTo(b.Rule);
    }

    private static int Compare(RawIp6 a, RawIp6 b) =>
        a.First != b.First ? a.First.CompareTo(b.First) : a.Second.CompareTo(b.Second);
}
