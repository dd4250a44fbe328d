using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Tap;

/// <content>How many of its queues are in use. All descriptors stay open and are polled for the life of the device; TUNSETQUEUE takes one
/// into use and out of it, last in, first out, so that queue q is always the kernel's queue q (<c>ethtool -l</c> shows how many). What is
/// written on a queue out of use reaches the guest all the same. The control thread alone calls what is here but the two properties.
/// </content>
public sealed unsafe partial class TapDevice
{
    private const ulong SetQueue = 0x4004_54D9;
    private const ushort AttachQueue = 0x0200;
    private const ushort DetachQueue = 0x0400;
    private volatile int _active;

    /// <summary>Queues that the kernel has in use: the active ones, and behind them those that wait to be taken out.</summary>
    private int _attached;

    /// <summary>What the last attached queue had received when <see cref="TryRetire"/> looked last; -1 = it has not looked.</summary>
    private long _lastReceived;

    /// <inheritdoc/>
    public int ActiveQueueCount => _active;

    /// <inheritdoc/>
    public QueueCounters QueueCounters { get; }

    /// <summary>Changes how many queues are in use, without a frame lost. Fewer: from now on nothing is written on the others, so that the
    /// kernel learns to bring each connection to the remaining ones; <see cref="TryRetire"/> takes them out when they have fallen
    /// silent.</summary>
    /// <param name="count">1 to all that it has.</param>
    /// <exception cref="DeviceException">The kernel refuses.</exception>
    public void SetActiveQueues(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _queues.Length);
        while (_attached < count)
        {
            Put(_attached, AttachQueue);
            _attached++;
        }

        _active = count;
        _lastReceived = -1;
    }

    /// <summary>Takes those queues out of use that are to be and by which nothing has come since the last call and in which nothing waits: what
    /// waits in a queue that goes out of use is lost.</summary>
    /// <returns>True when none is left to be taken out.</returns>
    /// <exception cref="DeviceException">The kernel refuses.</exception>
    public bool TryRetire()
    {
        while (_attached > _active)
        {
            long received = QueueCounters.Received(_attached - 1);
            if (received != _lastReceived || HasWaiting(_attached - 1))
            {
                _lastReceived = received;
                return false;
            }

            Put(_attached - 1, DetachQueue);
            _attached--;
            _lastReceived = -1;
        }

        return true;
    }

    /// <summary>Frames wait in the kernel: its worker had no time for them.</summary>
    private bool HasWaiting(int queue)
    {
        var request = new PollRequest { Descriptor = _queues[queue], Events = PollRequest.Readable };
        return Native.Poll(&request, 1, 0) != 0;
    }

    private static long BytesOf(PacketBuffer** packets, int count)
    {
        long bytes = 0;
        for (int i = 0; i < count; i++)
        {
            bytes += packets[i]->Length;
        }

        return bytes;
    }

    /// <summary>The kernel has all of them in use; no frame can have come yet, for the interface is down.</summary>
    private void BeginQueues(int active)
    {
        _attached = _queues.Length;
        _active = active;
        while (_attached > active)
        {
            Put(_attached - 1, DetachQueue);
            _attached--;
        }
    }

    private void Put(int queue, ushort into)
    {
        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        *(ushort*)(request + NameBytes) = into;
        if (Native.IoControl(_queues[queue], SetQueue, request) < 0)
        {
            throw DeviceException.Last($"TAP '{Name}': queue {queue}", Marshal.GetLastPInvokeError() == 22
                ? "the kernel has it in use or out of use already" : "check the right to change interfaces");
        }
    }
}
