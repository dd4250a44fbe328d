namespace VSwitch.DataPlane.Flows;

/// <summary>How many connections the switch may hold, over all workers. A worker takes a lease of many at once, so that the
/// shared word is written rarely; a lease of one makes the limit exact (replay).</summary>
public sealed class FlowBudget
{
    private long _available;

    /// <summary>Makes a budget.</summary>
    /// <param name="capacity">Connections in all.</param>
    /// <param name="leaseSize">Connections a worker takes or gives back at once.</param>
    public FlowBudget(int capacity, int leaseSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(leaseSize);
        Capacity = capacity;
        LeaseSize = leaseSize;
        _available = capacity;
    }

    /// <summary>Connections in all.</summary>
    public int Capacity { get; }

    /// <summary>Connections a worker takes or gives back at once.</summary>
    public int LeaseSize { get; }

    /// <summary>With workers that run in turn on one thread: makes all of them let expired connections go when the budget is
    /// used up, so that the limit is exact whatever their number. Null in a switch at work.</summary>
    public Action? OnExhausted { get; set; }

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
