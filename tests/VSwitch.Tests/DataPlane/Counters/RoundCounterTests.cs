using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Linux;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Counters;

/// <summary>How busy workers are and how long packets are with them, and what their tables hold.</summary>
public class RoundCounterTests
{
    [Fact]
    public void Each_duration_falls_into_the_first_bucket_that_is_not_below_it()
    {
        int last = RoundCounters.BucketCount - 1;
        Assert.Equal((256L, 320L, 512L), (RoundCounters.LimitNs(0), RoundCounters.LimitNs(1), RoundCounters.LimitNs(4)));
        Assert.Equal((256L << RoundCounters.Octaves, long.MaxValue), (RoundCounters.LimitNs(last - 1), RoundCounters.LimitNs(last)));
        for (int bucket = 0; bucket < last; bucket++)
        {
            long limit = RoundCounters.LimitNs(bucket);
            Assert.Equal((bucket, bucket + 1), (RoundCounters.BucketOf(limit), RoundCounters.BucketOf(limit + 1)));
        }

        Assert.Equal((0, 0, last), (RoundCounters.BucketOf(-5), RoundCounters.BucketOf(0), RoundCounters.BucketOf(long.MaxValue)));
    }

    [Fact]
    public void A_busy_round_counts_once_and_its_packets_each()
    {
        var rounds = new RoundCounters();
        rounds.NoteBusy(1_000, 64);
        rounds.NoteBusy(1_000, 1);
        rounds.NoteBusy(100_000_000_000, 2);
        unsafe
        {
            Assert.Equal((65L, 2L), (rounds.Packets[RoundCounters.BucketOf(1_000)], rounds.Packets[RoundCounters.BucketCount - 1]));
        }

        Assert.Equal((3L, 100_000_002_000L, 200_000_065_000L), (rounds.BusyRounds, rounds.BusyNs, rounds.PacketNs));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_histogram_holds_every_packet_that_a_worker_received_or_took_over(int workers)
    {
        const int Packets = 5_000;
        SwitchConfig config = TestTopologies.Small();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        using var shared = new SwitchShared(snapshot, new FlowBudget(10_000, leaseSize: 64), snapshot.MeterEnd, (1, 2));
        MemoryDevice[] devices = [.. snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        shared.Publish(snapshot, devices);
        using var set = new WorkerSet(workers, shared, new WorkerOptions { SmallBuffers = 1024, LargeBuffers = 4, PortCapacity = 8 }, config.Switch.RssKey);
        var threads = new WorkerThread?[workers];
        PollWaiter[] waiters = [.. set.Workers.Select(_ => new PollWaiter([]))];
        for (int i = 0; i < workers; i++)
        {
            threads[i] = new WorkerThread(set.Workers[i], threads, waiters[i], null);
        }

        Array.ForEach(threads, t => t!.Start());
        var ends = new FrameAddresses(config.Enis[0].Mac, config.Enis[1].Mac, config.Enis[0].PrivateIps[0], config.Enis[1].PrivateIps[0]);
        int port = Array.IndexOf(snapshot.PortNames, config.Enis[0].Name);
        for (int i = 0; i < Packets; i++)
        {
            devices[port].Enqueue(Frames.Udp(ends, (ushort)(1000 + (i % 200)), 5000));
        }

        Assert.True(SpinWait.SpinUntil(() => set.Sum(port).Forwarded == Packets, TimeSpan.FromSeconds(30)), "all packets are forwarded");
        Array.ForEach(threads, t => t!.Stop());
        Array.ForEach(waiters, w => w.Dispose());
        Assert.All(threads, t => Assert.Null(t!.Failure));
        Assert.Equal(Packets, set.Workers.Sum(w => w.Counters.BurstPackets));
        foreach (Worker worker in set.Workers)
        {
            AssertBalanced(worker);
        }

        TableOccupancy[] tables = [.. set.Workers.Select(w => w.Pipeline.Occupancy(WorkerThread.NowNs()))];
        Assert.Equal((200, 0, 200), (tables.Sum(t => t.Connections4), tables.Sum(t => t.Connections6), tables.Sum(t => t.HalfOpen)));
        Assert.InRange(tables.Sum(t => t.Paths), 1, workers);
    }

    private static unsafe void AssertBalanced(Worker worker)
    {
        RoundCounters* rounds = worker.Counters.Rounds;
        long sum = 0;
        for (int i = 0; i < RoundCounters.BucketCount; i++)
        {
            sum += rounds->Packets[i];
        }

        Assert.Equal(worker.Counters.BurstPackets + worker.Counters.TakenOver, sum);
        Assert.InRange(rounds->BusyRounds, sum > 0 ? 1 : 0, rounds->Rounds);
        Assert.InRange(rounds->PacketNs, rounds->BusyNs, long.MaxValue);
    }
}
