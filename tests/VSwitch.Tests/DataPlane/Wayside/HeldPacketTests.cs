using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>Packets that wait for their next hop's MAC (order of checks, section 4, miss, 6).</summary>
public class HeldPacketTests
{
    private static readonly IpAddress Unknown4 = IpAddress.Parse("198.51.100.99");
    private static readonly IpAddress Unknown6 = IpAddress.Parse("2001:db8:100::99");
    private static readonly MacAddress UnknownMac = new(0x0200_0000_9999);

    public static TheoryData<bool, int> FamiliesAndWorkers() => new()
    {
        { false, 1 }, { false, 2 }, { false, 4 }, { true, 1 }, { true, 3 },
    };

    [Theory]
    [MemberData(nameof(FamiliesAndWorkers))]
    public void Packets_wait_for_a_learnt_neighbour_and_go_in_order(bool isV6, int workers)
    {
        Way way = ToUnknown(isV6);
        using var real = new RecordedSwitch(Way.Config, workers);
        FrameEnd question = Assert.Single(real.Receive("green", way.Udp(20, port: 5000), Way.Start));
        Assert.Equal("internet", question.Port);
        PacketAssert.That(question.Frame, isV6 ? PacketAssert.Icmp(135, 0) : PacketAssert.Field("arp.op", "1"));

        // The same next hop is not asked again within a second.
        for (ushort port = 5001; port < 5010; port++)
        {
            Assert.Empty(real.Receive("green", way.Udp(20, port: port), Way.Start + port));
        }

        Assert.Equal(10, real.Held("green"));
        Assert.Equal(0, real.Workers.ConnectionCount);
        IReadOnlyList<FrameEnd> ends = real.Receive("internet", Learn(isV6), Way.Start + Way.Second - 1);
        Assert.Equal(Enumerable.Range(5000, 10), ends.Select(e => PortOf(e.Frame)));
        Assert.All(ends, end => PacketAssert.That(
            end.Frame, PacketAssert.Ttl(63), PacketAssert.Macs(Way.Config.Internet!.Mac, UnknownMac),
            PacketAssert.Addresses(isV6 ? way.Ends.Source : IpAddress.Parse("198.51.100.20"), way.Ends.Destination)));
        Assert.Equal((0, 10), (real.Held("green"), real.Workers.ConnectionCount));
        Assert.Equal("internet", Assert.Single(real.Receive("green", way.Udp(20, port: 5000), Way.Start + Way.Second)).Port);
        real.Finish(Way.Start + Way.Second);
    }

    [Theory]
    [MemberData(nameof(FamiliesAndWorkers))]
    public void After_a_second_without_an_answer_the_sender_is_told(bool isV6, int workers)
    {
        Way way = ToUnknown(isV6);
        using var real = new RecordedSwitch(Way.Config, workers);
        byte[] sent = way.Udp(1300);
        Assert.Single(real.Receive("green", sent, Way.Start));
        Assert.Empty(real.Wait(Way.Start + Way.Second - 1));
        IReadOnlyList<FrameEnd> ends = real.Wait(Way.Start + Way.Second);
        Assert.Equal([DropReason.NeighborUnresolved, DropReason.None], ends.Select(e => e.Reason).OrderDescending());
        byte[] told = ends.Single(e => e.Reason == DropReason.None).Frame;
        PacketAssert.That(
            told, isV6 ? PacketAssert.Icmp(1, 3) : PacketAssert.Icmp(3, 1), PacketAssert.Ttl(64),
            PacketAssert.Macs(Way.Gateway, Way.MacOf("green")), PacketAssert.Addresses(RouterOf(isV6), way.Ends.Source));
        Assert.Equal(sent[14..(isV6 ? 14 + 1232 : 14 + 548)], told[(isV6 ? 62 : 42)..]);

        // The next packet asks again.
        Assert.Single(real.Receive("green", way.Udp(20), Way.Start + Way.Second));
        real.Finish(Way.Start + Way.Second);
    }

    [Fact]
    public void The_sixty_fifth_is_dropped_at_once_without_a_word()
    {
        Way way = ToUnknown(isV6: false);
        using var real = new RecordedSwitch(Way.Config);
        for (int i = 0; i < 64; i++)
        {
            real.Receive("green", way.Udp(20, port: (ushort)i), Way.Start + i);
        }

        FrameEnd end = Assert.Single(real.Receive("green", way.Udp(20, port: 64), Way.Start + 64));
        Assert.Equal(DropReason.NeighborUnresolved, end.Reason);
        Assert.Equal(64, real.Receive("internet", Learn(false), Way.Start + 100).Count);
        real.Finish(Way.Start + 100);
    }

    [Fact]
    public void No_more_than_half_of_the_buffers_wait()
    {
        using var real = new RecordedSwitch(Way.Config, workers: 2, smallBuffers: 64);
        Way green = ToUnknown(isV6: false);
        var loose = new Way("loose", "loose", "internet", Way.Between("loose", "", "10.0.2.11", "198.51.100.99", routed: true));
        for (int i = 0; i < 20; i++)
        {
            real.Receive("green", green.Udp(20, port: (ushort)i), Way.Start);
            real.Receive("loose", loose.Udp(20, port: (ushort)i), Way.Start);
        }

        Assert.Equal(32, real.Workers.HeldCount);
        real.Finish(Way.Start);
    }

    [Theory]
    [MemberData(nameof(FamiliesAndWorkers))]
    public void Later_fragments_wait_behind_a_first_one_that_waits(bool isV6, int workers)
    {
        Way way = ToUnknown(isV6);
        IReadOnlyList<byte[]> fragments = way.Fragments(100, 32);
        using var real = new RecordedSwitch(Way.Config, workers);
        Assert.Empty(real.Receive("green", fragments[3], Way.Start));
        Assert.Single(real.Receive("green", fragments[0], Way.Start + 1));
        Assert.Empty(real.Receive("green", fragments[1], Way.Start + 2));
        Assert.Equal(3, real.Held("green"));
        IReadOnlyList<FrameEnd> ends = real.Receive("internet", Learn(isV6), Way.Start + 3);
        Assert.All(ends, end => Assert.Equal(("internet", DropReason.None), (end.Port, end.Reason)));
        ends = [.. ends, .. real.Receive("green", fragments[2], Way.Start + 4)];
        Assert.Equal(4, ends.Count);
        byte[] whole = Assert.Single(real.Receive("green", way.Udp(100), Way.Start + 5)).Frame;
        PacketAssert.Equal(whole, Reassembler.Join(ends.Select(e => e.Frame)));
        real.Finish(Way.Start + 5);
    }

    [Theory]
    [MemberData(nameof(FamiliesAndWorkers))]
    public void Later_fragments_end_with_a_first_one_that_waited_in_vain(bool isV6, int workers)
    {
        Way way = ToUnknown(isV6);
        IReadOnlyList<byte[]> fragments = way.Fragments(100, 32);
        using var real = new RecordedSwitch(Way.Config, workers);
        real.Receive("green", fragments[0], Way.Start);
        Assert.Empty(real.Receive("green", fragments[1], Way.Start + 500));
        IReadOnlyList<FrameEnd> ends = real.Wait(Way.Start + Way.Second);
        Assert.Equal(
            [DropReason.NeighborUnresolved, DropReason.FragmentUnmatched],
            ends.Where(e => e.Reason != DropReason.None).Select(e => e.Reason));
        Assert.Equal(
            DropReason.FragmentUnmatched, Assert.Single(real.Receive("green", fragments[2], Way.Start + Way.Second)).Reason);
        real.Finish(Way.Start + Way.Second);
    }

    [Fact]
    public void A_held_packet_is_looked_at_again_under_the_configuration_of_now()
    {
        Way way = ToUnknown(isV6: false);
        using var real = new RecordedSwitch(Way.Config, 2);
        real.Receive("green", way.Udp(20), Way.Start);
        real.Reconfigure(Way.Config with
        {
            ElasticIps = [.. Way.Config.ElasticIps.Select(e => e.Name == "green-ip" ? e with { Eni = null } : e)],
        });
        Assert.Equal(DropReason.EipUnbound, Assert.Single(real.Receive("internet", Learn(false), Way.Start + 1)).Reason);
        real.Finish(Way.Start + 1);
    }

    /// <summary>Two workers with threads of their own: the one that holds hears of what the other learns.</summary>
    [Fact]
    public void A_worker_that_sleeps_wakes_for_what_another_one_learns()
    {
        Way way = ToUnknown(isV6: false);
        using var real = new RecordedSwitch(Way.Config, 2);
        using var waiters = new Waiters();
        var threads = new WorkerThread?[2];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new WorkerThread(real.Workers.Workers[i], threads, waiters.Make(), null);
        }

        for (ushort port = 1; port <= 16; port++)
        {
            real.Devices[real.PortOf("green")].Enqueue(way.Udp(20, port: port));
        }

        foreach (WorkerThread? thread in threads)
        {
            thread!.Start();
        }

        try
        {
            Assert.True(SpinWait.SpinUntil(() => real.Held("green") == 16 || Sum().Dropped > 0, 10_000), "all are held");
            Assert.All(real.Workers.Workers, worker => Assert.True(worker.Pipeline.HeldCount > 0, "each worker holds some"));
            real.Devices[0].Enqueue(Learn(false));
            Assert.True(SpinWait.SpinUntil(() => Sum().Forwarded + Sum().Dropped == 16, 10_000), "all have left");
        }
        finally
        {
            Array.ForEach(threads, thread => thread!.Stop());
        }

        Assert.Equal((16, 0), (Sum().Forwarded, real.Workers.HeldCount));
        Assert.All(threads, thread => Assert.Null(thread!.Failure));

        PortCounters Sum() => real.Workers.Sum(real.PortOf("green"));
    }

    private static Way ToUnknown(bool isV6) => new("unknown", "green", "internet", isV6
        ? Way.Between("green", "", "fd00:9:0:1::10", "2001:db8:100::99", routed: true)
        : Way.Between("green", "", "10.0.1.10", "198.51.100.99", routed: true));

    private static IpAddress RouterOf(bool isV6) => IpAddress.Parse(isV6 ? "fd00:9:0:1::1" : "10.0.1.1");

    private static byte[] Learn(bool isV6) => isV6
        ? PacketBuilder.Eth(UnknownMac, Way.Config.Internet!.Mac)
            .IPv6(Unknown6, Way.Config.Internet.Addresses[1].Address, ip => ip with { HopLimit = 255 })
            .NeighborAdvertisement(Unknown6, UnknownMac, 0x60).Build()
        : Frames.ArpReply(UnknownMac, Unknown4, Way.Config.Internet!.Mac, IpAddress.Parse("198.51.100.1"));

    private static int PortOf(byte[] frame)
    {
        int at = frame[12] == 0x86 ? 54 : 34;
        return (frame[at] << 8) | frame[at + 1];
    }

    private sealed class Waiters : IDisposable
    {
        private readonly List<Waiter> _all = [];

        public IWorkerWaiter Make()
        {
            _all.Add(new Waiter());
            return _all[^1];
        }

        public void Dispose() => _all.ForEach(waiter => waiter.Dispose());

        /// <summary>Sleeps in short turns, since a memory device wakes nobody.</summary>
        private sealed class Waiter : IWorkerWaiter
        {
            private readonly ManualResetEventSlim _event = new();

            public int Wait(int timeoutMs, Span<int> ready)
            {
                _event.Wait(Math.Min(timeoutMs, 5));
                _event.Reset();
                return 0;
            }

            public void Wake() => _event.Set();

            public void Dispose() => _event.Dispose();
        }
    }
}
