using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Local;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>8. Egress. The question: does the port take it? Counts a frame as forwarded only once its device has it. What is
/// longer than the port's MTU and may be cut up goes out in fragments.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte DontFragmentBit = 0x40;
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
        if (_egress.TakeLong(port))
        {
            SendCutting(device, port, packets, count);
        }
        else
        {
            Send(device, port, packets, count);
        }

        _egress.Clear(port);
    }

    private void Send(IPacketDevice? device, int port, PacketBuffer** packets, int count)
    {
        int sent = 0;
        if (device != null)
        {
            sent = device.Transmit(_egress.TransmitQueue % device.Capabilities.QueueCount, packets, count);
        }

        if (sent < count)
        {
            DropUnsent(packets + sent, count - sent, device == null || !device.Status.IsUp);
        }

        CountSent(packets, sent, port);
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

    /// <summary>Sends a queue in which some packets are longer than the port's MTU, in order.</summary>
    private void SendCutting(IPacketDevice? device, int port, PacketBuffer** packets, int count)
    {
        int mtuBytes = _snapshot.Enis[port].MtuBytes;
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            bool isOwn = (p->Flags & PacketFlags.Generated) != 0;
            if (isOwn || p->L3Length <= mtuBytes || !MayCut(p, mtuBytes))
            {
                continue;
            }

            if (i > start)
            {
                Send(device, port, packets + start, i - start);
            }

            SendInFragments(device, port, p, mtuBytes);
            start = i + 1;
        }

        if (count > start)
        {
            Send(device, port, packets + start, count - start);
        }
    }

    /// <summary>Sends a packet in fragments, each made in one and the same spare buffer: a device takes the contents before it
    /// returns. What the device does not take is not sent; the packet is dropped only if it took none.</summary>
    private void SendInFragments(IPacketDevice? device, int port, PacketBuffer* p, int mtuBytes)
    {
        PacketBuffer* fragment = _pool.Rent(ParseStage.EthernetBytes + mtuBytes);
        if (fragment == null)
        {
            Drop(p, DropReason.BufferExhausted);
            return;
        }

        CompleteChecksum(p);
        Buffer.MemoryCopy(p->Data, fragment->Data, ParseStage.EthernetBytes, ParseStage.EthernetBytes);
        var cut = new Ip4Fragmenter(p->Data + p->L3Offset, p->L3Length, mtuBytes);
        PortCounters* to = _counters.Ports + port;
        int sent = 0;
        while (!cut.IsDone)
        {
            fragment->Length = ParseStage.EthernetBytes + cut.Next(fragment->Data + ParseStage.EthernetBytes);
            if (device == null || device.Transmit(_egress.TransmitQueue % device.Capabilities.QueueCount, &fragment, 1) == 0)
            {
                break;
            }

            sent++;
            to->SentPackets++;
            to->SentBytes += fragment->Length;
        }

        _pool.Return(fragment);
        if (sent == 0)
        {
            Drop(p, device == null || !device.Status.IsUp ? DropReason.PortDown : DropReason.QueueFull);
            return;
        }

        to->Generated += sent - 1;
        _counters.Ports[p->InPort].Forwarded++;
        Free(p);
    }

    /// <summary>True for an IPv4 packet that its sender lets be cut up. A super-packet is never cut: its segments are packets of
    /// their own.</summary>
    private static bool MayCut(PacketBuffer* p, int mtuBytes)
    {
        byte* ip = p->Data + p->L3Offset;
        return (p->Flags & PacketFlags.IsV6) == 0 && (ip[6] & DontFragmentBit) == 0 && p->Offload.GsoType == 0 &&
            mtuBytes >= Ip4Fragmenter.LeastMtuBytes(ip);
    }

    /// <summary>Fills in a checksum that the sender left to the device (virtio 1.2, 5.1.6.2: the field holds the folded sum of
    /// the pseudo-header): in pieces no device could do it.</summary>
    private static void CompleteChecksum(PacketBuffer* p)
    {
        int start = p->Offload.ChecksumStart;
        int at = start + p->Offload.ChecksumOffset;
        if ((p->Offload.Flags & 1) == 0 || start < p->L3Offset || at + sizeof(ushort) > p->Length)
        {
            return;
        }

        ushort sum = (ushort)~InternetChecksum.SumRaw(p->Data + start, p->Length - start);
        *(ushort*)(p->Data + at) = sum == 0 && p->Protocol == ParseStage.Udp ? ushort.MaxValue : sum;
        p->Offload = default;
    }
}
