using VSwitch.DataPlane.Buffers;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests;

/// <summary>A frame whose checksum is left to the device (virtio 1.2, 5.1.6.2): the field holds the sum of the pseudo header.</summary>
/// <param name="Bytes">The frame.</param>
/// <param name="Whole">With the whole checksum.</param>
/// <param name="Offload">What a virtio header says of it.</param>
/// <param name="IsTcp">TCP, else UDP.</param>
/// <param name="IsV6">Over IPv6.</param>
internal sealed record PartialFrame(byte[] Bytes, byte[] Whole, VirtioNetHeader Offload, bool IsTcp, bool IsV6)
{
    private static readonly MacAddress Left = new(0x0200_0000_0001);
    private static readonly MacAddress Right = new(0x0200_0000_0002);

    /// <summary>TCP and UDP, IPv4 and IPv6, with a tag and without.</summary>
    public static IEnumerable<PartialFrame> All(int payload) =>
        from isTcp in (bool[])[true, false]
        from isV6 in (bool[])[true, false]
        from isTagged in (bool[])[true, false]
        select Make(isTcp, isV6, isTagged, payload);

    private static PartialFrame Make(bool isTcp, bool isV6, bool isTagged, int payload)
    {
        PacketBuilder builder = PacketBuilder.Eth(Left, Right);
        builder = isTagged ? builder.Vlan(7) : builder;
        (IpAddress source, IpAddress destination) = isV6
            ? (IpAddress.Parse("2001:db8::1"), IpAddress.Parse("2001:db8::2")) : (IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));
        builder = builder.Ip(source, destination);
        byte[] whole = (isTcp ? builder.Tcp(1000, 2000, TcpBits.Ack) : builder.Udp(1000, 2000)).Payload(payload).Build();
        ushort start = (ushort)(14 + (isTagged ? 4 : 0) + (isV6 ? 40 : 20));
        ushort offset = (ushort)(isTcp ? 16 : 6);
        uint pseudo = InternetChecksum.PseudoHeader(source, destination, (byte)(isTcp ? 6 : 17), whole.Length - start);
        byte[] partial = [.. whole];
        (partial[start + offset], partial[start + offset + 1]) = ((byte)(pseudo >> 8), (byte)pseudo);
        var offload = new VirtioNetHeader { Flags = VirtioNetHeader.NeedsChecksum, ChecksumStart = start, ChecksumOffset = offset };
        return new PartialFrame(partial, whole, offload, isTcp, isV6);
    }
}
