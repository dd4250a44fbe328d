using System.Buffers.Binary;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Local;

/// <summary>Writes router advertisements (RFC 4861 section 4.2, RFC 8106).</summary>
internal static unsafe class RouterAdvertiser
{
    /// <summary>How long the guest keeps its default router: the longest that the field holds (RFC 8319 section 4). Guests
    /// solicit only when their link comes up, and the switch sends nothing by the clock; but a guest that has its address by
    /// DHCPv6 renews it at least twice in this time (<see cref="Dhcp6Responder.MostRenewalSeconds"/>), and each lease is followed
    /// by an advertisement, so its default route never runs out.</summary>
    public const ushort LifetimeSeconds = ushort.MaxValue;

    /// <summary>Bytes of the longest advertisement with its frame.</summary>
    public const int MostFrameBytes = FrameWriter.EthernetBytes + FrameWriter.Ip6Bytes + FixedBytes + LinkLayerBytes + MtuBytes +
        PrefixBytes + DnsFixedBytes + (16 * DhcpParameters.MaxServers);

    private const int FixedBytes = 16;
    private const int LinkLayerBytes = 8;
    private const int MtuBytes = 8;
    private const int PrefixBytes = 32;
    private const int DnsFixedBytes = 8;
    private const byte Advertisement = 134;
    private const byte SourceLinkLayer = 1;
    private const byte Prefix = 3;
    private const byte Mtu = 5;
    private const byte RecursiveDns = 25;
    private const byte HopLimit = 255;
    private const byte GuestHopLimit = 64;
    private const byte ManagedAndOther = 0xC0;
    private const byte OnLink = 0x80;

    /// <summary>RFC 8200 section 5: a link that takes less carries no IPv6, and a guest would refuse the option.</summary>
    private const int LeastMtuBytes = 1280;

    /// <summary>Writes the advertisement of a subnet.</summary>
    /// <param name="frame">Where it goes; <see cref="MostFrameBytes"/> at most.</param>
    /// <param name="parameters">What the subnet says.</param>
    /// <param name="mtuBytes">Largest IP packet of the ENI's port.</param>
    /// <param name="router">The router's link-local address.</param>
    /// <param name="routerMac">Its MAC, raw.</param>
    /// <param name="destination">The asker, or ff02::1.</param>
    /// <param name="destinationMac">Its MAC, raw.</param>
    /// <returns>Bytes of the frame.</returns>
    public static int Write(
        byte* frame, DhcpParameters parameters, int mtuBytes, RawIp6 router, ulong routerMac, RawIp6 destination,
        ulong destinationMac)
    {
        byte* ip = frame + FrameWriter.EthernetBytes;
        byte* icmp = ip + FrameWriter.Ip6Bytes;
        *(ulong*)icmp = Advertisement;
        icmp[4] = GuestHopLimit;
        icmp[5] = ManagedAndOther;
        *(ushort*)(icmp + 6) = LifetimeSeconds;

        // Reachable time and retransmission timer: not specified.
        *(ulong*)(icmp + 8) = 0;
        byte* at = icmp + FixedBytes;
        at[0] = SourceLinkLayer;
        at[1] = 1;
        *(uint*)(at + 2) = (uint)routerMac;
        *(ushort*)(at + 6) = (ushort)(routerMac >> 32);
        at += LinkLayerBytes;
        if (mtuBytes >= LeastMtuBytes)
        {
            *(uint*)at = Mtu | (1u << 8);
            *(uint*)(at + 4) = BinaryPrimitives.ReverseEndianness((uint)mtuBytes);
            at += MtuBytes;
        }

        at = WritePrefix(at, parameters);
        at = WriteDns(at, parameters);
        int bytes = (int)(at - icmp);
        FrameWriter.Ethernet(frame, destinationMac, routerMac, Pipeline.ParseStage.EtherTypeIp6);
        FrameWriter.Ip6(ip, bytes, HopLimit, Pipeline.ParseStage.Icmp6, router, destination);
        FrameWriter.Icmp6Checksum(ip, icmp, bytes);
        return FrameWriter.EthernetBytes + FrameWriter.Ip6Bytes + bytes;
    }

    /// <summary>On-link for good, and no address of a guest's own making: one that the ENI does not have is spoofed.</summary>
    private static byte* WritePrefix(byte* at, DhcpParameters parameters)
    {
        at[0] = Prefix;
        at[1] = PrefixBytes / 8;
        at[2] = parameters.Prefix6Bits;
        at[3] = OnLink;
        *(ulong*)(at + 4) = ulong.MaxValue;
        *(uint*)(at + 12) = 0;
        *(RawIp6*)(at + 16) = parameters.Prefix6.Network;
        return at + PrefixBytes;
    }

    /// <summary>RFC 8106 section 5.1.</summary>
    private static byte* WriteDns(byte* at, DhcpParameters parameters)
    {
        ReadOnlySpan<RawIp6> servers = parameters.Dns6;
        if (servers.IsEmpty)
        {
            return at;
        }

        at[0] = RecursiveDns;
        at[1] = (byte)(1 + (2 * servers.Length));
        *(ushort*)(at + 2) = 0;
        *(uint*)(at + 4) = BinaryPrimitives.ReverseEndianness((uint)LifetimeSeconds);
        at += DnsFixedBytes;
        foreach (RawIp6 server in servers)
        {
            *(RawIp6*)at = server;
            at += sizeof(RawIp6);
        }

        return at;
    }
}
