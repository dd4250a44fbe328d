using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>DHCP, DHCPv6 and router advertisements. The question: what does the configuration give the guest that asks? Order of
/// checks, section 8. Asked of packets that no connection vouches for, before every rule.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const int UdpBytes = 8;

    /// <summary>ff02::1:2, raw.</summary>
    private static readonly RawIp6 AllDhcpServers = new(0x02FF, 0x0200_0100_0000_0000);

    private RawIp6 RouterLinkLocal => new(LinkLocalFirst, _snapshot.GatewayLinkLocalLow);

    /// <summary>Handles a DHCP message of an ENI to its end; false when the packet is none.</summary>
    private bool TryHandleDhcp(PacketBuffer* p)
    {
        if (IsOutside(p->InPort) || p->Protocol != ParseStage.Udp || (p->Flags & PacketFlags.Fragment) != 0)
        {
            return false;
        }

        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        byte* udp = p->Data + p->L4Offset;
        if (*(ushort*)(udp + 2) != (isV6 ? Dhcp6Responder.ServerPortRaw : DhcpResponder.ServerPortRaw))
        {
            return false;
        }

        Eni* eni = _snapshot.Enis + p->InPort;
        Subnet subnet = _snapshot.Subnets[eni->Subnet];
        if (isV6 ? !IsForDhcp6(p) : !IsForDhcp4(p, subnet))
        {
            return false;
        }

        bool hasAny = isV6 ? subnet.Router6 != default : eni->Ip4Count > 0;
        if (!subnet.Dhcp.IsEnabled || !hasAny)
        {
            Consume(p);
        }
        else if (!IsUdpChecksumRight(p, isV6))
        {
            Drop(p, DropReason.MalformedL4);
        }
        else
        {
            AnswerDhcp(p, subnet, isV6);
        }

        return true;
    }

    private bool IsForDhcp4(PacketBuffer* p, Subnet subnet)
    {
        ulong mac = *(ulong*)p->Data & MacMask;
        uint source = Ip4Family.Source(p);
        uint destination = Ip4Family.Destination(p);
        bool isOwn = Ip4Family.Owns(_snapshot, p->InPort, source);
        return destination == uint.MaxValue ? (mac & 1) != 0 && (isOwn || source == 0)
            : isOwn && destination == subnet.Router4 && mac == _snapshot.GatewayMac;
    }

    private bool IsForDhcp6(PacketBuffer* p) => (p->Data[0] & 1) != 0 && Ip6Family.Destination(p) == AllDhcpServers &&
        Ip6Family.Source(p) == new RawIp6(LinkLocalFirst, _snapshot.Enis[p->InPort].LinkLocalLow);

    /// <summary>A checksum of 0 means none over IPv4, and is wrong over IPv6 (RFC 768, RFC 8200 section 8.1). One that the guest
    /// left to its device (offload) is not there yet.</summary>
    private static bool IsUdpChecksumRight(PacketBuffer* p, bool isV6)
    {
        byte* ip = p->Data + p->L3Offset;
        byte* udp = p->Data + p->L4Offset;
        int bytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 4));
        bool isAbsent = *(ushort*)(udp + 6) == 0;
        return (p->Offload.Flags & 1) != 0 || (isV6
            ? !isAbsent && FrameWriter.SumWithPseudoHeader6(ip, udp, bytes, ParseStage.Udp) == 0xFFFF
            : isAbsent || FrameWriter.SumOfUdp4(ip, udp, bytes) == 0xFFFF);
    }

    private void AnswerDhcp(PacketBuffer* p, Subnet subnet, bool isV6)
    {
        PacketBuffer* reply = _pool.Rent();
        if (reply == null)
        {
            Drop(p, DropReason.BufferExhausted);
            return;
        }

        byte* udp = p->Data + p->L4Offset;
        var body = new ReadOnlySpan<byte>(
            udp + UdpBytes, BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 4)) - UdpBytes);
        Eni* eni = _snapshot.Enis + p->InPort;
        DhcpVerdict verdict = isV6
            ? Dhcp6Responder.Answer(body, Ip6Family.Source(p), Dhcp6ClientOf(eni, subnet), reply->Data, reply->CapacityBytes, out int bytes)
            : DhcpResponder.Answer(
                body, Ip4Family.Source(p), DhcpClientOf(p->InPort, subnet), reply->Data, reply->CapacityBytes, out bytes);
        if (bytes == 0)
        {
            _pool.Return(reply);
            EndDhcp(p, verdict);
            return;
        }

        reply->Length = bytes;
        SendGenerated(reply, p->InPort);
        if (verdict == DhcpVerdict.ReplyWithLease)
        {
            // The guest is told of its router again: it does not ask for it twice (RouterAdvertiser.LifetimeSeconds).
            SendRouterAdvertisement(p->InPort, Ip6Family.Source(p), eni->Mac);
        }

        Answered(p, WordsOf(verdict));
    }

    private DhcpClient DhcpClientOf(int port, Subnet subnet) => new()
    {
        Eni = _snapshot.Enis + port,
        Parameters = subnet.Dhcp,
        Router = subnet.Router4,
        RouterMac = _snapshot.GatewayMac,
        HostName = port < _snapshot.HostNames.Length ? _snapshot.HostNames[port] : default,
    };

    private Dhcp6Client Dhcp6ClientOf(Eni* eni, Subnet subnet) => new()
    {
        Addresses = new ReadOnlySpan<RawIp6>(_snapshot.Ip6Addresses + eni->Ip6First, eni->Ip6Count),
        Mac = eni->Mac,
        MtuBytes = eni->MtuBytes,
        Parameters = subnet.Dhcp,
        Router = RouterLinkLocal,
        RouterMac = _snapshot.GatewayMac,
    };

    private void EndDhcp(PacketBuffer* p, DhcpVerdict verdict)
    {
        switch (verdict)
        {
            case DhcpVerdict.Malformed:
                Drop(p, DropReason.MalformedL4);
                break;
            case DhcpVerdict.ForeignHardwareAddress:
                Drop(p, DropReason.SpoofedMac);
                break;
            default:
                Consume(p);
                break;
        }
    }

    private static string WordsOf(DhcpVerdict verdict) => verdict switch
    {
        DhcpVerdict.Offer => "DHCP: the primary address is offered",
        DhcpVerdict.Acknowledge => "DHCP: acknowledged",
        DhcpVerdict.Refuse => "DHCP: refused (NAK), the address is not the ENI's primary one",
        DhcpVerdict.Advertise => "DHCPv6: the addresses are advertised",
        DhcpVerdict.ReplyWithLease => "DHCPv6: replied with the addresses, and with a router advertisement",
        _ => "DHCPv6: replied",
    };

    /// <summary>Answers a router solicitation that passed the checks of section 6.</summary>
    private void AnswerRouterSolicitation(PacketBuffer* p, RawIp6 asker)
    {
        Subnet subnet = _snapshot.Subnets[_snapshot.Enis[p->InPort].Subnet];
        if (subnet.Router6 == default || !subnet.Dhcp.IsEnabled)
        {
            Consume(p);
            return;
        }

        bool isUnspecified = asker == default;
        ulong mac = isUnspecified ? AllNodesMac : *(ulong*)(p->Data + 6) & MacMask;
        if (SendRouterAdvertisement(p->InPort, isUnspecified ? AllNodes : asker, mac))
        {
            Answered(p, "router solicitation: answered with a router advertisement");
        }
        else
        {
            Drop(p, DropReason.BufferExhausted);
        }
    }

    /// <summary>False when there is no buffer.</summary>
    private bool SendRouterAdvertisement(int port, RawIp6 destination, ulong destinationMac)
    {
        PacketBuffer* p = _pool.Rent(RouterAdvertiser.MostFrameBytes);
        if (p == null)
        {
            return false;
        }

        Eni* eni = _snapshot.Enis + port;
        p->Length = RouterAdvertiser.Write(
            p->Data, _snapshot.Subnets[eni->Subnet].Dhcp, eni->MtuBytes, RouterLinkLocal, _snapshot.GatewayMac, destination,
            destinationMac);
        SendGenerated(p, port);
        return true;
    }
}
