using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Devices;

/// <summary>Where frames come from and go to: a burst in, a count back; what was not taken stays the caller's.
/// No call blocks and none throws for traffic's sake; a device that fails while running counts it in
/// <see cref="Status"/> and goes on (an interface may go down and come up again).</summary>
public unsafe interface IPacketDevice : IDisposable
{
    /// <summary>Name for people: the interface, the file, the port.</summary>
    string Name { get; }

    /// <summary>What the device can do; fixed at creation.</summary>
    DeviceCapabilities Capabilities { get; }

    /// <summary>What went wrong or was lost at the device so far.</summary>
    DeviceStatus Status { get; }

    /// <summary>Queues that frames are sent on, from 0: at most those it has. It may change at any time; a queue behind them still gives the
    /// frames that came in by it.</summary>
    int ActiveQueueCount => Capabilities.QueueCount;

    /// <summary>What passed each queue; null where nobody counts.</summary>
    QueueCounters? QueueCounters => null;

    /// <summary>Fills buffers rented from <paramref name="pool"/> with waiting frames (Data, Length, Offload are set).
    /// One worker polls a queue. Queue: 0 to <c>Capabilities.QueueCount</c> - 1.</summary>
    /// <returns>How many were written to <paramref name="packets"/>: 0 when none waits or the pool is empty.</returns>
    int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount);

    /// <summary>Sends frames in order. The contents are taken before the call returns and the buffers stay the caller's.
    /// Several workers may call it at once, also for the same queue when there are fewer queues than workers.</summary>
    /// <returns>How many were taken from the front; fewer than <paramref name="count"/> when the device is full or down.</returns>
    int Transmit(int queue, PacketBuffer** packets, int count);

    /// <summary>A descriptor that poll(2) reports readable when frames wait on the queue, or -1 when there is none.</summary>
    int PollHandle(int queue);
}

/// <summary>What a device can do.</summary>
/// <param name="QueueCount">Receive queues (and transmit queues), at least 1.</param>
/// <param name="MtuBytes">Largest network packet (without Ethernet header).</param>
/// <param name="Offload">Takes and gives super-packets and partial checksums (IFF_VNET_HDR).</param>
public readonly record struct DeviceCapabilities(int QueueCount, int MtuBytes, bool Offload);

/// <summary>A device's own failures; single writer per field is not needed, readers take what they see.</summary>
public sealed class DeviceStatus
{
    /// <summary>False while the interface is down or gone.</summary>
    public volatile bool IsUp = true;

    /// <summary>Receive calls that failed.</summary>
    public long ReceiveErrorCount;

    /// <summary>Transmit calls that failed for another reason than a full queue.</summary>
    public long TransmitErrorCount;

    /// <summary>Frames the device cut or lost before the switch saw them.</summary>
    public long LostCount;

    /// <summary>The last error in words, with its errno; null when there was none.</summary>
    public volatile string? LastError;

    /// <summary>Frames come or go. Writes only when that is news: all workers share the line, and a frame must not cost it.</summary>
    public void NoteUp()
    {
        if (!IsUp)
        {
            IsUp = true;
        }
    }
}
