using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench;

/// <summary>M(n): clocks of one random cache line in a footprint of n connections of 128 bytes, prefetched 32 ahead. With it a
/// figure can be read on any machine.</summary>
internal static unsafe class MemoryYardstick
{
    private const int Steps = 8_000_000;
    private const int Ahead = 32;

    /// <summary>Fixed, so that figures of different builds can be read by one yardstick.</summary>
    private const int FlowBytes = 128;

    /// <summary>Clocks a line.</summary>
    /// <param name="flows">n.</param>
    /// <param name="runs">Runs of which the median counts.</param>
    public static double Measure(int flows, int runs)
    {
        using var memory = new HugeMemory((nuint)flows * FlowBytes);
        memory.Prefault();
        return Percentiles.MedianOf(runs, () => Run(memory.Address, flows)) * BenchMachine.ClocksPerNs;
    }

    private static double Run(byte* memory, int flows)
    {
        ulong state = 88172645463325252;
        long* ring = stackalloc long[Ahead];
        new Span<long>(ring, Ahead).Clear();
        long sum = 0;
        double start = ThreadClock.NowNs();
        for (int i = 0; i < Steps; i++)
        {
            sum += *(long*)(memory + ring[i % Ahead]);
            state = (state * 6364136223846793005) + 1442695040888963407;
            long next = (long)(((state >> 32) * (ulong)flows) >> 32) * FlowBytes;
            ring[i % Ahead] = next;
            Sse.Prefetch0(memory + next);
        }

        double elapsedNs = ThreadClock.NowNs() - start;
        return sum == 0 ? elapsedNs / Steps : throw new InvalidOperationException("the memory is not zero");
    }
}
