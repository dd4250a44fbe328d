using VSwitch.Devices.Linux;

namespace VSwitch.Live;

/// <summary>Which processors the workers have. Workers have processors of their own only where enough are left for the guests: a
/// worker that may not move waits for a guest that fills its processor while the other one idles (bench/README.md).</summary>
/// <param name="WorkerCount">Workers.</param>
/// <param name="Allowed">Processors that this process may use, ascending.</param>
internal sealed record WorkerPlacement(int WorkerCount, IReadOnlyList<int> Allowed)
{
    /// <summary>True when each worker is pinned to a processor that no other thread of this process uses.</summary>
    public bool IsPinned => Allowed.Count > 2 * WorkerCount;

    /// <summary>Processors of the threads that are no workers: the API's, the collector's, the compiler's.</summary>
    public IReadOnlyList<int> ForOthers => IsPinned ? [.. Allowed.Skip(WorkerCount)] : Allowed;

    /// <summary>The processor that a worker is pinned to; null when it is not.</summary>
    public int? ProcessorOf(int worker) => IsPinned ? Allowed[worker] : null;

    /// <summary>Keeps every thread of this process, those to come too, off the workers' processors; to be called before the workers
    /// start, who then pin themselves. Threads are not given a lower priority where workers are not pinned: a thread that the kernel
    /// does not let run keeps a collection waiting, and with it all workers.</summary>
    public void KeepOthersOff()
    {
        if (IsPinned)
        {
            CpuAffinity.ConfineProcess(ForOthers);
        }
    }
}
