using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Watching;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Who looks on. The question: does somebody want to see this packet? Nothing here decides what becomes of it. While nobody watches,
/// a burst asks once and a flush once for each port; only what ends without leaving asks by itself.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private WatchSet? _watch;

    private WatchPlace Place => new(_egress.TransmitQueue, _nowNs, _snapshot);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NoteReceived(PacketBuffer** packets, int count, int port)
    {
        WatchPlace place = Place;
        for (int i = 0; i < count; i++)
        {
            packets[i]->InPort = (ushort)port;
            _watch!.NoteReceived(packets[i], port, place);
        }
    }

    /// <summary>A received packet has come to its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void NoteEnd(PacketBuffer* p, PacketVerdict verdict, DropReason reason = DropReason.None, int outPort = Sighting.NoPort)
    {
        if (_watch != null && (p->Flags & PacketFlags.Saved) != 0)
        {
            _watch.NoteEnd(p, verdict, reason, outPort, Place);
        }
    }

    /// <summary>A device took packets: forwarded ones and the switch's own.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NoteSent(PacketBuffer** packets, int count, int port)
    {
        WatchPlace place = Place;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            bool isOwn = (p->Flags & PacketFlags.Generated) != 0;
            if (!isOwn && (p->Flags & PacketFlags.Saved) != 0)
            {
                _watch!.NoteEnd(p, PacketVerdict.Forwarded, DropReason.None, port, place);
            }

            _watch!.NoteSent(
                p, isOwn ? PacketVerdict.Generated : PacketVerdict.Forwarded, port, isOwn ? Sighting.NoPort : p->InPort, place);
        }
    }

    /// <summary>A device took pieces of a packet.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NotePieces(PacketBuffer** pieces, int count, int port, int inPort)
    {
        WatchPlace place = Place;
        for (int i = 0; i < count; i++)
        {
            _watch!.NoteSent(pieces[i], PacketVerdict.Forwarded, port, inPort, place);
        }
    }
}
