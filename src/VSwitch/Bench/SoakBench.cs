using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench;

/// <summary>Very many packets through the full pipeline, to see that nothing is allocated and nothing collected: established
/// connections of each scenario, and openings that the rules deny.</summary>
internal static unsafe class SoakBench
{
    private const int Flows = 100_000;
    private const int RoundsBetweenReports = 4096;

    /// <summary>Sends the packets, a burst of each scenario in turn.</summary>
    /// <param name="packets">How many at least.</param>
    /// <param name="progress">Told now and then how many went through, before and after the part that must not allocate.</param>
    /// <exception cref="BenchException">A packet met another end than it had to.</exception>
    public static SoakResult Run(long packets, Action<long> progress)
    {
        BenchBed[] beds = [.. Enum.GetValues<BenchScenario>().Select(scenario => new BenchBed(new BenchCase(scenario, Flows)))];
        try
        {
            long[] before = [.. beds.Select(EndsOf)];
            long done = RunRounds(beds, RoundsBetweenReports);
            GC.Collect();
            long allocated = 0;
            long allocatedByAll = 0;
            int collections = 0;
            while (done < packets)
            {
                progress(done);
                int collected = GC.CollectionCount(0);
                long bytesByAll = GC.GetTotalAllocatedBytes(precise: true);
                long bytes = GC.GetAllocatedBytesForCurrentThread();
                done += RunRounds(beds, RoundsBetweenReports);
                allocated += GC.GetAllocatedBytesForCurrentThread() - bytes;
                allocatedByAll += GC.GetTotalAllocatedBytes(precise: true) - bytesByAll;
                collections += GC.CollectionCount(0) - collected;
            }

            progress(done);
            long ends = beds.Select(EndsOf).Sum() - before.Sum();
            return ends == done ? new SoakResult(done, allocated, allocatedByAll, collections)
                : throw new BenchException($"{ends} of {done} packets were forwarded or, where they had to be, dropped");
        }
        finally
        {
            Array.ForEach(beds, bed => bed.Dispose());
        }
    }

    private static long EndsOf(BenchBed bed) => bed.Spec.Scenario == BenchScenario.Denied ? bed.Dropped : bed.Forwarded;

    private static long RunRounds(BenchBed[] beds, int rounds)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        long sent = 0;
        for (int i = 0; i < rounds; i++)
        {
            foreach (BenchBed bed in beds)
            {
                FrameSource[] sources = bed.Sources[0];
                sent += bed.Step(list, sources[i % sources.Length]);
            }
        }

        return sent;
    }
}

/// <summary>What many packets cost the collector.</summary>
/// <param name="Packets">How many there were.</param>
/// <param name="AllocatedBytes">Bytes that the thread of the packets allocated meanwhile.</param>
/// <param name="ProcessBytes">Bytes that the whole process did: the runtime's own threads allocate some, once.</param>
/// <param name="Collections">Collections meanwhile.</param>
internal readonly record struct SoakResult(long Packets, long AllocatedBytes, long ProcessBytes, int Collections);
