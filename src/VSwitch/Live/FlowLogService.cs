using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>The flow logs of a switch: a thread of its own that reads what the workers report, gathers it, and writes it when an
/// interval is over. It has the workers go through their connections then (<see cref="FlowReportWalk"/>), and only then.
/// Without flow logs the workers record nothing and the thread sleeps.</summary>
internal sealed class FlowLogService : IDisposable
{
    private const int LongestPauseMs = 100;
    private const int BusyPauseMs = 1;
    private const int StopMs = 10_000;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly FlowLogHistory _history = new();
    private readonly FlowReportReader _reader;
    private readonly TimeProvider _time;
    private readonly Action<string> _say;
    private readonly Thread _thread;
    private IReadOnlyList<FlowLog> _logs = [];
    private IReadOnlyList<FlowLogConfig>? _wanted;

    /// <summary>When the walk at hand began, if intervals end with it.</summary>
    private long? _closesAtMs;
    private volatile bool _stop;

    /// <summary>Takes charge of the workers' reports. No worker may be at work yet.</summary>
    /// <param name="workers">The workers.</param>
    /// <param name="post">Hands an errand to a worker at work.</param>
    /// <param name="config">The first configuration.</param>
    /// <param name="snapshot">What it compiled to.</param>
    /// <param name="time">Says when intervals are over.</param>
    /// <param name="say">Gets lines for people; null = standard error.</param>
    public FlowLogService(
        WorkerSet workers, Action<int, IWorkerErrand> post, SwitchConfig config, ForwardingSnapshot snapshot, TimeProvider time,
        Action<string>? say = null)
    {
        _time = time;
        _say = say ?? (line => Console.Error.WriteLine($"vswitch: {line}"));
        _reader = new FlowReportReader(workers, post, _wake);
        _history.Add(config, snapshot);
        ChangeLogs(config.FlowLogs, areWorkersAtRest: true);
        _thread = new Thread(Run) { Name = "flow logs", IsBackground = true };
        _thread.Start();
    }

    private sealed class FlowLog(FlowLogAggregator aggregator, FlowLogTarget target)
    {
        public FlowLogAggregator Aggregator { get; } = aggregator;

        public FlowLogTarget Target { get; } = target;

        public long DueMs { get; set; }

        public long LostReports { get; set; }
    }

    /// <summary>How the flow logs fare; any thread.</summary>
    public IReadOnlyList<FlowLogStatus> Status =>
    [
        .. Volatile.Read(ref _logs).Select(l => new FlowLogStatus(
            l.Aggregator.Config, l.Target.Records, l.Target.Bytes, l.Target.Lost + l.LostReports, l.Target.Failure)),
    ];

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Takes note of a configuration, before the workers get its snapshot. The logs change soon after.</summary>
    public void Use(SwitchConfig config, ForwardingSnapshot snapshot)
    {
        lock (_gate)
        {
            _history.Add(config, snapshot);
            _wanted = config.FlowLogs;
        }

        _wake.Set();
    }

    /// <summary>Writes what there is and ends. The workers' threads must have ended.</summary>
    public void Dispose()
    {
        if (!_stop)
        {
            _stop = true;
            _wake.Set();

            // A file on a file system that hangs must not keep the switch from ending.
            _thread.Join(StopMs);
        }
    }

    private void Run()
    {
        try
        {
            RunSteps();
        }
#pragma warning disable CA1031 // Whatever it was, the switch goes on without flow logs and says so.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _say($"flow logs ended, which is an error of ours: {e.Message}");
        }
    }

    private void RunSteps()
    {
        while (!_stop)
        {
            bool isBusy = Step(NowMs);
            int pauseMs = isBusy ? BusyPauseMs : _logs.Count == 0 ? Timeout.Infinite : PauseMs(NowMs);
            if (pauseMs != 0)
            {
                _wake.WaitOne(pauseMs);
            }
        }

        Finish();
    }

    private int PauseMs(long nowMs) => (int)Math.Clamp(_logs.Min(l => l.DueMs) - nowMs, 0, LongestPauseMs);

    /// <summary>One turn; true when the next one should come soon.</summary>
    private bool Step(long nowMs)
    {
        Drain(nowMs);
        bool isDue = _logs.Any(l => nowMs >= l.DueMs) || IsChangeWanted();
        if (isDue && !_reader.IsWalking)
        {
            _reader.BeginWalk();
            _closesAtMs = nowMs;
        }

        if (_reader.IsWalkRead)
        {
            EndWalk(nowMs);
        }

        bool hasMore = false;
        foreach (FlowLog log in _logs)
        {
            hasMore |= log.Target.Pump(nowMs);
        }

        return hasMore || _reader.IsWalking;
    }

    /// <summary>All that was counted until the walk came by has been read.</summary>
    private void EndWalk(long nowMs)
    {
        _reader.EndWalk();
        Drain(nowMs);
        NoteLosses();
        if (_closesAtMs is long atMs)
        {
            _closesAtMs = null;
            CloseDue(atMs);
            ApplyChange();
        }
    }

    private bool IsChangeWanted()
    {
        lock (_gate)
        {
            return _wanted != null;
        }
    }

    /// <summary>Reads what was reported and gives it to the logs.</summary>
    private void Drain(long nowMs)
    {
        var clock = new FlowClock(nowMs, (uint)(WorkerThread.NowNs() / 1_000_000));
        lock (_gate)
        {
            _reader.Drain(_history, clock, Take);
        }

        foreach (FlowLog log in _logs)
        {
            if (log.Aggregator.IsFull)
            {
                log.Target.Write(log.Aggregator.TakeEarly(nowMs), nowMs, _reader.Lost);
            }
        }
    }

    private void Take(FlowRecord record)
    {
        foreach (FlowLog log in _logs)
        {
            log.Aggregator.Add(record);
        }
    }

    private void NoteLosses()
    {
        foreach ((int port, long reports) in _reader.TakeLosses())
        {
            foreach (FlowLog log in _logs)
            {
                if (_history.Newest.EniOf(port) is FlowLogEni eni && log.Aggregator.Watches(eni))
                {
                    log.Aggregator.NoteLoss(eni);
                    log.LostReports += reports;
                }
            }
        }
    }

    private void CloseDue(long nowMs)
    {
        foreach (FlowLog log in _logs.Where(l => nowMs >= l.DueMs))
        {
            long intervalMs = (long)log.Aggregator.Config.Interval.TotalMilliseconds;
            Close(log, nowMs / intervalMs * intervalMs, nowMs);
            log.DueMs = NextEndMs(log.Aggregator.Config, nowMs);
        }
    }

    private void Close(FlowLog log, long endMs, long nowMs)
    {
        foreach (FlowLogEni eni in log.Target.TakeUnwritten())
        {
            log.Aggregator.NoteLoss(eni);
        }

        FlowLogInterval interval;
        lock (_gate)
        {
            interval = log.Aggregator.Close(endMs, _history.Newest.Enis);
        }

        log.Target.Write(interval, nowMs, _reader.Lost);
    }

    /// <summary>Intervals begin at whole multiples of themselves since 1970.</summary>
    private static long NextEndMs(FlowLogConfig config, long nowMs)
    {
        long intervalMs = (long)config.Interval.TotalMilliseconds;
        return ((nowMs / intervalMs) + 1) * intervalMs;
    }

    private void ApplyChange()
    {
        IReadOnlyList<FlowLogConfig>? wanted;
        lock (_gate)
        {
            wanted = _wanted;
            _wanted = null;
        }

        if (wanted != null)
        {
            ChangeLogs(wanted, areWorkersAtRest: false);
        }
    }

    /// <summary>Logs that stay as they were go on with what they gathered; others end with what they have.</summary>
    private void ChangeLogs(IReadOnlyList<FlowLogConfig> wanted, bool areWorkersAtRest)
    {
        long nowMs = NowMs;
        var logs = new List<FlowLog>();
        foreach (FlowLogConfig config in wanted)
        {
            logs.Add(_logs.FirstOrDefault(l => IsSame(l.Aggregator.Config, config)) ??
                new FlowLog(new FlowLogAggregator(config, nowMs), TargetOf(config)) { DueMs = NextEndMs(config, nowMs) });
        }

        foreach (FlowLog log in _logs.Except(logs))
        {
            End(log, nowMs);
        }

        Volatile.Write(ref _logs, logs);
        _reader.Record(logs.Count > 0, wanted.Any(w => w.Traffic != FlowLogTraffic.Accept), areWorkersAtRest);
    }

    private static bool IsSame(FlowLogConfig a, FlowLogConfig b) => a with { Position = default } == b with { Position = default };

    private FlowLogTarget TargetOf(FlowLogConfig config)
    {
        void Say(string line) => _say($"flow log '{config.Name}': {line}");
        return config.File != null
            ? new FlowLogFile(config.File, FlowLogFormat.Parse(config.Format, out _)!, Say)
            : new FlowLogCollector(ConfigReader.ParseCollector(config.Ipfix!)!, Say);
    }

    private void End(FlowLog log, long nowMs)
    {
        Close(log, nowMs, nowMs);
        while (log.Target.Pump(nowMs))
        {
            Thread.Sleep(BusyPauseMs);
        }

        log.Target.Dispose();
    }

    /// <summary>A last, short interval.</summary>
    private void Finish()
    {
        long nowMs = NowMs;
        _reader.WalkAtRest(() => Drain(nowMs));
        NoteLosses();
        foreach (FlowLog log in _logs)
        {
            End(log, nowMs);
        }

        _reader.Dispose();
    }
}
