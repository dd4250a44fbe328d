namespace VSwitch.Live;

/// <summary>A worker cannot carry an errand out any more: it has failed, or the switch stops.</summary>
internal sealed class WorkerUnavailableException(string message) : Exception(message);
