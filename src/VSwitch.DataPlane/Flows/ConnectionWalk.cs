using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Flows;

/// <summary>Copies a worker's connections out, a batch at a time. The reader gives it to the worker (<see cref="Begin"/>, then
/// <see cref="Worker.Post"/>); the worker fills the batch between its bursts and is done with it; once it <see cref="IsResting"/>
/// the reader takes what was <see cref="Found"/>, and begins the next batch when it likes. So the batch is never in two hands, a
/// reader that is slow or gone leaves nothing for the worker to do, and its other errands do not wait for it.</summary>
public sealed unsafe class ConnectionWalk : IWorkerErrand
{
    /// <summary>Slots that a batch looks at, at most: then the worker's other errands have their turn.</summary>
    private const int SlotsPerTurn = 16_384;

    private readonly ConnectionFilter _filter;
    private readonly ConnectionRecord[] _found;
    private ConnectionScan _scan;
    private int _count;
    private int _left;
    private volatile bool _isCancelled;
    private volatile bool _isResting = true;

    /// <summary>Makes a walk.</summary>
    /// <param name="filter">Which connections are meant.</param>
    /// <param name="capacity">Connections in a batch at most.</param>
    /// <param name="place">The place to begin at: 0, or one behind the last that was taken.</param>
    public ConnectionWalk(ConnectionFilter filter, int capacity, int place = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfNegative(place);
        _filter = filter;
        _found = new ConnectionRecord[capacity];
        _scan = new ConnectionScan(place);
    }

    /// <summary>True while it is in the reader's hand: before the first batch, and after each.</summary>
    public bool IsResting => _isResting;

    /// <summary>True when there is no further batch. Asked while it rests.</summary>
    public bool IsAtEnd => _scan.IsAtEnd;

    /// <summary>The batch. Read while it rests; may be empty before the end.</summary>
    public ReadOnlySpan<ConnectionRecord> Found => _found.AsSpan(0, _count);

    /// <summary>Empties the batch; the walk must be posted next.</summary>
    public void Begin()
    {
        _count = 0;
        _left = SlotsPerTurn;
        _isResting = false;
    }

    /// <summary>The reader wants no more; any thread, any time. The worker is done with it at its next step.</summary>
    public void Cancel() => _isCancelled = true;

    /// <inheritdoc/>
    public bool Step(Worker worker)
    {
        bool isDone = _isCancelled || Fill(worker);
        if (isDone)
        {
            _isResting = true;
        }

        return isDone;
    }

    /// <summary>Looks at a block of slots; true when the batch is done.</summary>
    private bool Fill(Worker worker)
    {
        Connections connections = worker.Pipeline.Connections;
        Span<int> places = stackalloc int[ConnectionScan.BlockSlots];
        int count = _scan.Next(connections, _filter, places);
        int taken = Math.Min(count, _found.Length - _count);
        for (int i = 0; i < taken; i++)
        {
            connections.Prefetch(places[i]);
        }

        for (int i = 0; i < taken; i++)
        {
            connections.Copy(places[i], worker.Index, ref _found[_count++]);
        }

        _left -= ConnectionScan.BlockSlots;
        if (taken < count)
        {
            _scan.GoBackTo(places[taken]);
            return true;
        }

        return _scan.IsAtEnd || _count == _found.Length || _left <= 0;
    }
}
