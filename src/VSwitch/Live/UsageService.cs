using System.Globalization;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>How the usage ledger fares.</summary>
/// <param name="LastWrite">When it was last up to date, UTC; null = never yet.</param>
/// <param name="Errors">Writes that failed.</param>
/// <param name="LostChanges">Changes that could not be written for so long that they were given up.</param>
/// <param name="Bytes">Length of the file that is written to.</param>
/// <param name="Problem">Why it cannot be written at the time; null while it can.</param>
internal sealed record UsageStatus(DateTime? LastWrite, long Errors, long LostChanges, long Bytes, string? Problem);

/// <summary>The metering of a switch: a thread of its own that writes what EIPs count to the usage ledger, each interval, at each change
/// and at the end. Whatever becomes of the disk, the switch goes on: counters are kept, and written once they can be.</summary>
internal sealed class UsageService : IDisposable
{
    /// <summary>The ledger's folder within the state folder.</summary>
    public const string FolderName = "usage";

    private const int StopMs = 10_000;
    private const int MaxWaitingChanges = 1000;
    private const double StepSeconds = 2;
    private readonly Lock _gate = new();
    private readonly Lock _writing = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly Queue<Change> _changes = new();
    private readonly SwitchHost _host;
    private readonly Func<IStateFiles> _open;
    private readonly TimeProvider _time;
    private readonly Action<string> _say;
    private readonly Thread _thread;
    private readonly long _startedAt;
    private readonly EipTerms[] _startedWith;
    private readonly long? _changedAt;
    private PolicyInForce _policy;
    private IStateFiles? _files;
    private UsageLedger? _ledger;
    private UsageStatus _status = new(null, 0, 0, 0, null);
    private long _openErrors;
    private long _lostChanges;
    private (DateTimeOffset Wall, long Timestamp) _clock;
    private volatile bool _stop;

    /// <summary>Begins to meter.</summary>
    /// <param name="host">The switch, at work.</param>
    /// <param name="open">Gives the ledger's folder; called again while the folder cannot be had.</param>
    /// <param name="changedAt">Since when the configuration is what it is, where that is known.</param>
    /// <param name="time">The clock.</param>
    /// <param name="say">Gets what is wrong, a line each, from any thread.</param>
    public UsageService(SwitchHost host, Func<IStateFiles> open, DateTimeOffset? changedAt, TimeProvider time, Action<string> say)
    {
        (_host, _open, _time, _say) = (host, open, time, say);
        _changedAt = changedAt?.ToUnixTimeSeconds();
        _clock = (time.GetUtcNow(), time.GetTimestamp());
        _startedAt = _clock.Wall.ToUnixTimeSeconds();
        lock (_gate)
        {
            host.Committed += Note;
            _policy = host.InForce;
        }

        _startedWith = [.. EipTerms.Of(_policy.Config)];
        lock (_writing)
        {
            TryOpen();
            Publish();
        }

        _thread = new Thread(Run) { Name = "usage", IsBackground = true };
        _thread.Start();
    }

    /// <summary>What a configuration's change means to the ledger.</summary>
    private sealed record Change(long At, IReadOnlyList<EipTerms> Terms, Dictionary<string, UsageCounts> Counted);

    /// <summary>How it fares; any thread.</summary>
    public UsageStatus Status => Volatile.Read(ref _status);

    /// <summary>Now, as the ledger counts time.</summary>
    public long Now => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>What the ledger says of a time, up to this instant; any thread.</summary>
    /// <param name="from">Begin of the time, second.</param>
    /// <param name="notes">Gets what the reader should know.</param>
    /// <exception cref="StateException">It cannot be read.</exception>
    public UsageHistory Read(long from, ICollection<string> notes)
    {
        lock (_writing)
        {
            if (_ledger == null || _files == null)
            {
                throw new StateException(_status.Problem ?? "the usage ledger cannot be opened");
            }

            WriteChanges();
            try
            {
                IReadOnlyList<LedgerEntry> written = UsageReader.Read(_files, from, notes);
                UsageSampled? rest = _ledger.Unwritten(Now, Counted());
                if (_ledger.Problem is string problem)
                {
                    notes.Add(problem);
                }

                return UsageHistory.Of(rest == null ? written : [.. written, rest]);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StateException($"usage ledger {_files.Folder} cannot be read: {e.Message}", e);
            }
        }
    }

    /// <summary>Writes the last counts and ends. The workers must have ended, and their counters must still be there.</summary>
    public void Dispose()
    {
        if (_stop)
        {
            return;
        }

        _stop = true;
        _host.Committed -= Note;
        _wake.Set();

        // A folder on a file system that hangs must not keep the switch from ending.
        _thread.Join(StopMs);
    }

    /// <summary>Reads counters while the old numbers still stand; the writing is the thread's.</summary>
    private void Note(PolicyInForce before, PolicyInForce after)
    {
        lock (_gate)
        {
            Dictionary<string, UsageCounts> counted = Read(after);
            foreach ((string name, UsageCounts counts) in Read(before))
            {
                // Of one that was removed and added again in one change the name has the same number.
                counted.TryAdd(name, counts);
            }

            if (_changes.Count == MaxWaitingChanges)
            {
                _changes.Dequeue();
                _lostChanges++;
            }

            _changes.Enqueue(new Change(Now, EipTerms.Of(after.Config), counted));
            _policy = after;
        }

        _wake.Set();
    }

    /// <summary>What each EIP of a configuration counted since it has its number, by name.</summary>
    public static Dictionary<string, UsageCounts> Read(EipMeters meters, SwitchConfig config, ForwardingSnapshot snapshot)
    {
        var counted = new Dictionary<string, UsageCounts>(config.ElasticIps.Count, StringComparer.Ordinal);
        for (int i = 0; i < config.ElasticIps.Count; i++)
        {
            // The snapshot's index 0 is nobody's.
            Eip eip = snapshot.EipAt(i + 1);
            counted[config.ElasticIps[i].Name] = new UsageCounts(WayOf(meters.SentBy(eip.Number)), WayOf(meters.ReceivedBy(eip.Number)));
        }

        return counted;
    }

    private Dictionary<string, UsageCounts> Read(PolicyInForce policy) => Read(_host.Workers.Eips, policy.Config, policy.Snapshot);

    private static UsageWay WayOf(in MeterCounters c) => new(c.Packets, c.Bytes, c.DroppedPackets, c.DroppedBytes);

    private Dictionary<string, UsageCounts> Counted()
    {
        lock (_gate)
        {
            return Read(_policy);
        }
    }

    private void Run()
    {
        while (!_stop)
        {
            _wake.WaitOne(PauseMs());
            lock (_writing)
            {
                Step();
                Publish();
            }
        }

        lock (_writing)
        {
            WriteChanges();
            if (_ledger != null)
            {
                _ledger.Close(Now, Counted());
                Publish();
                _ledger.Dispose();
            }
        }
    }

    /// <summary>Until the next whole multiple of the interval since 1970. Where the clock is set meanwhile, no longer than an interval.
    /// </summary>
    private int PauseMs()
    {
        long intervalMs = (long)_policy.Config.Billing.Interval.TotalMilliseconds;
        return (int)(intervalMs - (_time.GetUtcNow().ToUnixTimeMilliseconds() % intervalMs));
    }

    private void Step()
    {
        TryOpen();
        long seconds = ClockStep();
        WriteChanges();
        if (_ledger == null)
        {
            return;
        }

        if (seconds != 0)
        {
            _say($"the clock was set {(seconds < 0 ? "back" : "forward")} by {Math.Abs(seconds)} seconds" +
                (seconds < 0 ? "; until it has caught up, usage is written with the time of the last entry" : ""));
            _ledger.NoteClock(Now, seconds);
        }

        _ledger.Sample(Now, Counted());
    }

    /// <summary>How far the clock was set since the last time, beyond what passed.</summary>
    private long ClockStep()
    {
        (DateTimeOffset Wall, long Timestamp) now = (_time.GetUtcNow(), _time.GetTimestamp());
        TimeSpan step = now.Wall - _clock.Wall - _time.GetElapsedTime(_clock.Timestamp, now.Timestamp);
        _clock = now;
        return Math.Abs(step.TotalSeconds) < StepSeconds ? 0 : (long)Math.Round(step.TotalSeconds);
    }

    private void WriteChanges()
    {
        while (_ledger != null)
        {
            Change? change;
            lock (_gate)
            {
                if (!_changes.TryDequeue(out change))
                {
                    return;
                }
            }

            _ledger.Change(change.At, change.Terms, change.Counted);
        }
    }

    private void TryOpen()
    {
        if (_ledger != null)
        {
            return;
        }

        try
        {
            IStateFiles files = _open();
            BillingCalendar calendar = BillingCalendar.TryFind(_policy.Config.Billing.TimeZone) ?? BillingCalendar.Utc;
            _ledger = UsageLedger.Open(files, calendar);
            _files = files;
            _ledger.Begin(_startedAt, string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId}"), _startedWith, _changedAt);
            foreach (string finding in _ledger.Findings)
            {
                _say(finding);
            }
        }
        catch (StateException e)
        {
            _openErrors++;
            Publish(e.Message);
        }
    }

    private void Publish() => Publish(_ledger == null ? _status.Problem : _ledger.Problem);

    private void Publish(string? problem)
    {
        UsageStatus before = _status;
        bool isWritten = _ledger != null && problem == null;
        Volatile.Write(ref _status, new UsageStatus(
            isWritten ? _time.GetUtcNow().UtcDateTime : before.LastWrite, _openErrors + (_ledger?.Errors ?? 0),
            _lostChanges + (_ledger?.LostChanges ?? 0), _ledger?.FileBytes ?? 0, problem));
        if (problem != null && before.Problem == null)
        {
            _say($"{problem}; the switch goes on, and what it counts is written once that works");
        }
        else if (problem == null && before.Problem != null)
        {
            _say("the usage ledger is written again");
        }
    }
}
