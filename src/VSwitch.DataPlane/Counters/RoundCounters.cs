using System.Numerics;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Counters;

/// <summary>A worker's rounds: how busy it is, and how long packets are with it. A busy round is one that handled packets; its
/// duration, from when it began to when the next one did, is an upper bound of the time that each of its packets spent in the
/// switch on this worker. (Not in it: what a packet waited in a device's queue before, or in the ring to this worker.)
/// Written by one worker only; readers load whole 64-bit words.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct RoundCounters
{
    /// <summary>Durations up to here are not told apart, nanoseconds.</summary>
    public const long LeastNs = 256;

    /// <summary>Powers of two that are told apart: up to 134 ms, and one last bucket for what is longer.</summary>
    public const int Octaves = 19;

    /// <summary>Buckets of each power of two.</summary>
    public const int BucketsPerOctave = 4;

    /// <summary>Buckets in all.</summary>
    public const int BucketCount = 1 + (Octaves * BucketsPerOctave) + 1;

    private const int LeastBits = 8;
    private const int BucketBits = 2;

    /// <summary>Rounds begun.</summary>
    public long Rounds;

    /// <summary>Rounds that handled packets.</summary>
    public long BusyRounds;

    /// <summary>Duration of the busy rounds together, nanoseconds.</summary>
    public long BusyNs;

    /// <summary>Times that the worker went to sleep.</summary>
    public long Sleeps;

    /// <summary>Duration of the busy rounds, each as often as it handled packets, nanoseconds.</summary>
    public long PacketNs;

    /// <summary>Packets handled, by the duration of their round (<see cref="BucketOf"/>).</summary>
    public fixed long Packets[BucketCount];

    /// <summary>Notes that a round is over that handled packets.</summary>
    /// <param name="durationNs">How long it took.</param>
    /// <param name="packets">Packets that it handled.</param>
    public void NoteBusy(long durationNs, int packets)
    {
        BusyRounds++;
        BusyNs += durationNs;
        PacketNs += durationNs * packets;
        Packets[BucketOf(durationNs)] += packets;
    }

    /// <summary>Bucket of a duration: the first whose <see cref="LimitNs"/> is not below it.</summary>
    public static int BucketOf(long durationNs)
    {
        if (durationNs <= LeastNs)
        {
            return 0;
        }

        // The limits belong to the bucket below them, hence the one less.
        ulong value = (ulong)durationNs - 1;
        int octave = BitOperations.Log2(value) - LeastBits;
        int part = (int)(value >> (octave + LeastBits - BucketBits)) & (BucketsPerOctave - 1);
        return Math.Min(1 + (octave * BucketsPerOctave) + part, BucketCount - 1);
    }

    /// <summary>Longest duration of a bucket, nanoseconds; of the last one it has none: <see cref="long.MaxValue"/>.</summary>
    public static long LimitNs(int bucket)
    {
        if (bucket >= BucketCount - 1)
        {
            return long.MaxValue;
        }

        int octave = (bucket - 1) / BucketsPerOctave;
        int part = ((bucket - 1) % BucketsPerOctave) + 1;
        return bucket == 0 ? LeastNs : (LeastNs << octave) + (part * ((LeastNs << octave) / BucketsPerOctave));
    }
}
