using System.Runtime.InteropServices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>Keeps the rules of one group and direction, and compiles them to a <see cref="RuleBlock"/> again after each change:
/// only the tables whose rules changed are made anew. Control-plane work: it may allocate.</summary>
public sealed class RuleBlockBuilder
{
    private readonly FamilyBuilder<uint, RawAddress4> _v4 = new();
    private readonly FamilyBuilder<RawIp6, RawAddress6> _v6 = new();
    private RuleBlock? _block;

    /// <summary>Adds a box.</summary>
    public void Add(in RuleBox box)
    {
        _block = null;
        if (box.IsV6)
        {
            _v6.Add(box);
        }
        else
        {
            _v4.Add(box);
        }
    }

    /// <summary>Takes a box out that was added.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public void Remove(in RuleBox box)
    {
        _block = null;
        if (box.IsV6)
        {
            _v6.Remove(box);
        }
        else
        {
            _v4.Remove(box);
        }
    }

    /// <summary>Compiles what is there now; the same block as long as nothing changes.</summary>
    public RuleBlock Build() => _block ??= new RuleBlock(_v4.Build(), _v6.Build());

    /// <summary>The rules of one family, by protocol and prefix length.</summary>
    private sealed class FamilyBuilder<TAddress, TFamily>
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IRawAddress<TAddress>
    {
        private const int LengthBits = 8;
        private readonly Dictionary<int, Partition> _partitions = [];
        private Partition[] _sorted = [];
        private FamilyRules<TAddress, TFamily>? _built;

        public void Add(in RuleBox box)
        {
            TAddress mask = TFamily.From(box.Mask);
            ref Partition? partition = ref CollectionsMarshal.GetValueRefOrAddDefault(_partitions, KeyOf(box, mask), out bool exists);
            if (!exists)
            {
                partition = new Partition(KeyOf(box, mask), mask);
                _sorted = [];
            }

            partition!.Rules.Add(RuleOf(box));
            partition.IsStale = true;
            _built = null;
        }

        public void Remove(in RuleBox box)
        {
            int key = KeyOf(box, TFamily.From(box.Mask));
            int at = _partitions.TryGetValue(key, out Partition? partition) ? partition.Rules.IndexOf(RuleOf(box)) : -1;
            if (at < 0)
            {
                throw new InvalidOperationException($"{box} is not among the rules");
            }

            partition!.Rules[at] = partition.Rules[^1];
            partition.Rules.RemoveAt(partition.Rules.Count - 1);
            partition.IsStale = true;
            _built = null;
            if (partition.Rules.Count == 0)
            {
                _partitions.Remove(key);
                _sorted = [];
            }
        }

        public FamilyRules<TAddress, TFamily> Build() => _built ??= Compile();

        private FamilyRules<TAddress, TFamily> Compile()
        {
            if (_sorted.Length != _partitions.Count)
            {
                _sorted = [.. _partitions.Values];
                Array.Sort(_sorted, static (a, b) => a.Key.CompareTo(b.Key));
            }

            var classes = new List<ProtocolClass>();
            var tables = new PrefixTable<TAddress, TFamily>[_sorted.Length];
            for (int i = 0; i < _sorted.Length;)
            {
                int first = i;
                int protocol = _sorted[first].Key >> LengthBits;
                for (; i < _sorted.Length && _sorted[i].Key >> LengthBits == protocol; i++)
                {
                    tables[i] = _sorted[i].Build();
                }

                classes.Add(new ProtocolClass((ushort)protocol, (ushort)first, (ushort)(i - first)));
            }

            return new FamilyRules<TAddress, TFamily>([.. classes], tables);
        }

        /// <summary>Sorts by protocol, those for all last, then by prefix length.</summary>
        private static int KeyOf(in RuleBox box, TAddress mask) =>
            ((box.Protocol ?? FamilyRules<TAddress, TFamily>.AnyProtocol) << LengthBits) | TFamily.LengthOf(mask);

        private static PrefixRule<TAddress> RuleOf(in RuleBox box) => box.Protocol == null
            ? new PrefixRule<TAddress>(TFamily.From(box.Network), 0, ushort.MaxValue, box.Rule)
            : new PrefixRule<TAddress>(TFamily.From(box.Network), box.First, box.Last, box.Rule);

        private sealed class Partition(int key, TAddress mask)
        {
            private PrefixTable<TAddress, TFamily> _table;

            public int Key { get; } = key;

            public List<PrefixRule<TAddress>> Rules { get; } = [];

            public bool IsStale { get; set; }

            public PrefixTable<TAddress, TFamily> Build()
            {
                if (IsStale)
                {
                    _table = new PrefixTable<TAddress, TFamily>(mask, CollectionsMarshal.AsSpan(Rules));
                    IsStale = false;
                }

                return _table;
            }
        }
    }
}
