using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>EIPs that moved. The questions: what becomes of a client's packets of a connection that the former holder had (order of
/// checks, miss, 1)? Who on the internet side must hear that an EIP is here (section 5)?</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Announcements of one burst at most; the rest goes with the next one.</summary>
    private const int MaxAnnouncementsAtOnce = 64;

    /// <summary>A TCP packet from outside that fits no connection and may open none: if its EIP was elsewhere before, its former holder may
    /// have had the connection.</summary>
    /// <returns>The state in which the new holder gets it; Free when it gets nothing.</returns>
    private FlowState StateAfterDrift(PacketBuffer* p)
    {
        Eip eip = _snapshot.Eips[Ip4Family.EipOf(_snapshot, Ip4Family.Destination(p))];
        if (!eip.HasMoved || eip.Port == 0 || eip.Drift == DriftMode.Drop)
        {
            return FlowState.Free;
        }

        byte* tcp = p->Data + p->L4Offset;
        if (eip.Drift == DriftMode.Pass)
        {
            return TcpTracker.MayPickUp(tcp[13]) ? FlowState.TcpEstablished : FlowState.Free;
        }

        bool isTold = ((TcpFlags)tcp[13] & (TcpFlags.Ack | TcpFlags.Rst)) == TcpFlags.Ack && _shared.Errors.TryTake(0, _nowNs);
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, isTold ? "its EIP has moved: the sender's connection is reset" : "its EIP has moved");
        }

        if (isTold)
        {
            SendDriftReset(p, tcp);
        }

        return FlowState.Free;
    }

    /// <summary>As the end that no longer has the connection would answer (RFC 9293 section 3.10.7.1).</summary>
    private void SendDriftReset(PacketBuffer* p, byte* tcp)
    {
        PacketBuffer* reset = _pool.Rent();
        if (reset == null)
        {
            return;
        }

        byte* ip = reset->Data + ParseStage.EthernetBytes;
        uint ports = *(uint*)tcp;
        FrameWriter.Ethernet(reset->Data, *(ulong*)(p->Data + 6) & MacMask, _snapshot.Enis[0].Mac, ParseStage.EtherTypeIp4);
        FrameWriter.Ip4(ip, FrameWriter.TcpBytes, 0, ErrorTtl, ParseStage.Tcp, Ip4Family.Destination(p), Ip4Family.Source(p));
        int bytes = FrameWriter.Tcp4(
            ip, ip + FrameWriter.Ip4Bytes, (ports >> 16) | (ports << 16), BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 8)), TcpFlags.Rst,
            window: 0, optionRaw: 0);
        reset->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + bytes;
        SendGenerated(reset, 0);
    }

    /// <summary>Gratuitous ARP (RFC 5227 section 2.3): a request for an address by itself, to everybody.</summary>
    private void SendAnnouncements(long nowMs)
    {
        Announcements announcements = _shared.Announcements;
        if (!announcements.TryBegin(nowMs))
        {
            return;
        }

        ForwardingSnapshot snapshot = _shared.Snapshot;
        announcements.Use(snapshot, nowMs);
        ulong own = snapshot.Enis[0].Mac;
        for (int i = 0; i < MaxAnnouncementsAtOnce && announcements.TryNext(nowMs, out uint address); i++)
        {
            PacketBuffer* p = _pool.Rent();
            if (p != null)
            {
                WriteArp(p, MacMask, own, ArpRequest, own, address, 0, address);
                SendGenerated(p, 0);
            }
        }

        announcements.End();
    }
}
