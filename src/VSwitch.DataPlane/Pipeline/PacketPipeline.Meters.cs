using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;

namespace VSwitch.DataPlane.Pipeline;

/// <content>EIPs: bandwidth and meters. The questions: is the packet within what its EIPs may send and receive, and whose traffic
/// is it? Counted where its address is translated, so a packet without an EIP pays nothing: of one that is forwarded, IP packets and
/// their bytes, a super-packet as what it stands for. Whatever becomes of it at the egress is the port's business.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private readonly MeterCounters* _meters;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CountForEips(PacketBuffer* p, FlowAction* action)
    {
        if (p->Offload.GsoType != 0 || action->HairpinMeter != 0)
        {
            CountSlowly(p, action);
            return;
        }

        MeterCounters* meter = _meters + action->Meter;
        meter->Packets++;
        meter->Bytes += p->L3Length;
    }

    /// <summary>A super-packet, or one from EIP to EIP.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CountSlowly(PacketBuffer* p, FlowAction* action)
    {
        int packets = SuperPacket.WirePackets(p);
        int bytes = IpBytes(p, packets);
        MeterCounters* meter = _meters + action->Meter;
        meter->Packets += packets;
        meter->Bytes += bytes;
        if (action->HairpinMeter != 0)
        {
            meter = _meters + action->HairpinMeter;
            meter->Packets += packets;
            meter->Bytes += bytes;
        }
    }

    /// <summary>Asks the sender's bandwidth first; the one that refuses counts the drop, and none of the two has given anything.</summary>
    private bool IsWithinBandwidth(PacketBuffer* p, FlowAction* action)
    {
        int bytes = SuperPacket.WireBytes(p);
        int refusing = !_shared.Buckets.TryTake(action->Meter, bytes, _nowNs) ? action->Meter
            : action->HairpinMeter != 0 && !_shared.Buckets.TryTake(action->HairpinMeter, bytes, _nowNs) ? action->HairpinMeter
            : 0;
        if (refusing == 0)
        {
            return true;
        }

        if (refusing != action->Meter)
        {
            _shared.Buckets.GiveBack(action->Meter, bytes);
        }

        int packets = SuperPacket.WirePackets(p);
        MeterCounters* meter = _meters + refusing;
        meter->DroppedPackets += packets;
        meter->DroppedBytes += IpBytes(p, packets);
        return false;
    }

    /// <summary>Gives back what the EIPs' bandwidths gave for a packet that another limit refuses.</summary>
    private void GiveBackBandwidth(PacketBuffer* p, FlowAction* action)
    {
        int bytes = SuperPacket.WireBytes(p);
        _shared.Buckets.GiveBack(action->Meter, bytes);
        if (action->HairpinMeter != 0)
        {
            _shared.Buckets.GiveBack(action->HairpinMeter, bytes);
        }
    }

    private static int IpBytes(PacketBuffer* p, int packets) => SuperPacket.WireBytes(p) - (packets * p->L3Offset);
}
