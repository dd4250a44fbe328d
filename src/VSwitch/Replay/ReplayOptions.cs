using System.Text.Json.Serialization;
using VSwitch.Devices.Faults;

namespace VSwitch.Replay;

/// <summary>What to replay.</summary>
/// <param name="Inputs">Port (or "auto") and file, in the order given.</param>
/// <param name="OutputFolder">Where the captures go.</param>
/// <param name="Workers">Workers, at least 1.</param>
/// <param name="Speed">0 = as fast as possible, 1 = as recorded, N = N times that.</param>
internal sealed record ReplayOptions(
    IReadOnlyList<(string Port, string File)> Inputs, string OutputFolder, int Workers, double Speed);

/// <summary>What a replay gave; the shape of <c>--json</c> (interface.md section 4).</summary>
internal sealed record ReplaySummary
{
    public long Read { get; set; }

    public long Forwarded { get; set; }

    public long Answered { get; set; }

    public long Consumed { get; set; }

    public long Dropped { get; set; }

    public long Generated { get; set; }

    public SortedDictionary<string, long> Drops { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, PortSummary> Ports { get; } = new(StringComparer.Ordinal);

    public FlowSummary Flows { get; set; } = new(0, 0, 0, 0);

    /// <summary>What wires with faults did; null where no port has one. A frame that a wire doubled on its way to the switch is read once
    /// and counted twice after that.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, WireSummary>? Wires { get; set; }

    public List<string> Errors { get; } = [];
}

/// <summary>What one port counted.</summary>
internal sealed record PortSummary(
    long Received, long ReceivedBytes, long Sent, long SentBytes, long Forwarded, long Answered, long Consumed, long Dropped,
    long Generated);

/// <summary>What a port's wire did to the frames to the switch and from it.</summary>
internal sealed record WireSummary(LineCounts In, LineCounts Out);

/// <summary>Connections made, over, evicted (order of checks, section 12; part of those that are over), and live at the end.</summary>
internal sealed record FlowSummary(long Created, long Removed, long Evicted, long Live);
