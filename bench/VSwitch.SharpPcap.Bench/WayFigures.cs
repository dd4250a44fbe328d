using VSwitch.Bench;

namespace VSwitch.SharpPcap.Bench;

/// <summary>What was measured of one way.</summary>
internal sealed class WayFigures(string name, int sizes)
{
    private long _allocatedBytes;
    private long _frames;

    /// <summary>What it is called in the table.</summary>
    public string Name { get; } = name;

    /// <summary>Nanoseconds a frame of each round, by size.</summary>
    public List<double>[] Samples { get; } = [.. Enumerable.Range(0, sizes).Select(_ => new List<double>())];

    /// <summary>Bytes that this thread allocated for a frame, on the mean of all that counts.</summary>
    public double AllocatedBytes => _frames == 0 ? 0 : (double)_allocatedBytes / _frames;

    /// <summary>Nanoseconds of a call that finds nothing; null where no call does not wait.</summary>
    public double? LookNs { get; set; }

    /// <summary>Does a round; counts it or not.</summary>
    public void Add(int size, bool counts, int frames, Action round)
    {
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        double before = ThreadClock.NowNs();
        round();
        double ns = ThreadClock.NowNs() - before;
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        if (counts)
        {
            Samples[size].Add(ns / frames);
            _allocatedBytes += bytes;
            _frames += frames;
        }
    }
}
