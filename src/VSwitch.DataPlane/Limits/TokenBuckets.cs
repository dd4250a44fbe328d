using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Limits;

/// <summary>The rate limits that all workers share, each one 64-bit word: the time at which the bucket will be full again
/// (generic cell rate algorithm). A packet moves it by its own duration with one compare-and-swap, so the cap is exact
/// whatever the number of workers; a change of rate keeps the level (<see cref="ChangeRate"/>).</summary>
public sealed unsafe class TokenBuckets : IDisposable
{
    /// <summary>Smallest burst, bytes: two of the largest super-packets.</summary>
    public const long LeastBurstBytes = 131_072;

    private const long BurstMs = 50;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private readonly HugeMemory _memory;
    private readonly Bucket* _buckets;

    /// <summary>Makes room for <paramref name="capacity"/> buckets.</summary>
    public TokenBuckets(int capacity)
    {
        Capacity = capacity;
        _memory = new HugeMemory((nuint)Math.Max(1, capacity) * (nuint)sizeof(Bucket));
        _buckets = (Bucket*)_memory.Address;
    }

    private struct Bucket
    {
        public long FullAtNs;
        public long BitsPerSecond;
    }

    /// <summary>Buckets there are.</summary>
    public int Capacity { get; }

    /// <summary>Sets a rate; takes effect with the next packet.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such bucket: a write would be beyond the memory.
    /// </exception>
    public void SetRate(BucketRate rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rate.Bucket, nameof(rate));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rate.Bucket, Capacity, nameof(rate));
        Volatile.Write(ref _buckets[rate.Bucket].BitsPerSecond, rate.BitsPerSecond);
    }

    /// <summary>Changes the rate of a bucket in use; takes effect with the next packet and keeps the bucket's level (semantics.md decision 11): the time
    /// for which its tokens last. An empty bucket stays empty, also when the new rate's burst is another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such bucket.</exception>
    public void ChangeRate(BucketRate rate)
    {
        (int bucket, long next) = rate;
        long before = (uint)bucket < (uint)Capacity ? Volatile.Read(ref _buckets[bucket].BitsPerSecond) : 0;
        if (before > 0 && next > 0 && before != next)
        {
            Interlocked.Add(ref _buckets[bucket].FullAtNs, BurstNs(next) - BurstNs(before));
        }

        SetRate(rate);
    }

    /// <summary>Makes a bucket that nobody uses as good as new: full, and without a rate.</summary>
    public void Clear(int bucket)
    {
        SetRate(new BucketRate(bucket, 0));
        Volatile.Write(ref _buckets[bucket].FullAtNs, 0);
    }

    /// <summary>Takes the tokens for a frame; false when it is over the rate.</summary>
    /// <param name="bucket">Index of the bucket.</param>
    /// <param name="bytes">Frame bytes on the internet side, Ethernet header included, FCS not.</param>
    /// <param name="nowNs">The packet's time.</param>
    public bool TryTake(int bucket, int bytes, long nowNs)
    {
        Bucket* b = _buckets + bucket;
        long rate = Volatile.Read(ref b->BitsPerSecond);
        if (rate <= 0)
        {
            return true;
        }

        long cost = (long)((Int128)bytes * 8 * NanosecondsPerSecond / rate);
        long burst = BurstNs(rate);
        while (true)
        {
            long old = Volatile.Read(ref b->FullAtNs);
            long start = Math.Max(old, nowNs);
            if (start - nowNs + cost > burst)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref b->FullAtNs, start + cost, old) == old)
            {
                return true;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>How long a full bucket lasts.</summary>
    private static long BurstNs(long bitsPerSecond) =>
        (long)((Int128)Math.Max(bitsPerSecond / 8 * BurstMs / 1000, LeastBurstBytes) * 8 * NanosecondsPerSecond / bitsPerSecond);
}
