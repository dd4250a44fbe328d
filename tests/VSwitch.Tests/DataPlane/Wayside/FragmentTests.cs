using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>Fragments through the switch (order of checks, sections 1 and 9), by every way and for one to four workers.</summary>
public class FragmentTests
{
    private const int Bytes = 32;

    public static TheoryData<string, int> WaysAndWorkers()
    {
        var rows = new TheoryData<string, int>();
        foreach (Way way in Way.All)
        {
            rows.Add(way.Name, 1);
            rows.Add(way.Name, 3);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(WaysAndWorkers))]
    public void Four_fragments_in_any_order_leave_first_one_first_and_make_the_whole(string name, int workers)
    {
        var way = Way.Named(name);
        using var real = new RecordedSwitch(Way.Config, workers);
        FrameEnd whole = Assert.Single(real.Receive(way.InPort, way.Udp(100), Way.Start));
        Assert.Equal((way.OutPort, DropReason.None), (whole.Port, whole.Reason));
        IReadOnlyList<byte[]> fragments = way.Fragments(100, Bytes);
        Assert.Equal(4, fragments.Count);
        long nowNs = Way.Start;
        foreach (int[] order in Orders(4))
        {
            var ends = new List<FrameEnd>();
            foreach (int i in order)
            {
                nowNs += 1000;
                ends.AddRange(real.Receive(way.InPort, fragments[i], nowNs));
            }

            Assert.All(ends, end => Assert.Equal((way.OutPort, DropReason.None), (end.Port, end.Reason)));
            PacketAssert.Equal(whole.Frame, Reassembler.Join(ends.Select(end => end.Frame)));

            // The first one, then what came before it in order of arrival, then the rest.
            int first = Array.IndexOf(order, 0);
            int[] expected = [0, .. order[..first], .. order[(first + 1)..]];
            Assert.Equal(expected, ends.Select(end => OffsetOf(end.Frame) / Bytes));
        }

        Assert.Equal(1, real.Workers.ConnectionCount);
        real.Finish(nowNs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void What_came_before_a_dropped_first_fragment_and_after_it_is_unmatched(int workers)
    {
        var way = new Way("refused", "db", "internet", Way.Between("db", "", "10.0.2.10", "192.0.2.9", routed: true));
        IReadOnlyList<byte[]> fragments = way.Fragments(100, Bytes);
        using var real = new RecordedSwitch(Way.Config, workers);
        Assert.Empty(real.Receive("db", fragments[2], Way.Start));
        Assert.Equal(
            [DropReason.SecurityGroupEgress, DropReason.FragmentUnmatched],
            real.Receive("db", fragments[0], Way.Start).Select(e => e.Reason));
        Assert.Equal(DropReason.FragmentUnmatched, Assert.Single(real.Receive("db", fragments[1], Way.Start)).Reason);
        real.Finish(Way.Start);
    }

    [Theory]
    [InlineData("within a subnet", 1)]
    [InlineData("within a subnet, IPv6", 1)]
    [InlineData("out by an EIP", 4)]
    [InlineData("in, IPv6", 4)]
    public void A_repeated_fragment_is_dropped_alone(string name, int workers)
    {
        var way = Way.Named(name);
        IReadOnlyList<byte[]> fragments = way.Fragments(100, Bytes);
        using var real = new RecordedSwitch(Way.Config, workers);
        Assert.Empty(real.Receive(way.InPort, fragments[2], Way.Start));
        Assert.Equal(DropReason.FragmentOverlap, Assert.Single(real.Receive(way.InPort, fragments[2], Way.Start)).Reason);
        Assert.Equal(2, real.Receive(way.InPort, fragments[0], Way.Start).Count(e => e.Reason == DropReason.None));
        Assert.Equal(DropReason.FragmentOverlap, Assert.Single(real.Receive(way.InPort, fragments[0], Way.Start)).Reason);
        Assert.Equal(DropReason.None, Assert.Single(real.Receive(way.InPort, fragments[1], Way.Start)).Reason);
        Assert.Equal(DropReason.None, Assert.Single(real.Receive(way.InPort, fragments[3], Way.Start)).Reason);

        // Now the datagram is complete and forgotten: the same name is another datagram's.
        Assert.Empty(real.Receive(way.InPort, fragments[1], Way.Start));
        real.Finish(Way.Start);
    }

    [Theory]
    [InlineData("within a subnet", 1)]
    [InlineData("in by an EIP", 2)]
    [InlineData("out, IPv6", 4)]
    public void An_overlap_drops_what_is_held_and_whatever_comes_for_five_seconds(string name, int workers)
    {
        var way = Way.Named(name);
        IReadOnlyList<byte[]> fragments = way.Fragments(100, Bytes);
        byte[] overlap = way.Fragments(100, 2 * Bytes)[0];
        using var real = new RecordedSwitch(Way.Config, workers);
        Assert.Empty(real.Receive(way.InPort, fragments[1], Way.Start));
        Assert.Empty(real.Receive(way.InPort, fragments[3], Way.Start + 5));
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, overlap, Way.Start + 10);
        Assert.All(ends, end => Assert.Equal(DropReason.FragmentOverlap, end.Reason));
        Assert.Equal([overlap, fragments[1], fragments[3]], ends.Select(end => end.Frame));
        Assert.Equal(0, real.Held(way.InPort));
        long lastNs = Way.Start + (5 * Way.Second) - 1;
        Assert.Equal(DropReason.FragmentOverlap, Assert.Single(real.Receive(way.InPort, fragments[0], lastNs)).Reason);
        Assert.Equal(DropReason.None, Assert.Single(real.Receive(way.InPort, fragments[0], lastNs + 1)).Reason);
        real.Finish(lastNs + 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_held_fragment_waits_one_second_and_a_port_has_64_places(int workers)
    {
        var way = Way.Named("out by an EIP");
        using var real = new RecordedSwitch(Way.Config, workers);
        for (ushort id = 0; id < 64; id++)
        {
            Assert.Empty(real.Receive(way.InPort, way.Fragments(100, Bytes, id)[1], Way.Start + id));
        }

        Assert.Equal(64, real.Held(way.InPort));
        Assert.Equal(
            DropReason.FragmentUnmatched, Assert.Single(real.Receive(way.InPort, way.Fragments(100, Bytes, 64)[1], Way.Start + 64)).Reason);

        // Another port has places of its own.
        var other = Way.Named("in by an EIP");
        Assert.Empty(real.Receive(other.InPort, other.Fragments(100, Bytes)[1], Way.Start + 65));
        Assert.Empty(real.Wait(Way.Start + Way.Second - 1));
        Assert.Equal(DropReason.FragmentUnmatched, Assert.Single(real.Wait(Way.Start + Way.Second)).Reason);
        IReadOnlyList<FrameEnd> rest = real.Wait(Way.Start + (2 * Way.Second));
        Assert.Equal(Enumerable.Range(1, 63), rest.Take(63).Select(e => (e.Frame[18] << 8) | e.Frame[19]));
        Assert.Equal(64, rest.Count(e => e.Reason == DropReason.FragmentUnmatched));
        Assert.Equal(0, real.Workers.HeldCount);
        real.Finish(Way.Start + (2 * Way.Second));
    }

    [Fact]
    public void Floods_of_first_and_of_later_fragments_leave_another_ports_datagram_alone()
    {
        using var real = new RecordedSwitch(Way.Config, 2);
        var way = Way.Named("within a subnet");
        var flood = Way.Named("between subnets");
        IReadOnlyList<byte[]> fragments = way.Fragments(100, Bytes);
        Assert.Single(real.Receive(way.InPort, fragments[0], Way.Start));
        byte[] first = flood.Fragments(100, Bytes)[0];
        byte[] later = flood.Fragments(100, Bytes)[1];
        for (int i = 0; i < 30_000; i++)
        {
            byte[] frame = i % 2 == 0 ? first : later;
            Renumber(frame, (ushort)i);
            real.Receive(flood.InPort, frame, Way.Start + i);
            Assert.InRange(real.Workers.HeldCount, 0, 64);
        }

        Assert.Equal(DropReason.None, Assert.Single(real.Receive(way.InPort, fragments[1], Way.Start + 40_000)).Reason);
        real.Finish(Way.Start + 40_000);
    }

    [Theory]
    [InlineData("offset beyond 65535", 0x1FFF, 16, "malformed-ipv4")]
    [InlineData("no whole units, more follow", 0x2002, 12, "malformed-ipv4")]
    [InlineData("first without whole units", 0x2000, 28, "malformed-ipv4")]
    [InlineData("no payload", 0x0004, 0, "malformed-ipv4")]
    [InlineData("the flags of TCP", 0x0001, 16, "malformed-l4")]
    public void Fragments_that_make_no_datagram(string what, int field, int bytes, string reason)
    {
        var way = Way.Named("within a subnet");
        byte protocol = field == 1 ? (byte)6 : (byte)47;
        byte[] frame = PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac)
            .IPv4(way.Ends.Source, way.Ends.Destination, ip => ip with
            {
                FragmentOffset = field & 0x1FFF,
                MoreFragments = (field & 0x2000) != 0,
                Protocol = protocol,
            })
            .Payload(bytes).Build();
        using var real = new RecordedSwitch(Way.Config);
        Assert.True(reason == Assert.Single(real.Receive(way.InPort, frame, Way.Start)).Reason.Name(), what);
    }

    [Fact]
    public void Stateless_checks_come_before_and_a_fragment_to_the_router_is_no_echo()
    {
        using var real = new RecordedSwitch(Way.Config);
        byte[] spoofed = Frames.Fragments(
            Frames.Udp(Way.Between("green", "twin", "10.0.1.99", "10.0.1.11", false), 1, 1000, 100), Bytes, 5)[1];
        Assert.Equal(DropReason.SpoofedIp, Assert.Single(real.Receive("green", spoofed, Way.Start)).Reason);
        byte[] toRouter = Frames.Fragments(
            Frames.Udp(Way.Between("green", "twin", "10.0.1.10", "10.0.1.1", true), 1, 1000, 100), Bytes, 5)[1];
        Assert.Equal(DropReason.UnsupportedProtocol, Assert.Single(real.Receive("green", toRouter, Way.Start)).Reason);
        Assert.Equal(0, real.Workers.HeldCount);
    }

    [Fact]
    public void Fragments_of_IPv6_with_options_before_and_behind_the_fragment_header_follow_their_first()
    {
        var way = Way.Named("in, IPv6");
        byte[] upper = PacketBuilder.Bare().IPv6(way.Ends.Source, way.Ends.Destination).Udp(5000, 1000).Payload(72).Build()[40..];
        PacketBuilder head = PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac)
            .IPv6(way.Ends.Source, way.Ends.Destination).HopByHop();
        byte[] first = head.Fragment6(0, true, 9, 60).Payload([17, 0, 1, 4, 0, 0, 0, 0, .. upper[..24]]).Build();
        byte[] later = head.Fragment6(4, false, 9, 17).Payload(upper[24..]).Build();
        using var real = new RecordedSwitch(Way.Config, 3);
        Assert.Empty(real.Receive(way.InPort, later, Way.Start));
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, first, Way.Start);
        Assert.Equal([DropReason.None, DropReason.None], ends.Select(e => e.Reason));
        Assert.Equal([first[54..], later[54..]], ends.Select(e => e.Frame[54..]));
    }

    [Fact]
    public void A_later_fragment_is_looked_at_for_ttl_and_is_never_told_about()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        Assert.Single(real.Receive(way.InPort, way.Fragments(100, Bytes)[0], Way.Start));
        byte[] dying = Frames.Fragments(way.Udp(100, ttl: 1), Bytes, 77)[1];
        Assert.Equal(DropReason.TtlExpired, Assert.Single(real.Receive(way.InPort, dying, Way.Start)).Reason);
    }

    private static int OffsetOf(byte[] frame) => frame[12] == 0x86
        ? ((frame[56] << 8) | frame[57]) & 0xFFF8
        : (((frame[20] << 8) | frame[21]) & 0x1FFF) * 8;

    internal static void Renumber(byte[] frame, ushort id)
    {
        (frame[18], frame[19], frame[24], frame[25]) = ((byte)(id >> 8), (byte)id, 0, 0);
        ushort checksum = OnesComplement.Checksum(frame.AsSpan(14, 20));
        (frame[24], frame[25]) = ((byte)(checksum >> 8), (byte)checksum);
    }

    private static IEnumerable<int[]> Orders(int count) => count == 0
        ? [[]]
        : Orders(count - 1).SelectMany(order => Enumerable.Range(0, count).Select(at => (int[])[.. order[..at], count - 1, .. order[at..]]));
}
