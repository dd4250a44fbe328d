using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Watching;

namespace VSwitch.DataPlane.Pipeline;

/// <content>The shape of what leaves. The question: does the port take the packet as it is? A port without offload gets segments
/// for a super-packet and whole checksums; what is longer than the port's MTU and may be cut up goes out in fragments.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte DontFragmentBit = 0x40;
    private const int PiecesAtOnce = 32;

    /// <summary>Sends a queue in which some packets have to change their shape, in order.</summary>
    private void SendShaped(IPacketDevice? device, int port, PacketBuffer** packets, int count)
    {
        bool takesOffload = device == null || device.Capabilities.Offload;
        int mtuBytes = _snapshot.Enis[port].MtuBytes;
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            bool isSegmented = !takesOffload && p->Offload.GsoType != 0;
            bool isFragmented = !isSegmented && IsFragmented(p, mtuBytes);
            if (isFragmented || (!takesOffload && !isSegmented))
            {
                SuperPacket.CompleteChecksum(p);
            }

            if (!isSegmented && !isFragmented)
            {
                continue;
            }

            if (i > start)
            {
                Send(device, port, packets + start, i - start);
            }

            start = i + 1;
            if (isSegmented)
            {
                var segments = new Segmenter(p);
                SendInPieces(device, port, p, ref segments, p->Offload.HeaderLength + p->Offload.GsoSize);
            }
            else
            {
                var fragments = new Ip4Fragmenter(p->Data, p->L3Length, mtuBytes);
                SendInPieces(device, port, p, ref fragments, ParseStage.EthernetBytes + mtuBytes);
            }
        }

        if (count > start)
        {
            Send(device, port, packets + start, count - start);
        }
    }

    /// <summary>Sends a packet in pieces, made in a few spare buffers again and again: a device takes the contents before it
    /// returns. A packet of which the device takes only some pieces counts as dropped, and those pieces as the switch's own:
    /// its receiver has not got it.</summary>
    private void SendInPieces<TCutter>(IPacketDevice? device, int port, PacketBuffer* p, ref TCutter cut, int pieceBytes)
        where TCutter : struct, IFrameCutter, allows ref struct
    {
        PacketBuffer** pieces = stackalloc PacketBuffer*[PiecesAtOnce];
        int room = RentPieces(pieces, Math.Min(PiecesAtOnce, (p->Length / pieceBytes) + 2), pieceBytes);
        if (room == 0)
        {
            Drop(p, DropReason.BufferExhausted);
            return;
        }

        PortCounters* to = _counters.Ports + port;
        int sent = 0;
        bool isRefused = device == null;
        while (!isRefused && !cut.IsDone)
        {
            int count = 0;
            while (count < room && !cut.IsDone)
            {
                pieces[count]->Length = cut.Next(pieces[count]->Data);
                count++;
            }

            int taken = device!.Transmit(QueueFor(device, port, p), pieces, count);
            for (int i = 0; i < taken; i++)
            {
                to->SentBytes += pieces[i]->Length;
            }

            if (_watch != null)
            {
                NotePieces(pieces, taken, port, p->InPort);
            }

            sent += taken;
            isRefused = taken < count;
        }

        for (int i = 0; i < room; i++)
        {
            _pool.Return(pieces[i]);
        }

        to->SentPackets += sent;
        if (isRefused)
        {
            to->Generated += sent;
            Drop(p, UnsentReason(device, port));
            return;
        }

        to->Generated += sent - 1;
        _counters.Ports[p->InPort].Forwarded++;
        NoteEnd(p, PacketVerdict.Forwarded, outPort: port);
        Free(p);
    }

    private int RentPieces(PacketBuffer** pieces, int count, int bytes)
    {
        int rented = 0;
        while (rented < count)
        {
            PacketBuffer* piece = _pool.Rent(bytes);
            if (piece == null)
            {
                break;
            }

            pieces[rented++] = piece;
        }

        return rented;
    }

    /// <summary>True for a packet that is longer than the port takes and leaves in fragments. The switch's own never are.
    /// </summary>
    private static bool IsFragmented(PacketBuffer* p, int mtuBytes) =>
        (p->Flags & PacketFlags.Generated) == 0 && p->L3Length > mtuBytes && MayCut(p, mtuBytes);

    /// <summary>True for an IPv4 packet that its sender lets be cut up. A super-packet is never cut: its segments are packets of
    /// their own.</summary>
    private static bool MayCut(PacketBuffer* p, int mtuBytes)
    {
        byte* ip = p->Data + p->L3Offset;
        return (p->Flags & PacketFlags.IsV6) == 0 && (ip[6] & DontFragmentBit) == 0 && p->Offload.GsoType == 0 &&
            mtuBytes >= Ip4Fragmenter.LeastMtuBytes(ip);
    }
}
