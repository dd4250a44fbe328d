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
    public static bool Pin(int cpu)
    {
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[cpu / 64] = 1UL << (cpu % 64);
        return Native.SetAffinity(0, MaskWords * sizeof(ulong), mask) == 0;
    }
}
