using System.Buffers.Binary;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled network ACLs of all subnets: lists of rules in the order of their priority, one list a direction. The
/// first rule that names a packet decides; what none names is denied (semantics.md section 1). A list has at most a hundred
/// rules, so it is walked; within a rule, ports and addresses are sorted ranges and searched, so that a prefix list of any
/// length costs little. Asked when a connection is made or looked at again, and for ICMP errors.
/// Flat arrays, immutable, read by all workers.</summary>
public sealed class NetworkAclTable
{
    /// <summary>The list of a subnet without an ACL.</summary>
    public const int NoList = -1;

    /// <summary>What no rule names.</summary>
    public const int NoRule = -1;

    /// <summary>A table without lists.</summary>
    public static readonly NetworkAclTable Empty = new([], [], [], [], []);

    private readonly AclSlice[] _lists;
    private readonly AclRule[] _rules;
    private readonly SelectorSpan[] _selectors;
    private readonly AddressSpan[] _addresses;
    private readonly string[] _words;

    internal NetworkAclTable(
        AclSlice[] lists, AclRule[] rules, SelectorSpan[] selectors, AddressSpan[] addresses, string[] words)
    {
        _lists = lists;
        _rules = rules;
        _selectors = selectors;
        _addresses = addresses;
        _words = words;
    }

    /// <summary>Words for a rule, for people: "network ACL front, ingress rule 100 (allow tcp 80 from 0.0.0.0/0)".</summary>
    public string Describe(int rule) => _words[rule];

    /// <summary>True when the rule lets a packet pass; false also for <see cref="NoRule"/>.</summary>
    public bool Allows(int rule) => rule != NoRule && _rules[rule].Allows;

    /// <summary>The first rule of a list that names an IPv4 packet.</summary>
    /// <param name="list">Index of the list.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">Destination port in host order (TCP, UDP, SCTP), or type * 256 + code (ICMP); else 0.</param>
    /// <returns>The rule's number, or <see cref="NoRule"/>.</returns>
    public int Match(int list, byte protocol, uint remote, ushort selector) =>
        Match(list, protocol, BinaryPrimitives.ReverseEndianness(remote), isV6: false, selector);

    /// <summary>The first rule of a list that names an IPv6 packet.</summary>
    public int Match(int list, byte protocol, RawIp6 remote, ushort selector)
    {
        var number = new UInt128(
            BinaryPrimitives.ReverseEndianness(remote.First), BinaryPrimitives.ReverseEndianness(remote.Second));
        return Match(list, protocol, number, isV6: true, selector);
    }

    private int Match(int list, byte protocol, UInt128 remote, bool isV6, ushort selector)
    {
        AclSlice rules = _lists[list];
        for (int i = rules.First; i < rules.First + rules.Count; i++)
        {
            ref readonly AclRule rule = ref _rules[i];
            bool isNamed = (rule.Protocol == AclRule.AnyProtocol || rule.Protocol == protocol) &&
                HasSelector(rule.Selectors, selector) &&
                HasAddress(isV6 ? rule.Addresses6 : rule.Addresses4, remote);
            if (isNamed)
            {
                return i;
            }
        }

        return NoRule;
    }

    private bool HasSelector(AclSlice slice, ushort selector)
    {
        int low = slice.First;
        int high = slice.First + slice.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            SelectorSpan span = _selectors[middle];
            if (selector >= span.First && selector <= span.Last)
            {
                return true;
            }

            (low, high) = selector > span.Last ? (middle + 1, high) : (low, middle - 1);
        }

        return false;
    }

    private bool HasAddress(AclSlice slice, UInt128 address)
    {
        int low = slice.First;
        int high = slice.First + slice.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            AddressSpan span = _addresses[middle];
            if (address >= span.First && address <= span.Last)
            {
                return true;
            }

            (low, high) = address > span.Last ? (middle + 1, high) : (low, middle - 1);
        }

        return false;
    }
}

/// <summary>Selectors from first to last, both included: ports, or ICMP type * 256 + code.</summary>
public readonly record struct SelectorSpan(ushort First, ushort Last);

/// <summary>Addresses from first to last, both included, as numbers in host order.</summary>
public readonly record struct AddressSpan(UInt128 First, UInt128 Last);

/// <summary>Some elements of a flat array.</summary>
internal readonly record struct AclSlice(int First, int Count);

/// <summary>A compiled rule; the spans of a slice are sorted and share nothing.</summary>
internal readonly record struct AclRule(
    int Protocol, bool Allows, AclSlice Selectors, AclSlice Addresses4, AclSlice Addresses6)
{
    /// <summary>For every protocol.</summary>
    public const int AnyProtocol = -1;
}
