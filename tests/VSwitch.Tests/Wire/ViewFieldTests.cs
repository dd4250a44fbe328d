using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>Every accessor reads the field that the builder wrote.</summary>
public class ViewFieldTests
{
    private static readonly PacketBuilder Ip4 = PacketBuilder.Eth(WireFrames.A, WireFrames.B).IPv4(WireFrames.A4, WireFrames.B4);

    [Fact]
    public void Ethernet_and_two_tags()
    {
        byte[] frame = PacketBuilder.Eth(WireFrames.A, WireFrames.B)
            .Vlan(0xFFF, tag => tag with { TagType = 0x88A8, Priority = 5 }).Vlan(7)
            .IPv4(WireFrames.A4, WireFrames.B4).Udp(1, 2).Payload(3).Build();
        Assert.True(EthernetView.TryParse(frame, out EthernetView ethernet));
        Assert.Equal((WireFrames.A, WireFrames.B), (ethernet.Source, ethernet.Destination));
        Assert.Equal(EtherType.ServiceVlan, ethernet.EtherType);
        Assert.True(ethernet.IsTagged);
        Assert.True(VlanView.TryParse(ethernet.Payload, out VlanView outer));
        Assert.Equal((0xFFF, 5, false), (outer.VlanId, outer.Priority, outer.IsDropEligible));
        Assert.True(outer.IsTagged);
        Assert.True(VlanView.TryParse(outer.Payload, out VlanView inner));
        Assert.Equal((7, 0), (inner.VlanId, inner.Priority));
        Assert.Equal(EtherType.Ipv4, inner.EtherType);
        Assert.True(Ipv4View.TryParse(inner.Payload, out _));
    }

    [Fact]
    public void An_802_3_length_is_no_type()
    {
        byte[] frame = new byte[60];
        (frame[12], frame[13]) = (0x05, 0xFF);
        Assert.False(EthernetView.TryParse(frame, out _));
        (frame[12], frame[13]) = (0x06, 0x00);
        Assert.True(EthernetView.TryParse(frame, out _));
    }

    [Fact]
    public void Arp()
    {
        byte[] frame = Frames.ArpReply(WireFrames.A, WireFrames.A4, WireFrames.B, WireFrames.B4);
        Assert.True(ArpView.TryParse(frame.AsSpan(14), out ArpView arp));
        Assert.Equal(ArpView.Reply, arp.Opcode);
        Assert.Equal((WireFrames.A, WireFrames.A4), (arp.SenderMac, arp.SenderIp));
        Assert.Equal((WireFrames.B, WireFrames.B4), (arp.TargetMac, arp.TargetIp));
        for (int i = 0; i < 6; i++)
        {
            byte[] spoiled = frame[14..];
            spoiled[i] ^= 0x40;
            Assert.False(ArpView.TryParse(spoiled, out _));
        }
    }

    [Fact]
    public void Ipv4_with_options_and_padding()
    {
        byte[] options = [7, 7, 4, 1, 2, 3, 4, 0];
        byte[] frame = PacketBuilder.Eth(WireFrames.A, WireFrames.B).IPv4(WireFrames.A4, WireFrames.B4, ip => ip with
        {
            Options = options,
            TypeOfService = 0xB9,
            Identification = 0xBEEF,
            DontFragment = true,
            FragmentOffset = 0x1FFF,
            MoreFragments = true,
            Ttl = 9,
            Protocol = 17,
        }).Payload(5).PadTo(80).Build();
        Assert.True(Ipv4View.TryParse(frame.AsSpan(14), out Ipv4View ip));
        Assert.Equal((28, 33, 5), (ip.HeaderBytes, ip.TotalBytes, ip.Payload.Length));
        Assert.Equal(options, ip.Options.ToArray());
        Assert.Equal((0x2E, 1, 0xBEEF, 9), (ip.Dscp, ip.Ecn, ip.Identification, ip.Ttl));
        Assert.Equal((true, true, 0x1FFF * 8), (ip.DontFragment, ip.MoreFragments, ip.FragmentOffsetBytes));
        Assert.True(ip.IsFragment && ip.IsLaterFragment && ip.IsHeaderChecksumValid);
        Assert.Equal((IpProtocol.Udp, WireFrames.A4, WireFrames.B4), (ip.Protocol, ip.Source, ip.Destination));
        frame[14 + 8]++;
        Assert.True(Ipv4View.TryParse(frame.AsSpan(14), out ip));
        Assert.False(ip.IsHeaderChecksumValid);
    }

    [Fact]
    public void Ipv6_with_extensions_and_padding()
    {
        byte[] frame = PacketBuilder.Eth(WireFrames.A, WireFrames.B).IPv6(WireFrames.A6, WireFrames.B6, ip => ip with
        {
            TrafficClass = 0xB9,
            FlowLabel = 0xABCDE,
            HopLimit = 3,
        }).HopByHop().Routing(new byte[14]).Fragment6(0, true, 0xDEADBEEF).Udp(1, 2, udp => udp with { Length = 99 })
            .Payload(8).PadTo(130).Build();
        Assert.True(Ipv6View.TryParse(frame.AsSpan(14), out Ipv6View ip));
        Assert.Equal((0x2E, 1, 0xABCDEu, 3), (ip.Dscp, ip.Ecn, ip.FlowLabel, ip.HopLimit));
        Assert.Equal((IpProtocol.HopByHop, IpProtocol.Udp), (ip.NextHeader, ip.Protocol));
        Assert.Equal((WireFrames.A6, WireFrames.B6), (ip.Source, ip.Destination));
        Assert.Equal((32, 16, 88), (ip.ExtensionHeaders.Length, ip.Payload.Length, ip.TotalBytes));
        Ipv6ExtensionWalk walk = ip.Extensions;
        Assert.Equal((true, true, 0, 0xDEADBEEFu), (walk.IsFragmented, walk.MoreFragments, walk.FragmentOffsetBytes, walk.FragmentIdentification));
        Assert.True(ip.IsFragment && !ip.IsLaterFragment && !walk.HasSegmentsLeft);
        Assert.True(UdpView.TryParse(ip.Payload, isFirstFragment: true, out UdpView udp));
        Assert.Equal((99, 8), (udp.LengthBytes, udp.Payload.Length));
        Assert.False(UdpView.TryParse(ip.Payload, out _));
    }

    [Theory]
    [InlineData("3c 2c", true, 60, 44, 17)]
    [InlineData("00 3c 2b 33", true, 0, 60, 43, 51, 17)]
    [InlineData("3c 00", false, 60, 0, 17)]
    [InlineData("00 00", false, 0, 0, 17)]
    [InlineData("eight", true, 60, 60, 60, 60, 60, 60, 60, 60, 17)]
    [InlineData("nine", false, 60, 60, 60, 60, 60, 60, 60, 60, 60, 17)]
    [InlineData("none", true, 59)]
    public void Chains(string name, bool isGood, params int[] headers)
    {
        byte[] payload = new byte[(8 * (headers.Length - 1)) + 3];
        for (int i = 0; i + 1 < headers.Length; i++)
        {
            payload[8 * i] = (byte)headers[i + 1];
        }

        Assert.True(isGood == Ipv6ExtensionWalk.TryWalk(payload, (IpProtocol)headers[0], out Ipv6ExtensionWalk walk), name);
        if (isGood)
        {
            Assert.Equal(((IpProtocol)headers[^1], payload.Length - 3), (walk.Protocol, walk.L4Offset));
        }
    }

    [Fact]
    public void A_later_fragment_ends_the_chain()
    {
        byte[] payload = [43, 0, 0, 0x0A, 0, 0, 0, 5, 0xFF, 0xFF];
        Assert.True(Ipv6ExtensionWalk.TryWalk(payload, IpProtocol.Fragment, out Ipv6ExtensionWalk walk));
        Assert.Equal((IpProtocol.Routing, 8, 8, false, 5u),
            (walk.Protocol, walk.L4Offset, walk.FragmentOffsetBytes, walk.MoreFragments, walk.FragmentIdentification));
    }

    [Fact]
    public void Tcp()
    {
        byte[] options = [2, 4, 5, 180];
        byte[] frame = Ip4.Tcp(1000, 80, TcpBits.Syn | TcpBits.Ece | TcpBits.Cwr, tcp => tcp with
        {
            Sequence = 0xFEDCBA98,
            Acknowledgment = 0x89ABCDEF,
            Window = 0x1234,
            Urgent = 0x5678,
            Checksum = 0x9ABC,
            Options = options,
        }).Payload(3).Build();
        Assert.True(TcpView.TryParse(frame.AsSpan(34), out TcpView tcp));
        Assert.Equal((1000, 80, 24, 3), (tcp.SourcePort, tcp.DestinationPort, tcp.HeaderBytes, tcp.Payload.Length));
        Assert.Equal((0xFEDCBA98, 0x89ABCDEF), (tcp.SequenceNumber, tcp.AcknowledgmentNumber));
        Assert.Equal((0x1234, 0x5678, 0x9ABC), (tcp.Window, tcp.UrgentPointer, tcp.Checksum));
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ece | TcpFlags.Cwr, tcp.Flags);
        Assert.Equal(options, tcp.Options.ToArray());
    }

    [Fact]
    public void Udp_takes_its_own_length()
    {
        byte[] frame = Ip4.Udp(1000, 53, udp => udp with { Length = 12, Checksum = 0x1234 }).Payload(9).Build();
        Assert.True(UdpView.TryParse(frame.AsSpan(34), out UdpView udp));
        Assert.Equal((1000, 53, 12, 0x1234), (udp.SourcePort, udp.DestinationPort, udp.LengthBytes, udp.Checksum));
        Assert.Equal((4, 12), (udp.Payload.Length, udp.Datagram.Length));
    }

    [Fact]
    public void Icmp_of_both_families()
    {
        byte[] frame = Ip4.Echo(false, 0x1234, 0x5678, icmp => icmp with { Checksum = 0x9ABC }).Payload(3).Build();
        Assert.True(IcmpView.TryParse(frame.AsSpan(34), out IcmpView icmp));
        Assert.Equal((IcmpType.EchoRequest, 0), (icmp.Type, icmp.Code));
        Assert.Equal((0x1234, 0x5678, 0x12345678u, 0x9ABC), (icmp.Identifier, icmp.SequenceNumber, icmp.Rest, icmp.Checksum));
        Assert.Equal((3, 11), (icmp.Payload.Length, icmp.Message.Length));
        byte[] solicitation = Frames.Solicitation(WireFrames.A, WireFrames.A6, WireFrames.B6);
        Assert.True(IcmpView.TryParse(solicitation.AsSpan(54), out icmp));
        Assert.Equal(Icmpv6Type.NeighborSolicitation, icmp.TypeV6);
    }
}
