using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Tables;

/// <summary>The map finds what a dictionary finds, and in a few steps for the keys that networks have: a look-up of a MAC is
/// on every packet's way.</summary>
public class NativeMapTests
{
    private const int MostMeanProbes = 3;

    [Theory]
    [InlineData(16)]
    [InlineData(100)]
    [InlineData(1000)]
    [InlineData(60_000)]
    public void Keys_of_one_network_do_not_crowd(int count)
    {
        int[] numbers = [.. Enumerable.Range(0, count)];
        CheckProbes("MACs in a row", numbers.Select(i => Raw.Mac(new MacAddress(0x0200_0000_0000UL + (ulong)i))));
        CheckProbes("MACs 256 apart", numbers.Select(i => Raw.Mac(new MacAddress(0x0200_0000_0000UL + ((ulong)i << 8)))));
        CheckProbes("addresses in a row", numbers.Select(i => ForwardingSnapshot.Ip4Key(1, Ip4(0x0A00_0000u + (uint)i))));
        CheckProbes("one host of each subnet", numbers.Select(i =>
            ForwardingSnapshot.Ip4Key(1, Ip4(0x0A00_000Au + ((uint)i << 8)))));
        CheckProbes("one address in each VPC", numbers.Select(i => ForwardingSnapshot.Ip4Key(i + 1, Ip4(0x0A00_010A))));
        CheckProbes("16 addresses in each VPC", numbers.Select(i =>
            ForwardingSnapshot.Ip4Key((i >> 4) + 1, Ip4(0x0A00_010Au + (uint)(i & 15)))));
        CheckProbes("EIPs", numbers.Select(i => (ulong)Ip4(0xCB00_7100u + (uint)i)));
        UInt128 net6 = (UInt128)0xFD00_000B_0000_0001UL << 64;
        CheckProbes("IPv6 hosts", numbers.Select(i =>
            ForwardingSnapshot.Ip6Key(1, Raw.Ip6(IpAddress.V6(net6 + (UInt128)i)))));
    }

    [Fact]
    public void Finds_what_a_dictionary_finds()
    {
        var random = new Random(Seeded.Take("native map"));
        var expected = new Dictionary<ulong, int>();
        var entries = new List<KeyValuePair<ulong, int>>();
        for (int i = 0; i < 5000; i++)
        {
            ulong key = random.Next(2) == 0 ? (ulong)random.Next(4000) : (ulong)random.NextInt64();
            expected.TryAdd(key, i);
            entries.Add(KeyValuePair.Create(key, i));
        }

        using var map = new NativeMap(entries.ToArray());
        Assert.Equal(expected.Count, map.Count);
        Assert.All(expected, e => Assert.Equal(e.Value, map.Lookup(e.Key, -1)));
        for (ulong key = 0; key < 5000; key++)
        {
            Assert.Equal(expected.GetValueOrDefault(key, -1), map.Lookup(key, -1));
        }
    }

    [Fact]
    public void An_empty_map_misses()
    {
        using var map = new NativeMap([]);
        Assert.Equal(-7, map.Lookup(0, -7));
        Assert.Equal(-7, map.Lookup(ulong.MaxValue, -7));
    }

    private static uint Ip4(uint address) => Raw.Ip4(IpAddress.V4(address));

    private static void CheckProbes(string what, IEnumerable<ulong> keys)
    {
        KeyValuePair<ulong, int>[] entries = [.. keys.Select((k, i) => KeyValuePair.Create(k, i))];
        using var map = new NativeMap(entries);
        Assert.Equal(entries.Length, map.Count);
        double mean = entries.Average(e => map.ProbesOf(e.Key));
        Assert.True(mean <= MostMeanProbes, $"{entries.Length} {what}: {mean:F1} probes on average");
        Assert.All(entries, e => Assert.Equal(e.Value, map.Lookup(e.Key, -1)));
    }
}
