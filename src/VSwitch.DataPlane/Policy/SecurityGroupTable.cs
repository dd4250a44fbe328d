using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled allow rules of all ENIs. A rule set is the union of one direction's rules of an ENI's groups
/// (semantics.md section 1: no order, no priority, any match allows). Asked on a connection's first packet only. Each group has
/// its own <see cref="RuleBlock"/>, which is compiled anew only when its rules change; a set is the list of its groups' blocks.
/// Immutable, read by all workers.</summary>
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

    private readonly FamilyRules<uint, RawAddress4>[][] _sets4;
    private readonly FamilyRules<RawIp6, RawAddress6>[][] _sets6;
    private readonly IRuleWords _words;
    private readonly SecurityGroupState[] _groups;

    /// <summary>Makes the table.</summary>
    /// <param name="sets">For each rule set the blocks of its groups.</param>
    /// <param name="groups">What the groups are, by their numbers.</param>
    /// <param name="words">What the rules say, for people.</param>
    public SecurityGroupTable(RuleBlock[][] sets, SecurityGroupState[] groups, IRuleWords words)
    {
        _sets4 = Array.ConvertAll(sets, blocks => Array.ConvertAll(blocks, block => block.V4));
        _sets6 = Array.ConvertAll(sets, blocks => Array.ConvertAll(blocks, block => block.V6));
        _groups = groups;
        _words = words;
    }

    /// <summary>The number of a rule, the same in every snapshot while the rule keeps its place in its group.</summary>
    /// <param name="group">Number of the rule's group, at most <see cref="MaxGroup"/>.</param>
    /// <param name="ordinal">Which rule of the group, at most <see cref="MaxOrdinal"/>; both directions share the ordinals.</param>
    /// <exception cref="ArgumentOutOfRangeException">One of them is larger.</exception>
    public static int NumberOf(int group, int ordinal)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(group, MaxGroup);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ordinal, MaxOrdinal);
        return (group << OrdinalBits) | ordinal;
    }

    /// <summary>Words for a rule, for people: "group web, ingress rule 2 (tcp 80 from 0.0.0.0/0)". Also for a rule that an
    /// older snapshot had and this one has not.</summary>
    public string Describe(int rule) =>
        (rule < 0 ? null : _words.Of(rule >> OrdinalBits, rule & MaxOrdinal)) ??
        (GroupOf(rule) is { Name: not null } group ? $"group {group.Name}, a rule that it no longer has" : "a rule of a group that is gone");

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
        FamilyRules<uint, RawAddress4>.MatchAny(_sets4[ruleSet], protocol, remote, selector);

    /// <summary>Finds a rule that allows an IPv6 packet.</summary>
    public int Match(int ruleSet, byte protocol, RawIp6 remote, ushort selector) =>
        FamilyRules<RawIp6, RawAddress6>.MatchAny(_sets6[ruleSet], protocol, remote, selector);

    /// <summary>Slots that a look-up of a prefix reads, at most; the tests hold it small whatever the rules.</summary>
    internal int LongestProbe => Math.Max(LongestOf(_sets4), LongestOf(_sets6));

    private static int LongestOf<TAddress, TFamily>(FamilyRules<TAddress, TFamily>[][] sets)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IRawAddress<TAddress>
    {
        int longest = 0;
        foreach (FamilyRules<TAddress, TFamily>[] blocks in sets)
        {
            foreach (FamilyRules<TAddress, TFamily> block in blocks)
            {
                longest = Math.Max(longest, block.LongestProbe);
            }
        }

        return longest;
    }

    /// <summary>The group of a rule as it is now; a nameless one when it is gone.</summary>
    private SecurityGroupState GroupOf(int rule)
    {
        int number = rule < 0 ? -1 : rule >> OrdinalBits;
        return (uint)number < (uint)_groups.Length ? _groups[number] : default;
    }
}

/// <summary>What rules say, for people.</summary>
public interface IRuleWords
{
    /// <summary>Words for a rule: "group web, ingress rule 2 (tcp 80 from 0.0.0.0/0)"; null when the group has no such rule.</summary>
    string? Of(int group, int ordinal);
}
