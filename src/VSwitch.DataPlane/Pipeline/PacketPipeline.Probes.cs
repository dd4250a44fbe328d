using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Health checks. The question: is the target alive, as far as it tells the router of its subnet? Order of checks, section 19.
/// Questions pass no rules and make no connection; answers come to the router's address and end there.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Questions of one burst at most; the rest goes with the next one, so that packets never wait for long.</summary>
    private const int MaxProbesAtOnce = 64;

    private const byte ProbeTtl = 64;
    private const ushort ProbeWindow = 1024;
    private const int ProbeEchoBytes = 24;

    /// <summary>Maximum segment size 1460, raw (RFC 9293 section 3.7.1).</summary>
    private const uint ProbeSegmentSize = 0xB405_0402;

    /// <summary>Does what is due by the clock and not by a packet.</summary>
    /// <returns>True when the actions in force may have changed.</returns>
    private bool DoDue(long nowMs)
    {
        _shared.Alarm.Clear();
        bool isStale = AgeNeighbors(nowMs) | EndDrains(nowMs);
        SendProbes(nowMs);
        SendAnnouncements(nowMs);
        _shared.Alarm.BringForward(_shared.Neighbors.NextDueMs);
        _shared.Alarm.BringForward(_shared.Probes.NextDueMs);
        _shared.Alarm.BringForward(_shared.Balancing?.NextDrainEndMs ?? long.MaxValue);
        _shared.Alarm.BringForward(_shared.Announcements.NextDueMs);
        return isStale;
    }

    private void SendProbes(long nowMs)
    {
        ProbeTable probes = _shared.Probes;
        if (!probes.TryBegin(nowMs))
        {
            return;
        }

        // The snapshot in force, which may be newer than this burst's: numbers of checks are taken up once, in their order.
        ForwardingSnapshot snapshot = _shared.Snapshot;
        probes.Use(snapshot.Probes, _nowNs);
        for (int i = 0; i < MaxProbesAtOnce && probes.TryNext(_nowNs, out DueProbe due); i++)
        {
            // Without a buffer the question is lost like one on the wire.
            PacketBuffer* p = _pool.Rent();
            if (p != null)
            {
                WriteProbe(p, snapshot, due);
                SendGenerated(p, due.Target.Port);
            }
        }

        probes.End();
    }

    private static void WriteProbe(PacketBuffer* p, ForwardingSnapshot snapshot, in DueProbe due)
    {
        Eni* eni = snapshot.Enis + due.Target.Port;
        uint router = snapshot.Subnets[eni->Subnet].Router4;
        ulong gateway = snapshot.GatewayMac;
        if (due.Target.Kind == ProbeKind.Arp)
        {
            WriteArp(p, MacMask, gateway, ArpRequest, gateway, router, 0, due.Target.Address);
            return;
        }

        ushort own = BinaryPrimitives.ReverseEndianness((ushort)(ProbeTable.FirstPort + due.Number));
        byte* ip = p->Data + ParseStage.EthernetBytes;
        byte* l4 = ip + FrameWriter.Ip4Bytes;
        FrameWriter.Ethernet(p->Data, eni->Mac, gateway, ParseStage.EtherTypeIp4);
        int bytes;
        if (due.Target.Kind == ProbeKind.Icmp)
        {
            bytes = ProbeEchoBytes;
            new Span<byte>(l4, bytes).Clear();
            *l4 = IcmpRules.EchoRequest;
            *(ushort*)(l4 + 4) = own;
            *(ushort*)(l4 + 6) = BinaryPrimitives.ReverseEndianness((ushort)due.Attempt);
            *(uint*)(l4 + 8) = due.Token;
            FrameWriter.IcmpChecksum(l4, bytes);
            FrameWriter.Ip4(ip, bytes, 0, ProbeTtl, ParseStage.Icmp, router, due.Target.Address);
        }
        else
        {
            uint ports = own | ((uint)BinaryPrimitives.ReverseEndianness(due.Target.TcpPort) << 16);
            FrameWriter.Ip4(ip, FrameWriter.TcpBytes + sizeof(uint), 0, ProbeTtl, ParseStage.Tcp, router, due.Target.Address);
            bytes = FrameWriter.Tcp4(ip, l4, ports, due.Token, TcpFlags.Syn, ProbeWindow, ProbeSegmentSize);
        }

        p->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + bytes;
    }

    /// <summary>An ARP reply of an ENI, which is consumed whatever it says: if it is what a check waits for, the target is alive.</summary>
    private void NoteArpAnswer(int port, uint sender)
    {
        ProbeTarget[] probes = _snapshot.Probes;
        for (int number = _snapshot.ArpProbes!.Lookup(ForwardingSnapshot.ProbeKey(port, sender), 0); number != 0;
            number = probes[number].NextOfAddress)
        {
            NoteProbeAnswer(number, _shared.Probes.TryAnswer(number, probes[number], _nowNs));
        }
    }

    /// <summary>Takes a packet to a router address that answers a health check: an echo reply, a SYN+ACK, a RST. One that comes late or
    /// answers nothing is taken too, as long as it is the target's and to the check's port.</summary>
    /// <returns>False when it is none; then it is untouched.</returns>
    private bool TryTakeProbeAnswer(PacketBuffer* p)
    {
        bool isIcmp = p->Protocol == ParseStage.Icmp;
        if ((p->Flags & (PacketFlags.IsV6 | PacketFlags.Fragment)) != 0 || !(isIcmp || p->Protocol == ParseStage.Tcp))
        {
            return false;
        }

        byte* ip = p->Data + p->L3Offset;
        byte* l4 = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        if (isIcmp && (l4[0] != IcmpRules.EchoReply || l4[1] != 0 || bytes < ProbeEchoBytes))
        {
            return false;
        }

        int number = BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + (isIcmp ? 4 : 2))) - ProbeTable.FirstPort;
        if (number <= 0 || number >= _snapshot.Probes.Length || !IsProbeOf(p, _snapshot.Probes[number], isIcmp, l4))
        {
            return false;
        }

        ushort sum = isIcmp ? (ushort)InternetChecksum.SumRaw(l4, bytes) : FrameWriter.SumWithPseudoHeader4(ip, l4, bytes, ParseStage.Tcp);
        if (sum != 0xFFFF && (p->Offload.Flags & 1) == 0)
        {
            Drop(p, DropReason.MalformedL4);
            return true;
        }

        if (isIcmp)
        {
            NoteProbeAnswer(number, _shared.Probes.TryAnswer(number, _snapshot.Probes[number], *(uint*)(l4 + 8), isGood: true, _nowNs));
        }
        else
        {
            TakeTcpAnswer(p, number, l4);
        }

        Consume(p);
        return true;
    }

    private bool IsProbeOf(PacketBuffer* p, in ProbeTarget target, bool isIcmp, byte* l4) =>
        target.Port == p->InPort && target.Address == Ip4Family.Source(p) &&
        Ip4Family.Destination(p) == _snapshot.Subnets[_snapshot.Enis[p->InPort].Subnet].Router4 &&
        (isIcmp ? target.Kind == ProbeKind.Icmp
            : target.Kind == ProbeKind.Tcp && target.TcpPort == BinaryPrimitives.ReverseEndianness(*(ushort*)l4));

    /// <summary>The router's end of a check's connection is closed as soon as it is answered, and answers as a closed one does
    /// (RFC 9293 section 3.10.7.1): the guest keeps nothing half open.</summary>
    private void TakeTcpAnswer(PacketBuffer* p, int number, byte* tcp)
    {
        var flags = (TcpFlags)tcp[13];
        uint acknowledged = BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 8));
        bool isReset = (flags & TcpFlags.Rst) != 0;
        bool isAnswer = (flags & TcpFlags.Ack) != 0 && (isReset || (flags & TcpFlags.Syn) != 0);
        NoteProbeAnswer(number, isAnswer && _shared.Probes.TryAnswer(
            number, _snapshot.Probes[number], acknowledged - 1, isGood: !isReset, _nowNs));
        if (isReset || (flags & TcpFlags.Ack) == 0)
        {
            return;
        }

        PacketBuffer* reset = _pool.Rent();
        if (reset != null)
        {
            uint ports = *(uint*)tcp;
            byte* ip = reset->Data + ParseStage.EthernetBytes;
            FrameWriter.Ethernet(reset->Data, *(ulong*)(p->Data + 6) & MacMask, _snapshot.GatewayMac, ParseStage.EtherTypeIp4);
            FrameWriter.Ip4(ip, FrameWriter.TcpBytes, 0, ProbeTtl, ParseStage.Tcp, Ip4Family.Destination(p), Ip4Family.Source(p));
            int bytes = FrameWriter.Tcp4(
                ip, ip + FrameWriter.Ip4Bytes, (ports >> 16) | (ports << 16), acknowledged, TcpFlags.Rst, window: 0, optionRaw: 0);
            reset->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + bytes;
            SendGenerated(reset, p->InPort);
        }
    }

    private void NoteProbeAnswer(int number, bool isAwaited)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Local, isAwaited ? $"it answers health check {_snapshot.ProbeNames[number]}"
                : $"it belongs to health check {_snapshot.ProbeNames[number]}, but answers no question that waits");
        }
    }
}
