using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.FlowLogs;

/// <summary>Goes once through a worker's connections and rejects, and has what is new reported. When the ring gets crowded it gives
/// its reader some time; what finds no room even then is reported by the next walk.</summary>
public sealed unsafe class FlowReportWalk(FlowRecorder recorder) : IWorkerErrand
{
    private const int SlotsAtOnce = 64;
    private const uint PatienceMs = 50;
    private int _next;
    private int _nextReject;
    private uint _crowdedSinceMs;
    private bool _isCrowded;
    private uint _writtenAtEnd;
    private volatile bool _isDone;

    /// <summary>True when the worker is done with it. Any thread.</summary>
    public bool IsDone => _isDone;

    /// <summary>Once it is done: true when the reader has taken all that it wrote.</summary>
    public bool IsRead => _isDone && (int)(recorder.Ring.Taken - _writtenAtEnd) >= 0;

    /// <inheritdoc/>
    public bool Step(Worker worker)
    {
        Connections connections = worker.Pipeline.Connections;
        if (worker.Pipeline.Recorder == recorder)
        {
            if (MustWait(connections.NowMs) || WalkConnections(connections) || WalkRejects())
            {
                return false;
            }
        }

        _writtenAtEnd = recorder.Ring.Written;
        _isDone = true;
        return true;
    }

    /// <summary>The reader's time is limited, or a reader that is stuck would keep an idle worker awake.</summary>
    private bool MustWait(uint nowMs)
    {
        if (!recorder.Ring.IsCrowded)
        {
            _isCrowded = false;
            return false;
        }

        if (!_isCrowded)
        {
            _isCrowded = true;
            _crowdedSinceMs = nowMs;
        }

        return nowMs - _crowdedSinceMs < PatienceMs;
    }

    /// <summary>Looks at some slots; false when there are no more.</summary>
    private bool WalkConnections(Connections connections)
    {
        int v4 = connections.V4.WalkedSlotCount;
        if (_next < v4)
        {
            Walk(connections, connections.V4, _next, Math.Min(SlotsAtOnce, v4 - _next), 0);
            _next += SlotsAtOnce;
            return true;
        }

        // Slots of IPv4 that came into use meanwhile hold connections that began after the walk.
        _next = Math.Max(_next, connections.V4.SlotCount);
        int first = _next - connections.V4.SlotCount;
        if (first >= connections.V6.WalkedSlotCount)
        {
            return false;
        }

        int count = Math.Min(SlotsAtOnce, connections.V6.WalkedSlotCount - first);
        Walk(connections, connections.V6, first, count, connections.V4.SlotCount);
        _next += SlotsAtOnce;
        return true;
    }

    private void Walk(Connections connections, FlowTable table, int first, int count, int slotsBefore)
    {
        for (int number = first; number < first + count; number++)
        {
            table.PrefetchWhole(number);
        }

        for (int number = first; number < first + count; number++)
        {
            FlowEntry* entry = table.At(number);
            if (entry->State != FlowState.Free)
            {
                recorder.TryNote(connections, entry, table.DetailOf(entry), slotsBefore + number);
            }
        }
    }

    private bool WalkRejects()
    {
        if (recorder.Rejects is not { Count: > 0 } rejects || _nextReject >= rejects.SlotCount)
        {
            return false;
        }

        int end = Math.Min(_nextReject + SlotsAtOnce, rejects.SlotCount);
        while (_nextReject < end)
        {
            _ = rejects.TryExport(_nextReject++, recorder.Ring);
        }

        return true;
    }
}

/// <summary>Gives a worker its recorder, or takes it away: from then on connections and drops are, or are not, reported.</summary>
public sealed class FlowRecorderChange : IWorkerErrand
{
    /// <summary>Rejected flows that a worker gathers between two walks.</summary>
    private const int RejectCapacity = 32_768;

    private readonly FlowRecorder? _recorder;
    private readonly RejectTable? _rejects;

    /// <summary>Makes the change; memory is taken here, not by the worker.</summary>
    /// <param name="recorder">The recorder; null = none.</param>
    /// <param name="recordsRejects">True when drops are reported too.</param>
    public FlowRecorderChange(FlowRecorder? recorder, bool recordsRejects)
    {
        _recorder = recorder;
        _rejects = recordsRejects ? new RejectTable(RejectCapacity) : null;
        if (recorder != null)
        {
            recorder.RecordsRejects = recordsRejects;
        }
    }

    /// <inheritdoc/>
    public bool Step(Worker worker)
    {
        if (_recorder != null)
        {
            _recorder.Rejects = _rejects;
        }

        worker.Pipeline.Recorder = _recorder;
        return true;
    }
}
