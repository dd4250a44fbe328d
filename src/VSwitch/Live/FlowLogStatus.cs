using VSwitch.ControlPlane.Config;

namespace VSwitch.Live;

/// <summary>How a flow log fares.</summary>
/// <param name="Config">What it records, and where to.</param>
/// <param name="Records">Records written or sent since it began.</param>
/// <param name="Bytes">Bytes of them, as written or sent.</param>
/// <param name="Lost">Records lost: no room between worker and log, or not written, or refused.</param>
/// <param name="Failure">Why it cannot write at the moment; null when it can.</param>
internal sealed record FlowLogStatus(FlowLogConfig Config, long Records, long Bytes, long Lost, string? Failure);
