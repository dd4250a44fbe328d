using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;

namespace VSwitch.Live;

/// <summary>Where a flow log goes. Used by the flow logs' thread only, but for the counters.</summary>
internal abstract class FlowLogTarget : IDisposable
{
    private readonly HashSet<FlowLogEni> _unwritten = [];
    private long _records;
    private long _bytes;
    private long _lost;
    private volatile string? _failure;

    /// <summary>Records written or sent.</summary>
    public long Records => Volatile.Read(ref _records);

    /// <summary>Bytes written or sent.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Records that could not be written or sent.</summary>
    public long Lost => Volatile.Read(ref _lost);

    /// <summary>Why it cannot write at the moment; null when it can.</summary>
    public string? Failure => _failure;

    /// <summary>Takes what there is of an interval.</summary>
    /// <param name="interval">What there is.</param>
    /// <param name="nowMs">Now, Unix milliseconds.</param>
    /// <param name="lost">What workers could not report since the start.</param>
    public abstract void Write(FlowLogInterval interval, long nowMs, FlowReportLoss lost);

    /// <summary>Goes on with what is not out yet.</summary>
    /// <param name="nowMs">Now, Unix milliseconds.</param>
    /// <returns>True when it wants to be called again in a millisecond.</returns>
    public abstract bool Pump(long nowMs);

    /// <summary>ENIs whose records were lost here since the last time.</summary>
    public IReadOnlyList<FlowLogEni> TakeUnwritten()
    {
        FlowLogEni[] enis = [.. _unwritten];
        _unwritten.Clear();
        return enis;
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }

    /// <summary>Counts what is out.</summary>
    protected void CountWritten(long records, long bytes)
    {
        Volatile.Write(ref _records, _records + records);
        Volatile.Write(ref _bytes, _bytes + bytes);
    }

    /// <summary>Counts what is lost.</summary>
    protected void CountLost(long records, IEnumerable<FlowLogEni> enis)
    {
        Volatile.Write(ref _lost, _lost + records);
        _unwritten.UnionWith(enis);
    }

    /// <summary>Notes whether it can write.</summary>
    /// <returns>True when that is news.</returns>
    protected bool TryNoteFailure(string? failure)
    {
        bool isNews = (failure == null) != (_failure == null);
        _failure = failure;
        return isNews;
    }
}
