using System.Buffers.Binary;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>The compiled lists against a walk over the rules as given.</summary>
public sealed class NetworkAclTableTests(ITestOutputHelper output)
{
    [Fact]
    public void It_agrees_with_a_walk_over_the_rules()
    {
        var random = new Random(Seeded.Take("ACL table", output.WriteLine));
        for (int round = 0; round < 200; round++)
        {
            NetworkAclEntry[] rules = [.. Enumerable.Range(0, random.Next(12)).Select(i => RandomRule(random, i))];
            var builder = new NetworkAclTableBuilder();
            builder.AddList([RandomRule(random, 99)]);
            int list = builder.AddList(rules);
            NetworkAclTable table = builder.Build();
            for (int i = 0; i < 200; i++)
            {
                byte protocol = (byte)(random.Next(3) + 5);
                ushort selector = (ushort)random.Next(40);
                bool isV6 = random.Next(2) == 0;
                uint address = (uint)random.Next(64);
                int expected = Array.FindIndex(rules, r => Names(r, protocol, selector, isV6, address));
                int found = isV6 ? table.Match(list, protocol, Raw6(address), selector)
                    : table.Match(list, protocol, BinaryPrimitives.ReverseEndianness(address), selector);
                Assert.Equal(expected < 0 ? NetworkAclTable.NoRule : expected + 1, found);
                Assert.Equal(expected >= 0 && rules[expected].Allows, table.Allows(found));
                Assert.True(expected < 0 || table.Describe(found) == $"rule {expected}");
            }
        }
    }

    [Fact]
    public void The_last_address_and_the_last_port_are_inside()
    {
        var builder = new NetworkAclTableBuilder();
        int list = builder.AddList([new NetworkAclEntry(
            6, true, [new SelectorSpan(0, ushort.MaxValue), new SelectorSpan(ushort.MaxValue, ushort.MaxValue)],
            [new AddressSpan(0, uint.MaxValue)], [new AddressSpan(0, UInt128.MaxValue)], "all")]);
        NetworkAclTable table = builder.Build();
        Assert.True(table.Allows(table.Match(list, 6, uint.MaxValue, ushort.MaxValue)));
        Assert.True(table.Allows(table.Match(list, 6, new RawIp6(ulong.MaxValue, ulong.MaxValue), 0)));
        Assert.False(table.Allows(table.Match(list, 17, 1u, 1)));
        Assert.False(table.Allows(NetworkAclTable.NoRule));
    }

    private static bool Names(NetworkAclEntry rule, byte protocol, ushort selector, bool isV6, uint address) =>
        (rule.Protocol == null || (rule.Protocol == protocol && rule.Selectors.Any(s => selector >= s.First && selector <= s.Last))) &&
        (isV6 ? rule.Addresses6 : rule.Addresses4).Any(a => address >= a.First && address <= a.Last);

    private static NetworkAclEntry RandomRule(Random random, int number) => new(
        random.Next(3) == 0 ? null : (byte)(random.Next(3) + 5), random.Next(2) == 0,
        [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (ushort)random.Next(40)).Select(f => new SelectorSpan(f, (ushort)(f + random.Next(5))))],
        RandomSpans(random), RandomSpans(random), $"rule {number}");

    private static List<AddressSpan> RandomSpans(Random random) =>
        [.. Enumerable.Range(0, random.Next(5)).Select(_ => (UInt128)(uint)random.Next(64)).Select(f => new AddressSpan(f, f + (uint)random.Next(9)))];

    private static RawIp6 Raw6(uint address) => new(0, BinaryPrimitives.ReverseEndianness((ulong)address));
}
