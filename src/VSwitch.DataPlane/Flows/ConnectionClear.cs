using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Flows;

/// <summary>Forgets a worker's connections that a filter names: what comes of them next is judged as without a connection (order of
/// checks, section 4, miss).</summary>
public sealed unsafe class ConnectionClear(ConnectionFilter filter) : IWorkerErrand
{
    private ConnectionScan _scan;
    private int _count;
    private volatile bool _isCancelled;
    private volatile bool _isDone;

    /// <summary>True when the worker is done with it.</summary>
    public bool IsDone => _isDone;

    /// <summary>Connections that were forgotten so far; all of them once it <see cref="IsDone"/>.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Nobody waits for it any more: the worker ends it at its next step. What is forgotten stays so.</summary>
    public void Cancel() => _isCancelled = true;

    /// <inheritdoc/>
    public bool Step(Worker worker)
    {
        bool isDone = _isCancelled || ClearBlock(worker.Pipeline.Connections);
        if (isDone)
        {
            _isDone = true;
        }

        return isDone;
    }

    private bool ClearBlock(Connections connections)
    {
        Span<int> places = stackalloc int[ConnectionScan.BlockSlots];
        int count = _scan.Next(connections, filter, places);
        for (int i = 0; i < count; i++)
        {
            connections.Prefetch(places[i]);
        }

        for (int i = 0; i < count; i++)
        {
            connections.PrefetchIndex(places[i]);
        }

        for (int i = 0; i < count; i++)
        {
            connections.Remove(connections.At(places[i]));
        }

        Volatile.Write(ref _count, _count + count);
        return _scan.IsAtEnd;
    }
}
