using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Flows;

/// <summary>The key of a packet's connection, under the secret of one switch.</summary>
/// <param name="IsV6">The family.</param>
/// <param name="Low">Low half of the key (<see cref="FlowKey"/>).</param>
/// <param name="High">High half.</param>
/// <param name="Hash">Hash of both.</param>
/// <param name="Addresses">Addresses of an IPv6 key.</param>
/// <param name="IsFromHigher">The packet's sender is the higher endpoint. Not part of the connection.</param>
public readonly record struct ConnectionKey(
    bool IsV6, ulong Low, ulong High, uint Hash, FlowAddresses6 Addresses, bool IsFromHigher);

/// <summary>Copies one connection out of a worker's tables, if it has it: one look-up.</summary>
public sealed unsafe class ConnectionLookup(ConnectionKey key) : IWorkerErrand
{
    private ConnectionRecord _record;
    private bool _isFound;
    private volatile bool _isDone;

    /// <summary>True when the worker has looked.</summary>
    public bool IsDone => _isDone;

    /// <summary>The connection. Asked once it <see cref="IsDone"/>.</summary>
    /// <returns>False when the worker has none of that key.</returns>
    public bool TryGet(out ConnectionRecord record)
    {
        record = _record;
        return _isFound;
    }

    /// <inheritdoc/>
    public bool Step(Worker worker)
    {
        Connections connections = worker.Pipeline.Connections;
        FlowEntry* entry = key.IsV6
            ? connections.V6.Find(key.Addresses, key.Low, key.High, key.Hash)
            : connections.V4.Find(key.Low, key.High, key.Hash);
        _isFound = entry != null && !Connections.IsExpired(entry, connections.NowMs);
        if (_isFound)
        {
            connections.Copy(connections.PlaceOf(entry), worker.Index, ref _record);
        }

        _isDone = true;
        return true;
    }
}
