namespace VSwitch.DataPlane.Watching;

/// <summary>Somebody who looks at packets: a capture, a mirror, a replay's file of drops. Called by workers, each for itself and
/// several at once, on a packet's way: it must not wait, throw or keep what it is shown.</summary>
public abstract class PacketWatcher
{
    /// <summary>Its bit in <see cref="ReceivedFrame.Watchers"/>.</summary>
    internal int Slot { get; set; } = -1;

    /// <summary>First version of the <see cref="WatchSet"/> that has it in this slot.</summary>
    internal uint Since { get; set; }

    /// <summary>Asked for each packet that is meant, before it is shown; false = the watcher has no time for it, and counts it.
    /// Of a received packet it is asked when that comes in, unless only the verdict tells whether it is meant.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="port">Where the packet is.</param>
    /// <param name="nowNs">The worker's time.</param>
    protected internal virtual bool Wants(int worker, int port, long nowNs) => true;

    /// <summary>Asked at the end of a packet that was wanted when it came in, perhaps to another worker; false = this one has no time
    /// for it, and the watcher counts it.</summary>
    protected internal virtual bool StillWants(int worker, int port, long nowNs) => true;

    /// <summary>Shows a packet.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="sighting">The packet.</param>
    protected internal abstract void See(int worker, in Sighting sighting);

    /// <summary>The worker's burst is over, all that it sent is with the devices.</summary>
    /// <param name="worker">The worker.</param>
    protected internal virtual void EndBurst(int worker)
    {
    }
}
