using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Routing;

public class NeighborTableTests
{
    private const int Neighbors = 4000;

    [Theory]
    [InlineData("198.18.0.0", 0)]
    [InlineData("2001:db8:100::", 0)]
    [InlineData("2001:db8:100::", 16)]
    public void Learns_half_its_size_of_neighbours_of_one_prefix(string first, int shift)
    {
        using var table = new NeighborTable();
        var start = IpAddress.Parse(first);
        RawIp6[] addresses = [.. Enumerable.Range(0, Neighbors).Select(i => start with { Bits = start.Bits + ((UInt128)i << shift) })
            .Select(a => a.IsV6 ? Raw.Ip6(a) : new RawIp6(Raw.Ip4(a), 0))];
        for (int i = 0; i < Neighbors; i++)
        {
            Assert.False(table.Learn(addresses[i], start.IsV6, (ulong)i + 1));
        }

        for (int i = 0; i < Neighbors; i++)
        {
            Assert.Equal((ulong)i + 1, start.IsV6 ? table.Lookup(addresses[i]) : table.Lookup((uint)addresses[i].First));
        }
    }

    [Fact]
    public void A_changed_mac_is_news_and_a_repeated_one_is_not()
    {
        using var table = new NeighborTable();
        var address = new RawIp6(0x0100_000A, 0);
        Assert.False(table.Learn(address, isV6: false, 1));
        Assert.False(table.Learn(address, isV6: false, 1));
        Assert.True(table.Learn(address, isV6: false, 2));
        Assert.Equal(2UL, table.Lookup(0x0100_000A));
        Assert.Equal(0UL, table.Lookup(address));
    }
}
