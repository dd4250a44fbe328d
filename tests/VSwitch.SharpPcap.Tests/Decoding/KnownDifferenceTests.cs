using System.Net;
using PacketDotNet;
using PacketDotNet.Tcp;
using PacketDotNet.Utils;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Each known difference occurs: a frame shows it, and without it in the list the comparison would fail. When PacketDotNet, or we,
/// change, its row fails here and leaves the list.</summary>
public class KnownDifferenceTests(ITestOutputHelper output)
{
    /// <summary>What PacketDotNet is never asked, for the reasons in the list; shown below one by one.</summary>
    private static readonly string[] NeverAsked = ["icmp-of-the-other-family", "icmpv6-of-a-built-packet", "short-header"];

    public static TheoryData<string> Names() => [.. KnownDifferenceFrames.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Occurs(string name)
    {
        KnownDifference known = KnownDifferences.All.Single(k => k.Name == name);
        FrameComparison comparison = FrameComparison.Of(KnownDifferenceFrames.All[name]);
        output.WriteLine($"{known.Party}: {known.Reason}");
        Assert.True(comparison.Differences.Count == 0, comparison.ToString());
        Assert.Contains(name, comparison.Explained);
    }

    [Fact]
    public void Each_is_shown_once_and_only_these()
    {
        Assert.Equal(
            KnownDifferences.All.Select(k => k.Name).Order(StringComparer.Ordinal),
            KnownDifferenceFrames.All.Keys.Concat(NeverAsked).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Plain_frames_need_no_excuse()
    {
        PacketBuilder link = PacketBuilder.Eth(new MacAddress(0x0200_0000_000A), new MacAddress(0x0200_0000_000B));
        PacketBuilder[] packets =
        [
            link.IPv4(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2")), link.IPv6(IpAddress.Parse("fd00::1"), IpAddress.Parse("fd00::2")),
            link.Vlan(7).IPv6(IpAddress.Parse("fd00::1"), IpAddress.Parse("fd00::2")).DestinationOptions(),
        ];
        foreach (PacketBuilder packet in packets)
        {
            byte[][] frames = [packet.Tcp(1, 2, TcpBits.Syn).Build(), packet.Udp(1, 2).Payload(9).Build(), packet.Echo(false, 1, 2).Payload(9).Build()];
            Assert.All(frames, frame => Assert.Empty(FrameComparison.Of(frame).Explained));
        }
    }

    /// <summary>Of "icmp-of-the-other-family".</summary>
    [Fact]
    public void Icmp_is_parsed_in_the_other_family()
    {
        PacketBuilder link = PacketBuilder.Eth(default, default);
        byte[] six = link.IPv6(IpAddress.Parse("fd00::1"), IpAddress.Parse("fd00::2")).Protocol(1).Payload(16).Build();
        byte[] four = link.IPv4(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2")).Protocol(58).Payload(16).Build();
        Assert.NotNull(Packet.ParsePacket(LinkLayers.Ethernet, six).Extract<IcmpV4Packet>());
        Assert.NotNull(Packet.ParsePacket(LinkLayers.Ethernet, four).Extract<IcmpV6Packet>());
    }

    /// <summary>Of "icmpv6-of-a-built-packet": two messages, one checksum.</summary>
    [Fact]
    public void The_checksum_of_icmpv6_in_a_built_packet_does_not_depend_on_its_data()
    {
        static ushort Checksum(params byte[] data)
        {
            var ip = new IPv6Packet(IPAddress.Parse("fd00::1"), IPAddress.Parse("fd00::2"))
            {
                PayloadPacket = new IcmpV6Packet(new ByteArraySegment([128, 0, 0, 0, 0, 7, 0, 8, .. data])),
            };
            return ((IcmpV6Packet)ip.PayloadPacket).CalculateIcmpChecksum();
        }

        Assert.Equal(Checksum(1, 2), Checksum(3, 4));
    }

    /// <summary>Of "short-header": 13 of 14 bytes, in an array that has one more, lest anything else be read.</summary>
    [Fact]
    public void A_header_that_is_cut_short_is_read()
    {
        var thirteen = new ByteArraySegment([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x06], 0, 13, 13);
        Assert.Equal(EthernetType.Arp, new EthernetPacket(thirteen).Type);
    }

    /// <summary>Of "tcp-odd-options": the one of its three ways that ends.</summary>
    [Fact]
    public void Options_behind_the_end_of_the_list_are_read()
    {
        var tcp = new TcpPacket(1, 2);
        var segment = new ByteArraySegment([.. tcp.Bytes, 0, 0, 0, 0, 2, 4, 5, 180]);
        segment.Bytes[12] = 7 << 4;
        Assert.Equal(1460, new TcpPacket(segment).OptionsCollection.OfType<MaximumSegmentSizeOption>().Single().Value);
    }

    /// <summary>Of "tcp-options-with-urgent".</summary>
    [Fact]
    public void Options_are_not_to_be_had_beside_an_urgent_pointer()
    {
        var tcp = new TcpPacket(1, 2) { Urgent = true };
        // Not written in PacketDotNet, as its exception says.
        Assert.ThrowsAny<SystemException>(() => tcp.OptionsCollection);
    }

    /// <summary>Why fields are read before checksums, and from a copy: the lengths of the packet are written when bytes are asked for.
    /// </summary>
    [Fact]
    public void Asking_for_a_checksum_writes_into_the_packet()
    {
        byte[] frame = KnownDifferenceFrames.All["udp-length-not-asked"].ToArray();
        var udp = Packet.ParsePacket(LinkLayers.Ethernet, frame).Extract<UdpPacket>();
        Assert.Equal(10, udp.Length);
        _ = udp.ValidUdpChecksum;
        Assert.Equal(12, udp.Length);
        Assert.Equal(12, frame[39]);
        Assert.Equal(IPAddress.Parse("10.1.2.3"), ((IPv4Packet)udp.ParentPacket).SourceAddress);
    }
}
