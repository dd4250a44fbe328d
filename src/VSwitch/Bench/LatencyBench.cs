using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Bench;

/// <summary>What the switch adds to a packet's way in memory when it is half busy. Packets come at random instants (a Poisson
/// process), whether the switch is ready or not; each carries the instant at which it was due, and its latency counts from there to
/// the device that takes it. The same without the pipeline tells what the machine itself does: a virtual machine takes its
/// processors away for milliseconds.</summary>
internal sealed unsafe class LatencyBench : IFrameObserver
{
    private const int StampOffset = BenchLab.HeaderBytes;
    private const int GapCount = 1 << 16;
    private readonly BenchBed _bed;
    private readonly double[] _gapTicks = new double[GapCount];
    private readonly long[] _samples;
    private int _count;

    /// <param name="bed">The switch with its connections; the stamps spoil the checksums of TCP, which a switch does not look at.</param>
    /// <param name="packetsPerSecond">The load.</param>
    /// <param name="samples">Packets to send.</param>
    public LatencyBench(BenchBed bed, double packetsPerSecond, int samples)
    {
        _bed = bed;
        _samples = new long[samples];
        var random = new Random(1);
        for (int i = 0; i < GapCount; i++)
        {
            _gapTicks[i] = -Math.Log(1 - random.NextDouble()) * Stopwatch.Frequency / packetsPerSecond;
        }
    }

    /// <summary>Latencies with the pipeline, and without it.</summary>
    public (LatencyTail Pipeline, LatencyTail Idle) Measure()
    {
        _bed.Observe(this);
        Run(throughPipeline: true);
        Run(throughPipeline: false);
        LatencyTail idle = Tail();
        Run(throughPipeline: true);
        LatencyTail pipeline = Tail();
        _bed.Observe(null);
        return (pipeline, idle);
    }

    /// <inheritdoc/>
    public void OnSent(int port, PacketBuffer** packets, int count) => Note(packets, count);

    private void Note(PacketBuffer** packets, int count)
    {
        long now = Stopwatch.GetTimestamp();
        for (int i = 0; i < count && _count < _samples.Length; i++)
        {
            _samples[_count++] = now - *(long*)(packets[i]->Data + StampOffset);
        }
    }

    private void Run(bool throughPipeline)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        double* due = stackalloc double[BenchBed.Burst];
        Worker worker = _bed.Workers.Workers[0];
        FrameSource[] sources = _bed.Sources[0];
        int turn = 0;
        int gap = 0;
        _count = 0;
        double next = Stopwatch.GetTimestamp();
        while (_count < _samples.Length)
        {
            long now = Stopwatch.GetTimestamp();
            int count = 0;
            while (count < BenchBed.Burst && next <= now)
            {
                due[count++] = next;
                next += _gapTicks[gap++ % GapCount];
            }

            if (count == 0)
            {
                continue;
            }

            FrameSource source = sources[turn++ % sources.Length];
            int received = source.Receive(worker.Pool, list, count);
            for (int i = 0; i < received; i++)
            {
                *(long*)(list[i]->Data + StampOffset) = (long)due[i];
            }

            if (throughPipeline)
            {
                _bed.Process(worker, list, received, source.Port);
                continue;
            }

            Note(list, received);
            for (int i = 0; i < received; i++)
            {
                worker.Pool.Return(list[i]);
            }
        }
    }

    private LatencyTail Tail()
    {
        Array.Sort(_samples);
        double usPerTick = 1e6 / Stopwatch.Frequency;
        return new LatencyTail(
            Percentiles.Of<long>(_samples, 0.5) * usPerTick, Percentiles.Of<long>(_samples, 0.99) * usPerTick,
            Percentiles.Of<long>(_samples, 0.999) * usPerTick);
    }
}

/// <summary>Percentiles of latencies, microseconds.</summary>
internal readonly record struct LatencyTail(double P50, double P99, double P999);
