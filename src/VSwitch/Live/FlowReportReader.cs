using System.Diagnostics;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>The reading end of all workers' flow recorders. Used by one thread.</summary>
/// <param name="workers">The workers.</param>
/// <param name="post">Hands an errand to a worker at work.</param>
/// <param name="isFilling">Set by a worker whose ring is half full.</param>
internal sealed class FlowReportReader(WorkerSet workers, Action<int, IWorkerErrand> post, EventWaitHandle isFilling) : IDisposable
{
    private const int RingCapacity = 32_768;
    private const int ReportsAtOnce = 256;

    /// <summary>A worker that does not answer for so long has failed; the others' reports are not kept back.</summary>
    private static readonly TimeSpan WalkPatience = TimeSpan.FromSeconds(5);

    private readonly FlowReport[] _reports = new FlowReport[ReportsAtOnce];
    private readonly List<FlowRecord> _records = [];
    private readonly Dictionary<(FlowRecorder Recorder, int Port), FlowReportLoss> _seenLosses = [];
    private FlowRecorder[] _recorders = [];
    private FlowReportWalk[]? _walks;
    private long _walkBegan;
    private int _portCapacity;

    /// <summary>What workers could not report since recording began.</summary>
    public FlowReportLoss Lost { get; private set; }

    /// <summary>True between <see cref="BeginWalk"/> and <see cref="EndWalk"/>.</summary>
    public bool IsWalking => _walks != null;

    /// <summary>True when all workers are through, and all that they wrote was read.</summary>
    public bool IsWalkRead => _walks != null &&
        (_walks.All(w => w.IsRead) || Stopwatch.GetElapsedTime(_walkBegan) > WalkPatience);

    /// <summary>Begins or ends recording.</summary>
    /// <param name="isWanted">True to record.</param>
    /// <param name="recordsRejects">Drops too.</param>
    /// <param name="areWorkersAtRest">No worker is at work.</param>
    public void Record(bool isWanted, bool recordsRejects, bool areWorkersAtRest)
    {
        if (isWanted == _recorders.Length > 0 && (!isWanted || _recorders[0].RecordsRejects == recordsRejects))
        {
            return;
        }

        bool isNew = _recorders.Length == 0;
        if (isNew)
        {
            _portCapacity = workers.Workers[0].Counters.PortCapacity;
            _recorders = [.. workers.Workers.Select(w => new FlowRecorder(w.Pipeline.Connections, _portCapacity, RingCapacity, isFilling))];
        }

        FlowRecorderChange[] changes =
            [.. _recorders.Select(r => new FlowRecorderChange(isWanted ? r : null, isWanted && recordsRejects))];
        for (int i = 0; i < changes.Length; i++)
        {
            Carry(i, changes[i], areWorkersAtRest);
        }

        if (isWanted && isNew && !areWorkersAtRest)
        {
            // Connections that are there already begin to count from here.
            BeginWalk();
        }

        if (!isWanted)
        {
            // The collector frees their memory once no worker has them.
            _recorders = [];
            _seenLosses.Clear();
        }
    }

    /// <summary>Has every worker report what its connections carried.</summary>
    public void BeginWalk()
    {
        _walks = Array.ConvertAll(_recorders, r => new FlowReportWalk(r));
        _walkBegan = Stopwatch.GetTimestamp();
        for (int i = 0; i < _walks.Length; i++)
        {
            post(i, _walks[i]);
        }
    }

    /// <summary>Forgets a walk that was read.</summary>
    public void EndWalk() => _walks = null;

    /// <summary>The same as a walk, on the calling thread: no worker is at work.</summary>
    /// <param name="drain">Reads what was reported.</param>
    public void WalkAtRest(Action drain)
    {
        for (int i = 0; i < _recorders.Length; i++)
        {
            var walk = new FlowReportWalk(_recorders[i]);
            do
            {
                drain();
            }
            while (!walk.Step(workers.Workers[i]));
        }

        drain();
    }

    /// <summary>Reads what there is, but no more than was there at the beginning.</summary>
    public void Drain(FlowLogHistory history, in FlowClock clock, Action<FlowRecord> take)
    {
        foreach (FlowRecorder recorder in _recorders)
        {
            int left = recorder.Ring.Capacity;
            int count;
            do
            {
                count = recorder.Ring.Read(_reports);
                foreach (ref readonly FlowReport report in _reports.AsSpan(0, count))
                {
                    _records.Clear();
                    FlowRecordMaker.Make(report, history.Of(report.PolicyVersion), clock, _records);
                    _records.ForEach(take);
                }

                left -= count;
            }
            while (count == _reports.Length && left > 0);
        }
    }

    /// <summary>Ports whose reports found no room since the last time, and how many.</summary>
    public IReadOnlyList<(int Port, long Reports)> TakeLosses()
    {
        var losses = new List<(int, long)>();
        foreach (FlowRecorder recorder in _recorders)
        {
            for (int port = 1; port < _portCapacity; port++)
            {
                FlowReportLoss loss = recorder.LossOf(port);
                FlowReportLoss before = _seenLosses.GetValueOrDefault((recorder, port));
                if (loss.Reports != before.Reports)
                {
                    _seenLosses[(recorder, port)] = loss;
                    losses.Add((port, loss.Reports - before.Reports));
                    Lost = new FlowReportLoss
                    {
                        Reports = Lost.Reports + loss.Reports - before.Reports,
                        Packets = Lost.Packets + loss.Packets - before.Packets,
                        Bytes = Lost.Bytes + loss.Bytes - before.Bytes,
                    };
                }
            }
        }

        return losses;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = 0; i < _recorders.Length; i++)
        {
            Carry(i, new FlowRecorderChange(null, recordsRejects: false), isAtRest: true);
            _recorders[i].Dispose();
        }

        _recorders = [];
    }

    private void Carry(int worker, FlowRecorderChange errand, bool isAtRest)
    {
        if (isAtRest)
        {
            errand.Step(workers.Workers[worker]);
        }
        else
        {
            post(worker, errand);
        }
    }
}
