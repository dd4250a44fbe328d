using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Neighbour discovery (RFC 4861, 4862). The same question as ARP, for IPv6. Order of checks, section 6.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte RouterSolicitation = 133;
    private const byte RouterAdvertisement = 134;
    private const byte NeighborSolicitation = 135;
    private const byte NeighborAdvertisement = 136;
    private const byte Redirect = 137;
    private const byte SourceLinkLayer = 1;
    private const byte TargetLinkLayer = 2;
    private const int NeighborMessageBytes = 24;
    private const int LinkLayerOptionBytes = 8;
    private const ulong LinkLocalFirst = 0x80FE;

    /// <summary>33:33:00:00:00:01, raw.</summary>
    private const ulong AllNodesMac = 0x0100_0000_3333;

    /// <summary>ff02::1, raw.</summary>
    private static readonly RawIp6 AllNodes = new(0x02FF, 0x0100_0000_0000_0000);

    private static bool IsNeighborDiscovery(PacketBuffer* p) =>
        p->Protocol == ParseStage.Icmp6 && (p->Flags & PacketFlags.LaterFragment) == 0 &&
        p->Data[p->L4Offset] is >= RouterSolicitation and <= Redirect;

    private void HandleNeighborDiscovery(PacketBuffer* p)
    {
        byte* ip = p->Data + p->L3Offset;
        byte* icmp = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        bool hasTarget = *icmp is NeighborSolicitation or NeighborAdvertisement;
        int fixedBytes = hasTarget ? NeighborMessageBytes : *icmp == RouterSolicitation ? 8 : *icmp == Redirect ? 40 : 16;
        ulong optionMac = 0;
        bool isValid = ip[7] == 255 && icmp[1] == 0 && bytes >= fixedBytes && (p->Flags & PacketFlags.Fragment) == 0 &&
            FrameWriter.SumWithPseudoHeader6(ip, icmp, bytes) == 0xFFFF &&
            TryReadLinkLayerOption(icmp + fixedBytes, bytes - fixedBytes, *icmp == NeighborAdvertisement, out optionMac);
        if (!isValid)
        {
            Drop(p, DropReason.MalformedL4);
            return;
        }

        RawIp6 source = Ip6Family.Source(p);
        RawIp6 target = hasTarget ? *(RawIp6*)(icmp + 8) : default;
        if (IsOutside(p->InPort))
        {
            HandleNeighborFromOutside(p, *icmp, source, target, optionMac);
        }
        else
        {
            HandleNeighborFromEni(p, *icmp, source, target, optionMac);
        }
    }

    private void HandleNeighborFromEni(PacketBuffer* p, byte type, RawIp6 source, RawIp6 target, ulong optionMac)
    {
        int port = p->InPort;
        Eni* eni = _snapshot.Enis + port;
        bool isProbe = type is NeighborSolicitation or RouterSolicitation && source == default;
        DropReason reason = !isProbe && !Ip6Family.Owns(_snapshot, port, source) ? DropReason.SpoofedIp
            : type != NeighborAdvertisement && optionMac != 0 && optionMac != eni->Mac ? DropReason.SpoofedMac
            : type == NeighborAdvertisement && !Ip6Family.Owns(_snapshot, port, target) ? DropReason.SpoofedIp
            : type is RouterAdvertisement or Redirect ? DropReason.UnsupportedProtocol
            : DropReason.None;
        if (reason != DropReason.None)
        {
            Drop(p, reason);
            return;
        }

        if (type == RouterSolicitation)
        {
            AnswerRouterSolicitation(p, source);
            return;
        }

        ulong mac = 0;
        bool isRouter = false;
        if (type == NeighborSolicitation)
        {
            RawIp6 router = _snapshot.Subnets[eni->Subnet].Router6;
            isRouter = (router != default && target == router) ||
                (target.First == LinkLocalFirst && target.Second == _snapshot.GatewayLinkLocalLow);
            mac = isRouter ? _snapshot.GatewayMac : PeerMac(eni, port, _snapshot.PortOf(eni->Vpc, target));
        }

        AnswerNeighborOrConsume(p, mac, target, source, isRouter);
    }

    private void HandleNeighborFromOutside(PacketBuffer* p, byte type, RawIp6 source, RawIp6 target, ulong optionMac)
    {
        if (type is RouterAdvertisement or Redirect)
        {
            Drop(p, DropReason.UnsupportedProtocol);
            return;
        }

        RawIp6 learnt = type == NeighborAdvertisement ? target : source;
        if (type != RouterSolicitation && optionMac != 0 && (optionMac & 1) == 0 && learnt != default)
        {
            LearnNeighbor(p->InPort, learnt, isV6: true, optionMac);
        }

        bool isOurs = type == NeighborSolicitation && Ip6Family.IsOwn(SideOf(p->InPort), target);
        AnswerNeighborOrConsume(p, isOurs ? OwnMac(p->InPort) : 0, target, source, isRouter: false);
    }

    private void AnswerNeighborOrConsume(PacketBuffer* p, ulong mac, RawIp6 target, RawIp6 asker, bool isRouter)
    {
        if (mac == 0)
        {
            Consume(p);
            return;
        }

        PacketBuffer* reply = _pool.Rent();
        if (reply == null)
        {
            Drop(p, DropReason.BufferExhausted);
            return;
        }

        bool isProbe = asker == default;
        byte flags = (byte)((isRouter ? 0x80 : 0) | (isProbe ? 0 : 0x40) | 0x20);
        ulong toMac = isProbe ? AllNodesMac : *(ulong*)(p->Data + 6) & MacMask;
        WriteNeighborMessage(
            reply, toMac, mac, NeighborAdvertisement, flags, target, target, isProbe ? AllNodes : asker, TargetLinkLayer);
        SendGenerated(reply, p->InPort);
        Answered(p, "neighbour discovery: answered");
    }

    private static void WriteNeighborMessage(
        PacketBuffer* p, ulong destinationMac, ulong sourceMac, byte type, byte flags, RawIp6 target, RawIp6 source,
        RawIp6 destination, byte option)
    {
        FrameWriter.Ethernet(p->Data, destinationMac, sourceMac, ParseStage.EtherTypeIp6);
        byte* ip = p->Data + ParseStage.EthernetBytes;
        const int Bytes = NeighborMessageBytes + LinkLayerOptionBytes;
        FrameWriter.Ip6(ip, Bytes, 255, ParseStage.Icmp6, source, destination);
        byte* icmp = ip + FrameWriter.Ip6Bytes;
        *(uint*)icmp = type;
        *(uint*)(icmp + 4) = flags;
        *(RawIp6*)(icmp + 8) = target;
        icmp[24] = option;
        icmp[25] = 1;
        *(uint*)(icmp + 26) = (uint)sourceMac;
        *(ushort*)(icmp + 30) = (ushort)(sourceMac >> 32);
        FrameWriter.Icmp6Checksum(ip, icmp, Bytes);
        p->Length = ParseStage.EthernetBytes + FrameWriter.Ip6Bytes + Bytes;
    }

    /// <summary>Walks the options (RFC 4861 section 4.6); false when one is cut short or has no length.</summary>
    private static bool TryReadLinkLayerOption(byte* options, int bytes, bool ofTarget, out ulong mac)
    {
        mac = 0;
        while (bytes > 0)
        {
            if (bytes < 2 || options[1] == 0 || options[1] * 8 > bytes)
            {
                return false;
            }

            if (options[0] == (ofTarget ? TargetLinkLayer : SourceLinkLayer))
            {
                mac = *(uint*)(options + 2) | ((ulong)*(ushort*)(options + 6) << 32);
            }

            bytes -= options[1] * 8;
            options += options[1] * 8;
        }

        return true;
    }

    /// <summary>Asks for an IPv6 neighbour on a link by its solicited-node address (RFC 4861 section 7.2.2).</summary>
    private void AskNeighbor(RawIp6 address, int port)
    {
        _asked = (address, true, port);
        if (SideOf(port).Own6.Length > 0 && _shared.Neighbors.ShouldAsk(address, isV6: true, _nowNs / 1_000_000, port))
        {
            ulong low24 = BinaryPrimitives.ReverseEndianness(address.Second) & 0xFF_FFFF;
            var group = new RawIp6(0x02FF, BinaryPrimitives.ReverseEndianness(0x1_FF00_0000UL | low24));
            ulong groupMac = 0x3333 | ((group.Second >> 32) << 16);
            SendSolicitation(port, address, group, groupMac & MacMask);
        }
    }

    /// <summary>Sends a question for an IPv6 address on a link to its group, or to the address itself.</summary>
    private void SendSolicitation(int port, RawIp6 address, RawIp6 to, ulong toMac)
    {
        RawIp6[] own = SideOf(port).Own6;
        PacketBuffer* p = own.Length == 0 ? null : _pool.Rent();
        if (p != null)
        {
            WriteNeighborMessage(
                p, toMac, OwnMac(port), NeighborSolicitation, 0, address, own[0], to, SourceLinkLayer);
            SendGenerated(p, port);
        }
    }
}
