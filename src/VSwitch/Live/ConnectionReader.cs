using VSwitch.DataPlane.Flows;

namespace VSwitch.Live;

/// <summary>Looks through the live connections of a switch, from a thread that is no worker's: each worker copies its own out, a batch
/// at a time, and is not waited for by anything but the caller.</summary>
internal sealed class ConnectionReader(SwitchHost host)
{
    /// <summary>A batch's array is small enough to die young.</summary>
    private const int BatchConnections = 256;

    /// <summary>Reads connections, by worker and place: one that lives all the while comes exactly once, whatever comes and goes. Ends
    /// with the enumeration; nothing is left for a worker to do then.</summary>
    /// <param name="filter">Which connections.</param>
    /// <param name="from">Where to begin; the default is the beginning.</param>
    /// <param name="cancel">Ends it early.</param>
    /// <exception cref="WorkerUnavailableException">A worker has failed, or the switch stops.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IEnumerable<ConnectionRecord> Read(ConnectionFilter filter, ConnectionCursor from, CancellationToken cancel)
    {
        for (int worker = from.Worker; worker < host.WorkerCount; worker++)
        {
            var walk = new ConnectionWalk(filter, BatchConnections, worker == from.Worker ? from.Place : 0);
            try
            {
                do
                {
                    cancel.ThrowIfCancellationRequested();
                    walk.Begin();
                    host.Post(worker, walk);
                    Await(worker, () => walk.IsResting, cancel);
                    for (int i = 0; i < walk.Found.Length; i++)
                    {
                        yield return walk.Found[i];
                    }
                }
                while (!walk.IsAtEnd);
            }
            finally
            {
                walk.Cancel();
            }
        }
    }

    /// <summary>Finds the connection of a key.</summary>
    /// <returns>Null when there is none.</returns>
    /// <exception cref="WorkerUnavailableException">A worker has failed, or the switch stops.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public ConnectionRecord? Find(ConnectionKey key, CancellationToken cancel)
    {
        for (int worker = 0; worker < host.WorkerCount; worker++)
        {
            var errand = new ConnectionLookup(key);
            host.Post(worker, errand);
            Await(worker, () => errand.IsDone, cancel);
            if (errand.TryGet(out ConnectionRecord record))
            {
                return record;
            }
        }

        return null;
    }

    /// <summary>Forgets connections.</summary>
    /// <returns>How many.</returns>
    /// <exception cref="WorkerUnavailableException">A worker has failed, or the switch stops; some may be forgotten.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; some may be forgotten.</exception>
    public long Clear(ConnectionFilter filter, CancellationToken cancel)
    {
        var errands = new ConnectionClear[host.WorkerCount];
        for (int worker = 0; worker < errands.Length; worker++)
        {
            host.Post(worker, errands[worker] = new ConnectionClear(filter));
        }

        try
        {
            for (int worker = 0; worker < errands.Length; worker++)
            {
                ConnectionClear errand = errands[worker];
                Await(worker, () => errand.IsDone, cancel);
            }
        }
        finally
        {
            Array.ForEach(errands, errand => errand.Cancel());
        }

        return errands.Sum(errand => (long)errand.Count);
    }

    /// <summary>Waits for a worker. It gives no sign, which would cost it a system call: it takes some rounds of microseconds, and
    /// under load a millisecond.</summary>
    private void Await(int worker, Func<bool> isDone, CancellationToken cancel)
    {
        var spin = default(SpinWait);
        while (!isDone())
        {
            cancel.ThrowIfCancellationRequested();
            host.RequireAtWork(worker);
            spin.SpinOnce(sleep1Threshold: 60);
        }
    }
}

/// <summary>A position in the connections of a switch: the place of a worker's where to go on.</summary>
/// <param name="Worker">The worker.</param>
/// <param name="Place">The place.</param>
internal readonly record struct ConnectionCursor(int Worker, int Place)
{
    /// <summary>The position behind a connection.</summary>
    public static ConnectionCursor Behind(in ConnectionRecord record) => new(record.Worker, record.Place + 1);
}
