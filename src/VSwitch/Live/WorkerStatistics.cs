using VSwitch.DataPlane.Counters;

namespace VSwitch.Live;

/// <summary>How a worker fared over an interval.</summary>
/// <param name="Worker">Its number.</param>
/// <param name="IntervalSeconds">How long the interval was.</param>
/// <param name="Load">Share of it that was spent in rounds that handled packets, 0 to 1.</param>
/// <param name="Packets">Packets handled.</param>
/// <param name="LatencyP50Seconds">Of half of the packets the round took no longer (an upper bound of their stay in the switch, see
/// <see cref="RoundCounters"/>; the limit of its bucket, at most a quarter too high); 0 without packets.</param>
/// <param name="LatencyP99Seconds">Likewise of 99 of 100.</param>
/// <param name="Now">What it has counted since the start.</param>
internal sealed record WorkerLoad(
    int Worker, double IntervalSeconds, double Load, long Packets, double LatencyP50Seconds, double LatencyP99Seconds, WorkerReading Now);

/// <summary>The workers' load and latency lately. Whoever asks, and how often, changes nothing for the workers; an interval lasts at
/// least a second (but for the first one), and as long as nobody asked.</summary>
internal sealed class WorkerStatistics
{
    private static readonly TimeSpan LeastInterval = TimeSpan.FromSeconds(1);
    private readonly SwitchHost _host;
    private readonly TimeProvider _time;
    private readonly Lock _reading = new();
    private (long At, WorkerReading[] Workers) _older;
    private (long At, WorkerReading[] Workers) _newer;

    /// <summary>Begins the first interval.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="time">The clock; null = the system's.</param>
    public WorkerStatistics(SwitchHost host, TimeProvider? time = null)
    {
        _host = host;
        _time = time ?? TimeProvider.System;
        _older = _newer = ReadAll();
    }

    /// <summary>Load since the last reading that is at least a second old.</summary>
    public IReadOnlyList<WorkerLoad> Read()
    {
        lock (_reading)
        {
            (long At, WorkerReading[] Workers) now = ReadAll();
            if (_time.GetElapsedTime(_newer.At, now.At) >= LeastInterval)
            {
                _older = _newer;
                _newer = now;
            }

            TimeSpan interval = _time.GetElapsedTime(_older.At, now.At);
            return [.. now.Workers.Select((w, i) => Between(_older.Workers[i], w, interval))];
        }
    }

    /// <summary>What happened between two readings of a worker.</summary>
    /// <param name="before">The older one.</param>
    /// <param name="now">The newer one.</param>
    /// <param name="interval">Time between them.</param>
    public static WorkerLoad Between(WorkerReading before, WorkerReading now, TimeSpan interval)
    {
        long[] packets = now.PacketsByRound.ToArray();
        for (int i = 0; i < packets.Length; i++)
        {
            packets[i] -= before.PacketsByRound[i];
        }

        double busySeconds = (now.BusyNs - before.BusyNs) / 1e9;
        double seconds = interval.TotalSeconds;
        return new WorkerLoad(
            now.Worker, seconds, seconds <= 0 ? 0 : Math.Clamp(busySeconds / seconds, 0, 1), packets.Sum(),
            PercentileSeconds(packets, 0.5), PercentileSeconds(packets, 0.99), now);
    }

    private (long At, WorkerReading[] Workers) ReadAll() =>
        (_time.GetTimestamp(), [.. _host.Workers.Workers.Select(WorkerReading.Of)]);

    private static double PercentileSeconds(long[] packets, double share)
    {
        long total = packets.Sum();
        long rank = (long)Math.Ceiling(share * total);
        long seen = 0;
        for (int i = 0; total > 0 && i < packets.Length; i++)
        {
            seen += packets[i];
            if (seen >= rank)
            {
                // Of the last bucket only the lower limit is known.
                return RoundCounters.LimitNs(Math.Min(i, packets.Length - 2)) / 1e9;
            }
        }

        return 0;
    }
}
