using System.Collections.Concurrent;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Devices.Memory;

/// <summary>A device of tests: frames put in come out of Receive, frames transmitted are handed to a callback.</summary>
public sealed unsafe class MemoryDevice : IPacketDevice
{
    private readonly ConcurrentQueue<byte[]>[] _queues;
    private readonly MemoryFrameHandler? _onTransmit;

    /// <summary>Makes a device.</summary>
    /// <param name="name">Name for people.</param>
    /// <param name="onTransmit">Sees each frame that is sent; null = frames vanish.</param>
    /// <param name="queueCount">Queues.</param>
    public MemoryDevice(string name, MemoryFrameHandler? onTransmit, int queueCount = 1)
    {
        Name = name;
        _onTransmit = onTransmit;
        _queues = [.. Enumerable.Range(0, queueCount).Select(_ => new ConcurrentQueue<byte[]>())];
        Capabilities = new DeviceCapabilities(queueCount, 65535, Offload: true);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <summary>Frames that Transmit takes before it says that it is full; the default is no limit.</summary>
    public int TransmitRoom { get; set; } = int.MaxValue;

    /// <summary>Puts a frame in for a queue.</summary>
    public void Enqueue(byte[] frame, int queue = 0) => _queues[queue].Enqueue(frame);

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        while (count < maxCount && _queues[queue].TryPeek(out byte[]? frame))
        {
            PacketBuffer* p = pool.Rent(frame.Length);
            if (p == null)
            {
                break;
            }

            _queues[queue].TryDequeue(out _);
            frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = frame.Length;
            packets[count++] = p;
        }

        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        int taken = Math.Min(count, TransmitRoom);
        for (int i = 0; i < taken; i++)
        {
            _onTransmit?.Invoke(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length));
        }

        return taken;
    }

    /// <inheritdoc/>
    public int PollHandle(int queue) => -1;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}

/// <summary>Sees a frame that a <see cref="MemoryDevice"/> sent; the bytes are valid during the call.</summary>
public delegate void MemoryFrameHandler(ReadOnlySpan<byte> frame);
