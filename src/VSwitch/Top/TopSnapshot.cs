using VSwitch.Api;
using VSwitch.Live;

namespace VSwitch.Top;

/// <summary>What a switch said at one time.</summary>
internal sealed record TopSnapshot
{
    /// <summary>When it was asked, seconds on a clock that nobody sets.</summary>
    public required double AtSeconds { get; init; }

    /// <summary>The switch.</summary>
    public required StatusDocument Status { get; init; }

    /// <summary>Its ports.</summary>
    public required IReadOnlyList<PortDocument> Ports { get; init; }

    /// <summary>Its workers.</summary>
    public required IReadOnlyList<WorkerDocument> Workers { get; init; }

    /// <summary>What it dropped.</summary>
    public required IReadOnlyList<DropDocument> Drops { get; init; }

    /// <summary>Its largest connections, as far as the filter lets them.</summary>
    public required IReadOnlyList<LiveConnection> Connections { get; init; }

    /// <summary>When the connections were asked for: they are a snapshot of their own, which a large table gives less often.</summary>
    public required double ConnectionsAtSeconds { get; init; }

    /// <summary>Why the connections are not to be had; null when they are.</summary>
    public string? ConnectionsError { get; init; }
}

/// <summary>The two last snapshots, of which rates are made.</summary>
/// <param name="Before">The one before; null at first.</param>
/// <param name="Now">The last one.</param>
/// <param name="ConnectionsBefore">The last one before it whose connections are older; null at first.</param>
internal sealed record TopSamples(TopSnapshot? Before, TopSnapshot Now, TopSnapshot? ConnectionsBefore)
{
    /// <summary>The samples after one more. A switch that was started anew begins anew.</summary>
    public static TopSamples Next(TopSamples? last, TopSnapshot now)
    {
        if (last == null || last.Now.Status.StartedAt != now.Status.StartedAt)
        {
            return new TopSamples(null, now, null);
        }

        bool isSame = last.Now.ConnectionsAtSeconds == now.ConnectionsAtSeconds;
        return new TopSamples(last.Now, now, isSame ? last.ConnectionsBefore : last.Now);
    }
}
