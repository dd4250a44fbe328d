using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;

namespace VSwitch.DataPlane.Pipeline;

/// <content>8. Egress. The question: does the port take it? Counts a frame as forwarded only once its device has it.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private readonly EgressQueues _egress;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enqueue(PacketBuffer* p, int port)
    {
        p->OutPort = (ushort)port;
        if (_egress.Add(p, port))
        {
            // A full queue goes out at once; its port stays touched, which a second flush finds empty.
            FlushPort(port);
        }
    }

    private void FlushPort(int port)
    {
        PacketBuffer** packets = _egress.Packets(port, out int count);
        if (count == 0)
        {
            return;
        }

        IPacketDevice?[] devices = _shared.Devices;
        IPacketDevice? device = port < devices.Length ? devices[port] : null;
        int sent = 0;
        if (device != null)
        {
            sent = device.Transmit(_egress.TransmitQueue % device.Capabilities.QueueCount, packets, count);
        }

        PortCounters* to = _counters.Ports + port;
        for (int i = 0; i < sent; i++)
        {
            PacketBuffer* p = packets[i];
            to->SentPackets++;
            to->SentBytes += p->Length;
            if ((p->Flags & PacketFlags.Generated) != 0)
            {
                to->Generated++;
            }
            else
            {
                _counters.Ports[p->InPort].Forwarded++;
            }

            Free(p);
        }

        _egress.Clear(port);
        if (sent < count)
        {
            DropUnsent(packets + sent, count - sent, device == null || !device.Status.IsUp);
        }
    }

    private void DropUnsent(PacketBuffer** packets, int count, bool isDown)
    {
        for (int i = 0; i < count; i++)
        {
            if ((packets[i]->Flags & PacketFlags.Generated) != 0)
            {
                Free(packets[i]);
            }
            else
            {
                Drop(packets[i], isDown ? DropReason.PortDown : DropReason.QueueFull);
            }
        }
    }
}
