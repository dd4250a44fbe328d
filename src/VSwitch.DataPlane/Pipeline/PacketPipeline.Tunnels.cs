using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Tunnels of gateways: VXLAN (RFC 7348) and GRE (RFC 2784, 2890). The question: which gateway's is the frame in this packet? Asked of
/// packets for the switch's own addresses on the internet side only. Order of checks, section 16.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte GreProtocol = 47;
    private const int VxlanBytes = 8;
    private const byte VniFlag = 0x08;
    private const int GreBytes = 4;
    private const int GreFieldBytes = 4;
    private const byte GreChecksumBit = 0x80;
    private const byte GreKeyBit = 0x20;
    private const byte GreSequenceBit = 0x10;

    /// <summary>Everything but checksum, key and sequence number: routing and the bits that must be zero (RFC 2784 section 2.3).</summary>
    private const byte GreForbiddenBits = 0x4F;

    /// <summary>Transparent Ethernet bridging, 0x6558, raw.</summary>
    private const ushort EtherTypeBridged = 0x5865;

    /// <summary>What stands in a tunnel's packet.</summary>
    private struct TunnelContent
    {
        public TunnelKey Key;

        /// <summary>From the outer frame's first byte.</summary>
        public int Offset;

        /// <summary>Raw EtherType of what is carried; of Ethernet <see cref="EtherTypeBridged"/>.</summary>
        public ushort Type;
    }

    /// <summary>Takes a tunnel's packet apart and its frame along its way.</summary>
    /// <returns>False when it is no tunnel's: no gateway listens there.</returns>
    private bool TryDecapsulate(PacketBuffer* p)
    {
        if ((p->Flags & PacketFlags.IsV6) != 0 || !IsForTunnels(p))
        {
            return false;
        }

        bool isVxlan = p->Protocol == ParseStage.Udp;
        bool isFragment = (p->Flags & PacketFlags.Fragment) != 0;
        TunnelContent content = default;
        DropReason reason = isFragment ? DropReason.TunnelFragment
            : !_snapshot.Tunnels.ContainsKey(TunnelKey.OfEnds(isVxlan, Ip4Family.Destination(p), Ip4Family.Source(p))) ? DropReason.UnknownTunnelRemote
            : isVxlan ? ReadVxlan(p, out content)
            : ReadGre(p, out content);
        Gateway? gateway = null;
        if (reason == DropReason.None && !_snapshot.Tunnels.TryGetValue(content.Key, out gateway))
        {
            reason = DropReason.UnknownTunnelId;
        }

        if (reason == DropReason.None && !IsCarried(p, content, gateway!.Link))
        {
            reason = DropReason.MalformedTunnel;
        }

        if (reason != DropReason.None)
        {
            Drop(p, reason);
            return true;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(
                PipelineStage.Local, $"{gateway!.Link} {gateway.Id} from {Text(gateway.Remote)}: the frame in it is gateway {PortName(gateway.Port)}'s");
        }

        NoteEnd(p, PacketVerdict.Consumed);
        TakeOutFrame(p, content, gateway!);
        BeginInside(p, gateway!.Port);
        RunInside(p);
        return true;
    }

    /// <summary>True when some gateway has its tunnel at the address, protocol and port that the packet is for. A later fragment has no port; it
    /// is a tunnel's if its sender has one.</summary>
    private bool IsForTunnels(PacketBuffer* p)
    {
        uint local = Ip4Family.Destination(p);
        if (p->Protocol == GreProtocol)
        {
            return _snapshot.Tunnels.ContainsKey(TunnelKey.OfGreListener(local));
        }

        if (p->Protocol != ParseStage.Udp)
        {
            return false;
        }

        return (p->Flags & PacketFlags.LaterFragment) != 0
            ? _snapshot.Tunnels.ContainsKey(TunnelKey.OfEnds(true, local, Ip4Family.Source(p)))
            : _snapshot.Tunnels.ContainsKey(TunnelKey.OfVxlanListener(local, DestinationPort(p)));
    }

    private static ushort DestinationPort(PacketBuffer* p) => BinaryPrimitives.ReverseEndianness(*(ushort*)(p->Data + p->L4Offset + 2));

    /// <summary>RFC 7348 section 5. A UDP checksum of 0 is none; another one is checked (section 4.3).</summary>
    private static DropReason ReadVxlan(PacketBuffer* p, out TunnelContent content)
    {
        byte* udp = p->Data + p->L4Offset;
        byte* vxlan = udp + UdpBytes;
        int bytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 4));
        content = default;
        bool isIntact = *(ushort*)(udp + 6) == 0 || (p->Offload.Flags & VirtioNetHeader.NeedsChecksum) != 0 ||
            FrameWriter.SumOfUdp4(p->Data + p->L3Offset, udp, bytes) == ushort.MaxValue;
        if (p->Offload.GsoType != 0 || !isIntact || bytes < UdpBytes + VxlanBytes || (*vxlan & VniFlag) == 0)
        {
            return DropReason.MalformedTunnel;
        }

        // What UDP does not count is padding.
        p->Length = p->L4Offset + bytes;
        uint vni = BinaryPrimitives.ReverseEndianness(*(uint*)(vxlan + 4)) >> 8;
        content.Key = new TunnelKey(TunnelKey.Vxlan, Ip4Family.Destination(p), Ip4Family.Source(p), vni, DestinationPort(p));
        content.Offset = p->L4Offset + UdpBytes + VxlanBytes;
        content.Type = EtherTypeBridged;
        return DropReason.None;
    }

    /// <summary>RFC 2784 section 2, RFC 2890 section 2.</summary>
    private static DropReason ReadGre(PacketBuffer* p, out TunnelContent content)
    {
        byte* gre = p->Data + p->L4Offset;
        int bytes = p->L3Offset + p->L3Length - p->L4Offset;
        content = default;
        if (p->Offload.GsoType != 0 || bytes < GreBytes || (gre[0] & GreForbiddenBits) != 0 || gre[1] != 0)
        {
            return DropReason.MalformedTunnel;
        }

        int at = GreBytes;
        bool hasSum = (gre[0] & GreChecksumBit) != 0;
        bool hasKey = (gre[0] & GreKeyBit) != 0;
        int header = at + (hasSum ? GreFieldBytes : 0) + (hasKey ? GreFieldBytes : 0) + ((gre[0] & GreSequenceBit) != 0 ? GreFieldBytes : 0);
        if (bytes < header || (hasSum && (ushort)InternetChecksum.SumRaw(gre, bytes) != ushort.MaxValue))
        {
            return DropReason.MalformedTunnel;
        }

        at += hasSum ? GreFieldBytes : 0;
        uint key = hasKey ? BinaryPrimitives.ReverseEndianness(*(uint*)(gre + at)) : 0;
        p->Length = p->L3Offset + p->L3Length;
        content.Key = new TunnelKey(
            hasKey ? TunnelKey.GreWithKey : TunnelKey.Gre, Ip4Family.Destination(p), Ip4Family.Source(p), key, 0);
        content.Offset = p->L4Offset + header;
        content.Type = *(ushort*)(gre + 2);
        return DropReason.None;
    }

    /// <summary>True when the content is of the gateway's kind, and there is some.</summary>
    private static bool IsCarried(PacketBuffer* p, in TunnelContent content, GatewayLink link) => link == GatewayLink.Gre
        ? content.Type is ParseStage.EtherTypeIp4 or ParseStage.EtherTypeIp6 && content.Offset < p->Length
        : content.Type == EtherTypeBridged && content.Offset + ParseStage.EthernetBytes <= p->Length;

    /// <summary>The frame stands where it stood in the outer packet; an IP packet gets an Ethernet header in place of what was before it,
    /// addressed to the gateway, from nobody.</summary>
    private void TakeOutFrame(PacketBuffer* p, in TunnelContent content, Gateway gateway)
    {
        int offset = content.Offset;
        if (gateway.IsPointToPoint)
        {
            offset -= ParseStage.EthernetBytes;
            FrameWriter.Ethernet(p->Data + offset, _snapshot.Enis[gateway.Port].Mac, 0, content.Type);
        }

        p->Data += offset;
        p->Length -= offset;
        p->Offload = default;
    }

    /// <summary>A frame that came out of a tunnel, in the middle of a burst: it goes its way at once, or to its connection's worker.</summary>
    private void RunInside(PacketBuffer* p)
    {
        int port = p->InPort;
        if (!TryKeyOther(p, _snapshot.Enis + port, port, (_snapshot.Enis[port].Flags & EniFlags.Exists) != 0))
        {
            return;
        }

        if (_steering != null)
        {
            int owner = (p->Flags & PacketFlags.Fragment) != 0 ? MeetingWorker(p) : OwnerOf(p, p->KeyHigh);
            if (owner != _steering.Self)
            {
                TryGive(p, owner);
                return;
            }
        }

        if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            RunUnguessed4(p);
            return;
        }

        FlowEntry* entry = _connections.V6.Find(*Scratch6(p), p->KeyLow, p->KeyHigh, p->Hash);
        if (entry == null || !TryHit(p, entry, isV6: true))
        {
            Admit<RawIp6, Ip6Family>(p);
        }
    }

    /// <summary>Puts the outer headers before the gateway's frames, and takes them off again once they were sent.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "It owns nothing.")]
    private sealed class TunnelDevice(PacketPipeline<TTracer> pipeline, Gateway gateway) : GatewayLinkDevice(pipeline, gateway)
    {
        private const byte OuterTtl = 64;
        private const byte DscpMask = 0xFC;
        private const ushort FirstSourcePort = 49152;
        private const ushort SourcePortMask = 0x3FFF;
        private ulong _nextHopMac;

        /// <summary>Super-packets are cut, and checksums filled in, before they are put in a tunnel.</summary>
        public override DeviceCapabilities Capabilities { get; } = new(1, ushort.MaxValue, Offload: false);

        protected override bool IsReady() => Pipeline.OuterNextHop(Gateway, out _, out _nextHopMac) == DropReason.None;

        protected override void Wrap(PacketBuffer* p)
        {
            byte* inside = p->Data + (Gateway.IsPointToPoint ? ParseStage.EthernetBytes : 0);
            int insideBytes = p->Length - (int)(inside - p->Data);
            ushort type = ParseStage.EtherType(p);
            uint spread = FlowHash(p);
            byte tos = TypeOfService(p);
            byte* frame = inside - Gateway.HeaderBytes;
            byte* ip = frame + ParseStage.EthernetBytes;
            byte* l4 = ip + FrameWriter.Ip4Bytes;
            int l4Bytes = Gateway.HeaderBytes - ParseStage.EthernetBytes - FrameWriter.Ip4Bytes + insideBytes;
            bool isVxlan = Gateway.Link == GatewayLink.Vxlan;
            if (isVxlan)
            {
                ushort sourcePort = (ushort)(FirstSourcePort + ((spread ^ (spread >> 16)) & SourcePortMask));
                FrameWriter.UdpHeader(
                    l4, BinaryPrimitives.ReverseEndianness(sourcePort), BinaryPrimitives.ReverseEndianness(Gateway.UdpPort), l4Bytes);
                *(uint*)(l4 + UdpBytes) = VniFlag;
                *(uint*)(l4 + UdpBytes + 4) = BinaryPrimitives.ReverseEndianness(Gateway.Id << 8);
            }
            else
            {
                l4[0] = Gateway.HasKey ? GreKeyBit : (byte)0;
                l4[1] = 0;
                *(ushort*)(l4 + 2) = Gateway.IsPointToPoint ? type : EtherTypeBridged;
                if (Gateway.HasKey)
                {
                    *(uint*)(l4 + GreBytes) = BinaryPrimitives.ReverseEndianness(Gateway.Id);
                }
            }

            byte protocol = isVxlan ? ParseStage.Udp : GreProtocol;
            FrameWriter.Ip4(ip, l4Bytes, tos, OuterTtl, protocol, Gateway.Local, Gateway.Remote);
            FrameWriter.Ethernet(frame, _nextHopMac, Pipeline._snapshot.Enis[0].Mac, ParseStage.EtherTypeIp4);
            p->Data = frame;
            p->Length = Gateway.HeaderBytes + insideBytes;
            p->L3Offset = ParseStage.EthernetBytes;
            p->L4Offset = ParseStage.PlainL4Offset;
            p->L3Length = (ushort)(p->Length - ParseStage.EthernetBytes);
            p->Protocol = protocol;
            p->Flags &= ~PacketFlags.IsV6;
            p->Offload = default;
        }

        /// <summary>DSCP is copied (RFC 2983 section 4.2); ECN is not used in the outer header (RFC 6040 section 4.3, compatibility mode), so that
        /// nothing is lost when it is taken off.</summary>
        private static byte TypeOfService(PacketBuffer* p)
        {
            byte* ip = p->Data + ParseStage.EthernetBytes;
            return ParseStage.EtherType(p) switch
            {
                ParseStage.EtherTypeIp4 => (byte)(ip[1] & DscpMask),
                ParseStage.EtherTypeIp6 => (byte)(((ip[0] << 4) | (ip[1] >> 4)) & DscpMask),
                _ => 0,
            };
        }

        /// <summary>The same for all packets of a connection, so that they stay in order on every way (RFC 7348 section 5), and the same in every
        /// run: of what the frame has, with no secret.</summary>
        private static uint FlowHash(PacketBuffer* p)
        {
            byte* ip = p->Data + ParseStage.EthernetBytes;
            int header;
            ulong addresses;
            byte protocol;
            switch (ParseStage.EtherType(p))
            {
                case ParseStage.EtherTypeIp4:
                    header = (*ip & 15) * 4;
                    addresses = *(ulong*)(ip + 12);
                    bool isFragment = (*(ushort*)(ip + 6) & 0xFF3F) != 0;
                    protocol = isFragment ? (byte)0 : ip[9];
                    break;
                case ParseStage.EtherTypeIp6:
                    header = FrameWriter.Ip6Bytes;
                    addresses = RawHash.Of(*(RawIp6*)(ip + 8), 0) ^ RawHash.Of(*(RawIp6*)(ip + 24), 1);
                    protocol = ip[6];
                    break;
                default:
                    return 0;
            }

            bool hasPorts = protocol is ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp &&
                ParseStage.EthernetBytes + header + sizeof(uint) <= p->Length;
            uint ports = hasPorts ? *(uint*)(ip + header) : protocol;
            return (uint)(RawHash.Of(new RawIp6(addresses, ports), protocol) >> 32);
        }
    }
}
