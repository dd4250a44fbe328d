namespace VSwitch.DataPlane.Workers;

/// <summary>When work that no packet brings is due: neighbours to ask again, health checks, announcements. One word that all workers
/// read once a burst, so that having none of it costs one compare. Who does what is due clears it first and then brings it forward
/// to the next time of each, so that whoever comes with an earlier one meanwhile is never lost.</summary>
public sealed class Alarm
{
    private long _nextDueMs = long.MaxValue;

    /// <summary>The earliest time, milliseconds; <see cref="long.MaxValue"/> when nothing is due ever.</summary>
    public long NextDueMs => Volatile.Read(ref _nextDueMs);

    /// <summary>Forgets the time: the caller is about to do what is due.</summary>
    public void Clear() => Interlocked.Exchange(ref _nextDueMs, long.MaxValue);

    /// <summary>Makes it due at that time at the latest; any thread.</summary>
    /// <param name="dueMs">The time, milliseconds.</param>
    public void BringForward(long dueMs)
    {
        long next = Volatile.Read(ref _nextDueMs);
        while (dueMs < next)
        {
            long seen = Interlocked.CompareExchange(ref _nextDueMs, dueMs, next);
            if (seen == next)
            {
                return;
            }

            next = seen;
        }
    }
}
