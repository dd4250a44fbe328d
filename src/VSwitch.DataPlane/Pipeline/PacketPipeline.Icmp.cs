using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>What the router says itself in ICMP and ICMPv6: answers to echo requests (RFC 792, 4443).</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const ushort VersionAndClass = 0xF0FF;
    private const byte AnswerTtl = 255;

    /// <summary>A packet for the router or the switch itself: an echo request is answered, what answers a health check is taken.</summary>
    private void AnswerLocal(PacketBuffer* p)
    {
        if (p->InPort == 0 && _snapshot.Tunnels.Count > 0 && TryDecapsulate(p))
        {
            return;
        }

        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        byte* icmp = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        byte* ip = p->Data + p->L3Offset;
        bool isEcho = (p->Flags & PacketFlags.Fragment) == 0 && p->Protocol == (isV6 ? ParseStage.Icmp6 : ParseStage.Icmp) &&
            icmp[0] == (isV6 ? IcmpRules.EchoRequest6 : IcmpRules.EchoRequest) && icmp[1] == 0;
        if (!isEcho)
        {
            if (_snapshot.Probes.Length == 0 || !TryTakeProbeAnswer(p))
            {
                Drop(p, DropReason.UnsupportedProtocol);
            }

            return;
        }

        ushort sum = isV6 ? FrameWriter.SumWithPseudoHeader6(ip, icmp, bytes) : (ushort)InternetChecksum.SumRaw(icmp, bytes);
        if (sum != 0xFFFF && (p->Offload.Flags & 1) == 0)
        {
            Drop(p, DropReason.MalformedL4);
            return;
        }

        int ipBytes = isV6 ? FrameWriter.Ip6Bytes : FrameWriter.Ip4Bytes;
        PacketBuffer* reply = _pool.Rent(ParseStage.EthernetBytes + ipBytes + bytes);
        if (reply == null)
        {
            Drop(p, DropReason.BufferExhausted);
            return;
        }

        byte* newIp = reply->Data + ParseStage.EthernetBytes;
        byte* newIcmp = newIp + ipBytes;
        Buffer.MemoryCopy(icmp, newIcmp, bytes, bytes);
        newIcmp[0] = isV6 ? IcmpRules.EchoReply6 : IcmpRules.EchoReply;
        ulong asker = *(ulong*)(p->Data + 6) & MacMask;
        FrameWriter.Ethernet(reply->Data, asker, OwnMac(p->InPort), ParseStage.EtherType(p));
        if (isV6)
        {
            FrameWriter.Ip6(newIp, bytes, AnswerTtl, ParseStage.Icmp6, Ip6Family.Destination(p), Ip6Family.Source(p));
            *(ushort*)newIp = (ushort)(*(ushort*)ip & VersionAndClass);
            FrameWriter.Icmp6Checksum(newIp, newIcmp, bytes);
        }
        else
        {
            FrameWriter.Ip4(newIp, bytes, ip[1], AnswerTtl, ParseStage.Icmp, Ip4Family.Destination(p), Ip4Family.Source(p));
            FrameWriter.IcmpChecksum(newIcmp, bytes);
        }

        reply->Length = ParseStage.EthernetBytes + ipBytes + bytes;
        SendGenerated(reply, p->InPort);
        Answered(p, "echo request to the router: answered");
    }

    private ulong OwnMac(int port) => IsOutside(port) ? _snapshot.Enis[port].Mac : _snapshot.GatewayMac;
}
