using System.Diagnostics;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.Live;

namespace VSwitch.Bench;

/// <summary>How long a change of rules takes until it is in force in a live switch, by the clock on the wall, and how long a worker
/// at work is held up by it.</summary>
internal static unsafe class PolicyBench
{
    private const int Flows = 1000;
    private const int WarmUps = 10;
    private const int QuietMs = 500;

    /// <summary>Milliseconds to replace all rules of a group, and to change one of them; the median of some.</summary>
    /// <param name="rules">Rules of the group in each direction.</param>
    /// <param name="changes">Changes of each kind.</param>
    public static IReadOnlyList<PolicyRow> Measure(int rules, int changes)
    {
        var lab = new BenchLab(BenchScenario.Sg, rules, capacity: 1024);
        var host = new SwitchHost(lab.Config, workers: 1);
        try
        {
            return
            [
                new PolicyRow("replace a group", rules, MedianMs(host, changes, i => lab.WithRules(rules, salt: 1 + i))),
                new PolicyRow("change one rule", rules, MedianMs(host, changes, i => lab.WithOneRuleChanged(i))),
            ];
        }
        finally
        {
            host.Free();
        }
    }

    /// <summary>The longest that a worker took for a burst while the group was replaced, beside the longest without.</summary>
    /// <param name="rules">Rules of the group in each direction.</param>
    /// <param name="changes">Replacements.</param>
    /// <param name="cpus">Processors: the worker's is the last, the change is made on the first.</param>
    /// <exception cref="BenchException">A packet was lost.</exception>
    public static PauseRow MeasurePause(int rules, int changes, int[] cpus)
    {
        using var bed = new BenchBed(new BenchCase(BenchScenario.Sg, Flows, rules));
        int[] both = [cpus[0], cpus[^1]];
        double Longest(bool isChanging) => LongestBurstUs(bed, both, () =>
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; isChanging ? i < changes : clock.ElapsedMilliseconds < QuietMs; i++)
            {
                if (isChanging)
                {
                    bed.Shared.Publish(SnapshotCompiler.Compile(bed.Lab.WithRules(rules, salt: 1 + i), bed.Numbers), bed.Devices);
                }
            }
        });
        Longest(isChanging: true);

        // What was measured before left garbage behind; a switch that starts has none.
        GC.Collect();
        return new PauseRow(rules, LongestUs: Longest(isChanging: true), QuietUs: Longest(isChanging: false));
    }

    private static double MedianMs(SwitchHost host, int changes, Func<int, SwitchConfig> configOf)
    {
        SwitchConfig[] configs = [.. Enumerable.Range(0, WarmUps + changes).Select(configOf)];
        double[] times = [.. configs.Select(config =>
        {
            long start = Stopwatch.GetTimestamp();
            host.Apply(config);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        })];
        return Percentiles.Median(times[WarmUps..]);
    }

    /// <summary>Runs a worker on one processor and something else on another.</summary>
    private static double LongestBurstUs(BenchBed bed, int[] cpus, Action meanwhile)
    {
        bool isOver = false;
        double longestUs = 0;
        PinnedThread.RunAll(cpus, thread =>
        {
            if (thread == 0)
            {
                meanwhile();
                Volatile.Write(ref isOver, true);
            }
            else
            {
                longestUs = RunTraffic(bed, ref isOver);
            }
        });
        return longestUs;
    }

    private static double RunTraffic(BenchBed bed, ref bool isOver)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        long before = bed.Forwarded;
        long sent = 0;
        long longest = 0;
        long last = Stopwatch.GetTimestamp();
        while (!Volatile.Read(ref isOver))
        {
            foreach (FrameSource source in bed.Sources[0])
            {
                sent += bed.Step(list, source);
                long now = Stopwatch.GetTimestamp();
                longest = Math.Max(longest, now - last);
                last = now;
            }
        }

        long forwarded = bed.Forwarded - before;
        return forwarded == sent ? longest * 1e6 / Stopwatch.Frequency
            : throw new BenchException($"{forwarded} of {sent} packets were forwarded while the policy changed");
    }
}
