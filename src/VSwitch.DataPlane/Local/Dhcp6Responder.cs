using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Local;

/// <summary>What a DHCPv6 client is given: its ENI's part, and its subnet's. Addresses and MACs are raw.</summary>
internal readonly ref struct Dhcp6Client
{
    /// <summary>The ENI's addresses; all are leased.</summary>
    public required ReadOnlySpan<RawIp6> Addresses { get; init; }

    /// <summary>MAC of the ENI.</summary>
    public required ulong Mac { get; init; }

    /// <summary>Largest IP packet that it takes, bytes.</summary>
    public required int MtuBytes { get; init; }

    /// <summary>Its subnet's parameters.</summary>
    public required DhcpParameters Parameters { get; init; }

    /// <summary>The router's link-local address: who answers.</summary>
    public required RawIp6 Router { get; init; }

    /// <summary>MAC of the router.</summary>
    public required ulong RouterMac { get; init; }
}

/// <summary>The DHCPv6 server (RFC 8415, 3646, 5908). The question: what does the configuration give this client? Holds no
/// lease and no binding: an ENI's addresses are its for as long as the configuration says so. The first IA_NA of a message
/// gets them all; what else a client asks for gets a status. Order of checks, section 8.</summary>
internal static unsafe class Dhcp6Responder
{
    public const ushort ServerPortRaw = 0x2302;

    /// <summary>T1 at most, seconds. A client that renews is told of its router again (<see cref="RouterAdvertiser"/>), and 65535 s is the
    /// longest that it may remember it, so it renews twice in that time.</summary>
    public const uint MostRenewalSeconds = RouterAdvertiser.LifetimeSeconds / 2;

    private const ushort ClientPortRaw = 0x2202;
    private const byte HopLimit = 64;
    private const byte Udp = 17;
    private const int UdpBytes = 8;
    private const int HeaderBytes = FrameWriter.Ip6Bytes + UdpBytes;
    private const int LeastMtuBytes = 1280;

    /// <summary>IRT_MINIMUM of RFC 8415 section 7.6.</summary>
    private const uint LeastRefreshSeconds = 600;

    /// <summary>DUID-LL of Ethernet (section 11.4): type 3, hardware type 1, MAC.</summary>
    private const uint DuidStartRaw = 0x0100_0300;

    private const int DuidBytes = 10;
    private const byte MostPreference = 255;
    private const byte NtpServerAddress = 1;

    /// <summary>Status codes of section 21.13.</summary>
    private enum Status : ushort
    {
        Success = 0,
        NoAddressesAvailable = 2,
        NoBinding = 3,
        NotOnLink = 4,
        NoPrefixAvailable = 6,
    }

    /// <summary>Answers a message.</summary>
    /// <param name="body">Body of the UDP packet.</param>
    /// <param name="source">Its source address.</param>
    /// <param name="client">What the client is given.</param>
    /// <param name="frame">Where the reply goes, from the Ethernet header on.</param>
    /// <param name="roomBytes">Bytes that may be written there, at least 1294.</param>
    /// <param name="frameBytes">Bytes of the reply; 0 when there is none.</param>
    public static DhcpVerdict Answer(
        ReadOnlySpan<byte> body, RawIp6 source, in Dhcp6Client client, byte* frame, int roomBytes, out int frameBytes)
    {
        frameBytes = 0;
        if (!Dhcp6Request.TryRead(body, out Dhcp6Request request))
        {
            return DhcpVerdict.Malformed;
        }

        if (!IsForUs(request, client))
        {
            return DhcpVerdict.Consume;
        }

        byte* ip = frame + FrameWriter.EthernetBytes;
        byte* udp = ip + FrameWriter.Ip6Bytes;
        byte* reply = udp + UdpBytes;
        int room = Math.Min(Math.Max(LeastMtuBytes, client.MtuBytes), roomBytes - FrameWriter.EthernetBytes) - HeaderBytes;
        bool isAdvertise = request.Type == Dhcp6Request.Solicit && !request.HasRapidCommit;
        request.Fixed.CopyTo(new Span<byte>(reply, Dhcp6Request.FixedBytes));
        reply[0] = isAdvertise ? Dhcp6Request.Advertise : Dhcp6Request.Reply;
        var options = new OptionWriter(reply + Dhcp6Request.FixedBytes, room - Dhcp6Request.FixedBytes, isV6: true);
        byte* duid = options.Begin(Dhcp6Option.ServerId, DuidBytes);
        WriteDuid(duid, client.RouterMac);
        options.Bytes(Dhcp6Option.ClientId, request.ClientId);
        WriteOptions(request, client, isAdvertise, ref options);
        int bytes = UdpBytes + (int)(options.At - reply);
        FrameWriter.Ethernet(frame, client.Mac, client.RouterMac, Pipeline.ParseStage.EtherTypeIp6);
        FrameWriter.Ip6(ip, bytes, HopLimit, Udp, client.Router, source);
        FrameWriter.UdpHeader(udp, ServerPortRaw, ClientPortRaw, bytes);
        FrameWriter.UdpChecksum6(ip, udp, bytes);
        frameBytes = FrameWriter.EthernetBytes + FrameWriter.Ip6Bytes + bytes;
        bool leases = !isAdvertise && request.Type is Dhcp6Request.Solicit or Dhcp6Request.Request or Dhcp6Request.Renew
            or Dhcp6Request.Rebind;
        return isAdvertise ? DhcpVerdict.Advertise : leases ? DhcpVerdict.ReplyWithLease : DhcpVerdict.Reply;
    }

    /// <summary>Sections 16.2 to 16.12: which messages a server discards.</summary>
    private static bool IsForUs(in Dhcp6Request request, in Dhcp6Client client)
    {
        bool hasClient = !request.ClientId.IsEmpty;
        bool hasServer = !request.ServerId.IsEmpty;
        bool isOurs = hasServer && IsOwnDuid(request.ServerId, client.RouterMac);
        return request.Type switch
        {
            Dhcp6Request.Solicit or Dhcp6Request.Rebind => hasClient && !hasServer,
            Dhcp6Request.Confirm => hasClient && !hasServer && TryJudgeAddresses(request, client, out _),
            Dhcp6Request.Request or Dhcp6Request.Renew or Dhcp6Request.Release or Dhcp6Request.Decline => hasClient && isOurs,
            Dhcp6Request.InformationRequest => (!hasServer || isOurs) && request.AssociationCount == 0,
            _ => false,
        };
    }

    private static void WriteOptions(in Dhcp6Request request, in Dhcp6Client client, bool isAdvertise, ref OptionWriter options)
    {
        switch (request.Type)
        {
            case Dhcp6Request.Confirm:
                TryJudgeAddresses(request, client, out Status status);
                WriteStatus(status, ref options);
                return;
            case Dhcp6Request.Release:
            case Dhcp6Request.Decline:
                // The addresses are the ENI's all the same: nothing changes (sections 18.3.7, 18.3.8).
                WriteStatus(Status.Success, ref options);
                return;
            case Dhcp6Request.InformationRequest:
                WriteParameters(request, client.Parameters, ref options);
                return;
        }

        if (isAdvertise)
        {
            // The client need not wait for others (section 18.2.1).
            options.Byte(Dhcp6Option.Preference, MostPreference);
        }
        else if (request.Type == Dhcp6Request.Solicit)
        {
            options.Begin(Dhcp6Option.RapidCommit, 0);
        }

        WriteAssociations(request, client, ref options);
        WriteParameters(request, client.Parameters, ref options);
    }

    private static void WriteAssociations(in Dhcp6Request request, in Dhcp6Client client, ref OptionWriter options)
    {
        bool extends = request.Type is Dhcp6Request.Renew or Dhcp6Request.Rebind;
        bool isFirst = true;
        ReadOnlySpan<byte> rest = request.Options;
        while (Dhcp6Option.TryNext(ref rest, out ushort code, out ReadOnlySpan<byte> value))
        {
            if (code == Dhcp6Option.Association)
            {
                Status status = isFirst ? StatusOf(request, client, value[Dhcp6Option.AssociationBytes..])
                    : extends ? Status.NoBinding : Status.NoAddressesAvailable;
                isFirst = false;
                WriteAssociation(code, Dhcp6Option.AssociationBytes, value, status, extends, client, ref options);
            }
            else if (code == Dhcp6Option.TemporaryAssociation)
            {
                Status status = extends ? Status.NoBinding : Status.NoAddressesAvailable;
                WriteAssociation(code, Dhcp6Option.TemporaryAssociationBytes, value, status, extends, client, ref options);
            }
            else if (code == Dhcp6Option.PrefixAssociation)
            {
                Status status = extends ? Status.NoBinding : Status.NoPrefixAvailable;
                WriteAssociation(code, Dhcp6Option.AssociationBytes, value, status, extends, client, ref options);
            }
        }
    }

    private static Status StatusOf(in Dhcp6Request request, in Dhcp6Client client, ReadOnlySpan<byte> nested)
    {
        // Section 18.3.2: only a REQUEST is told so; RENEW and REBIND get a lifetime of 0 for what they cannot have.
        while (request.Type == Dhcp6Request.Request && Dhcp6Option.TryNextAddress(ref nested, out RawIp6 address))
        {
            if (!client.Parameters.Prefix6.Contains(address))
            {
                return Status.NotOnLink;
            }
        }

        return client.Addresses.IsEmpty ? Status.NoAddressesAvailable : Status.Success;
    }

    /// <summary>Writes one association: with the client's addresses, or with a status and nothing else.</summary>
    private static void WriteAssociation(
        ushort code, int fixedBytes, ReadOnlySpan<byte> asked, Status status, bool extends, in Dhcp6Client client,
        ref OptionWriter options)
    {
        const int OptionHeader = 4;
        const int StatusBytes = OptionHeader + 2;
        ReadOnlySpan<RawIp6> given = status == Status.Success ? client.Addresses : default;
        int stale = status == Status.Success && extends ? CountStale(asked[fixedBytes..], client.Addresses) : 0;
        int nestedBytes = ((given.Length + stale) * (OptionHeader + Dhcp6Option.AddressBytes)) +
            (status == Status.Success ? 0 : StatusBytes);
        byte* to = options.Begin(code, fixedBytes + nestedBytes);
        if (to == null)
        {
            return;
        }

        uint lifetime = client.Parameters.LeaseSeconds;
        asked[..4].CopyTo(new Span<byte>(to, 4));
        if (fixedBytes == Dhcp6Option.AssociationBytes)
        {
            uint renewal = status == Status.Success ? Math.Min(lifetime / 2, MostRenewalSeconds) : 0;
            uint rebinding = status == Status.Success ? (uint)(lifetime * 4UL / 5) : 0;
            *(uint*)(to + 4) = BinaryPrimitives.ReverseEndianness(renewal);
            *(uint*)(to + 8) = BinaryPrimitives.ReverseEndianness(rebinding);
        }

        var nested = new OptionWriter(to + fixedBytes, nestedBytes, isV6: true);
        if (status != Status.Success)
        {
            nested.Word(Dhcp6Option.StatusCode, (ushort)status);
        }

        foreach (RawIp6 address in given)
        {
            WriteAddress(address, lifetime, ref nested);
        }

        // Section 18.3.4: an address that is not the client's any more comes back with lifetimes of 0.
        ReadOnlySpan<byte> rest = asked[fixedBytes..];
        while (stale > 0 && Dhcp6Option.TryNextAddress(ref rest, out RawIp6 old))
        {
            if (!client.Addresses.Contains(old))
            {
                WriteAddress(old, 0, ref nested);
            }
        }
    }

    private static int CountStale(ReadOnlySpan<byte> nested, ReadOnlySpan<RawIp6> own)
    {
        int count = 0;
        while (Dhcp6Option.TryNextAddress(ref nested, out RawIp6 address))
        {
            count += own.Contains(address) ? 0 : 1;
        }

        return count;
    }

    private static void WriteAddress(RawIp6 address, uint lifetimeSeconds, ref OptionWriter options)
    {
        byte* to = options.Begin(Dhcp6Option.Address, Dhcp6Option.AddressBytes);
        if (to != null)
        {
            *(RawIp6*)to = address;
            *(uint*)(to + 16) = BinaryPrimitives.ReverseEndianness(lifetimeSeconds);
            *(uint*)(to + 20) = BinaryPrimitives.ReverseEndianness(lifetimeSeconds);
        }
    }

    /// <summary>Whether all addresses of a CONFIRM may stay (section 18.3.3); false when it names none. An address of the subnet
    /// that is not the ENI's is refused too: a packet from it would be dropped as spoofed, so the client had better ask anew.
    /// </summary>
    private static bool TryJudgeAddresses(in Dhcp6Request request, in Dhcp6Client client, out Status status)
    {
        bool hasAny = false;
        status = Status.Success;
        ReadOnlySpan<byte> rest = request.Options;
        while (Dhcp6Option.TryNext(ref rest, out ushort code, out ReadOnlySpan<byte> value))
        {
            ReadOnlySpan<byte> nested = code == Dhcp6Option.Association ? value[Dhcp6Option.AssociationBytes..]
                : code == Dhcp6Option.TemporaryAssociation ? value[Dhcp6Option.TemporaryAssociationBytes..] : default;
            while (Dhcp6Option.TryNextAddress(ref nested, out RawIp6 address))
            {
                hasAny = true;
                status = client.Addresses.Contains(address) ? status : Status.NotOnLink;
            }
        }

        return hasAny;
    }

    private static void WriteParameters(in Dhcp6Request request, DhcpParameters parameters, ref OptionWriter options)
    {
        options.Bytes(Dhcp6Option.Dns, MemoryMarshal.AsBytes(parameters.Dns6.AsSpan()));
        options.Bytes(Dhcp6Option.DomainList, parameters.DomainLabels);
        if (request.Type == Dhcp6Request.InformationRequest && request.Wants(Dhcp6Option.RefreshTime))
        {
            options.Number(Dhcp6Option.RefreshTime, Math.Max(parameters.LeaseSeconds, LeastRefreshSeconds));
        }

        if (!request.Wants(Dhcp6Option.Ntp) || parameters.Ntp6.Length == 0)
        {
            return;
        }

        // One option holds a suboption for each server (RFC 5908 section 4).
        const int SuboptionBytes = 4 + 16;
        int bytes = parameters.Ntp6.Length * SuboptionBytes;
        byte* to = options.Begin(Dhcp6Option.Ntp, bytes);
        if (to != null)
        {
            var servers = new OptionWriter(to, bytes, isV6: true);
            foreach (RawIp6 server in parameters.Ntp6)
            {
                *(RawIp6*)servers.Begin(NtpServerAddress, 16) = server;
            }
        }
    }

    private static void WriteStatus(Status status, ref OptionWriter options) =>
        options.Word(Dhcp6Option.StatusCode, (ushort)status);

    private static void WriteDuid(byte* to, ulong routerMac)
    {
        *(uint*)to = DuidStartRaw;
        *(uint*)(to + 4) = (uint)routerMac;
        *(ushort*)(to + 8) = (ushort)(routerMac >> 32);
    }

    private static bool IsOwnDuid(ReadOnlySpan<byte> duid, ulong routerMac)
    {
        byte* own = stackalloc byte[DuidBytes];
        WriteDuid(own, routerMac);
        return duid.SequenceEqual(new ReadOnlySpan<byte>(own, DuidBytes));
    }
}
