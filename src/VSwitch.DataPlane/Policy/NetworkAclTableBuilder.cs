namespace VSwitch.DataPlane.Policy;

/// <summary>A rule of a network ACL as its parts.</summary>
/// <param name="Protocol">IP protocol, or null for all (then the selectors do not count).</param>
/// <param name="Allows">True to let pass, false to deny.</param>
/// <param name="Selectors">Ports, or ICMP types and codes; in any order, they may overlap.</param>
/// <param name="Addresses4">IPv4 addresses of the other end, in any order.</param>
/// <param name="Addresses6">IPv6 addresses of the other end.</param>
/// <param name="Words">The rule in words.</param>
public sealed record NetworkAclEntry(
    byte? Protocol, bool Allows, IReadOnlyList<SelectorSpan> Selectors, IReadOnlyList<AddressSpan> Addresses4,
    IReadOnlyList<AddressSpan> Addresses6, string Words);

/// <summary>Collects the lists of network ACLs. Control-plane work: it may allocate.</summary>
public sealed class NetworkAclTableBuilder
{
    private readonly List<AclSlice> _lists = [];
    private readonly List<AclRule> _rules = [];
    private readonly List<SelectorSpan> _selectors = [];
    private readonly List<AddressSpan> _addresses = [];
    private readonly List<string> _words = [];

    /// <summary>Adds a list, its rules in the order in which they are asked.</summary>
    /// <returns>The list's index.</returns>
    public int AddList(IEnumerable<NetworkAclEntry> entries)
    {
        int first = _rules.Count;
        foreach (NetworkAclEntry entry in entries)
        {
            AclSlice selectors = entry.Protocol == null
                ? AddSelectors([new SelectorSpan(0, ushort.MaxValue)]) : AddSelectors(entry.Selectors);
            _rules.Add(new AclRule(
                entry.Protocol ?? AclRule.AnyProtocol, entry.Allows, selectors, AddAddresses(entry.Addresses4),
                AddAddresses(entry.Addresses6)));
            _words.Add(entry.Words);
        }

        _lists.Add(new AclSlice(first, _rules.Count - first));
        return _lists.Count - 1;
    }

    /// <summary>Makes the table.</summary>
    public NetworkAclTable Build() => new([.. _lists], [.. _rules], [.. _selectors], [.. _addresses], [.. _words]);

    private AclSlice AddSelectors(IEnumerable<SelectorSpan> spans)
    {
        int first = _selectors.Count;
        var sorted = new List<SelectorSpan>(spans);
        sorted.Sort((a, b) => a.First.CompareTo(b.First));
        foreach (SelectorSpan span in sorted)
        {
            // Spans that touch become one: a search must not depend on which of them it meets.
            if (_selectors.Count > first && span.First <= _selectors[^1].Last + 1)
            {
                _selectors[^1] = _selectors[^1] with { Last = Math.Max(_selectors[^1].Last, span.Last) };
            }
            else
            {
                _selectors.Add(span);
            }
        }

        return new AclSlice(first, _selectors.Count - first);
    }

    private AclSlice AddAddresses(IEnumerable<AddressSpan> spans)
    {
        int first = _addresses.Count;
        var sorted = new List<AddressSpan>(spans);
        sorted.Sort((a, b) => a.First.CompareTo(b.First));
        foreach (AddressSpan span in sorted)
        {
            if (_addresses.Count > first && span.First <= _addresses[^1].Last)
            {
                _addresses[^1] = _addresses[^1] with { Last = UInt128.Max(_addresses[^1].Last, span.Last) };
            }
            else
            {
                _addresses.Add(span);
            }
        }

        return new AclSlice(first, _addresses.Count - first);
    }
}
