using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>Frames of which the sender left a checksum or their cutting to its device: to ports that take that and to ports that
/// do not (semantics.md decision 15; order of checks, section 1, 6, and section 4, hit, 7).</summary>
public class OffloadTests
{
    private static readonly byte[] Timestamps = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

    public static TheoryData<string, bool> WaysAndTransports()
    {
        var rows = new TheoryData<string, bool>();
        foreach (Way way in Way.All)
        {
            rows.Add(way.Name, false);
            if (way.Name.StartsWith("between", StringComparison.Ordinal) || way.Name == "hairpin")
            {
                // One end is loose there: a connection needs no handshake.
                rows.Add(way.Name, true);
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(WaysAndTransports))]
    public void A_super_packet_crosses_whole_or_leaves_in_segments_that_make_it_again(string name, bool isTcp)
    {
        var way = Way.Named(name);
        var random = new Random(Seeded.Take($"{name}, {(isTcp ? "TCP" : "UDP")}"));
        for (int i = 0; i < 60; i++)
        {
            using var real = new RecordedSwitch(Way.Config);
            if (isTcp)
            {
                Assert.Single(real.Receive(way.InPort, Segment(way, [], TcpBits.Ack, 1, []), Way.Start));
            }

            byte[] payload = new byte[random.Next(1, isTcp ? 60_000 : 20_000)];
            random.NextBytes(payload);
            int segment = Math.Max(random.Next(60, 1300), (payload.Length / 1000) + 1);
            var bits = (TcpBits)random.Next(256) & (TcpBits.Psh | TcpBits.Fin | TcpBits.Cwr | TcpBits.Ece) | TcpBits.Ack;
            byte[] complete = isTcp ? Segment(way, payload, bits, 1, random.Next(2) == 0 ? Timestamps : [])
                : Datagram(way, payload);
            (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(complete, segment);

            // What a port that takes it gets is the super-packet as it would be without offload, but for its partial checksum.
            IReadOnlyList<FrameEnd> whole = real.Receive(way.InPort, frame, offload, Way.Start);
            FrameEnd sent = Assert.Single(whole);
            Assert.Equal((way.OutPort, DropReason.None), (sent.Port, sent.Reason));

            real.TakeOffloadFrom(way.OutPort);
            PortCounters before = real.Workers.Sum(real.PortOf(way.OutPort));
            IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, frame, offload, Way.Start);
            Assert.All(ends, end => Assert.Equal((way.OutPort, DropReason.None), (end.Port, end.Reason)));
            SuperPackets.AssertCut(sent.Frame, segment, [.. ends.Select(e => e.Frame)]);
            PortCounters after = real.Workers.Sum(real.PortOf(way.OutPort));
            Assert.Equal(
                (ends.Count, ends.Count - 1L, (long)ends.Sum(e => e.Frame.Length)),
                (after.SentPackets - before.SentPackets, after.Generated - before.Generated, after.SentBytes - before.SentBytes));
            real.Finish(Way.Start);
        }
    }

    [Theory]
    [MemberData(nameof(WaysAndTransports))]
    public void A_partial_checksum_stays_partial_or_is_filled_in_whatever_is_translated(string name, bool isTcp)
    {
        var way = Way.Named(name);
        byte[] complete = isTcp ? Segment(way, [1, 2, 3], TcpBits.Ack | TcpBits.Psh, 1, Timestamps) : Datagram(way, [1, 2, 3]);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(complete);
        using var real = new RecordedSwitch(Way.Config);
        byte[] expected = Assert.Single(real.Receive(way.InPort, complete, Way.Start)).Frame;
        byte[] partial = Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Frame;
        Assert.Equal(SuperPackets.Of(expected).Frame, partial);
        real.TakeOffloadFrom(way.OutPort);
        PacketAssert.Equal(expected, Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Frame);
    }

    public static TheoryData<string, VirtioNetHeader> Lies() => new()
    {
        { "a sum over the source address", Sum(0, 26) },
        { "a sum over the destination port", Sum(34, 2) },
        { "a sum that starts in the IP header", Sum(20, 20) },
        { "a sum of TCP in UDP", Sum(34, 16) },
        { "a sum behind the end", Sum(34, 60_000) },
        { "a sum that starts behind the end", Sum(60_000, 6) },
        { "TCP over IPv4", Cut(VirtioNetHeader.Tcp4, 100) },
        { "TCP over IPv6", Cut(VirtioNetHeader.Tcp6, 100) },
        { "UDP fragments", Cut(3, 100) },
        { "datagrams of no size", Cut(VirtioNetHeader.UdpDatagrams, 0) },
        { "no checksum", Cut(VirtioNetHeader.UdpDatagrams, 100) with { Flags = 0 } },
        { "a checksum elsewhere", Cut(VirtioNetHeader.UdpDatagrams, 100) with { ChecksumStart = 42 } },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void What_the_virtio_header_says_must_fit_the_frame(string lie, VirtioNetHeader offload)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        (byte[] frame, _) = SuperPackets.Of(Datagram(way, new byte[1000]));
        FrameEnd end = Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start));
        Assert.True(end.Reason == DropReason.MalformedL4, $"{lie}: {end}");
        Assert.Equal(frame, end.Frame);
    }

    [Fact]
    public void A_super_packet_of_more_segments_than_any_sender_makes_is_refused()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Datagram(way, new byte[20_000]), 14);
        Assert.Equal(DropReason.MalformedL4, Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Reason);
        offload.GsoSize = 15;
        Assert.Equal(DropReason.None, Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Reason);
    }

    [Fact]
    public void Neither_a_fragment_nor_a_SYN_is_cut()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        (byte[] syn, VirtioNetHeader cut) = SuperPackets.Of(Segment(way, new byte[3000], TcpBits.Syn, 1, []), 1000);
        Assert.Equal(DropReason.MalformedL4, Assert.Single(real.Receive(way.InPort, syn, cut, Way.Start)).Reason);
        byte[] fragment = way.Fragments(2000, 1000)[0];
        Assert.Equal(DropReason.MalformedL4, Assert.Single(real.Receive(way.InPort, fragment, Sum(34, 6), Way.Start)).Reason);
    }

    /// <summary>As in a VXLAN guest: the outer checksum is there, the inner packet's is left to the device.</summary>
    [Fact]
    public void A_checksum_inside_a_tunnel_is_filled_in_at_once()
    {
        var way = Way.Named("in by an EIP");
        byte[] inner = Frames.Tcp(new FrameAddresses(default, default, Way.Far, Way.Far), 1, 2, TcpBits.Ack, 50);
        (byte[] partial, VirtioNetHeader offload) = SuperPackets.Of(inner);
        byte[] complete = Datagram(way, inner);
        byte[] frame = [.. complete[..42], .. partial];
        offload.ChecksumStart += 42;
        using var real = new RecordedSwitch(Way.Config);
        byte[] expected = Assert.Single(real.Receive(way.InPort, complete, Way.Start)).Frame;
        PacketAssert.Equal(expected, Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Frame);
    }

    /// <summary>Linux gives the linear part of its buffer as header length, which may be the whole packet.</summary>
    [Fact]
    public void The_MTU_is_held_against_segments_whatever_header_length_the_sender_gives()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Datagram(way, new byte[9000]), 1372);
        offload.HeaderLength = 9042;
        Assert.Equal("loose", Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start)).Port);
        offload.GsoSize = 1373;
        offload.HeaderLength = 0;
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, frame, offload, Way.Start);
        Assert.Contains(ends, end => end.Reason == DropReason.MtuExceeded);
        PacketAssert.That(ends.Single(end => end.Reason == DropReason.None).Frame, PacketAssert.Icmp(3, 4));
    }

    [Theory]
    [InlineData(9000, 1000, 9)]
    [InlineData(9001, 1000, 10)]
    [InlineData(1000, 1000, 1)]
    [InlineData(5, 1000, 1)]
    [InlineData(700, 0, 1)]
    public unsafe void A_bandwidth_counts_the_frames_that_a_super_packet_stands_for(int payload, int segment, int frames)
    {
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Datagram(Way.Named("out by an EIP"), new byte[payload]), segment);
        using var pool = new PacketPool(0, 1, 1);
        PacketBuffer* p = pool.Rent(frame.Length);
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        p->Offload = offload;
        Assert.Equal(DropReason.None, ParseStage.Parse(p));
        Assert.True(SuperPacket.IsSound(p));
        Assert.Equal(payload + (frames * 42), SuperPacket.WireBytes(p));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void A_super_packet_of_which_segments_were_refused_is_dropped_by_name(int room)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        real.TakeOffloadFrom(way.OutPort);
        real.Limit(way.OutPort, room);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Datagram(way, new byte[10_000]), 1000);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, frame, offload, Way.Start);
        Assert.Equal(room, ends.Count(e => e.Reason == DropReason.None));
        Assert.Single(ends, e => e.Reason == DropReason.QueueFull);
        PortCounters to = real.Workers.Sum(real.PortOf(way.OutPort));
        Assert.Equal((room, room), (to.SentPackets, to.Generated));
        Assert.Equal(0, real.Workers.Sum(real.PortOf(way.InPort)).Forwarded);
        real.Finish(Way.Start);
    }

    [Fact]
    public void Without_a_buffer_for_segments_the_packet_is_dropped_by_name()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config, smallBuffers: 1);
        real.TakeOffloadFrom(way.OutPort);
        unsafe
        {
            PacketBuffer* taken = real.Workers.Workers[0].Pool.Rent();
            (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Datagram(way, new byte[10_000]), 1000);
            FrameEnd end = Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start));
            Assert.Equal(DropReason.BufferExhausted, end.Reason);
            real.Workers.Workers[0].Pool.Return(taken);
        }

        real.Finish(Way.Start);
    }

    /// <summary>Order is kept among packets that change their shape and those that do not.</summary>
    [Fact]
    public unsafe void A_burst_of_all_shapes_leaves_in_order()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        real.TakeOffloadFrom(way.OutPort);
        (byte[] Frame, VirtioNetHeader Offload)[] burst =
        [
            (Datagram(way, [0]), default), SuperPackets.Of(Datagram(way, [1]), 0), SuperPackets.Of(Datagram(way, [2, 3, 4]), 1),
            (Datagram(way, [5]), default), SuperPackets.Of(Datagram(way, [6, 7]), 1), SuperPackets.Of(Datagram(way, [8]), 0),
        ];
        VSwitch.DataPlane.Workers.Worker worker = real.Workers.Workers[0];
        PacketBuffer** packets = stackalloc PacketBuffer*[burst.Length];
        for (int i = 0; i < burst.Length; i++)
        {
            packets[i] = worker.Pool.Rent(burst[i].Frame.Length);
            burst[i].Frame.CopyTo(new Span<byte>(packets[i]->Data, packets[i]->CapacityBytes));
            packets[i]->Length = burst[i].Frame.Length;
            packets[i]->Offload = burst[i].Offload;
        }

        worker.Pipeline.Begin(Way.Start, int.MaxValue);
        worker.Pipeline.Process(packets, burst.Length, real.PortOf(way.InPort));
        worker.Pipeline.Flush();
        IReadOnlyList<FrameEnd> ends = real.Take();
        Assert.All(ends, end => PacketAssert.IsValid(end.Frame));
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8], ends.Select(end => end.Frame[42]));
    }

    private static VirtioNetHeader Sum(int start, int offset) =>
        new() { Flags = VirtioNetHeader.NeedsChecksum, ChecksumStart = (ushort)start, ChecksumOffset = (ushort)offset };

    private static VirtioNetHeader Cut(byte type, int segment) =>
        Sum(34, 6) with { GsoType = type, GsoSize = (ushort)segment, HeaderLength = 42 };

    private static byte[] Datagram(Way way, byte[] payload) => Begin(way).Udp(5000, 1000).Payload(payload).Build();

    private static byte[] Segment(Way way, byte[] payload, TcpBits bits, uint sequence, byte[] options) => Begin(way)
        .Tcp(5000, 1000, bits, tcp => tcp with { Sequence = sequence, Acknowledgment = 1, Options = options })
        .Payload(payload).Build();

    /// <summary>An identification at which counting on goes over the end.</summary>
    private static PacketBuilder Begin(Way way)
    {
        PacketBuilder builder = PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac);
        return way.IsV6 ? builder.IPv6(way.Ends.Source, way.Ends.Destination)
            : builder.IPv4(way.Ends.Source, way.Ends.Destination, ip => ip with { Identification = 65_530 });
    }
}
