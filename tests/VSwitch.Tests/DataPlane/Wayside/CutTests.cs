using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>What is larger than the egress port's MTU: cut in fragments, or dropped and the sender told (order of checks,
/// section 4, hit, 4 and 7). The port of "loose" takes 1400 bytes.</summary>
public class CutTests
{
    private const int MtuBytes = 1400;

    /// <summary>Record route (7, not copied), no-operation, loose source route (131, copied), router alert (148, copied).</summary>
    private static readonly byte[] Options = [7, 7, 4, 0, 0, 0, 0, 1, 131, 7, 4, 10, 0, 0, 1, 1, 148, 4, 0, 0];

    public static TheoryData<int, bool> Sizes()
    {
        var rows = new TheoryData<int, bool>();
        foreach (int payload in new[] { 1373, 1380, 1472, 2748, 2749, 4000, 9000, 65000 })
        {
            rows.Add(payload, false);
            rows.Add(payload, true);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Fragments_of_a_packet_fit_and_make_it_again(int payload, bool isHit)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        if (isHit)
        {
            Assert.Single(real.Receive(way.InPort, way.Udp(10), Way.Start));
        }

        byte[] packet = way.Udp(payload, id: 4711);
        PortCounters before = real.Workers.Sum(real.PortOf("loose"));
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, packet, Way.Start);
        Assert.All(ends, end => Assert.Equal(("loose", DropReason.None), (end.Port, end.Reason)));

        // Whole units in all but the last one, which takes all that fits.
        int count = 1 + ((payload + 8 - 1380 + 1375) / 1376);
        Assert.Equal(count, ends.Count);
        Assert.All(ends, end => Assert.InRange(end.Frame.Length, 35, MtuBytes + 14));
        Assert.All(ends.SkipLast(1), end => Assert.Equal(1376 + 34, end.Frame.Length));
        byte[] expected = [.. packet];
        expected[22]--;
        expected.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(expected.AsSpan(24), OnesComplement.Checksum(expected.AsSpan(14, 20)));
        Assert.Equal(expected[14..], Reassembler.Join(ends.Select(e => e.Frame))[14..]);
        PortCounters after = real.Workers.Sum(real.PortOf("loose"));
        Assert.Equal(
            (count, count - 1L), (after.SentPackets - before.SentPackets, after.Generated - before.Generated));
        Assert.Equal(isHit ? 2 : 1, real.Workers.Sum(real.PortOf("web")).Forwarded);
        real.Finish(Way.Start);
    }

    [Theory]
    [InlineData("in by an EIP")]
    [InlineData("hairpin")]
    public void A_translated_packet_is_cut_after_its_translation(string name)
    {
        SwitchConfig config = Way.Config with
        {
            Enis = [.. Way.Config.Enis.Select(e => e.Name == "green" ? e with { Mtu = 600 } : e)],
        };
        var way = Way.Named(name);
        using var real = new RecordedSwitch(config);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, way.Udp(1300), Way.Start);
        Assert.Equal(3, ends.Count);
        PacketAssert.That(Reassembler.Join(ends.Select(e => e.Frame)), PacketAssert.Ttl(63));
    }

    [Fact]
    public void A_fragment_is_cut_further_and_only_the_last_piece_ends_the_datagram()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config, 2);
        byte[] whole = way.Udp(4300, id: 9);
        IReadOnlyList<byte[]> fragments = Frames.Fragments(whole, 1472, 9);
        List<FrameEnd> ends = [];
        foreach (int i in new[] { 2, 0, 1 })
        {
            ends.AddRange(real.Receive(way.InPort, fragments[i], Way.Start));
        }

        Assert.Equal(5, ends.Count);
        byte[] joined = Reassembler.Join(ends.Select(e => e.Frame));
        PacketAssert.That(joined, PacketAssert.Ttl(63));
        Assert.Equal(whole[34..], joined[34..]);
        real.Finish(Way.Start);
    }

    [Fact]
    public void Options_go_along_by_their_copy_bit()
    {
        var way = Way.Named("between subnets");
        byte[] packet = PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac)
            .IPv4(way.Ends.Source, way.Ends.Destination, ip => ip with { Options = Options, Identification = 3 })
            .Udp(5000, 1000).Payload(4000).Build();
        using var real = new RecordedSwitch(Way.Config);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, packet, Way.Start);
        Assert.Equal(3, ends.Count);
        Assert.Equal(Options, ends[0].Frame[34..54]);
        Assert.All(ends.Skip(1), end => Assert.Equal(0x48, end.Frame[14]));
        Assert.All(ends.Skip(1), end => Assert.Equal([131, 7, 4, 10, 0, 0, 1, 148, 4, 0, 0, 0], end.Frame[34..46]));
        byte[] joined = Reassembler.Join(ends.Select(e => e.Frame));
        Assert.Equal(packet[54..], joined[54..]);
    }

    [Theory]
    [InlineData("between subnets", 3, 4)]
    [InlineData("between subnets, IPv6", 2, 0)]
    public void What_may_not_be_cut_is_dropped_and_the_sender_told(string name, int type, int code)
    {
        var way = Way.Named(name);
        using var real = new RecordedSwitch(Way.Config);
        foreach (int payload in new[] { 1400, 10, 1400 })
        {
            byte[] packet = way.Udp(payload);
            if (!way.IsV6)
            {
                packet = DontFragment(packet);
            }

            IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, packet, Way.Start);
            if (payload == 10)
            {
                Assert.Equal("loose", Assert.Single(ends).Port);
                continue;
            }

            Assert.Equal(packet, ends.Single(e => e.Reason == DropReason.MtuExceeded).Frame);
            byte[] told = ends.Single(e => e.Reason == DropReason.None).Frame;
            PacketAssert.That(told, PacketAssert.Icmp(type, code), PacketAssert.Field("icmp.rest", "00000578"));
            int header = way.IsV6 ? 62 : 42;
            Assert.Equal(packet[14..(14 + told.Length - header)], told[header..]);
            Assert.Equal(way.IsV6 ? 1280 : 576, told.Length - 14);
        }
    }

    [Fact]
    public void Within_a_subnet_too()
    {
        SwitchConfig config = Way.Config with
        {
            Enis = [.. Way.Config.Enis.Select(e => e.Name == "twin" ? e with { Mtu = 1300 } : e)],
        };
        var way = Way.Named("within a subnet");
        using var real = new RecordedSwitch(config);
        Assert.Equal(2, real.Receive("green", way.Udp(1400), Way.Start).Count);
        IReadOnlyList<FrameEnd> ends = real.Receive("green", DontFragment(way.Udp(1400)), Way.Start);
        PacketAssert.That(
            ends.Single(e => e.Reason == DropReason.None).Frame, PacketAssert.Icmp(3, 4), PacketAssert.Field("icmp.rest", "00000514"),
            PacketAssert.Addresses(IpAddress.Parse("10.0.1.1"), IpAddress.Parse("10.0.1.10")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_device_that_takes_no_more_gets_no_more_and_the_packet_is_dropped(int room)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        real.Limit("loose", room);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, way.Udp(5000), Way.Start);
        Assert.Equal(room, ends.Count(e => e.Reason == DropReason.None));
        Assert.Single(ends, e => e.Reason == DropReason.QueueFull);
        PortCounters to = real.Workers.Sum(real.PortOf("loose"));
        Assert.Equal((room, room), (to.SentPackets, to.Generated));
        Assert.Equal(0, real.Workers.Sum(real.PortOf("web")).Forwarded);
        real.Finish(Way.Start);
    }

    /// <summary>A packet whose checksum the sender left to the device (virtio NEEDS_CSUM).</summary>
    [Fact]
    public void A_partial_checksum_is_completed_before_the_packet_is_cut()
    {
        var way = Way.Named("between subnets");
        byte[] packet = way.Udp(3000);
        byte[] partial = [.. packet];
        ushort pseudo = OnesComplement.Fold(OnesComplement.Pseudo(way.Ends.Source, way.Ends.Destination, 17, 3008));
        BinaryPrimitives.WriteUInt16BigEndian(partial.AsSpan(40), pseudo);
        using var real = new RecordedSwitch(Way.Config);
        var offload = new VirtioNetHeader { Flags = 1, ChecksumStart = 34, ChecksumOffset = 6 };
        byte[] joined = Reassembler.Join(real.Receive(way.InPort, partial, offload, Way.Start).Select(e => e.Frame));
        PacketAssert.IsValid(joined);
        Assert.Equal(packet[34..], joined[34..]);
    }

    [Theory]
    [InlineData(1380, true)]
    [InlineData(1200, false)]
    public void A_super_packet_is_judged_by_its_segments(ushort segment, bool isTooLong)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(way.Udp(9000), segment);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, frame, offload, Way.Start);
        Assert.Equal(isTooLong ? 1 : 0, ends.Count(e => e.Reason == DropReason.MtuExceeded));
        FrameEnd sent = Assert.Single(ends, e => e.Reason == DropReason.None);
        Assert.Equal(isTooLong ? "web" : "loose", sent.Port);
        if (isTooLong)
        {
            PacketAssert.That(sent.Frame, PacketAssert.Icmp(3, 4));
        }
    }

    private static byte[] DontFragment(byte[] frame)
    {
        frame[20] |= 0x40;
        (frame[24], frame[25]) = (0, 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), OnesComplement.Checksum(frame.AsSpan(14, 20)));
        return frame;
    }
}
