using VSwitch.ControlPlane.Config;

namespace VSwitch.Live;

/// <summary>The one way to change a running switch: SIGHUP and API come here, one change at a time. What is kept is kept before it is
/// acknowledged.</summary>
internal sealed class SwitchControl
{
    private readonly Lock _changing = new();

    /// <summary>Takes charge of a switch.</summary>
    public SwitchControl(SwitchHost host)
    {
        Host = host;
    }

    /// <summary>The switch.</summary>
    public SwitchHost Host { get; }

    /// <summary>Grows by one with each change that was put in force; 1 at the start.</summary>
    public long Revision { get; private set; } = 1;

    /// <summary>Puts a configuration in force, or changes nothing.</summary>
    /// <exception cref="VSwitch.Devices.Linux.DeviceException">A new device cannot be opened, or one would have to change.</exception>
    /// <exception cref="InvalidOperationException">It needs more than the switch was started for.</exception>
    public void Apply(SwitchConfig config)
    {
        lock (_changing)
        {
            using PreparedChange change = Host.Prepare(config);
            Host.Commit(change);
            Revision++;
        }
    }
}
