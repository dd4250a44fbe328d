using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Limits;

/// <summary>The rate limits that all workers share, each one 64-bit word (<see cref="CellRate"/>), so the cap is exact whatever the
/// number of workers; a change of rate keeps the level (<see cref="ChangeRate"/>). A bucket holds bits or packets: whoever takes from it
/// says which.</summary>
public sealed unsafe class TokenBuckets : IDisposable
{
    /// <summary>Smallest burst, bytes: two of the largest super-packets.</summary>
    public const long LeastBurstBytes = 131_072;

    /// <summary>Smallest burst of a bucket of packets.</summary>
    public const long LeastBurstPackets = 16;

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
        public long PerSecond;
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
        Volatile.Write(ref _buckets[rate.Bucket].PerSecond, rate.PerSecond);
    }

    /// <summary>Changes the rate of a bucket in use; takes effect with the next packet and keeps the bucket's level (semantics.md decision 11): the time
    /// for which its tokens last. An empty bucket stays empty, also when the new rate's burst is another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such bucket.</exception>
    public void ChangeRate(BucketRate rate)
    {
        (int bucket, long next) = rate;
        long before = (uint)bucket < (uint)Capacity ? Volatile.Read(ref _buckets[bucket].PerSecond) : 0;
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
    /// <param name="bucket">Index of a bucket of bits.</param>
    /// <param name="bytes">Frame bytes on the wire, Ethernet header included, FCS not.</param>
    /// <param name="nowNs">The packet's time.</param>
    public bool TryTake(int bucket, int bytes, long nowNs)
    {
        Bucket* b = _buckets + bucket;
        long rate = Volatile.Read(ref b->PerSecond);
        if (rate <= 0)
        {
            return true;
        }

        return CellRate.TryTake(ref b->FullAtNs, BitsNs(bytes, rate), BurstNs(rate), nowNs);
    }

    /// <summary>Takes the tokens for packets; false when they are over the rate. Exact to whole nanoseconds a packet.</summary>
    /// <param name="bucket">Index of a bucket of packets.</param>
    /// <param name="packets">How many: those that a super-packet stands for. More than the burst pass when the bucket is full.</param>
    /// <param name="nowNs">Their time.</param>
    public bool TryTakePackets(int bucket, int packets, long nowNs)
    {
        Bucket* b = _buckets + bucket;
        long rate = Volatile.Read(ref b->PerSecond);
        if (rate <= 0)
        {
            return true;
        }

        long burst = Math.Max(rate * BurstMs / 1000, LeastBurstPackets);
        return CellRate.TryTakeInDebt(ref b->FullAtNs, PacketsNs(packets, rate), PacketsNs(burst, rate), nowNs);
    }

    /// <summary>Gives back what <see cref="TryTake"/> took for a frame that is dropped all the same.</summary>
    public void GiveBack(int bucket, int bytes)
    {
        long rate = Volatile.Read(ref _buckets[bucket].PerSecond);
        if (rate > 0)
        {
            Interlocked.Add(ref _buckets[bucket].FullAtNs, -BitsNs(bytes, rate));
        }
    }

    /// <summary>Gives back what <see cref="TryTakePackets"/> took.</summary>
    public void GiveBackPackets(int bucket, int packets)
    {
        long rate = Volatile.Read(ref _buckets[bucket].PerSecond);
        if (rate > 0)
        {
            Interlocked.Add(ref _buckets[bucket].FullAtNs, -PacketsNs(packets, rate));
        }
    }

    private static long BitsNs(long bytes, long rate) => (long)((Int128)bytes * 8 * NanosecondsPerSecond / rate);

    private static long PacketsNs(long packets, long rate) => packets * NanosecondsPerSecond / rate;

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>How long a full bucket lasts.</summary>
    private static long BurstNs(long bitsPerSecond) => BitsNs(Math.Max(bitsPerSecond / 8 * BurstMs / 1000, LeastBurstBytes), bitsPerSecond);
}
