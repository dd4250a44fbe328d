using System.Numerics;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled allow rules of all ENIs. A rule set is the union of one direction's rules of an ENI's groups
/// (semantics.md section 1: no order, no priority, any match allows). Asked on a connection's first packet only.
/// Because any match allows, a set needs no order among its rules: they are grouped by protocol, family and prefix
/// length (a tuple space). A look-up asks two classes, the packet's protocol and "any protocol"; in each it probes one
/// hash slot for each prefix length that occurs and searches the selector ranges there. So its cost hardly depends on
/// the number of rules.
/// Flat arrays, immutable, read by all workers.</summary>
public sealed class SecurityGroupTable
{
    /// <summary>What no rule allows.</summary>
    public const int NoRule = -1;

    /// <summary>A rule's number is its group's number and, in this many low bits, its place in the group.</summary>
    public const int OrdinalBits = 16;

    /// <summary>Highest place of a rule in its group.</summary>
    public const int MaxOrdinal = (1 << OrdinalBits) - 1;

    /// <summary>Highest number of a group.</summary>
    public const int MaxGroup = int.MaxValue >> OrdinalBits;

    private readonly RuleSet[] _sets;
    private readonly ProtocolClass[] _classes;
    private readonly RawIp6[] _masks;
    private readonly PrefixEntry[] _entries;
    private readonly SelectorRange[] _ranges;
    private readonly int[] _slots;
    private readonly int _shift;
    private readonly int[] _rules;
    private readonly string[] _words;
    private readonly SecurityGroupState[] _groups;

    internal SecurityGroupTable(
        RuleSet[] sets, ProtocolClass[] classes, RawIp6[] masks, PrefixEntry[] entries, SelectorRange[] ranges,
        int[] slots, int[] rules, string[] words, SecurityGroupState[] groups)
    {
        _sets = sets;
        _classes = classes;
        _masks = masks;
        _entries = entries;
        _ranges = ranges;
        _slots = slots;
        _shift = ShiftOf(slots.Length);
        _rules = rules;
        _words = words;
        _groups = groups;
    }

    /// <summary>Words for a rule, for people: "group web, ingress rule 2 (tcp 80 from 0.0.0.0/0)". Also for a rule that an
    /// older snapshot had and this one has not.</summary>
    public string Describe(int rule)
    {
        int at = Array.BinarySearch(_rules, rule);
        return at >= 0 ? _words[at]
            : GroupOf(rule) is { Name: not null } group ? $"group {group.Name}, a rule that it no longer has"
            : "a rule of a group that is gone";
    }

    /// <summary>True when a live connection ends because of the group of a rule that admitted it: the group is
    /// <see cref="LiveMode.Cut"/> and has changed.</summary>
    /// <param name="rule">The rule that admitted it, or <see cref="NoRule"/>.</param>
    /// <param name="seenIn">Version of the snapshot that looked at the connection last.</param>
    public bool IsCut(int rule, uint seenIn) =>
        GroupOf(rule) is { Mode: LiveMode.Cut } group && group.Since <= seenIn && group.ChangedIn > seenIn;

    /// <summary>True when a live connection goes on without asking the rules again, because the group of the rule that
    /// admitted it is <see cref="LiveMode.Keep"/>.</summary>
    public bool IsKept(int rule, uint seenIn) => GroupOf(rule) is { Mode: LiveMode.Keep } group && group.Since <= seenIn;

    /// <summary>Finds a rule that allows an IPv4 packet.</summary>
    /// <param name="ruleSet">Index of the rule set.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">Destination port in host order (TCP, UDP, SCTP), or type * 256 + code (ICMP); else 0.</param>
    /// <returns>The rule's number, or <see cref="NoRule"/>.</returns>
    public int Match(int ruleSet, byte protocol, uint remote, ushort selector) =>
        Match(ruleSet, protocol, new RawIp6(remote, 0), isV6: false, selector);

    /// <summary>Finds a rule that allows an IPv6 packet.</summary>
    public int Match(int ruleSet, byte protocol, RawIp6 remote, ushort selector) =>
        Match(ruleSet, protocol, remote, isV6: true, selector);

    /// <summary>Slots that a look-up of a prefix reads, at most; the tests hold it small whatever the rules.</summary>
    internal int LongestProbe
    {
        get
        {
            int longest = 0;
            for (int slot = 0; slot < _slots.Length; slot++)
            {
                if (_slots[slot] != 0)
                {
                    PrefixEntry entry = _entries[_slots[slot] - 1];
                    int home = HomeOf(entry.Group, entry.Network, _shift);
                    longest = Math.Max(longest, ((slot - home) & (_slots.Length - 1)) + 1);
                }
            }

            return longest;
        }
    }

    /// <summary>The group of a rule as it is now; a nameless one when it is gone.</summary>
    private SecurityGroupState GroupOf(int rule)
    {
        int number = rule < 0 ? -1 : rule >> OrdinalBits;
        return (uint)number < (uint)_groups.Length ? _groups[number] : default;
    }

    /// <summary>Slot where the search for a prefix begins: as many top bits of the hash as the table has.</summary>
    internal static int HomeOf(int group, RawIp6 network, int shift) =>
        (int)(RawHash.Of(network, (uint)group) >> shift);

    /// <summary>Bits of a hash to leave out for a table of that many slots.</summary>
    internal static int ShiftOf(int slots) => 64 - BitOperations.Log2((uint)slots);

    private int Match(int ruleSet, byte protocol, RawIp6 remote, bool isV6, ushort selector)
    {
        RuleSet set = _sets[ruleSet];
        int rule = MatchClass(set, ProtocolClass.KeyOf(isV6, protocol), remote, selector);
        return rule != NoRule
            ? rule : MatchClass(set, ProtocolClass.KeyOf(isV6, ProtocolClass.AnyProtocol), remote, selector);
    }

    /// <summary>Asks the rules of one protocol and family: one hash probe a prefix length.</summary>
    private int MatchClass(RuleSet set, int key, RawIp6 remote, ushort selector)
    {
        int found = FindClass(set, key);
        if (found < 0)
        {
            return NoRule;
        }

        ProtocolClass wanted = _classes[found];
        for (int group = wanted.FirstGroup; group < wanted.FirstGroup + wanted.GroupCount; group++)
        {
            RawIp6 mask = _masks[group];
            int entry = FindEntry(group, new RawIp6(remote.First & mask.First, remote.Second & mask.Second));
            int rule = entry < 0 ? NoRule : Search(_entries[entry], selector);
            if (rule != NoRule)
            {
                return rule;
            }
        }

        return NoRule;
    }

    /// <summary>Binary search: a set may name all 256 protocols.</summary>
    private int FindClass(RuleSet set, int key)
    {
        int low = set.FirstClass;
        int high = set.FirstClass + set.ClassCount - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int there = _classes[middle].Key;
            if (there == key)
            {
                return middle;
            }

            (low, high) = there < key ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }

    private int FindEntry(int group, RawIp6 network)
    {
        int mask = _slots.Length - 1;
        for (int slot = HomeOf(group, network, _shift); ; slot = (slot + 1) & mask)
        {
            int entry = _slots[slot] - 1;
            if (entry < 0 || (_entries[entry].Group == group && _entries[entry].Network == network))
            {
                return entry;
            }
        }
    }

    private int Search(in PrefixEntry entry, ushort selector)
    {
        int low = entry.FirstRange;
        int high = entry.FirstRange + entry.RangeCount - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            SelectorRange range = _ranges[middle];
            if (selector < range.First)
            {
                high = middle - 1;
            }
            else if (selector > range.Last)
            {
                low = middle + 1;
            }
            else
            {
                return range.Rule;
            }
        }

        return NoRule;
    }
}

/// <summary>Where the protocol classes of a rule set are; they are sorted by key.</summary>
internal readonly record struct RuleSet(int FirstClass, int ClassCount);

/// <summary>The rules of a set for one protocol and family; a group for each prefix length that occurs.</summary>
internal readonly record struct ProtocolClass(int Key, int FirstGroup, int GroupCount)
{
    /// <summary>Rules for every protocol; each has one range, of all selectors.</summary>
    public const int AnyProtocol = 256;

    /// <summary>Orders classes by family, then by protocol.</summary>
    public static int KeyOf(bool isV6, int protocol) => (isV6 ? AnyProtocol + 1 : 0) + protocol;
}

/// <summary>The rules of a class that share the prefix; <paramref name="Group"/> is the index of their mask.</summary>
internal readonly record struct PrefixEntry(int Group, RawIp6 Network, int FirstRange, int RangeCount);

/// <summary>Selectors from first to last that a rule allows; the ranges of an entry are sorted and share none.</summary>
internal readonly record struct SelectorRange(ushort First, ushort Last, int Rule);
