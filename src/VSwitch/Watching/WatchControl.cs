using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Watching;

/// <summary>Who watches a running switch: captures and mirrors come and go, and whenever the configuration changes their words are
/// compiled anew. A change is one reference that workers take up with their next burst; what they may still use is freed only after each
/// of them has begun another round.</summary>
/// <param name="shared">What the workers share.</param>
/// <param name="snapshot">The snapshot in force.</param>
/// <param name="waitForRound">Waits until each worker has begun a round since; false when the workers are being ended.</param>
internal sealed class WatchControl(SwitchShared shared, Func<ForwardingSnapshot> snapshot, Func<bool> waitForRound)
{
    /// <summary>Captures at once.</summary>
    public const int MaxCaptures = 8;

    private readonly Lock _changing = new();
    private readonly List<(PacketWatcher Watcher, PacketFilter Filter)> _watchers = [];
    private uint _version;

    /// <summary>Begins to show packets to a watcher.</summary>
    /// <param name="watcher">Who watches.</param>
    /// <param name="filter">What it wants to see.</param>
    /// <param name="mayAdd">Says, while nobody else changes anything, whether it may, by the watchers there are.</param>
    /// <returns>False when it may not.</returns>
    public bool TryAdd(PacketWatcher watcher, PacketFilter filter, Func<IEnumerable<PacketWatcher>, bool>? mayAdd = null)
    {
        lock (_changing)
        {
            if (mayAdd != null && !mayAdd(_watchers.Select(w => w.Watcher)))
            {
                return false;
            }

            _watchers.Add((watcher, filter));
            Publish();
            return true;
        }
    }

    /// <summary>Shows it nothing any more.</summary>
    /// <returns>True when no worker uses it any more, so that it may be freed; false when the switch is ending, and it is left to the
    /// collector.</returns>
    public bool Remove(PacketWatcher watcher)
    {
        lock (_changing)
        {
            _watchers.RemoveAll(w => ReferenceEquals(w.Watcher, watcher));
            Publish();
        }

        return waitForRound();
    }

    /// <summary>Another configuration is in force.</summary>
    public void Refresh()
    {
        lock (_changing)
        {
            if (_watchers.Count > 0)
            {
                Publish();
            }
        }
    }

    private void Publish()
    {
        PacketTap[] taps = [.. _watchers.Select(w => w.Watcher).OfType<PacketTap>()];
        foreach (PacketTap tap in taps)
        {
            tap.ShareAmong(taps.Length);
        }

        ForwardingSnapshot inForce = snapshot();
        shared.Watch = WatchSet.After(
            shared.Watch, ref _version, [.. _watchers.Select(w => (w.Watcher, PacketFilterCompiler.Compile(w.Filter, inForce)))]);
    }
}
