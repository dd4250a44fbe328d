using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Wayside;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Counters;

/// <summary>What the tables of a worker hold, as others read it.</summary>
public class OccupancyTests
{
    [Fact]
    public void Connections_of_both_families_are_half_open_until_they_are_answered()
    {
        using var real = new RecordedSwitch(Way.Config);
        var way = Way.Named("within a subnet");
        // One way for both families: the same ports and MACs.
        real.Receive("green", way.Udp(10), Way.Start);
        real.Receive("green", Way.Named("within a subnet, IPv6").Udp(10), Way.Start);
        Assert.Equal(new TableOccupancy(1, 1, 2, 1, 0, 0, 0), Of(real));
        real.Receive("twin", Frames.Udp(way.Ends.Reverse(), 1000, 5000), Way.Start);
        Assert.Equal(new TableOccupancy(1, 1, 1, 1, 0, 0, 0), Of(real));
        real.Finish(Way.Start);
    }

    [Fact]
    public void Denials_are_forgotten_when_the_policy_changes()
    {
        using var real = new RecordedSwitch(Way.Config);
        FrameAddresses ends = Way.FromOutside("192.0.2.9", "198.51.100.10");
        for (ushort port = 1; port <= 5; port++)
        {
            byte[] frame = Frames.Tcp(ends, port, 22, TcpBits.Syn);
            Assert.Equal(DropReason.SecurityGroupIngress, Assert.Single(real.Receive("internet", frame, Way.Start)).Reason);
            real.Receive("internet", frame, Way.Start);
        }

        Assert.Equal(5, Of(real).Denials);
        real.Reconfigure(Way.Config);
        Assert.Equal(0, Of(real).Denials);
        real.Finish(Way.Start);
    }

    [Fact]
    public void A_datagram_counts_until_it_is_whole_or_too_old_and_its_early_fragments_are_held()
    {
        using var real = new RecordedSwitch(Way.Config);
        var way = Way.Named("within a subnet");
        IReadOnlyList<byte[]> fragments = way.Fragments(3000, 1000);
        real.Receive("green", fragments[1], Way.Start);
        Assert.Equal((1, 1), (Of(real).Datagrams, Of(real).Held));
        real.Receive("green", fragments[0], Way.Start);
        Assert.Equal((1, 0), (Of(real).Datagrams, Of(real).Held));
        Assert.Equal(0, real.Workers.Workers[0].Pipeline.Occupancy(Way.Start + (6 * Way.Second)).Datagrams);
        real.Finish(Way.Start);
    }

    [Fact]
    public void Neighbours_that_are_learnt_count()
    {
        using var real = new RecordedSwitch(Way.Config);
        Assert.Equal(0, real.Workers.Shared.Neighbors.CountKnown());
        real.Receive("internet", Frames.ArpRequest(Way.Outside, TestTopologies.Ip("198.51.100.99"), TestTopologies.Ip("198.51.100.1")), Way.Start);
        Assert.Equal(1, real.Workers.Shared.Neighbors.CountKnown());
        real.Finish(Way.Start);
    }

    private static TableOccupancy Of(RecordedSwitch real) => real.Workers.Workers[0].Pipeline.Occupancy(Way.Start);
}
