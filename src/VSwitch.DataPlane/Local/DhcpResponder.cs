using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Local;

/// <summary>What a DHCPv4 client is given: its ENI's part, and its subnet's. Addresses and MACs are raw.</summary>
internal readonly unsafe ref struct DhcpClient
{
    /// <summary>The ENI.</summary>
    public required Eni* Eni { get; init; }

    /// <summary>Its subnet's parameters.</summary>
    public required DhcpParameters Parameters { get; init; }

    /// <summary>Its subnet's router address: who answers.</summary>
    public required uint Router { get; init; }

    /// <summary>MAC of the router.</summary>
    public required ulong RouterMac { get; init; }

    /// <summary>Its host name; empty = none.</summary>
    public required ReadOnlySpan<byte> HostName { get; init; }

    /// <summary>The one address that is leased: the primary one.</summary>
    public uint Address => Eni->Ip4[0];

    /// <summary>True when the address is one of the ENI's.</summary>
    public bool Owns(uint address)
    {
        for (int i = 0; i < Eni->Ip4Count; i++)
        {
            if (Eni->Ip4[i] == address)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The DHCPv4 server (RFC 2131, 2132). The question: what does the configuration give this client? Holds no lease: an
/// ENI's primary address is its for as long as the configuration says so, which makes every answer a function of the request.
/// Order of checks, section 8.</summary>
internal static unsafe class DhcpResponder
{
    public const ushort ServerPortRaw = 0x4300;
    private const ushort ClientPortRaw = 0x4400;
    private const byte BootReply = 2;
    private const byte Ttl = 64;
    private const byte Udp = 17;
    private const int UdpBytes = 8;
    private const int HeaderBytes = FrameWriter.Ip4Bytes + UdpBytes;

    /// <summary>RFC 2131 section 2: what a client takes that says nothing else.</summary>
    private const int DefaultMessageBytes = 576;

    /// <summary>RFC 951 section 3: clients of old drop anything shorter.</summary>
    private const int LeastBodyBytes = 300;

    /// <summary>RFC 2132 section 5.1.</summary>
    private const int LeastMtuBytes = 68;

    private const ulong BroadcastMac = 0xFFFF_FFFF_FFFF;

    /// <summary>Answers a request.</summary>
    /// <param name="body">Body of the UDP packet.</param>
    /// <param name="source">Its source address: 0 or one of the client's own.</param>
    /// <param name="client">What the client is given.</param>
    /// <param name="frame">Where the reply goes, from the Ethernet header on.</param>
    /// <param name="roomBytes">Bytes that may be written there, at least 620.</param>
    /// <param name="frameBytes">Bytes of the reply; 0 when there is none.</param>
    public static DhcpVerdict Answer(
        ReadOnlySpan<byte> body, uint source, in DhcpClient client, byte* frame, int roomBytes, out int frameBytes)
    {
        frameBytes = 0;
        if (!DhcpRequest.TryRead(body, out DhcpRequest request))
        {
            return DhcpVerdict.Malformed;
        }

        if (request.HardwareAddress != client.Eni->Mac)
        {
            return DhcpVerdict.ForeignHardwareAddress;
        }

        // Of relays only the ENI itself may stand behind one: what is behind another has no address here.
        bool isDirect = request.RelayAddress == 0 || client.Owns(request.RelayAddress);
        DhcpVerdict verdict = isDirect ? Judge(request, client) : DhcpVerdict.Consume;
        if (verdict != DhcpVerdict.Consume)
        {
            frameBytes = Write(verdict, request, source, client, frame, roomBytes);
        }

        return verdict;
    }

    private static DhcpVerdict Judge(in DhcpRequest request, in DhcpClient client)
    {
        switch (request.MessageType)
        {
            case DhcpRequest.Discover:
                return DhcpVerdict.Offer;
            case DhcpRequest.Request when request.ServerId != 0 && request.ServerId != client.Router:
                // RFC 2131 section 3.1, 4: the client chose another server.
                return DhcpVerdict.Consume;
            case DhcpRequest.Request:
                // The address is the requested one in SELECTING and INIT-REBOOT, ciaddr in RENEWING and REBINDING (section 4.3.2).
                uint wanted = request.RequestedAddress != 0 ? request.RequestedAddress : request.ClientAddress;
                return wanted == client.Address ? DhcpVerdict.Acknowledge : DhcpVerdict.Refuse;
            case DhcpRequest.Inform when request.ClientAddress == 0 || client.Owns(request.ClientAddress):
                return DhcpVerdict.Acknowledge;
            default:
                return DhcpVerdict.Consume;
        }
    }

    private static int Write(
        DhcpVerdict verdict, in DhcpRequest request, uint source, in DhcpClient client, byte* frame, int roomBytes)
    {
        byte* ip = frame + FrameWriter.EthernetBytes;
        byte* udp = ip + FrameWriter.Ip4Bytes;
        byte* reply = udp + UdpBytes;
        bool isInform = request.MessageType == DhcpRequest.Inform;
        int most = Math.Max(DefaultMessageBytes, Math.Min(request.MaxMessageBytes, (int)client.Eni->MtuBytes));
        int bodyRoom = Math.Min(most, roomBytes - FrameWriter.EthernetBytes) - HeaderBytes;
        WriteFixed(verdict, request, client, reply);

        // One byte of the room is kept for the end mark.
        var options = new OptionWriter(
            reply + DhcpRequest.FixedBytes, bodyRoom - DhcpRequest.FixedBytes - 1, isV6: false);
        WriteOptions(verdict, isInform, request, client, ref options);
        byte* end = options.At;
        *end++ = DhcpOption.End;
        int bytes = (int)(end - reply);
        if (bytes < LeastBodyBytes)
        {
            new Span<byte>(end, LeastBodyBytes - bytes).Clear();
            bytes = LeastBodyBytes;
        }

        uint destination = DestinationOf(verdict, request, source, client);
        ulong mac = destination == uint.MaxValue ? BroadcastMac : client.Eni->Mac;
        FrameWriter.Ethernet(frame, mac, client.RouterMac, Pipeline.ParseStage.EtherTypeIp4);
        FrameWriter.Ip4(ip, UdpBytes + bytes, 0, Ttl, Udp, client.Router, destination);
        FrameWriter.UdpHeader(udp, ServerPortRaw, request.RelayAddress != 0 ? ServerPortRaw : ClientPortRaw, UdpBytes + bytes);
        FrameWriter.UdpChecksum4(ip, udp, UdpBytes + bytes);
        return FrameWriter.EthernetBytes + HeaderBytes + bytes;
    }

    /// <summary>RFC 2131 section 4.1: where a reply goes.</summary>
    private static uint DestinationOf(DhcpVerdict verdict, in DhcpRequest request, uint source, in DhcpClient client)
    {
        if (request.RelayAddress != 0)
        {
            return request.RelayAddress;
        }

        if (verdict == DhcpVerdict.Refuse)
        {
            return uint.MaxValue;
        }

        // A ciaddr that is not the client's is one that nobody hears: as if it were not there.
        if (client.Owns(request.ClientAddress))
        {
            return request.ClientAddress;
        }

        bool isInform = request.MessageType == DhcpRequest.Inform;
        return request.WantsBroadcast || (isInform && source == 0) ? uint.MaxValue : isInform ? source : client.Address;
    }

    private static void WriteFixed(DhcpVerdict verdict, in DhcpRequest request, in DhcpClient client, byte* reply)
    {
        var to = new Span<byte>(reply, DhcpRequest.FixedBytes);
        request.Fixed.CopyTo(to);
        to[0] = BootReply;

        // hops and secs are the client's and the relays' (RFC 2131 section 4.3.1, table 3).
        to[3] = 0;
        to[8..10].Clear();
        to[12..24].Clear();
        bool isNak = verdict == DhcpVerdict.Refuse;
        if (verdict == DhcpVerdict.Acknowledge)
        {
            request.Fixed[12..16].CopyTo(to[12..]);
        }

        if (!isNak && request.MessageType != DhcpRequest.Inform)
        {
            MemoryMarshal.Write(to[16..], client.Address);
        }

        // The names of the server and of the boot file; on a request they may have held options.
        to[44..236].Clear();
        if (isNak && request.RelayAddress != 0)
        {
            // The client has no address to be reached at by the relay (section 4.3.2).
            to[10] |= 0x80;
        }
    }

    /// <summary>RFC 2131 section 4.3.1, table 3: what goes into which reply. The mask stands before the router (RFC 2132
    /// section 3.3).</summary>
    private static void WriteOptions(
        DhcpVerdict verdict, bool isInform, in DhcpRequest request, in DhcpClient client, ref OptionWriter options)
    {
        DhcpParameters parameters = client.Parameters;
        options.Byte(DhcpOption.MessageType, verdict switch
        {
            DhcpVerdict.Offer => DhcpRequest.Offer,
            DhcpVerdict.Acknowledge => DhcpRequest.Acknowledge,
            _ => DhcpRequest.Refuse,
        });
        options.Raw(DhcpOption.ServerId, client.Router);
        if (verdict == DhcpVerdict.Refuse)
        {
            options.Bytes(DhcpOption.ClientId, request.ClientId);
            return;
        }

        if (!isInform)
        {
            options.Number(DhcpOption.LeaseSeconds, parameters.LeaseSeconds);
            options.Number(DhcpOption.RenewalSeconds, parameters.LeaseSeconds / 2);
            options.Number(DhcpOption.RebindingSeconds, (uint)(parameters.LeaseSeconds * 7UL / 8));
        }

        options.Raw(DhcpOption.Mask, parameters.Mask4);
        options.Raw(DhcpOption.Router, client.Router);

        // RFC 6842: a reply carries the client's identifier as it came.
        options.Bytes(DhcpOption.ClientId, request.ClientId);
        if (client.Eni->MtuBytes >= LeastMtuBytes)
        {
            options.Word(DhcpOption.Mtu, client.Eni->MtuBytes);
        }

        options.Bytes(DhcpOption.Dns, MemoryMarshal.AsBytes(parameters.Dns4.AsSpan()));
        options.Bytes(DhcpOption.DomainName, parameters.DomainName);
        options.Bytes(DhcpOption.Ntp, MemoryMarshal.AsBytes(parameters.Ntp4.AsSpan()));
        if (request.Parameters.Contains(DhcpOption.HostName))
        {
            options.Bytes(DhcpOption.HostName, client.HostName);
        }
    }
}
