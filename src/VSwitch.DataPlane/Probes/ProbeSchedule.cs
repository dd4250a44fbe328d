namespace VSwitch.DataPlane.Probes;

/// <summary>Which check is due next: a binary heap by time, then by number, so that the order is the same whoever takes them. Holds
/// each check once; its room is fixed, so that nothing is allocated while packets flow.</summary>
/// <param name="capacity">Checks at most.</param>
internal sealed class ProbeSchedule(int capacity)
{
    private readonly int _capacity = capacity;
    private (long DueMs, int Number)[] _heap = [];
    private int _count;

    /// <summary>When the first is due, milliseconds; <see cref="long.MaxValue"/> when there is none.</summary>
    public long NextMs => _count == 0 ? long.MaxValue : _heap[0].DueMs;

    /// <summary>Forgets all.</summary>
    public void Clear() => _count = 0;

    /// <summary>Adds a check that is not in it.</summary>
    public void Add(int number, long dueMs)
    {
        if (_count == _heap.Length)
        {
            // Only while a new snapshot's checks are taken up.
            Array.Resize(ref _heap, Math.Min(_capacity, Math.Max(16, 2 * _count)));
        }

        int at = _count++;
        while (at > 0 && IsBefore((dueMs, number), _heap[(at - 1) / 2]))
        {
            _heap[at] = _heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        _heap[at] = (dueMs, number);
    }

    /// <summary>Takes the first one if it is due.</summary>
    public bool TryTake(long nowMs, out int number)
    {
        number = 0;
        if (NextMs > nowMs)
        {
            return false;
        }

        number = _heap[0].Number;
        (long, int) last = _heap[--_count];
        int at = 0;
        while ((2 * at) + 1 < _count)
        {
            int child = (2 * at) + 1;
            child += child + 1 < _count && IsBefore(_heap[child + 1], _heap[child]) ? 1 : 0;
            if (!IsBefore(_heap[child], last))
            {
                break;
            }

            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = last;
        return true;
    }

    private static bool IsBefore((long DueMs, int Number) a, (long DueMs, int Number) b) =>
        a.DueMs < b.DueMs || (a.DueMs == b.DueMs && a.Number < b.Number);
}
