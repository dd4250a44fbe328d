using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>Load and latency over an interval, told from what a worker counted before and after.</summary>
public sealed class WorkerStatisticsTests
{
    [Fact]
    public void Load_is_busy_time_over_time_and_percentiles_are_of_the_interval_alone()
    {
        using var host = new SwitchHost(TestTopologies.Small(), workers: 1);
        Note(host, 5_000_000, 1_000);
        WorkerReading before = WorkerReading.Of(host.Workers.Workers[0]);
        for (int i = 0; i < 98; i++)
        {
            Note(host, 1_000, 1);
        }

        Note(host, 40_000, 2);
        WorkerReading now = WorkerReading.Of(host.Workers.Workers[0]);
        WorkerLoad load = WorkerStatistics.Between(before, now, TimeSpan.FromMicroseconds(276));
        Assert.Equal((0, 100, 0.5), (load.Worker, load.Packets, load.Load));
        Assert.Equal(1_024e-9, load.LatencyP50Seconds);
        Assert.Equal(RoundCounters.LimitNs(RoundCounters.BucketOf(40_000)) / 1e9, load.LatencyP99Seconds);

        WorkerLoad none = WorkerStatistics.Between(now, now, TimeSpan.FromSeconds(1));
        Assert.Equal((0, 0, 0, 0), (none.Packets, none.Load, none.LatencyP50Seconds, none.LatencyP99Seconds));
        host.Free();
    }

    [Fact]
    public void Who_asks_often_gets_no_interval_shorter_than_a_second()
    {
        using var host = new SwitchHost(TestTopologies.Small(), workers: 2);
        var time = new ManualTime();
        var statistics = new WorkerStatistics(host, time);
        double[] intervals = [.. new[] { 0.5, 0.7, 0.3, 0.9, 30, 0.1 }.Select(seconds =>
        {
            time.Advance(TimeSpan.FromSeconds(seconds));
            IReadOnlyList<WorkerLoad> loads = statistics.Read();
            Assert.Equal([0, 1], loads.Select(l => l.Worker));
            return Math.Round(loads[0].IntervalSeconds, 6);
        })];
        Assert.Equal([0.5, 1.2, 1.5, 1.2, 30, 30.1], intervals);
        host.Free();
    }

    /// <summary>As the worker's thread does; this one is idle.</summary>
    private static unsafe void Note(SwitchHost host, long durationNs, int packets)
    {
        using var done = new ManualResetEventSlim();
        host.Post(0, new Errand(worker => worker.Counters.Rounds->NoteBusy(durationNs, packets), done));
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), "the worker did it");
    }

    private sealed class Errand(Action<Worker> act, ManualResetEventSlim done) : IWorkerErrand
    {
        public bool Step(Worker worker)
        {
            act(worker);
            done.Set();
            return true;
        }
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
