using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>8. Egress. The question: does the port take it? Counts a frame as forwarded only once its device has it. What the
/// port does not take as it is goes by way of <see cref="SendShaped"/>.</content>
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
        IPacketDevice? device = port < _links.Length && _links[port] is GatewayLinkDevice link ? link
            : port < devices.Length ? devices[port] : null;
        if (_egress.TakeLong(port) | (device != null && !device.Capabilities.Offload))
        {
            SendShaped(device, port, packets, count);
        }
        else
        {
            Send(device, port, packets, count);
        }

        _egress.Clear(port);
    }

    /// <summary>Each worker writes on a queue of its own, so that the kernel brings what answers to the same worker; only an ENI that has an
    /// RSS of its own, and more queues than one, says otherwise.</summary>
    private void Send(IPacketDevice? device, int port, PacketBuffer** packets, int count)
    {
        EniSpread?[] spreads = _snapshot.Spreads;
        if (port < spreads.Length && spreads[port] is EniSpread spread && device?.ActiveQueueCount > 1)
        {
            SendSpread(device, spread, port, packets, count);
        }
        else
        {
            SendOn(device, device == null ? 0 : _egress.TransmitQueue % device.ActiveQueueCount, port, packets, count);
        }
    }

    /// <summary>The queue for a packet that goes in pieces.</summary>
    private int QueueFor(IPacketDevice device, int port, PacketBuffer* p)
    {
        EniSpread?[] spreads = _snapshot.Spreads;
        return port < spreads.Length && spreads[port] is EniSpread spread
            ? spread.QueueOf(p, device.ActiveQueueCount) : _egress.TransmitQueue % device.ActiveQueueCount;
    }

    /// <summary>A connection's frames all have one queue, and of one queue they keep their order. A change of the spread or of the number of
    /// queues changes the order of nothing either: a connection's frames are written by one worker, one burst after the other, and a device
    /// has taken what was written before.</summary>
    private void SendSpread(IPacketDevice device, EniSpread spread, int port, PacketBuffer** packets, int count)
    {
        int queues = device.ActiveQueueCount;
        byte* queueOf = stackalloc byte[MaxBurst];
        PacketBuffer** own = stackalloc PacketBuffer*[MaxBurst];
        ulong left = 0;
        for (int i = 0; i < count; i++)
        {
            queueOf[i] = (byte)spread.QueueOf(packets[i], queues);
            left |= 1UL << queueOf[i];
        }

        for (; left != 0; left &= left - 1)
        {
            int queue = BitOperations.TrailingZeroCount(left);
            int ownCount = 0;
            for (int i = 0; i < count; i++)
            {
                if (queueOf[i] == queue)
                {
                    own[ownCount++] = packets[i];
                }
            }

            SendOn(device, queue, port, own, ownCount);
        }
    }

    private void SendOn(IPacketDevice? device, int queue, int port, PacketBuffer** packets, int count)
    {
        int sent = 0;
        if (device != null)
        {
            sent = device.Transmit(queue, packets, count);
        }

        if (sent < count)
        {
            DropUnsent(packets + sent, count - sent, UnsentReason(device, port));
        }

        CountSent(packets, sent, port);
        if (_watch != null)
        {
            NoteSent(packets, sent, port);
        }

        int foreign = _pool.TakeBack(packets, sent);
        for (int i = 0; i < foreign; i++)
        {
            Free(packets[i]);
        }
    }

    /// <summary>Counts what a device took. Packets of one port mostly come together: each run is added once.</summary>
    private void CountSent(PacketBuffer** packets, int count, int port)
    {
        long bytes = 0;
        int generated = 0;
        int start = 0;
        int inPort = count > 0 ? packets[0]->InPort : 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            bytes += p->Length;
            if (p->InPort != inPort)
            {
                _counters.Ports[inPort].Forwarded += i - start;
                start = i;
                inPort = p->InPort;
            }

            if ((p->Flags & PacketFlags.Generated) != 0)
            {
                generated++;
                start++;
            }
        }

        _counters.Ports[inPort].Forwarded += count - start;
        PortCounters* to = _counters.Ports + port;
        to->SentPackets += count;
        to->SentBytes += bytes;
        to->Generated += generated;
    }

    private void DropUnsent(PacketBuffer** packets, int count, DropReason reason)
    {
        for (int i = 0; i < count; i++)
        {
            if ((packets[i]->Flags & PacketFlags.Generated) != 0)
            {
                Free(packets[i]);
            }
            else
            {
                Drop(packets[i], reason);
            }
        }
    }

    /// <summary>Why a device took no more.</summary>
    private DropReason UnsentReason(IPacketDevice? device, int port)
    {
        if (device != null && device.Status.IsUp)
        {
            return DropReason.QueueFull;
        }

        if (port < _snapshot.Gateways.Length && _snapshot.Gateways[port] is Gateway gateway)
        {
            return ReasonOfGateway(gateway);
        }

        return DropReason.PortDown;
    }
}
