using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Bench;

/// <summary>Clocks a packet of the full pipeline in memory, on the calling thread, which should be pinned. Time is the thread's own
/// processor time, the generator's share is measured apart and left out; percentiles are of bursts by the clock on the wall, in a
/// run of their own, because reading a clock twice a burst is more than 1 % of it.</summary>
internal sealed unsafe class ThroughputBench
{
    private const int LeastPackets = 8_000_000;
    private const int LeastPacketsWhenQuick = 1_000_000;
    private const int TurnsOfAllFlows = 4;
    private const int SampledBursts = 100_000;
    private const int SampledBurstsWhenQuick = 20_000;
    private const int CheckedBursts = 8;
    private const int WarmUpFlows = 64;
    private const int WarmUpMs = 600;
    private readonly Dictionary<int, double> _yardsticks = [];
    private readonly bool _isQuick;

    /// <param name="isQuick">Fewer packets and runs: a figure in a second instead of five.</param>
    public ThroughputBench(bool isQuick) => _isQuick = isQuick;

    /// <summary>Bytes that this thread allocated while packets were timed.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Collections while packets were timed.</summary>
    public int Collections { get; private set; }

    private int Runs => _isQuick ? 3 : 5;

    /// <summary>Runs every scenario until the code that a packet takes is compiled for good: the runtime does that in the
    /// background, a tenth of a second after a method has been called often, or later.</summary>
    public static void WarmUp()
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        foreach (BenchScenario scenario in Enum.GetValues<BenchScenario>())
        {
            using var bed = new BenchBed(new BenchCase(scenario, WarmUpFlows));
            var clock = Stopwatch.StartNew();
            while (clock.ElapsedMilliseconds < WarmUpMs)
            {
                foreach (FrameSource source in bed.Sources[0])
                {
                    bed.Step(list, source);
                }
            }
        }
    }

    /// <summary>Measures one cell.</summary>
    public BenchCell Measure(BenchCase spec)
    {
        if (!_yardsticks.TryGetValue(spec.Flows, out double yardstick))
        {
            _yardsticks[spec.Flows] = yardstick = MemoryYardstick.Measure(spec.Flows, Runs);
        }

        using var bed = new BenchBed(spec);
        long packets = Math.Max(_isQuick ? LeastPacketsWhenQuick : LeastPackets, (long)spec.Flows * TurnsOfAllFlows);
        double clocksPerNs = BenchMachine.ClocksPerNs;
        double total = Percentiles.MedianOf(Runs, () => RunPipeline(bed, packets)) * clocksPerNs;
        double generator = Percentiles.MedianOf(Runs, () => RunGenerator(bed, packets)) * clocksPerNs;
        double[] bursts = SampleBursts(bed);
        if (spec.Scenario != BenchScenario.Denied)
        {
            OutputCheck.Run(bed, CheckedBursts);
        }

        double clocks = total - generator;
        return new BenchCell(
            spec.Scenario, spec.Flows, spec.Rules, spec.FrameBytes, spec.Order, spec.Workers, clocks, generator, yardstick,
            BenchMachine.TscMhz / clocks, Percentiles.Of<double>(bursts, 0.5), Percentiles.Of<double>(bursts, 0.99),
            Percentiles.Of<double>(bursts, 0.999));
    }

    /// <summary>Nanoseconds a packet, generator included; every packet must be forwarded, or none in the scenario of drops.</summary>
    private double RunPipeline(BenchBed bed, long packets)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        bool drops = bed.Spec.Scenario == BenchScenario.Denied;
        long before = drops ? bed.Dropped : bed.Forwarded;
        long done = 0;
        int collections = GC.CollectionCount(0);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        double start = ThreadClock.NowNs();
        while (done < packets)
        {
            foreach (FrameSource source in bed.Sources[0])
            {
                done += bed.Step(list, source);
            }
        }

        double ns = ThreadClock.NowNs() - start;
        AllocatedBytes += GC.GetAllocatedBytesForCurrentThread() - allocated;
        Collections += GC.CollectionCount(0) - collections;
        long counted = (drops ? bed.Dropped : bed.Forwarded) - before;
        return counted == done ? ns / done
            : throw new BenchException($"{counted} of {done} packets were {(drops ? "dropped" : "forwarded")}");
    }

    private static double RunGenerator(BenchBed bed, long packets)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        PacketPool pool = bed.Workers.Workers[0].Pool;
        long done = 0;
        double start = ThreadClock.NowNs();
        while (done < packets)
        {
            foreach (FrameSource source in bed.Sources[0])
            {
                int count = source.Receive(pool, list, BenchBed.Burst);
                for (int i = 0; i < count; i++)
                {
                    pool.Return(list[i]);
                }

                done += count;
            }
        }

        return (ThreadClock.NowNs() - start) / done;
    }

    /// <summary>Clocks a packet of each burst by the clock on the wall, ascending: without the generator, and without what reading
    /// the clock takes.</summary>
    private double[] SampleBursts(BenchBed bed)
    {
        double[] samples = new double[_isQuick ? SampledBurstsWhenQuick : SampledBursts];
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        Worker worker = bed.Workers.Workers[0];
        FrameSource[] sources = bed.Sources[0];
        double clocksPerTick = BenchMachine.TscMhz * 1e6 / Stopwatch.Frequency;
        double clockTicks = TicksOfReadingTheClock();
        for (int i = 0; i < samples.Length; i++)
        {
            FrameSource source = sources[i % sources.Length];
            int count = source.Receive(worker.Pool, list, BenchBed.Burst);
            long start = Stopwatch.GetTimestamp();
            bed.Process(worker, list, count, source.Port);
            samples[i] = (Stopwatch.GetTimestamp() - start - clockTicks) * clocksPerTick / count;
        }

        Array.Sort(samples);
        return samples;
    }

    private static double TicksOfReadingTheClock()
    {
        const int Reads = 10_000;
        double[] ticks = new double[Reads];
        for (int i = 0; i < Reads; i++)
        {
            long start = Stopwatch.GetTimestamp();
            ticks[i] = Stopwatch.GetTimestamp() - start;
        }

        return Percentiles.Median(ticks);
    }
}
