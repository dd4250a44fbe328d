using System.Diagnostics;
using System.Globalization;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Devices.Linux;

namespace VSwitch.Bench.Throughput;

/// <summary>What a change of a group costs the control plane.</summary>
/// <param name="Change">all = every rule is another one; one = one rule is another one; none = the group is what it was.</param>
/// <param name="Rules">Rules of the group, in each direction.</param>
/// <param name="Microseconds">Processor time of compiling the configuration and publishing it.</param>
/// <param name="AllocatedBytes">Managed memory that it took.</param>
internal sealed record GroupSwapCell(string Change, int Rules, double Microseconds, long AllocatedBytes);

/// <summary>What swaps of a group do to a worker that forwards meanwhile.</summary>
/// <param name="Swaps">How many; 0 is the same loop without any.</param>
/// <param name="LargestGapMicroseconds">Longest time on the wall from one burst to the next.</param>
/// <param name="GcPauseMicroseconds">Longest stop of all threads by the garbage collector.</param>
/// <param name="Collections">Garbage collections.</param>
/// <param name="Lost">Packets not forwarded.</param>
internal sealed record SwapPause(int Swaps, double LargestGapMicroseconds, double GcPauseMicroseconds, int Collections, long Lost);

/// <summary>The rows of performance.md on replacing a group, and the pause of a worker while it happens.</summary>
internal static class GroupSwaps
{
    private const int Runs = 101;
    private const double WarmUpNs = 2e9;

    public static string Text(GroupSwapCell cell) => string.Create(CultureInfo.InvariantCulture,
        $"swap {cell.Change,-4} {cell.Rules,6} rules: {cell.Microseconds,9:0.0} us, {cell.AllocatedBytes,10} bytes allocated");

    public static string Text(SwapPause pause) => string.Create(CultureInfo.InvariantCulture,
        $"{pause.Swaps} swaps: largest gap {pause.LargestGapMicroseconds:0.0} us, longest collection {pause.GcPauseMicroseconds:0.0} us, {pause.Collections} collections, {pause.Lost} packets lost");

    /// <summary>From a changed configuration to the snapshot in force.</summary>
    public static GroupSwapCell Swap(string change, int rules)
    {
        using NewConnectionLab lab = NewConnections.LabWith("eip", rules, 0);
        var times = new List<double>();
        long allocated = 0;
        double begin = ThreadClock.NowNs();
        for (int i = 0; i < Runs || ThreadClock.NowNs() - begin < WarmUpNs; i++)
        {
            SwitchConfig config = Changed(lab.Config, change, i);
            long before = GC.GetAllocatedBytesForCurrentThread();
            double start = ThreadClock.NowNs();
            ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, lab.Numbers);
            lab.Publish(snapshot);
            times.Add((ThreadClock.NowNs() - start) / 1000);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        return new GroupSwapCell(change, rules, times.TakeLast(Runs).Order().ElementAt(Runs / 2), allocated);
    }

    /// <summary>Swaps a group of that many rules while a worker on another processor forwards established connections.</summary>
    public static SwapPause Pause(int rules, int swaps)
    {
        using NewConnectionLab lab = NewConnections.LabWith("eip", rules, 16_384);
        SwitchConfig[] configs = [.. Enumerable.Range(0, Math.Max(1, swaps)).Select(i => Changed(lab.Config, "all", i))];
        using var stop = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        long largest = 0;
        long sent = 0;
        long before = 0;
        var worker = new Thread(() =>
        {
            CpuAffinity.Pin(CpuAffinity.Allowed()[^1]);
            for (int i = 0; i < 2000; i++)
            {
                lab.Send(2, 0, 64);
            }

            before = lab.ForwardedCount();
            started.Set();
            long last = Stopwatch.GetTimestamp();
            for (int first = 0; !stop.IsSet; first = (first + 64) % 512)
            {
                lab.Send(2, first, 64);
                long now = Stopwatch.GetTimestamp();
                largest = Math.Max(largest, now - last);
                last = now;
                sent += 64 * NewConnectionLab.Enis;
            }
        });
        worker.Start();
        started.Wait();
        int collections = GC.CollectionCount(0);
        TimeSpan pauses = GC.GetTotalPauseDuration();
        double longest = 0;
        foreach (SwitchConfig config in configs)
        {
            if (swaps > 0)
            {
                lab.Publish(SnapshotCompiler.Compile(config, lab.Numbers));
            }

            TimeSpan now = GC.GetTotalPauseDuration();
            longest = Math.Max(longest, (now - pauses).TotalMicroseconds);
            pauses = now;
            Thread.Sleep(swaps > 0 ? 10 : 1000);
        }

        stop.Set();
        worker.Join();
        long lost = sent - (lab.ForwardedCount() - before);
        return new SwapPause(swaps, largest * 1e6 / Stopwatch.Frequency, longest, GC.CollectionCount(0) - collections, lost);
    }

    private static SwitchConfig Changed(SwitchConfig config, string change, int i)
    {
        SecurityGroupConfig group = config.SecurityGroups[0];
        RuleConfig[] ingress = [.. group.Ingress];
        RuleConfig[] egress = [.. group.Egress!];
        int last = change switch { "all" => ingress.Length - 3, "one" => 1, _ => 0 };
        for (int k = 0; k < last; k++)
        {
            ushort port = (ushort)(1 + ((k * 7 + i) % 60_000));
            ingress[k] = ingress[k] with { Ports = [new VSwitch.ControlPlane.Config.PortRange(port, port)] };
            egress[k] = egress[k] with { Ports = [new VSwitch.ControlPlane.Config.PortRange(port, port)] };
        }

        return config with { SecurityGroups = [group with { Ingress = ingress, Egress = egress }] };
    }
}
