using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;

namespace VSwitch.Live;

/// <summary>A change that someone wants.</summary>
/// <param name="Edit">Makes of the configuration in force the one that is wanted, and sees that it is valid; called once, when it is this
/// change's turn. What it throws goes to whoever asked, and nothing changes.</param>
internal sealed record ChangeRequest(Func<SwitchConfig, SwitchConfig> Edit)
{
    /// <summary>Who wants it.</summary>
    public ChangeOrigin By { get; init; } = ChangeOrigin.Api;

    /// <summary>Says whether the change was made for a revision; null = for any.</summary>
    public Func<long, bool>? IsFor { get; init; }

    /// <summary>True to learn what would happen; then nothing does.</summary>
    public bool IsRehearsal { get; init; }
}

/// <summary>What a change did, or would do.</summary>
/// <param name="Revision">The revision in force now.</param>
/// <param name="Changed">False when there was nothing to change, and for a rehearsal.</param>
/// <param name="Changes">What it changes, thing by thing.</param>
/// <param name="Impact">What it would do to live connections; only of a rehearsal.</param>
internal sealed record ChangeOutcome(long Revision, bool Changed, IReadOnlyList<ConfigChange> Changes, FlowImpact? Impact = null);

/// <summary>A configuration and the revision that it is, read as one.</summary>
internal sealed record NumberedConfig(long Revision, SwitchConfig Config)
{
    /// <summary>When it came into force, UTC.</summary>
    public DateTime Since { get; init; } = DateTime.UtcNow;
}
