using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;

namespace VSwitch.Replay;

/// <summary>The usage ledger of a replay, on the trace's clock: EIPs are allocated with the first frame, sampled at whole multiples of the
/// interval, and released with the second after the last frame. It is made in memory and written at the end.</summary>
internal sealed class ReplayUsage : IDisposable
{
    private const long NsPerSecond = 1_000_000_000;
    private readonly string _folder;
    private readonly SwitchConfig _config;
    private readonly ForwardingSnapshot _snapshot;
    private readonly MemoryLedgerFiles _files = new();
    private readonly UsageLedger _ledger;
    private readonly long _intervalSeconds;
    private long _dueSecond;
    private long _lastSecond;

    /// <summary>Begins a ledger.</summary>
    /// <param name="folder">Where it goes: a folder without a ledger.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="snapshot">What it compiled to.</param>
    /// <exception cref="IOException">There is a ledger already.</exception>
    public ReplayUsage(string folder, SwitchConfig config, ForwardingSnapshot snapshot)
    {
        (_folder, _config, _snapshot) = (folder, config, snapshot);
        using (var there = new StateFolder(folder))
        {
            if (there.Names.Any(n => n.EndsWith(".jsonl", StringComparison.Ordinal)))
            {
                throw new IOException($"{folder} has a usage ledger already: name a new folder, or remove it");
            }
        }

        _intervalSeconds = (long)config.Billing.Interval.TotalSeconds;
        _ledger = UsageLedger.Open(_files, BillingCalendar.TryFind(config.Billing.TimeZone) ?? BillingCalendar.Utc);
    }

    /// <summary>The trace's clock comes to a frame that has not been fed yet. Between two frames nothing is counted but what was held, so that
    /// of all whole multiples of the interval between them one sample tells everything.</summary>
    public void Until(long timestampNs, EipMeters meters)
    {
        long second = timestampNs / NsPerSecond;
        if (_dueSecond == 0)
        {
            _ledger.Begin(second, "replay", EipTerms.Of(_config));
        }
        else if (second >= _dueSecond)
        {
            _ledger.Sample(_dueSecond, Read(meters));
        }
        else
        {
            return;
        }

        _lastSecond = Math.Max(_lastSecond, second);
        _dueSecond = ((_lastSecond / _intervalSeconds) + 1) * _intervalSeconds;
    }

    /// <summary>Writes the last sample, releases the EIPs, and writes the files.</summary>
    /// <param name="lastNs">Time of the last frame.</param>
    /// <param name="meters">The counters.</param>
    /// <exception cref="IOException">They cannot be written.</exception>
    /// <exception cref="StateException">The folder is another process's.</exception>
    public void End(long lastNs, EipMeters meters)
    {
        if (_dueSecond != 0)
        {
            long end = (lastNs / NsPerSecond) + 1;
            Dictionary<string, UsageCounts> counted = Read(meters);
            _ledger.Sample(end, counted);
            _ledger.Change(end, [], counted);
            _ledger.Close(end, counted);
        }

        using var folder = new StateFolder(_folder);
        folder.Claim();
        _files.CopyTo(folder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ledger.Dispose();
        _files.Dispose();
    }

    private Dictionary<string, UsageCounts> Read(EipMeters meters) => UsageService.Read(meters, _config, _snapshot);
}
