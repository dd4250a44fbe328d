namespace VSwitch.DataPlane.Workers;

/// <summary>The question: does a worker without frames look again at once, or sleep? A frame that finds it looking goes on within
/// a microsecond, one that finds it asleep after a wake-up of some twenty; but a worker that looks uses a processor that the
/// guests may want. So it looks on for a while after its last frames, for no longer than a sleep of that length would have
/// been worth: when the sleeps turn out long the while becomes short. When someone took the processor from it meanwhile, it sleeps
/// at once for some time.</summary>
public sealed class IdlePolicy
{
    /// <summary>Looks on for so long after the last frames at most, nanoseconds.</summary>
    public const long LongestSpinNs = 100_000;

    /// <summary>Looks on for so long after the last frames at least, nanoseconds.</summary>
    public const long ShortestSpinNs = 2_000;

    /// <summary>From one empty round to the next; more means that the thread did not run.</summary>
    public const long PreemptedNs = 30_000;

    /// <summary>Sleeps at once for so long after it was not left to run, nanoseconds.</summary>
    public const long YieldNs = 10_000_000;

    private long _busyNs;
    private long _emptyNs;
    private long _spinNs = LongestSpinNs;
    private long _yieldUntilNs;

    /// <summary>The last round had no frames.</summary>
    public bool IsIdle => _emptyNs != 0;

    /// <summary>A round had frames.</summary>
    /// <param name="nowNs">When the round began.</param>
    public void NoteBusy(long nowNs)
    {
        _busyNs = nowNs;
        _emptyNs = 0;
    }

    /// <summary>A round had no frames: true when it is time to sleep.</summary>
    /// <param name="nowNs">When the round began.</param>
    public bool ShouldSleep(long nowNs)
    {
        if (_emptyNs != 0 && nowNs - _emptyNs > PreemptedNs)
        {
            _yieldUntilNs = nowNs + YieldNs;
        }

        _emptyNs = nowNs;
        return nowNs < _yieldUntilNs || nowNs - _busyNs >= _spinNs;
    }

    /// <summary>A sleep is over.</summary>
    /// <param name="nowNs">When it ended.</param>
    /// <param name="sleptNs">How long it was.</param>
    public void NoteSleep(long nowNs, long sleptNs)
    {
        _emptyNs = nowNs;
        _spinNs = sleptNs < LongestSpinNs ? LongestSpinNs : Math.Max(_spinNs / 2, ShortestSpinNs);
    }
}
