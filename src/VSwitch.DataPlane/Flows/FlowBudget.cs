namespace VSwitch.DataPlane.Flows;

/// <summary>How many connections the switch may hold, over all workers. A worker takes a lease of many at once, so that the
/// shared word is written rarely.</summary>
public sealed class FlowBudget
{
    private long _available;
    private uint _order;

    /// <summary>Makes a budget.</summary>
    /// <param name="capacity">Connections in all.</param>
    /// <param name="leaseSize">Connections a worker takes or gives back at once.</param>
    /// <param name="isExact">The workers run in turn on one thread: they share what they know, and the limit is exact (replay).
    /// </param>
    /// <exception cref="ArgumentException">Exact, with a lease other than one.</exception>
    public FlowBudget(int capacity, int leaseSize, bool isExact = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(leaseSize);
        if (isExact && leaseSize != 1)
        {
            throw new ArgumentException("an exact budget is leased one connection at a time", nameof(leaseSize));
        }

        IsExact = isExact;
        Capacity = capacity;
        LeaseSize = leaseSize;
        _available = capacity;
    }

    /// <summary>Connections in all.</summary>
    public int Capacity { get; }

    /// <summary>Connections a worker takes or gives back at once.</summary>
    public int LeaseSize { get; }

    /// <summary>The limit is exact: the workers run in turn on one thread, and share what they know (replay).</summary>
    public bool IsExact { get; }

    /// <summary>A stamp that grows with every connection: tells the older of two in an exact budget. A worker at work
    /// needs none, for it compares only its own.</summary>
    public uint NextOrder() => IsExact ? ++_order : 0;

    /// <summary>Takes a lease; the number of connections in it, 0 when none is left.</summary>
    public int Take()
    {
        long left = Interlocked.Add(ref _available, -LeaseSize);
        if (left >= 0)
        {
            return LeaseSize;
        }

        int part = (int)Math.Max(0, LeaseSize + left);
        Interlocked.Add(ref _available, LeaseSize - part);
        return part;
    }

    /// <summary>Gives connections back.</summary>
    public void Give(int count) => Interlocked.Add(ref _available, count);
}
