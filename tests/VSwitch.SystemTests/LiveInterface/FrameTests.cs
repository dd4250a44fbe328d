using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Live;
using VSwitch.SystemTests.BlackBox;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>What crosses a live interface, byte by byte, judged by sockets that share no code with it.</summary>
public class FrameTests
{
    private const int EthernetBytes = 14;
    private const byte NeedsChecksum = 1;
    private const byte SegmentTcp4 = 1;
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"),
        IpAddress.Parse("10.0.0.2"));

    /// <summary>Around every border: Ethernet's smallest, MTUs, the ring's slots both ways, the pool's buffers, the
    /// largest MTU.</summary>
    private static readonly int[] Sizes =
        [
            14, 15, 42, 59, 60, 64, 1513, 1514, 1518, 1519, 1970, 1971, 1972, 1973, 1974, 2005, 2006, 2007, 2043, 2044,
            2045, 2048, 2049, 4096, 9014, 32768, 65000, 65535, 65549,
        ];

    [RootFact]
    public void Frames_of_every_size_are_received_whole_and_in_order()
    {
        using var wire = new LiveWire(mtuBytes: 65535);
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        byte[][] sent = [.. Sizes.Concat(Sizes.Reverse()).Select(Raw)];
        foreach (byte[] frame in sent)
        {
            socket.Send(frame);
        }

        List<LiveFrame> got = wire.Await(device, sent.Length);
        Assert.Equal(sent.Select(Convert.ToHexString), got.Select(f => Convert.ToHexString(f.Bytes)));
        Assert.All(got, f => Assert.Equal(default, f.Offload));
        Assert.Equal(0, wire.MissingBuffers);
        Assert.Equal(65535, device.Capabilities.MtuBytes);
    }

    [RootFact]
    public void Frames_of_every_size_are_sent_whole_and_in_order()
    {
        using var wire = new LiveWire(mtuBytes: 65535);
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        LiveFrame[] sent = [.. Sizes.Concat(Sizes.Reverse()).Select(size => new LiveFrame(Raw(size)))];
        Assert.Equal(sent.Length, wire.Offer(device, sent));
        List<byte[]> got = Await(socket, sent.Length);
        Assert.Equal(sent.Select(f => Convert.ToHexString(f.Bytes)), got.Select(Convert.ToHexString));
        Assert.Empty(wire.Take(device));
        Assert.Equal((0, 0), (device.Status.TransmitErrorCount, device.Status.LostCount));
    }

    [RootFact]
    public void What_cannot_be_sent_is_counted_and_its_neighbours_pass()
    {
        using var wire = new LiveWire();
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        var badOffload = new VirtioNetHeader { Flags = NeedsChecksum, ChecksumStart = 60_000, ChecksumOffset = 6 };
        LiveFrame[] frames =
        [
            new(Raw(60)), new(Raw(13)), new(Raw(61)), new([]), new(Raw(1519)), new(Raw(62)), new(Raw(5000)),
            new(Raw(100), badOffload), new(Raw(63)), new(Raw(64)),
        ];
        for (int round = 1; round <= 300; round++)
        {
            Assert.Equal(frames.Length, wire.Offer(device, frames));
            Assert.Equal([60, 61, 62, 63, 64], Await(socket, 5).Select(f => f.Length));
            Assert.Equal(5 * round, device.Status.TransmitErrorCount);
        }

        Assert.True(device.Status.IsUp);
        Assert.NotNull(device.Status.LastError);
    }

    [RootFact]
    public void A_tag_that_the_kernel_took_out_is_put_back_and_a_tag_is_sent()
    {
        using var wire = new LiveWire(mtuBytes: 9000);
        PacketSocketDevice near = wire.Open(NearNamespace, Near);
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        PacketSocket nearJudge = wire.OpenSocket(NearNamespace, Near);
        PacketSocket farJudge = wire.OpenSocket(FarNamespace, Far);
        foreach (int payload in (int[])[18, 1400, 1930, 2002, 2100, 8000])
        {
            byte[] plain = Frames.Udp(Ends, 1, 2, payload);
            byte[] tagged = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac).Vlan(7)
                .Ip(Ends.Source, Ends.Destination).Udp(1, 2).Payload(payload).Build();
            farJudge.Send(tagged);
            PacketAssert.Equal(tagged, Assert.Single(wire.Await(near, 1)).Bytes);
            PacketAssert.Equal(plain, Assert.Single(Await(nearJudge, 1)));
            Assert.Equal(1, wire.Offer(near, new LiveFrame(tagged)));
            PacketAssert.Equal(tagged, Assert.Single(wire.Await(far, 1)).Bytes);
            PacketAssert.Equal(plain, Assert.Single(Await(farJudge, 1)));
        }

        // Two tags: the kernel takes out the outer one, of another type.
        byte[] twice = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac, 0x88A8).Vlan(5).Vlan(7)
            .Ip(Ends.Source, Ends.Destination).Udp(1, 2).Payload(50).Build();
        farJudge.Send(twice);
        PacketAssert.Equal(twice, Assert.Single(wire.Await(near, 1)).Bytes);
    }

    [RootFact]
    public void Checksum_positions_move_with_the_tag()
    {
        using var wire = new LiveWire();
        PacketSocketDevice near = wire.Open(NearNamespace, Near);
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        byte[] tagged = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac).Vlan(9).Ip(Ends.Source, Ends.Destination)
            .Udp(1, 2).Payload(100).Build();
        var partial = new VirtioNetHeader
        {
            Flags = NeedsChecksum,
            ChecksumStart = EthernetBytes + 4 + 20,
            ChecksumOffset = 6,
        };
        Assert.Equal(1, wire.Offer(near, new LiveFrame(tagged, partial)));
        LiveFrame got = Assert.Single(wire.Await(far, 1));
        PacketAssert.Equal(tagged, got.Bytes);
        Assert.Equal(partial with { HeaderLength = got.Offload.HeaderLength }, got.Offload);
    }

    [RootFact("ethtool")]
    public void Partial_checksums_cross_as_they_are_and_are_completed_where_the_interface_has_no_offload()
    {
        using var wire = new LiveWire();
        PacketSocketDevice near = wire.Open(NearNamespace, Near);
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        PacketSocket judge = wire.OpenSocket(FarNamespace, Far);
        byte[] whole = Frames.Udp(Ends, 1000, 2000, payload: 333);
        var partial = new VirtioNetHeader
        {
            Flags = NeedsChecksum,
            ChecksumStart = EthernetBytes + 20,
            ChecksumOffset = 6,
        };
        LiveFrame frame = new(WithPseudoSum(whole, partial), partial);
        Assert.Equal(1, wire.Offer(near, frame));
        LiveFrame got = Assert.Single(wire.Await(far, 1));
        PacketAssert.Equal(frame.Bytes, got.Bytes);
        Assert.Equal(partial with { HeaderLength = got.Offload.HeaderLength }, got.Offload);
        Assert.Single(Await(judge, 1));

        LiveWire.Run(NearNamespace, "ethtool", "-K", Near, "tx", "off");
        Assert.Equal(1, wire.Offer(near, frame));
        PacketAssert.Equal(whole, Assert.Single(Await(judge, 1)));
        got = Assert.Single(wire.Await(far, 1));
        PacketAssert.Equal(whole, got.Bytes);
        Assert.Equal(0, got.Offload.Flags);
    }

    [RootFact("ethtool")]
    public void Super_packets_cross_whole_and_are_cut_where_the_interface_has_no_offload()
    {
        const int Segment = 1400;
        const int Headers = EthernetBytes + 20 + 20;
        using var wire = new LiveWire();
        PacketSocketDevice near = wire.Open(NearNamespace, Near);
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        PacketSocket judge = wire.OpenSocket(FarNamespace, Far);
        var offload = new VirtioNetHeader
        {
            Flags = NeedsChecksum,
            GsoType = SegmentTcp4,
            GsoSize = Segment,
            HeaderLength = Headers,
            ChecksumStart = EthernetBytes + 20,
            ChecksumOffset = 16,
        };
        LiveFrame[] frames = [.. ((int[])[1800, 20_000, 65_000, 65_480]).Select(payload =>
            new LiveFrame(WithPseudoSum(Frames.Tcp(Ends, 1, 2, TcpBits.Ack, payload), offload), offload))];
        Assert.Equal(frames.Length, wire.Offer(near, frames));
        // An interface cuts what has 65 536 bytes or more (gso_max_size), Ethernet included.
        List<LiveFrame> got = wire.Await(far, frames.Length);
        for (int i = 0; i < frames.Length; i++)
        {
            PacketAssert.Equal(frames[i].Bytes, got[i].Bytes);
            Assert.Equal(offload with { HeaderLength = got[i].Offload.HeaderLength }, got[i].Offload);
        }

        Assert.Equal(frames.Length, Await(judge, frames.Length).Count);
        LiveWire.Run(NearNamespace, "ethtool", "-K", Near, "tx", "off", "tso", "off", "gso", "off");
        Assert.Equal(frames.Length, wire.Offer(near, frames));
        int segments = frames.Sum(f => (f.Bytes.Length - Headers + Segment - 1) / Segment);
        List<byte[]> cut = Await(judge, segments);
        Assert.Equal(segments, cut.Count);
        Assert.All(cut, PacketAssert.IsValid);
        Assert.Equal(
            Convert.ToHexString([.. frames.SelectMany(f => f.Bytes.Skip(Headers))]),
            Convert.ToHexString([.. cut.SelectMany(f => f.Skip(Headers))]));
    }

    /// <summary>A frame of a type that no stack knows, with bytes that say where they stand.</summary>
    private static byte[] Raw(int length)
    {
        byte[] frame = new byte[length];
        new Random(length).NextBytes(frame);
        byte[] header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5];
        header.AsSpan(0, Math.Min(length, header.Length)).CopyTo(frame);
        return frame;
    }

    /// <summary>What a sender leaves to the device: the field holds the sum of the pseudo-header alone (virtio 1.2,
    /// 5.1.6.2).</summary>
    private static byte[] WithPseudoSum(byte[] frame, VirtioNetHeader offload)
    {
        byte[] partial = [.. frame];
        int length = frame.Length - offload.ChecksumStart;
        byte[] pseudo = [.. frame[26..34], 0, frame[23], (byte)(length >> 8), (byte)length];
        uint sum = 0;
        for (int i = 0; i < pseudo.Length; i += 2)
        {
            sum += (uint)((pseudo[i] << 8) | pseudo[i + 1]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        int at = offload.ChecksumStart + offload.ChecksumOffset;
        (partial[at], partial[at + 1]) = ((byte)(sum >> 8), (byte)sum);
        return partial;
    }
}
