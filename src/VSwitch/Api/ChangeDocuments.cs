using VSwitch.ControlPlane.Plan;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What a write did, or a dry run would do.</summary>
/// <param name="Revision">The revision in force.</param>
/// <param name="Changed">False when there was nothing to change, and of a dry run.</param>
/// <param name="Changes">What changes, in the order of the configuration.</param>
/// <param name="Connections">Only of a dry run: what becomes of live connections.</param>
internal sealed record ChangeDocument(long Revision, bool Changed, IReadOnlyList<ConfigChange> Changes, ImpactDocument? Connections)
{
    /// <summary>Items of one list that are named; the rest is counted.</summary>
    private const int MostItems = 1000;

    /// <summary>The document of an outcome.</summary>
    public static ChangeDocument Of(ChangeOutcome outcome) => new(
        outcome.Revision, outcome.Changed,
        [.. outcome.Changes.Select(c => c with { Fields = [.. c.Fields.Select(f => f.Limit(MostItems))] })],
        outcome.Impact is FlowImpact impact ? ImpactDocument.Of(impact) : null);
}

/// <summary>What would become of the live connections.</summary>
/// <param name="Kept">They go on.</param>
/// <param name="Rerouted">They go on by another port.</param>
/// <param name="Reopened">They are forgotten, and begin again with their next packet.</param>
/// <param name="Lost">They are over.</param>
/// <param name="Reasons">How many are over, by the reason that their next packet is dropped for.</param>
/// <param name="Examples">The first ones that are not simply kept.</param>
internal sealed record ImpactDocument(
    long Kept, long Rerouted, long Reopened, long Lost, IReadOnlyDictionary<string, long> Reasons, IReadOnlyList<AffectedConnection> Examples)
{
    /// <summary>The document of an impact.</summary>
    public static ImpactDocument Of(FlowImpact impact) =>
        new(impact.Kept, impact.Rerouted, impact.Reopened, impact.Lost, impact.LostByReason, impact.Affected);
}
