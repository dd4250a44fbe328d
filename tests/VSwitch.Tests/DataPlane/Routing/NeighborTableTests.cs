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
            Assert.False(table.Learn(addresses[i], start.IsV6, (ulong)i + 1, nowMs: 0));
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
        Assert.False(table.Learn(address, isV6: false, 1, nowMs: 0));
        Assert.False(table.Learn(address, isV6: false, 1, nowMs: 0));
        Assert.True(table.Learn(address, isV6: false, 2, nowMs: 0));
        Assert.Equal(2UL, table.Lookup(0x0100_000A));
        Assert.Equal(0UL, table.Lookup(address));
    }

    [Fact]
    public void A_neighbour_that_is_not_heard_of_is_asked_three_times_and_forgotten()
    {
        using var table = new NeighborTable();
        var address = new RawIp6(0x0100_000A, 0);
        table.Learn(address, isV6: false, 7, nowMs: 5);
        long atMs = 5 + NeighborTable.BelievedMs;
        Assert.Equal(atMs, table.NextDueMs);
        Assert.Equal([], OverdueOf(table, atMs - 1));
        for (int question = 0; question < NeighborTable.MaxQuestions; question++, atMs += 1000)
        {
            Assert.Equal([new OverdueNeighbor(address, false, 7, Port: 0)], OverdueOf(table, atMs));
            Assert.Equal([], OverdueOf(table, atMs + 999));
        }

        Assert.Equal(7UL, table.Lookup(0x0100_000A));
        Assert.Equal([new OverdueNeighbor(address, false, 0, Port: 0)], OverdueOf(table, atMs));
        Assert.Equal(0UL, table.Lookup(0x0100_000A));
        Assert.Equal(long.MaxValue, table.NextDueMs);
    }

    [Fact]
    public void An_answer_makes_it_believed_again_and_a_forgotten_one_is_learnt_anew()
    {
        using var table = new NeighborTable();
        var address = new RawIp6(1, 2);
        table.Learn(address, isV6: true, 7, nowMs: 0);
        Assert.Single(OverdueOf(table, NeighborTable.BelievedMs));
        Assert.False(table.Learn(address, isV6: true, 7, NeighborTable.BelievedMs + 400));
        Assert.Equal([], OverdueOf(table, (2 * NeighborTable.BelievedMs) + 399));
        long atMs = (2 * NeighborTable.BelievedMs) + 400;
        Assert.Equal(atMs, table.NextDueMs);
        for (int i = 0; i <= NeighborTable.MaxQuestions; i++)
        {
            Assert.Single(OverdueOf(table, atMs));
            atMs += 1000;
        }

        Assert.Equal(0UL, table.Lookup(address));
        int version = table.Version;
        Assert.False(table.Learn(address, isV6: true, 7, atMs));
        Assert.Equal(version + 1, table.Version);
        Assert.Equal(7UL, table.Lookup(address));
    }

    [Fact]
    public void Neighbours_come_due_in_the_order_in_which_they_were_heard_of()
    {
        using var table = new NeighborTable();
        foreach (ulong neighbor in (ulong[])[1, 2, 3, 4])
        {
            table.Learn(new RawIp6(neighbor, 9), isV6: true, neighbor, nowMs: 10);
        }

        table.Learn(new RawIp6(2, 9), isV6: true, 2, nowMs: 20);
        table.Learn(new RawIp6(4, 9), isV6: true, 4, nowMs: 20);
        Assert.Equal([1UL, 3UL], OverdueOf(table, NeighborTable.BelievedMs + 10).Select(overdue => overdue.Address.First));
        Assert.Equal([2UL, 4UL], OverdueOf(table, NeighborTable.BelievedMs + 20).Select(overdue => overdue.Address.First));
        table.Learn(new RawIp6(3, 9), isV6: true, 3, NeighborTable.BelievedMs + 30);
        Assert.Equal([1UL, 2UL, 4UL], OverdueOf(table, NeighborTable.BelievedMs + 2000).Select(overdue => overdue.Address.First));
    }

    private static List<OverdueNeighbor> OverdueOf(NeighborTable table, long nowMs)
    {
        List<OverdueNeighbor> all = [];
        if (table.TryBeginAging(nowMs))
        {
            while (table.TryNextOverdue(nowMs, out OverdueNeighbor overdue))
            {
                all.Add(overdue);
            }
        }

        return all;
    }
}
