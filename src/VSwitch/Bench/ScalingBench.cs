using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Bench;

/// <summary>Several workers, each a thread on a processor of its own with sources of its own; packets of connections that another
/// worker owns are handed over by the rings of a switch at work. By the clock on the wall and with the generator, because what
/// counts is how much more gets through; the processor time is given too, for machines that others use.</summary>
internal sealed unsafe class ScalingBench : IDisposable
{
    private readonly BenchBed _bed;
    private readonly int _workers;
    private readonly int[] _cpus;
    private int _sending;

    /// <summary>Makes the switch.</summary>
    /// <param name="spec">What is sent, and by how many workers.</param>
    /// <param name="split">Which worker a packet comes in on.</param>
    /// <param name="cpus">Processors to use, at least as many as workers.</param>
    public ScalingBench(BenchCase spec, SourceSplit split, int[] cpus)
    {
        _cpus = cpus[^spec.Workers..];
        _bed = new BenchBed(spec, split: split);
        _workers = spec.Workers;
    }

    /// <summary>Has every worker send, and waits for the last packet.</summary>
    /// <param name="packetsEach">Packets that each worker takes from its sources.</param>
    /// <param name="samples">Takes the clocks a packet of bursts of the first worker, without the generator; null = no clock is
    /// read.</param>
    /// <exception cref="BenchException">A packet was lost.</exception>
    public ScalingRun Run(long packetsEach, List<double>? samples = null)
    {
        long before = _bed.Forwarded;
        _sending = _workers;
        var times = new WorkerTime[_workers];
        using var barrier = new Barrier(_workers);
        PinnedThread.RunAll(_cpus, w => times[w] = RunWorker(w, packetsEach, barrier, w == 0 ? samples : null));
        long sent = times.Sum(t => t.Sent);
        long forwarded = _bed.Forwarded - before;
        _bed.NowNs += packetsEach * BenchBed.PacketNs;
        if (forwarded != sent)
        {
            throw new BenchException($"{forwarded} of {sent} packets were forwarded");
        }

        double wallNs = (times.Max(t => t.EndTicks) - times.Min(t => t.StartTicks)) * 1e9 / Stopwatch.Frequency;
        return new ScalingRun(wallNs / sent, times.Sum(t => t.CpuNs) / sent);
    }

    /// <inheritdoc/>
    public void Dispose() => _bed.Dispose();

    private WorkerTime RunWorker(int index, long packets, Barrier barrier, List<double>? samples)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        Worker worker = _bed.Workers.Workers[index];
        long nowNs = _bed.NowNs;
        long sent = 0;
        double clocksPerTick = BenchMachine.TscMhz * 1e6 / Stopwatch.Frequency;
        barrier.SignalAndWait();
        long startTicks = Stopwatch.GetTimestamp();
        double startCpu = ThreadClock.NowNs();
        while (sent < packets)
        {
            foreach (FrameSource source in _bed.Sources[index])
            {
                worker.RunHandedOver(nowNs);
                int count = source.Receive(worker.Pool, list, BenchBed.Burst);
                if (count == 0)
                {
                    // All buffers are with the others: the rings bring them home.
                    continue;
                }

                long burstTicks = samples == null ? 0 : Stopwatch.GetTimestamp();
                worker.Pipeline.Begin(nowNs, BenchBed.Burst);
                worker.Pipeline.Process(list, count, source.Port);
                worker.Pipeline.Flush();
                samples?.Add((Stopwatch.GetTimestamp() - burstTicks) * clocksPerTick / count);
                sent += count;
                nowNs += (long)count * BenchBed.PacketNs;
            }
        }

        Interlocked.Decrement(ref _sending);
        while (Volatile.Read(ref _sending) > 0 || _bed.Workers.Workers.Any(w => w.WaitingCount > 0))
        {
            worker.RunHandedOver(nowNs);
        }

        return new WorkerTime(startTicks, Stopwatch.GetTimestamp(), ThreadClock.NowNs() - startCpu, sent);
    }

    private readonly record struct WorkerTime(long StartTicks, long EndTicks, double CpuNs, long Sent);
}

/// <summary>One run of several workers, nanoseconds a packet with the generator.</summary>
/// <param name="WallNs">By the clock on the wall.</param>
/// <param name="CpuNs">Processor time of all workers.</param>
internal readonly record struct ScalingRun(double WallNs, double CpuNs);
