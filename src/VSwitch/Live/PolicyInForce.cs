using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.Live;

/// <summary>What is in force, as one: whoever reports on it sees no mixture of two changes.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Snapshot">What it compiled to.</param>
/// <param name="Devices">Its open devices by port name.</param>
internal sealed record PolicyInForce(SwitchConfig Config, ForwardingSnapshot Snapshot, IReadOnlyDictionary<string, IPacketDevice> Devices);
