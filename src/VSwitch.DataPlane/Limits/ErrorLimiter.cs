using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Limits;

/// <summary>How many errors the router sends to a port (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 f): a bucket of 100 that
/// is filled at 100 a second. As in <see cref="TokenBuckets"/> each bucket is one word, the time at which it will be full
/// again, shared by all workers, on the packets' own clock.</summary>
public sealed unsafe class ErrorLimiter : IDisposable
{
    /// <summary>Errors at once.</summary>
    public const int Burst = 100;

    private const long CostNs = 1_000_000_000 / 100;
    private readonly HugeMemory _memory;
    private readonly long* _fullAtNs;

    /// <summary>Makes full buckets for every port.</summary>
    public ErrorLimiter()
    {
        _memory = new HugeMemory((ushort.MaxValue + 1) * (nuint)sizeof(long));
        _fullAtNs = (long*)_memory.Address;
    }

    /// <summary>Takes one error from a port's bucket; false when it is empty.</summary>
    public bool TryTake(int port, long nowNs) => CellRate.TryTake(ref _fullAtNs[port], CostNs, Burst * CostNs, nowNs);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
