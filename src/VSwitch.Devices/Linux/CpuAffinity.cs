using System.Globalization;

namespace VSwitch.Devices.Linux;

/// <summary>Which processors this process may use, and pinning a thread to one.</summary>
public static unsafe class CpuAffinity
{
    private const int MaskWords = 16;

    /// <summary>Processors that this process may use, ascending.</summary>
    public static int[] Allowed()
    {
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        if (Native.GetAffinity(0, MaskWords * sizeof(ulong), mask) < 0)
        {
            return [.. Enumerable.Range(0, Environment.ProcessorCount)];
        }

        var allowed = new List<int>();
        for (int cpu = 0; cpu < MaskWords * 64; cpu++)
        {
            if ((mask[cpu / 64] & (1UL << (cpu % 64))) != 0)
            {
                allowed.Add(cpu);
            }
        }

        return [.. allowed];
    }

    /// <summary>Pins the calling thread; false when the system refuses, which costs speed and nothing else.</summary>
    public static bool Pin(int cpu) => Set(0, [cpu]);

    /// <summary>Lets all threads that this process has run on some processors only; threads to come too, since the runtime gives a new
    /// thread what the process's first thread has. A thread that pins itself later is free to. What the system refuses stays as it
    /// is, which costs speed and nothing else.</summary>
    public static void ConfineProcess(IReadOnlyList<int> cpus)
    {
        Set(Environment.ProcessId, cpus);
        foreach (string thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            Set(int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), cpus);
        }
    }

    private static bool Set(int thread, IReadOnlyList<int> cpus)
    {
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        foreach (int cpu in cpus)
        {
            mask[cpu / 64] |= 1UL << (cpu % 64);
        }

        return Native.SetAffinity(thread, MaskWords * sizeof(ulong), mask) == 0;
    }
}
