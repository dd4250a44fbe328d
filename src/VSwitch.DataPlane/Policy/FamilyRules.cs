using System.Runtime.CompilerServices;

namespace VSwitch.DataPlane.Policy;

/// <summary>The rules of a block for one family: classes by protocol, sorted, and of each class a table for each prefix length that
/// occurs, the shortest first. Immutable.</summary>
internal sealed class FamilyRules<TAddress, TFamily>
    where TAddress : unmanaged, IEquatable<TAddress>
    where TFamily : IRawAddress<TAddress>
{
    /// <summary>The class of rules for every protocol.</summary>
    public const int AnyProtocol = 256;

    /// <summary>Nothing that a rule can have comes after it.</summary>
    public const ulong LastOrder = ulong.MaxValue;

    private const int ClassBit = 48;
    private const int LengthBit = 32;
    private readonly ushort[] _protocols;
    private readonly PrefixTable<TAddress, TFamily>[][] _tables;

    /// <param name="protocols">Protocols with rules, in ascending order.</param>
    /// <param name="tables">The tables of each.</param>
    public FamilyRules(ushort[] protocols, PrefixTable<TAddress, TFamily>[][] tables)
    {
        _protocols = protocols;
        _tables = tables;
    }

    /// <summary>Slots that a look-up of a prefix reads, at most.</summary>
    public int LongestProbe
    {
        get
        {
            int longest = 0;
            foreach (PrefixTable<TAddress, TFamily>[] tables in _tables)
            {
                foreach (PrefixTable<TAddress, TFamily> table in tables)
                {
                    longest = Math.Max(longest, table.LongestProbe);
                }
            }

            return longest;
        }
    }

    /// <summary>Finds a rule: of the packet's protocol before one for every protocol, of a shorter prefix before one of a longer.</summary>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">What rules look at besides.</param>
    /// <param name="order">Orders what several blocks find: the lowest is meant; <see cref="LastOrder"/> when nothing is found.</param>
    public int Match(byte protocol, TAddress remote, ushort selector, out ulong order)
    {
        int rule = MatchClass(FindClass(protocol), remote, selector, out order);
        if (rule != SecurityGroupTable.NoRule)
        {
            return rule;
        }

        // Sorted: the class for every protocol can only be the last one.
        int last = _protocols.Length - 1;
        if (last < 0 || _protocols[last] != AnyProtocol)
        {
            return SecurityGroupTable.NoRule;
        }

        rule = MatchClass(last, remote, selector, out order);
        order |= 1UL << ClassBit;
        return rule;
    }

    private int MatchClass(int found, TAddress remote, ushort selector, out ulong order)
    {
        if (found >= 0)
        {
            PrefixTable<TAddress, TFamily>[] tables = _tables[found];
            for (int i = 0; i < tables.Length; i++)
            {
                int rule = tables[i].Match(remote, selector, out uint place);
                if (rule != SecurityGroupTable.NoRule)
                {
                    order = ((ulong)(uint)tables[i].Length << LengthBit) | place;
                    return rule;
                }
            }
        }

        order = LastOrder;
        return SecurityGroupTable.NoRule;
    }

    /// <summary>Binary search: a block may name all 256 protocols.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindClass(byte protocol)
    {
        int low = 0;
        int high = _protocols.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int there = _protocols[middle];
            if (there == protocol)
            {
                return middle;
            }

            (low, high) = there < protocol ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }
}
