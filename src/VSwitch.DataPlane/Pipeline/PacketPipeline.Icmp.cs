using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>What the router says itself in ICMP and ICMPv6: answers to echo requests (RFC 792, 4443), and time exceeded.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const ushort VersionAndClass = 0xF0FF;
    private const byte AnswerTtl = 255;
    private const byte ErrorTtl = 64;
    private const byte ErrorTos = 0xC0;
    private const int MaxQuote4Bytes = 576 - 20 - 8;
    private const int MaxQuote6Bytes = 1280 - 40 - 8;

    /// <summary>A packet for the router or the switch itself: an echo request is answered, nothing else is.</summary>
    private void AnswerLocal(PacketBuffer* p)
    {
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        byte* icmp = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        byte* ip = p->Data + p->L3Offset;
        bool isEcho = (p->Flags & PacketFlags.Fragment) == 0 && p->Protocol == (isV6 ? ParseStage.Icmp6 : ParseStage.Icmp) &&
            icmp[0] == (isV6 ? IcmpRules.EchoRequest6 : IcmpRules.EchoRequest) && icmp[1] == 0;
        if (!isEcho)
        {
            Drop(p, DropReason.UnsupportedProtocol);
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

    /// <summary>Drops a packet whose TTL ran out, and tells its sender where RFC 1812 section 4.3.2.7 lets a router do so.</summary>
    private void ExpireTtl(PacketBuffer* p)
    {
        if ((p->Flags & (PacketFlags.IcmpError | PacketFlags.LaterFragment)) == 0)
        {
            if ((p->Flags & PacketFlags.IsV6) != 0)
            {
                SendTimeExceeded6(p);
            }
            else
            {
                SendTimeExceeded4(p);
            }
        }

        Drop(p, DropReason.TtlExpired);
    }

    private void SendTimeExceeded4(PacketBuffer* p)
    {
        uint router = p->InPort != 0 ? _snapshot.Subnets[_snapshot.Enis[p->InPort].Subnet].Router4
            : _internet.Own4.Length > 0 ? _internet.Own4[0] : 0;
        PacketBuffer* error = router == 0 ? null : _pool.Rent();
        if (error == null)
        {
            return;
        }

        int quote = Math.Min((int)p->L3Length, MaxQuote4Bytes);
        byte* ip = error->Data + ParseStage.EthernetBytes;
        byte* icmp = ip + FrameWriter.Ip4Bytes;
        FrameWriter.Ethernet(error->Data, *(ulong*)(p->Data + 6) & MacMask, OwnMac(p->InPort), ParseStage.EtherTypeIp4);
        FrameWriter.Ip4(ip, 8 + quote, ErrorTos, ErrorTtl, ParseStage.Icmp, router, Ip4Family.Source(p));
        *(ulong*)icmp = 11;
        Buffer.MemoryCopy(p->Data + p->L3Offset, icmp + 8, quote, quote);
        FrameWriter.IcmpChecksum(icmp, 8 + quote);
        error->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + 8 + quote;
        SendGenerated(error, p->InPort);
    }

    private void SendTimeExceeded6(PacketBuffer* p)
    {
        RawIp6 router = p->InPort != 0 ? _snapshot.Subnets[_snapshot.Enis[p->InPort].Subnet].Router6
            : _internet.Own6.Length > 0 ? _internet.Own6[0] : default;
        PacketBuffer* error = router == default ? null : _pool.Rent();
        if (error == null)
        {
            return;
        }

        int quote = Math.Min((int)p->L3Length, MaxQuote6Bytes);
        byte* ip = error->Data + ParseStage.EthernetBytes;
        byte* icmp = ip + FrameWriter.Ip6Bytes;
        FrameWriter.Ethernet(error->Data, *(ulong*)(p->Data + 6) & MacMask, OwnMac(p->InPort), ParseStage.EtherTypeIp6);
        FrameWriter.Ip6(ip, 8 + quote, ErrorTtl, ParseStage.Icmp6, router, Ip6Family.Source(p));
        *(ulong*)icmp = 3;
        Buffer.MemoryCopy(p->Data + p->L3Offset, icmp + 8, quote, quote);
        FrameWriter.Icmp6Checksum(ip, icmp, 8 + quote);
        error->Length = ParseStage.EthernetBytes + FrameWriter.Ip6Bytes + 8 + quote;
        SendGenerated(error, p->InPort);
    }

    private ulong OwnMac(int port) => port == 0 ? _snapshot.Enis[0].Mac : _snapshot.GatewayMac;
}
