namespace VSwitch.ControlPlane.State;

/// <summary>The newest changes, for any number of readers and one writer at a time.</summary>
public sealed class ChangeHistory
{
    private readonly Lock _lock = new();
    private readonly int _capacity;
    private List<StateChange> _changes;

    /// <summary>Makes a history.</summary>
    /// <param name="capacity">Changes that it holds at most.</param>
    /// <param name="changes">What it begins with, oldest first.</param>
    public ChangeHistory(int capacity, IEnumerable<StateChange> changes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 2);
        _capacity = capacity;
        _changes = [.. changes.TakeLast(capacity)];
    }

    /// <summary>All, oldest first.</summary>
    public IReadOnlyList<StateChange> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _changes];
            }
        }
    }

    /// <summary>Changes before a revision, newest first.</summary>
    /// <param name="limit">How many at most.</param>
    /// <param name="before">The revision, itself not included; null for the newest.</param>
    public IReadOnlyList<StateChange> Page(int limit, long? before)
    {
        lock (_lock)
        {
            return [.. Enumerable.Reverse(_changes).SkipWhile(c => c.Revision >= (before ?? long.MaxValue)).Take(limit)];
        }
    }

    /// <summary>Adds a change; full, it forgets the older half.</summary>
    public void Add(StateChange change)
    {
        lock (_lock)
        {
            if (_changes.Count >= _capacity)
            {
                _changes = [.. _changes.TakeLast(_capacity / 2)];
            }

            _changes.Add(change);
        }
    }

    /// <summary>Takes others in place of all, oldest first.</summary>
    public void Replace(IEnumerable<StateChange> changes)
    {
        List<StateChange> kept = [.. changes.TakeLast(_capacity)];
        lock (_lock)
        {
            _changes = kept;
        }
    }
}
