using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane;

public unsafe class FlowTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(20_000)]
    public void Agrees_with_a_dictionary_up_to_full_and_over(int capacity)
    {
        var random = new Random(Seeded.Take($"flow table {capacity}"));
        using var table = new FlowTable(capacity, isV6: false);
        var model = new Dictionary<(ulong, ulong), nint>();
        var keys = new List<(ulong, ulong)>();
        for (int i = 0; i < 12 * Math.Max(capacity, 50); i++)
        {
            if (keys.Count > 0 && random.Next(3) == 0)
            {
                int victim = random.Next(keys.Count);
                table.Remove((FlowEntry*)model[keys[victim]]);
                model.Remove(keys[victim]);
                (keys[victim], keys[^1]) = (keys[^1], keys[victim]);
                keys.RemoveAt(keys.Count - 1);
            }

            (ulong, ulong) key = ((ulong)random.NextInt64(), (ulong)random.NextInt64());
            FlowEntry* entry = table.Add(key.Item1, key.Item2, Hash(key));
            Assert.Equal(keys.Count < capacity, entry != null);
            if (entry != null)
            {
                entry->State = FlowState.Other;
                model[key] = (nint)entry;
                keys.Add(key);
            }

            Assert.Equal(model.Count, table.Count);
        }

        foreach (((ulong, ulong) key, nint entry) in model)
        {
            Assert.Equal(entry, (nint)table.Find(key.Item1, key.Item2, Hash(key)));
        }

        Assert.True(table.Find(1, 2, Hash((1, 2))) == null);
    }

    [Fact]
    public void Tag_compare_equals_its_scalar_twin()
    {
        var random = new Random(Seeded.Take("tags"));
        using var memory = new HugeMemory(64);
        for (int i = 0; i < 100_000; i++)
        {
            for (int slot = 0; slot < 32; slot++)
            {
                ((ushort*)memory.Address)[slot] = (ushort)random.Next(4);
            }

            ushort tag = (ushort)random.Next(4);
            Assert.Equal(FlowIndex.MatchTagsScalar(memory.Address, tag), FlowIndex.MatchTags(memory.Address, tag));
        }
    }

    [Fact]
    public void A_connection_takes_no_more_than_the_target()
    {
        using var table = new FlowTable(1_000_000, isV6: false);
        Assert.InRange(table.BytesPerConnection, 1, 144);
    }

    private static uint Hash((ulong, ulong) key) => FlowKey.Hash(key.Item1, key.Item2, 11, 13);
}
