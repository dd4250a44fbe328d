using System.Runtime.InteropServices;
using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>What a flow log has to write of one interval.</summary>
public sealed class FlowLogInterval
{
    /// <summary>Begin, Unix milliseconds.</summary>
    public required long StartMs { get; init; }

    /// <summary>End, Unix milliseconds.</summary>
    public required long EndMs { get; init; }

    /// <summary>The records.</summary>
    public required IReadOnlyList<FlowRecord> Records { get; init; }

    /// <summary>ENIs that had no traffic.</summary>
    public required IReadOnlyList<FlowLogEni> WithoutTraffic { get; init; }

    /// <summary>ENIs of which records were lost.</summary>
    public required IReadOnlyList<FlowLogEni> Incomplete { get; init; }
}

/// <summary>Gathers the records of one flow log over an interval.</summary>
public sealed class FlowLogAggregator
{
    /// <summary>More different records than this are written before the interval is over: a scan of all ports must not fill the
    /// memory.</summary>
    public const int MostRecords = 1 << 17;

    private readonly Dictionary<FlowRecordKey, FlowTotals> _records = [];
    private readonly HashSet<string> _withTraffic = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FlowLogEni> _incomplete = new(StringComparer.Ordinal);

    /// <summary>Begins an interval.</summary>
    /// <param name="config">What the log records.</param>
    /// <param name="startMs">Begin of the first interval, Unix milliseconds.</param>
    public FlowLogAggregator(FlowLogConfig config, long startMs)
    {
        Config = config;
        StartMs = startMs;
    }

    /// <summary>What the log records.</summary>
    public FlowLogConfig Config { get; }

    /// <summary>Begin of the interval at hand, Unix milliseconds.</summary>
    public long StartMs { get; private set; }

    /// <summary>True when so much was gathered that it must be written now.</summary>
    public bool IsFull => _records.Count >= MostRecords;

    /// <summary>True when the log is about the ENI.</summary>
    public bool Watches(FlowLogEni eni) => Config.Eni != null ? Config.Eni == eni.Name
        : Config.Subnet != null ? Config.Subnet == eni.Subnet
        : Config.Vpc == eni.Vpc;

    /// <summary>Adds a record if the log is about it.</summary>
    public void Add(in FlowRecord record)
    {
        bool isWanted = Config.Traffic switch
        {
            FlowLogTraffic.Accept => record.Key.IsAccepted,
            FlowLogTraffic.Reject => !record.Key.IsAccepted,
            _ => true,
        };
        if (!isWanted || !Watches(record.Key.Eni))
        {
            return;
        }

        FlowTotals totals = record.Totals;
        totals.StartMs = Math.Max(totals.StartMs, StartMs);
        totals.EndMs = Math.Max(totals.EndMs, totals.StartMs);
        CollectionsMarshal.GetValueRefOrAddDefault(_records, record.Key, out _).Add(totals);
        _withTraffic.Add(record.Key.Eni.Name);
    }

    /// <summary>Records of an ENI were lost.</summary>
    public void NoteLoss(FlowLogEni eni)
    {
        if (Watches(eni))
        {
            _incomplete[eni.Name] = eni;
        }
    }

    /// <summary>Takes what was gathered so far; the interval goes on.</summary>
    public FlowLogInterval TakeEarly(long nowMs)
    {
        var part = new FlowLogInterval
        {
            StartMs = StartMs,
            EndMs = nowMs,
            Records = Take(),
            WithoutTraffic = [],
            Incomplete = [],
        };
        return part;
    }

    /// <summary>Ends the interval and begins the next one.</summary>
    /// <param name="endMs">Its end, Unix milliseconds.</param>
    /// <param name="enis">The ENIs there are.</param>
    public FlowLogInterval Close(long endMs, IEnumerable<FlowLogEni> enis)
    {
        var interval = new FlowLogInterval
        {
            StartMs = StartMs,
            EndMs = endMs,
            Records = Take(),
            WithoutTraffic = [.. enis.Where(e => Watches(e) && !_withTraffic.Contains(e.Name) && !_incomplete.ContainsKey(e.Name))],
            Incomplete = [.. _incomplete.Values],
        };
        StartMs = endMs;
        _withTraffic.Clear();
        _incomplete.Clear();
        return interval;
    }

    private List<FlowRecord> Take()
    {
        List<FlowRecord> records = [.. _records.Select(r => new FlowRecord(r.Key, r.Value))];
        _records.Clear();
        return records;
    }
}
