using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Policy;

/// <summary>The rules of a block for one family: classes by protocol, sorted, and of each class a table for each prefix length that
/// occurs, the shortest first, all in one array. Immutable.</summary>
internal sealed class FamilyRules<TAddress, TFamily>
    where TAddress : unmanaged, IEquatable<TAddress>
    where TFamily : IRawAddress<TAddress>
{
    /// <summary>The class of rules for every protocol.</summary>
    public const int AnyProtocol = 256;

    private const int ClassBit = 48;
    private const int LengthBit = 32;
    private readonly PrefixTable<TAddress, TFamily>[] _tables;
    private readonly ProtocolClass[] _classes;

    /// <param name="classes">The protocols with rules, in ascending order.</param>
    /// <param name="tables">The tables of all classes.</param>
    public FamilyRules(ProtocolClass[] classes, PrefixTable<TAddress, TFamily>[] tables)
    {
        _classes = classes;
        _tables = tables;
    }

    /// <summary>Slots that a look-up of a prefix reads, at most.</summary>
    public int LongestProbe
    {
        get
        {
            int longest = 0;
            foreach (PrefixTable<TAddress, TFamily> table in _tables)
            {
                longest = Math.Max(longest, table.LongestProbe);
            }

            return longest;
        }
    }

    /// <summary>Finds the rule among several blocks' for a direction: of the packet's protocol before one for every protocol, of a
    /// shorter prefix before one of a longer, of a lower first selector, of a lower last one, of a lower number.</summary>
    /// <param name="blocks">The blocks' rules of the family.</param>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">What rules look at besides.</param>
    public static int MatchAny(FamilyRules<TAddress, TFamily>[] blocks, byte protocol, TAddress remote, ushort selector)
    {
        if (blocks.Length == 1)
        {
            return blocks[0].Match(protocol, remote, selector, out _);
        }

        int rule = SecurityGroupTable.NoRule;
        ulong least = ulong.MaxValue;
        foreach (FamilyRules<TAddress, TFamily> block in blocks)
        {
            int found = block.Match(protocol, remote, selector, out ulong order);
            if (found != SecurityGroupTable.NoRule && (order < least || (order == least && found < rule)))
            {
                (rule, least) = (found, order);
            }
        }

        return rule;
    }

    /// <summary>Finds a rule.</summary>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="remote">The other end, raw.</param>
    /// <param name="selector">What rules look at besides.</param>
    /// <param name="order">Orders what several blocks find: the lowest is meant.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Match(byte protocol, TAddress remote, ushort selector, out ulong order)
    {
        order = 0;
        ProtocolClass[] classes = _classes;
        for (int i = 0; i < classes.Length; i++)
        {
            // Sorted: the class for every protocol can only be the last one, and is asked when the packet's own has nothing.
            int there = classes[i].Protocol;
            if (there == protocol || there == AnyProtocol)
            {
                int rule = MatchClass(classes[i], remote, selector, out order);
                if (rule != SecurityGroupTable.NoRule)
                {
                    order |= there == AnyProtocol ? 1UL << ClassBit : 0;
                    return rule;
                }
            }
        }

        return SecurityGroupTable.NoRule;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int MatchClass(ProtocolClass wanted, TAddress remote, ushort selector, out ulong order)
    {
        ref PrefixTable<TAddress, TFamily> table = ref Unsafe.Add(
            ref MemoryMarshal.GetArrayDataReference(_tables), wanted.FirstTable);
        ref PrefixTable<TAddress, TFamily> end = ref Unsafe.Add(ref table, wanted.TableCount);
        for (; Unsafe.IsAddressLessThan(ref table, ref end); table = ref Unsafe.Add(ref table, 1))
        {
            int rule = table.Match(remote, selector, out uint place);
            if (rule != SecurityGroupTable.NoRule)
            {
                order = ((ulong)(uint)table.Length << LengthBit) | place;
                return rule;
            }
        }

        order = 0;
        return SecurityGroupTable.NoRule;
    }
}

/// <summary>The tables of one protocol.</summary>
internal readonly record struct ProtocolClass(ushort Protocol, ushort FirstTable, ushort TableCount);
