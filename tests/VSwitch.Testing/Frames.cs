using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>An end of a conversation as one port sees it: its MAC, its address, and the MAC it sends to.</summary>
public readonly record struct FrameAddresses(MacAddress SourceMac, MacAddress DestinationMac, IpAddress Source, IpAddress Destination)
{
    /// <summary>The frame's way back.</summary>
    public FrameAddresses Reverse() => new(DestinationMac, SourceMac, Destination, Source);
}

/// <summary>The common frames in one call each.</summary>
public static class Frames
{
    /// <summary>A segment of a connection in which both ends begin with sequence number 0: SYNs have that, all others 1, and
    /// acknowledgements say 1.</summary>
    public static byte[] Tcp(FrameAddresses ends, ushort sourcePort, ushort destinationPort, TcpBits flags, int payload = 0) =>
        Begin(ends).Tcp(sourcePort, destinationPort, flags, tcp => tcp with
        {
            Sequence = flags.HasFlag(TcpBits.Syn) ? 0u : 1,
            Acknowledgment = flags.HasFlag(TcpBits.Ack) ? 1u : 0,
        }).Payload(payload).Build();

    /// <summary>A segment with its numbers: tests of windows, and traffic that passes a tracker that looks at them.</summary>
    public static byte[] Tcp(
        FrameAddresses ends, ushort sourcePort, ushort destinationPort, TcpBits flags, int payload, uint sequence, uint ack) =>
        Begin(ends).Tcp(sourcePort, destinationPort, flags, tcp => tcp with { Sequence = sequence, Acknowledgment = ack })
            .Payload(payload).Build();

    public static byte[] Udp(FrameAddresses ends, ushort sourcePort, ushort destinationPort, int payload = 16) =>
        Begin(ends).Udp(sourcePort, destinationPort).Payload(payload).Build();

    public static byte[] Echo(FrameAddresses ends, ushort id, ushort sequence, bool reply = false, int payload = 32) =>
        Begin(ends).Echo(reply, id, sequence).Payload(payload).Build();

    public static byte[] ArpRequest(MacAddress senderMac, IpAddress senderIp, IpAddress targetIp) =>
        PacketBuilder.Eth(senderMac, MacAddress.Broadcast).Arp(new ArpLayer(1, senderMac, senderIp, default, targetIp)).Build();

    public static byte[] ArpReply(MacAddress senderMac, IpAddress senderIp, MacAddress targetMac, IpAddress targetIp) =>
        PacketBuilder.Eth(senderMac, targetMac).Arp(new ArpLayer(2, senderMac, senderIp, targetMac, targetIp)).Build();

    /// <summary>A neighbour solicitation to the target's solicited-node group.</summary>
    public static byte[] Solicitation(MacAddress senderMac, IpAddress sender, IpAddress target) =>
        PacketBuilder.Eth(senderMac, SolicitedNodeMac(target))
            .IPv6(sender, SolicitedNode(target), ip => ip with { HopLimit = 255 })
            .NeighborSolicitation(target, sender.IsUnspecified ? null : senderMac).Build();

    /// <summary>A builder with Ethernet and IP of either family.</summary>
    public static PacketBuilder Begin(FrameAddresses ends, byte ttl = 64) =>
        PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).Ip(ends.Source, ends.Destination, ttl);

    /// <summary>ff02::1:ffXX:XXXX of an address (RFC 4291 2.7.1).</summary>
    public static IpAddress SolicitedNode(IpAddress target) =>
        IpAddress.V6((IpAddress.Parse("ff02::1:ff00:0").Bits & ~(UInt128)0xFF_FFFF) | (target.Bits & 0xFF_FFFF));

    /// <summary>33:33:ff:XX:XX:XX of an address (RFC 2464 7).</summary>
    public static MacAddress SolicitedNodeMac(IpAddress target) => new(0x3333_FF00_0000 | (ulong)(target.Bits & 0xFF_FFFF));

    /// <summary>The link-local address that a MAC gives by EUI-64 (RFC 4291 appendix A).</summary>
    public static IpAddress LinkLocal(MacAddress mac)
    {
        ulong low = ((mac.Value >> 24) << 40) | 0xFF_FE00_0000 | (mac.Value & 0xFF_FFFF);
        return IpAddress.V6(new UInt128(0xFE80_0000_0000_0000, low ^ 0x0200_0000_0000_0000));
    }

    /// <summary>Splits an IPv4 frame, or an IPv6 frame without extension headers, into fragments.</summary>
    /// <param name="frame">A frame without padding.</param>
    /// <param name="bytesEach">Bytes of IP payload a fragment; a multiple of 8.</param>
    /// <param name="id">The identification they share.</param>
    public static IReadOnlyList<byte[]> Fragments(byte[] frame, int bytesEach, uint id)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytesEach % 8, 0);
        bool v6 = frame[12] == 0x86;
        int header = v6 ? 54 : 14 + ((frame[14] & 15) * 4);
        var fragments = new List<byte[]>();
        for (int at = header; at < frame.Length; at += bytesEach)
        {
            byte[] body = frame[at..Math.Min(frame.Length, at + bytesEach)];
            bool more = at + bytesEach < frame.Length;
            int units = (at - header) / 8;
            fragments.Add(v6 ? Fragment6(frame, body, units, more, id) : Fragment4(frame, header, body, units, more, id));
        }

        return fragments;
    }

    private static byte[] Fragment4(byte[] frame, int header, byte[] body, int units, bool more, uint id)
    {
        byte[] fragment = [.. frame[..header], .. body];
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(16), (ushort)(fragment.Length - 14));
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(18), (ushort)id);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(20), (ushort)((more ? 0x2000 : 0) | units));
        fragment.AsSpan(24, 2).Clear();
        ushort checksum = OnesComplement.Checksum(fragment.AsSpan(14, header - 14));
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(24), checksum);
        return fragment;
    }

    private static byte[] Fragment6(byte[] frame, byte[] body, int units, bool more, uint id)
    {
        byte[] extension = new byte[8];
        extension[0] = frame[20];
        BinaryPrimitives.WriteUInt16BigEndian(extension.AsSpan(2), (ushort)((units << 3) | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(extension.AsSpan(4), id);
        byte[] fragment = [.. frame[..54], .. extension, .. body];
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(18), (ushort)(8 + body.Length));
        fragment[20] = 44;
        return fragment;
    }
}
