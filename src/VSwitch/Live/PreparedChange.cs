using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Tables;
using VSwitch.Devices.Faults;

namespace VSwitch.Live;

/// <summary>A change of the configuration that can be put in force without failing: checked, compiled, its new devices open.
/// Disposed without being committed, it closes them and has changed nothing.</summary>
internal sealed class PreparedChange(
    SwitchConfig config, NumberDirectory numbers, IReadOnlyList<int> freeEips, Dictionary<string, DeviceConfig> wanted) : IDisposable
{
    private bool _isCommitted;

    /// <summary>The configuration.</summary>
    public SwitchConfig Config { get; } = config;

    /// <summary>What it compiles to; a dry run asks it about live connections.</summary>
    public required ForwardingSnapshot Snapshot { get; set; }

    /// <summary>Numbers of its ports, VPCs and EIPs.</summary>
    internal NumberDirectory Numbers { get; } = numbers;

    /// <summary>Numbers of EIPs that nothing uses any more.</summary>
    internal IReadOnlyList<int> FreeEips { get; } = freeEips;

    /// <summary>Devices that it wants, by port.</summary>
    internal Dictionary<string, DeviceConfig> Wanted { get; } = wanted;

    /// <summary>Devices that it opened, by port.</summary>
    internal Dictionary<string, IPacketDevice> Added { get; } = new(StringComparer.Ordinal);

    /// <summary>Wires for devices that are open and have none, by port.</summary>
    internal Dictionary<string, FaultyWire> Wired { get; } = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isCommitted)
        {
            foreach (FaultyWire wire in Wired.Values)
            {
                wire.Abandon();
            }

            foreach (IPacketDevice device in Added.Values)
            {
                device.Dispose();
            }
        }
    }

    /// <summary>The devices belong to the switch from here on.</summary>
    internal void MarkCommitted() => _isCommitted = true;
}
