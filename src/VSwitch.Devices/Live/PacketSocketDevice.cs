using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Live;

/// <summary>An existing interface by AF_PACKET (packet(7)) with mapped rings in both directions. Frames carry a virtio
/// header (PACKET_VNET_HDR): super-packets cross whole, and checksums that a local sender left partial stay so. What
/// the switch sends is not received again; a VLAN tag that the kernel took out is put back. The interface may go down,
/// vanish and return: it is counted, and gone on with.</summary>
public sealed class PacketSocketDevice : IPacketDevice
{
    private readonly PacketInterface _interface;
    private readonly List<PacketReceiveQueue> _receive = [];
    private readonly List<PacketTransmitQueue> _transmit = [];

    /// <summary>Opens the interface.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="queues">Queues each way, at least 1. Received frames go to them by flow.</param>
    /// <exception cref="DeviceException">It cannot be opened; the message has the errno in words and the
    /// mend.</exception>
    public PacketSocketDevice(string name, int queues)
    {
        Name = name;
        _interface = new PacketInterface(name, Status);
        try
        {
            uint index = _interface.Find();
            LinkState state = _interface.Look(index);
            PacketFanout? fanout = queues > 1 ? new PacketFanout() : null;
            for (int i = 0; i < queues; i++)
            {
                var receive = new PacketReceiveQueue(_interface, fanout);
                _receive.Add(receive);
                // Of an interface that is down, kernels before 6.13 let no several sockets take turns: they are opened
                // when it is up.
                if (!receive.TryOpen(index, state) && state != LinkState.Down)
                {
                    throw DeviceException.Last(
                        $"interface '{name}'", "it must exist, and the kernel be 4.20 or newer (5.15 for several queues)");
                }

                _transmit.Add(new PacketTransmitQueue(_interface, Status, index));
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        Capabilities = new DeviceCapabilities(queues, _interface.MtuBytes, Offload: true);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <inheritdoc/>
    public int PollHandle(int queue) => _receive[queue].PollHandle;

    /// <inheritdoc/>
    public unsafe int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) =>
        _receive[queue].Receive(pool, packets, maxCount);

    /// <inheritdoc/>
    public unsafe int Transmit(int queue, PacketBuffer** packets, int count) =>
        _transmit[queue].Transmit(packets, count);

    /// <inheritdoc/>
    public void Dispose()
    {
        _receive.ForEach(q => q.Dispose());
        _transmit.ForEach(q => q.Dispose());
        _interface.Dispose();
    }
}
