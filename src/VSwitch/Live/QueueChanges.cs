using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;
using VSwitch.Devices.Tap;

namespace VSwitch.Live;

/// <summary>Changes how many queues the TAPs of a running switch use. More are there at once; fewer are written on at once, and the others go
/// when nothing comes by them any more: a timer looks until they have.</summary>
internal sealed class QueueChanges : IDisposable
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(50);
    private readonly Lock _lock = new();
    private readonly HashSet<TapDevice> _retiring = [];
    private readonly Timer _timer;

    public QueueChanges()
    {
        _timer = new Timer(_ => Retire());
    }

    /// <summary>Refuses what a device cannot have while it runs.</summary>
    /// <exception cref="InvalidOperationException">A port wants more queues than its device was made with.</exception>
    public static void Require(SwitchConfig config, IEnumerable<(string Port, IPacketDevice Device)> open, int workers)
    {
        foreach ((string port, IPacketDevice device) in open)
        {
            int active = PortQueues.Of(config, port, workers).Active;
            if (Wires.Behind(device) is TapDevice && active > device.Capabilities.QueueCount)
            {
                throw new InvalidOperationException(
                    $"port '{port}' was plugged in with {device.Capabilities.QueueCount} queues at most and cannot have {active} while it runs: " +
                    "detach its ENI and attach it again, or restart the switch");
            }
        }
    }

    /// <summary>Has the ports use as many queues as a configuration says.</summary>
    public void Use(SwitchConfig config, IEnumerable<(string Port, IPacketDevice Device)> open, int workers)
    {
        lock (_lock)
        {
            foreach ((string port, IPacketDevice device) in open)
            {
                int active = PortQueues.Of(config, port, workers).Active;
                if (Wires.Behind(device) is TapDevice tap && tap.ActiveQueueCount != active)
                {
                    TryChange(tap, active);
                    _retiring.Add(tap);
                }
            }

            Arm();
        }
    }

    /// <summary>Leaves a device alone from now on: it is about to be closed.</summary>
    public void Forget(IEnumerable<IPacketDevice> devices)
    {
        lock (_lock)
        {
            _retiring.ExceptWith(devices.OfType<TapDevice>());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _retiring.Clear();
        }

        _timer.Dispose();
    }

    private static void TryChange(TapDevice tap, int active)
    {
        try
        {
            tap.SetActiveQueues(active);
        }
        catch (DeviceException e)
        {
            tap.Status.LastError = e.Message;
        }
    }

    private void Retire()
    {
        lock (_lock)
        {
            _retiring.RemoveWhere(HasRetired);
            Arm();
        }
    }

    private static bool HasRetired(TapDevice tap)
    {
        try
        {
            return tap.TryRetire();
        }
        catch (DeviceException e)
        {
            tap.Status.LastError = e.Message;
            return true;
        }
    }

    private void Arm()
    {
        if (_retiring.Count > 0)
        {
            _timer.Change(Silence, Timeout.InfiniteTimeSpan);
        }
    }
}
