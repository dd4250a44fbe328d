using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Bench;

/// <summary>What looks at frames that leave.</summary>
internal unsafe interface IFrameObserver
{
    /// <summary>Called with frames in order; must not keep them.</summary>
    void OnSent(int port, PacketBuffer** packets, int count);
}

/// <summary>A device that takes every frame and gives none. Nothing in it is written for a packet, so that several workers share no
/// line by it.</summary>
internal sealed unsafe class FrameSink(int port, int queues) : IPacketDevice
{
    /// <inheritdoc/>
    public string Name => "sink";

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; } = new(queues, 65535, Offload: true);

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <summary>Sees each frame that leaves; null while speed is measured.</summary>
    public IFrameObserver? Observer { get; set; }

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        Observer?.OnSent(port, packets, count);
        return count;
    }

    /// <inheritdoc/>
    public int PollHandle(int queue) => -1;

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
