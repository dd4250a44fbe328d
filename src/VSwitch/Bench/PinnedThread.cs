using System.Runtime.ExceptionServices;
using VSwitch.Devices.Linux;

namespace VSwitch.Bench;

/// <summary>Runs something on a thread of its own that is pinned to a processor, and leaves the caller's as it is.</summary>
internal static class PinnedThread
{
    /// <summary>Runs it and waits; an exception is the caller's.</summary>
    public static void Run(int cpu, Action action) => RunAll([cpu], _ => action());

    /// <summary>Runs it once on each of some processors, at the same time, and waits for all.</summary>
    /// <param name="cpus">A processor for each thread.</param>
    /// <param name="action">Is given the thread's number, from 0.</param>
    public static void RunAll(int[] cpus, Action<int> action)
    {
        ExceptionDispatchInfo? failure = null;
        Thread[] threads = [.. cpus.Select((cpu, i) => new Thread(() =>
        {
            try
            {
                CpuAffinity.Pin(cpu);
                action(i);
            }
#pragma warning disable CA1031 // The caller gets it, whatever it is.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        failure?.Throw();
    }
}
