using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Live;
using VSwitch.SystemTests;
using VSwitch.SystemTests.BlackBox;
using VSwitch.SystemTests.LiveInterface;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>A device of libpcap on a real veth, both directions, byte by byte beside the AF_PACKET device and raw sockets.</summary>
public class SharpPcapWireTests(ITestOutputHelper output)
{
    private const int MtuBytes = 9000;
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));

    /// <summary>Around every border: Ethernet's smallest, MTUs, the pool's buffers.</summary>
    private static readonly int[] Sizes =
        [14, 15, 42, 59, 60, 64, 1513, 1514, 1518, 1519, 2005, 2006, 2007, 2043, 2044, 2045, 2048, 2049, 4096, 9014];

    [RootFact("tcpdump")]
    public void Frames_of_every_size_are_received_as_the_packet_socket_receives_them()
    {
        using var wire = new LiveWire(MtuBytes);
        SharpPcapDevice device = OpenNear(wire);
        PacketSocketDevice beside = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        byte[][] sent = [.. Sizes.Concat(Sizes.Reverse()).Select(RandomFrame)];
        foreach (byte[] frame in sent)
        {
            socket.Send(frame);
        }

        Assert.Equal(sent.Select(Convert.ToHexString), wire.Await(device, sent.Length).Select(f => Convert.ToHexString(f.Bytes)));
        Assert.Equal(sent.Select(Convert.ToHexString), wire.Await(beside, sent.Length).Select(f => Convert.ToHexString(f.Bytes)));
        Assert.Equal((0, 0L, 0L), (wire.MissingBuffers, device.Status.LostCount, device.Status.ReceiveErrorCount));
    }

    [RootFact("tcpdump")]
    public void Frames_of_every_size_are_sent_and_what_is_sent_is_not_received() => Array.ForEach([false, true], SendEverySize);

    [RootFact("tcpdump")]
    public void What_cannot_be_sent_is_counted_and_its_neighbours_pass() => Array.ForEach([false, true], SendGoodAndBad);

    [RootFact("tcpdump")]
    public void Random_traffic_crosses_both_ways_at_once()
    {
        using var wire = new LiveWire();
        SharpPcapDevice near = OpenNear(wire, new SharpPcapOptions { MtuBytes = 1500 });
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        int seed = Seeded.Take("frames both ways", output.WriteLine);
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            LiveFrame[] there = Frames(random);
            LiveFrame[] back = Frames(random);
            Assert.Equal(there.Length, wire.Offer(near, there));
            Assert.Equal(back.Length, wire.Offer(far, back));
            Assert.Equal(Hex(there), Hex(wire.Await(far, there.Length)));
            Assert.Equal(Hex(back), Hex(wire.Await(near, back.Length)));
        }

        Assert.Equal(0, wire.MissingBuffers);

        static LiveFrame[] Frames(Random random) =>
            [.. Enumerable.Range(0, random.Next(1, 65)).Select(_ => new LiveFrame(RandomFrame(random.Next(14, 1515), random)))];
        static IEnumerable<string> Hex(IEnumerable<LiveFrame> frames) => frames.Select(f => Convert.ToHexString(f.Bytes));
    }

    [RootFact("tcpdump")]
    public void A_tag_that_the_kernel_took_out_is_put_back_and_a_tag_is_sent()
    {
        using var wire = new LiveWire();
        SharpPcapDevice near = OpenNear(wire, new SharpPcapOptions { MtuBytes = 1500 });
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        foreach (int payload in (int[])[18, 1400, 1472])
        {
            byte[] tagged = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac).Vlan(7).Ip(Ends.Source, Ends.Destination).Udp(1, 2).Payload(payload).Build();
            Assert.Equal(1, wire.Offer(far, new LiveFrame(tagged)));
            PacketAssert.Equal(tagged, Assert.Single(wire.Await(near, 1)).Bytes);
            Assert.Equal(1, wire.Offer(near, new LiveFrame(tagged)));
            PacketAssert.Equal(tagged, Assert.Single(wire.Await(far, 1)).Bytes);
        }
    }

    [RootFact("tcpdump")]
    public void A_frame_that_is_too_long_is_lost_by_name_and_the_next_one_comes()
    {
        using var wire = new LiveWire(MtuBytes);
        SharpPcapDevice device = OpenNear(wire, new SharpPcapOptions { MtuBytes = 1500 });
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        socket.Send(RandomFrame(4000));
        socket.Send(RandomFrame(1514));
        Assert.Equal(1514, Assert.Single(wire.Await(device, 1)).Bytes.Length);
        Assert.Equal(1, device.Status.LostCount);
        Assert.Contains("a frame of 4000 bytes is longer than its MTU and no super-packet of TCP", device.Status.LastError, StringComparison.Ordinal);
    }

    [RootFact("tcpdump")]
    public void Receiving_and_sending_allocate_nothing()
    {
        using var wire = new LiveWire();
        SharpPcapDevice near = OpenNear(wire, new SharpPcapOptions { MtuBytes = 1500 });
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        using var burst = new FrameBurst(32, RandomFrame(200));
        socket.Send(RandomFrame(60));
        Assert.Equal(1, SpinReceive(near, burst));
        int taken = 0;
        AllocationGuard.RequireNone("a burst sent", () => taken += burst.Send(near));
        Assert.Equal(2 * 32, taken);
        for (int run = 0; run < 2; run++)
        {
            for (int i = 0; i < 32; i++)
            {
                socket.Send(RandomFrame(300));
            }
        }

        AllocationGuard.RequireNone("a burst received", () => burst.Receive(near));
        Assert.Equal(64 + 1, burst.ReceivedCount);
    }

    private static void SendEverySize(bool useSendQueue)
    {
        using var wire = new LiveWire(MtuBytes);
        SharpPcapDevice device = OpenNear(wire, new SharpPcapOptions { MtuBytes = MtuBytes, UseSendQueue = useSendQueue });
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        LiveFrame[] sent = [.. Sizes.Concat(Sizes.Reverse()).Select(size => new LiveFrame(RandomFrame(size)))];
        Assert.Equal(sent.Length, wire.Offer(device, sent));
        Assert.Equal(sent.Select(f => Convert.ToHexString(f.Bytes)), wire.Await(far, sent.Length).Select(f => Convert.ToHexString(f.Bytes)));

        // What comes in after them is the only frame that is received.
        byte[] answer = RandomFrame(77);
        Assert.Equal(1, wire.Offer(far, new LiveFrame(answer)));
        Assert.Equal(answer, Assert.Single(wire.Await(device, 1)).Bytes);
        Assert.Equal((0L, 0L, true), (device.Status.TransmitErrorCount, device.Status.LostCount, device.Status.IsUp));
    }

    private static void SendGoodAndBad(bool useSendQueue)
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = OpenNear(wire, new SharpPcapOptions { MtuBytes = 1500, UseSendQueue = useSendQueue });
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        LiveFrame[] frames =
        [
            new(RandomFrame(60)), new(RandomFrame(13)), new(RandomFrame(61)), new([]), new(RandomFrame(1515)), new(RandomFrame(62)), new(RandomFrame(5000)),
        ];
        for (int round = 1; round <= 300; round++)
        {
            Assert.Equal(frames.Length, wire.Offer(device, frames));
            Assert.Equal([60, 61, 62], Await(socket, 3).Select(f => f.Length));
            Assert.Equal(4 * round, device.Status.TransmitErrorCount);
        }

        Assert.True(device.Status.IsUp);
        Assert.Equal("a frame of 5000 bytes cannot be sent: 14 to 1514 can", device.Status.LastError);
    }

    private static int SpinReceive(IPacketDevice device, FrameBurst burst)
    {
        int count = 0;
        Assert.True(SpinWait.SpinUntil(() => (count = burst.Receive(device)) > 0, Limit));
        return count;
    }

    private static SharpPcapDevice OpenNear(LiveWire wire, SharpPcapOptions? options = null) =>
        wire.Open(NearNamespace, () => SharpPcapDevice.Open(Near, options ?? new SharpPcapOptions { MtuBytes = MtuBytes }));

    /// <summary>A frame of a type that no stack knows.</summary>
    private static byte[] RandomFrame(int length) => RandomFrame(length, new Random(length));

    private static byte[] RandomFrame(int length, Random random)
    {
        byte[] frame = new byte[length];
        random.NextBytes(frame);
        byte[] header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5];
        header.AsSpan(0, Math.Min(length, header.Length)).CopyTo(frame);
        return frame;
    }
}
