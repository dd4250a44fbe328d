using VSwitch.ControlPlane.Config;

namespace VSwitch.Tests.DataPlane;

/// <summary>One frame of a case.</summary>
/// <param name="Port">Port that it comes in by.</param>
/// <param name="Frame">Its bytes.</param>
/// <param name="AtMs">When, from the beginning.</param>
/// <param name="IsDropped">True for a frame that must be dropped with the case's reason.</param>
internal sealed record DropStep(string Port, byte[] Frame, long AtMs, bool IsDropped);

/// <summary>How a drop reason is provoked by a replay. Nothing else may be dropped.</summary>
/// <param name="Reason">Its name.</param>
/// <param name="How">In words.</param>
/// <param name="Config">The configuration.</param>
/// <param name="Steps">Frames in order; the dropped ones all come in by one port.</param>
internal sealed record DropCase(string Reason, string How, Func<SwitchConfig> Config, DropStep[] Steps)
{
    public override string ToString() => $"{Reason}: {How}";
}
