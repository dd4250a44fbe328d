using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Limits and marks of ENIs. The questions: is the packet within what its sender may send, its EIPs may carry and its receiver may
/// get, and which DSCP does it leave with? Asked of directions that take the long way (<see cref="FlowAction.PlainBytes"/> is 0); all
/// others pay nothing. Order of checks, section 17.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Bits of the first two bytes of an IPv6 header, in host order, that are the DSCP (RFC 2474, RFC 8200 section 3).</summary>
    private const int Dscp6Mask = 0x0FC0;

    private const int Dscp6Shift = 6;
    private const int EcnMask = 3;

    /// <summary>Asks every rate that a packet passes, in the order in which it passes them. What one of them refuses has taken nothing from
    /// any, so each lets through its rate exactly, whatever the others drop.</summary>
    /// <returns>Why it is to be dropped; none when it may pass, and it has its DSCP then.</returns>
    private DropReason Regulate(PacketBuffer* p, FlowAction* action)
    {
        Eni* from = _snapshot.Enis + p->InPort;
        Eni* to = _snapshot.Enis + action->OutPort;
        if ((from->Limits | to->Limits) != 0)
        {
            return RegulatePorts(p, action, from, to);
        }

        return IsWithinBandwidth(p, action) ? DropReason.None : DropReason.EipBandwidth;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private DropReason RegulatePorts(PacketBuffer* p, FlowAction* action, Eni* from, Eni* to)
    {
        bool isLimitedOut = (from->Limits & EniLimits.Egress) != 0;
        DropReason reason = isLimitedOut ? AskPort(p, p->InPort, isIngress: false) : DropReason.None;
        if (reason != DropReason.None)
        {
            return reason;
        }

        if (!IsWithinBandwidth(p, action))
        {
            reason = DropReason.EipBandwidth;
        }
        else if ((to->Limits & EniLimits.Ingress) != 0)
        {
            reason = AskPort(p, action->OutPort, isIngress: true);
            if (reason != DropReason.None)
            {
                GiveBackBandwidth(p, action);
            }
        }

        if (reason != DropReason.None)
        {
            if (isLimitedOut)
            {
                _shared.PortBuckets.GiveBack(Eni.BitsBucketOf(p->InPort, isIngress: false), SuperPacket.WireBytes(p));
                _shared.PortBuckets.GiveBackPackets(Eni.PacketsBucketOf(p->InPort, isIngress: false), SuperPacket.WirePackets(p));
            }

            return reason;
        }

        if ((from->Limits & EniLimits.Marks) != 0)
        {
            Mark(p, from->Dscp);
        }

        return DropReason.None;
    }

    /// <summary>Asks the packets a second of an ENI, then its bits a second.</summary>
    private DropReason AskPort(PacketBuffer* p, int port, bool isIngress)
    {
        TokenBuckets buckets = _shared.PortBuckets;
        int packets = SuperPacket.WirePackets(p);
        DropReason reason = DropReason.None;
        if (!buckets.TryTakePackets(Eni.PacketsBucketOf(port, isIngress), packets, _nowNs))
        {
            reason = DropReason.EniPacketRate;
        }
        else if (!buckets.TryTake(Eni.BitsBucketOf(port, isIngress), SuperPacket.WireBytes(p), _nowNs))
        {
            buckets.GiveBackPackets(Eni.PacketsBucketOf(port, isIngress), packets);
            reason = DropReason.EniBandwidth;
        }

        if (reason == DropReason.None)
        {
            return reason;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Egress, $"over what {PortName(port)} may {(isIngress ? "get" : "send")} a second");
        }

        PortCounters* counters = _counters.Ports + port;
        *(isIngress ? &counters->OverIngressLimit : &counters->OverEgressLimit) += packets;
        return reason;
    }

    /// <summary>Writes the DSCP; the two bits of ECN behind it stay (RFC 3168 section 5). No transport checksum covers it.</summary>
    private void Mark(PacketBuffer* p, byte dscp)
    {
        byte* ip = p->Data + p->L3Offset;
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            int word = (ip[0] << 8) | ip[1];
            word = (word & ~Dscp6Mask) | (dscp << Dscp6Shift);
            ip[0] = (byte)(word >> 8);
            ip[1] = (byte)word;
        }
        else
        {
            ushort old = *(ushort*)ip;
            ip[1] = (byte)((ip[1] & EcnMask) | (dscp << 2));
            ushort* checksum = (ushort*)(ip + 10);
            *checksum = InternetChecksum.ApplyRaw(*checksum, InternetChecksum.DeltaRaw(old, *(ushort*)ip));
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Egress, $"DSCP {dscp}, as {PortName(p->InPort)} marks what it sends");
        }
    }
}
