using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled allow rules of all ENIs. A rule set is the union of one direction's rules of an ENI's groups
/// (semantics.md section 1: no order, no priority, any match allows). Asked on a connection's first packet only.
/// Because any match allows, a set needs no order among its rules: they are grouped by protocol and prefix length; a look-up
/// probes one hash slot for each prefix length that occurs and searches the port ranges there, so its cost hardly depends on
/// the number of rules. Flat arrays, immutable, read by all workers.</summary>
public sealed class SecurityGroupTable
{
    /// <summary>What no rule allows.</summary>
    public const int NoRule = -1;

    private readonly RuleSet[] _sets;
    private readonly PrefixGroup[] _groups;
    private readonly PrefixEntry[] _entries;
    private readonly SelectorRange[] _ranges;
    private readonly int[] _slots;
    private readonly string[] _rules;

    internal SecurityGroupTable(
        RuleSet[] sets, PrefixGroup[] groups, PrefixEntry[] entries, SelectorRange[] ranges, int[] slots, string[] rules)
    {
        _sets = sets;
        _groups = groups;
        _entries = entries;
        _ranges = ranges;
        _slots = slots;
        _rules = rules;
    }

    /// <summary>Words for a rule, for people: "group web, ingress rule 2 (tcp 80 from 0.0.0.0/0)".</summary>
    public string Describe(int rule) => _rules[rule];

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

    internal static int HashOf(int group, RawIp6 network)
    {
        ulong hash = (network.First ^ (network.Second * 0xD6E8_FEB8_6659_FD93UL) ^ ((ulong)(uint)group << 32)) *
            0x9E37_79B9_7F4A_7C15UL;
        return (int)((hash ^ (hash >> 29)) >> 33);
    }

    private int Match(int ruleSet, byte protocol, RawIp6 remote, bool isV6, ushort selector)
    {
        RuleSet set = _sets[ruleSet];
        for (int i = set.FirstGroup; i < set.FirstGroup + set.GroupCount; i++)
        {
            PrefixGroup group = _groups[i];
            if (group.IsV6 != isV6 || (group.Protocol != PrefixGroup.AnyProtocol && group.Protocol != protocol))
            {
                continue;
            }

            var network = new RawIp6(remote.First & group.Mask.First, remote.Second & group.Mask.Second);
            int entry = Find(i, network);
            int rule = entry < 0 ? NoRule
                : Search(_entries[entry], group.Protocol == PrefixGroup.AnyProtocol ? (ushort)0 : selector);
            if (rule != NoRule)
            {
                return rule;
            }
        }

        return NoRule;
    }

    private int Find(int group, RawIp6 network)
    {
        int mask = _slots.Length - 1;
        for (int slot = HashOf(group, network) & mask; ; slot = (slot + 1) & mask)
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

/// <summary>Where the groups of a rule set are.</summary>
internal readonly record struct RuleSet(int FirstGroup, int GroupCount);

/// <summary>The rules of a set that share protocol, family and prefix length.</summary>
internal readonly record struct PrefixGroup(int Protocol, bool IsV6, RawIp6 Mask)
{
    /// <summary>Rules for every protocol; their one range is all selectors.</summary>
    public const int AnyProtocol = 256;
}

/// <summary>The rules of a group that share the prefix.</summary>
internal readonly record struct PrefixEntry(int Group, RawIp6 Network, int FirstRange, int RangeCount);

/// <summary>Selectors from first to last that a rule allows; the ranges of an entry are sorted and share none.</summary>
internal readonly record struct SelectorRange(ushort First, ushort Last, int Rule);
