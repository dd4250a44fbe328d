using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;

namespace VSwitch.Live;

/// <summary>The one way to change a running switch: SIGHUP and API come here, one change at a time. What is kept is kept before it is
/// acknowledged.</summary>
internal sealed class SwitchControl
{
    private readonly Lock _changing = new();

    /// <summary>Takes charge of a switch.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="ledger">Where its changes are written down; null = in memory.</param>
    public SwitchControl(SwitchHost host, ChangeLedger? ledger = null)
    {
        Host = host;
        Ledger = ledger ?? new ChangeLedger(host.Config);
    }

    /// <summary>The switch.</summary>
    public SwitchHost Host { get; }

    /// <summary>Where its changes are written down.</summary>
    public ChangeLedger Ledger { get; }

    /// <summary>Grows by one with each change that was put in force; 1 at the start, or what the state folder says.</summary>
    public long Revision => Ledger.Revision;

    /// <summary>Puts a configuration in force, or changes nothing.</summary>
    /// <exception cref="VSwitch.Devices.Linux.DeviceException">A new device cannot be opened, or one would have to change.</exception>
    /// <exception cref="InvalidOperationException">It needs more than the switch was started for.</exception>
    /// <exception cref="StateException">It cannot be kept.</exception>
    public void Apply(SwitchConfig config, ChangeOrigin by)
    {
        lock (_changing)
        {
            ConfigDiff diff = ConfigDiff.Between(Host.Config, config);
            if (diff.Changes.Count == 0)
            {
                return;
            }

            using PreparedChange change = Host.Prepare(diff.Config);
            Ledger.Keep(diff.Config, by, diff.Changes);
            Host.Commit(change);
        }
    }
}
