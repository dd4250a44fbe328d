using System.Collections.Concurrent;
using VSwitch.Devices.Live;
using VSwitch.Lab;
using VSwitch.SystemTests.BlackBox;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>Live interfaces that are full, go down, vanish and return, and are used by several workers.</summary>
public class LinkTests
{
    private const int RingSlots = 4096;
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"),
        IpAddress.Parse("10.0.0.2"));

    [RootFact]
    public void A_full_ring_loses_the_newest_frames_and_counts_them()
    {
        const int Lost = 900;
        using var wire = new LiveWire();
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        for (int i = 0; i < RingSlots + Lost; i++)
        {
            socket.Send(Frames.Udp(Ends, (ushort)i, 9));
        }

        Assert.Equal(RingSlots, wire.Await(device, RingSlots).Count);
        Assert.True(
            SpinWait.SpinUntil(() => wire.Take(device).Count == 0 && device.Status.LostCount == Lost, Limit),
            $"{device.Status.LostCount} lost");
        socket.Send(Frames.Udp(Ends, 1, 9));
        Assert.Single(wire.Await(device, 1));
        Assert.Equal(Lost, device.Status.LostCount);
    }

    [RootFact]
    public void The_poll_handle_is_readable_while_a_frame_waits()
    {
        using var wire = new LiveWire();
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        Assert.False(IsReadable(device));
        socket.Send(Frames.Udp(Ends, 1, 9));
        Assert.True(PollProbe.Poll(device.PollHandle(0), Limit));
        Assert.True(IsReadable(device));
        Assert.Single(wire.Take(device));
        Assert.False(IsReadable(device));
    }

    [RootFact]
    public void An_interface_that_goes_down_is_named_and_counted_and_comes_up_again()
    {
        using var wire = new LiveWire();
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        LiveFrame small = new(Frames.Udp(Ends, 1, 9));
        Set(NearNamespace, Near, "down");
        Assert.True(
            SpinWait.SpinUntil(() => wire.Take(device).Count == 0 && !device.Status.IsUp, Limit), "it is seen without traffic");
        Assert.Equal(1, device.Status.ReceiveErrorCount);
        Assert.Contains("errno 100", device.Status.LastError, StringComparison.Ordinal);
        // Now and then the device has itself called, to see whether the interface is up again; in between its handle is
        // quiet.
        Assert.True(SpinWait.SpinUntil(() => IsReadable(device), Limit));
        Assert.True(SpinWait.SpinUntil(() => wire.Take(device).Count == 0 && !IsReadable(device), Limit));
        Assert.Equal(0, wire.Offer(device, small, small));
        Assert.Equal(1, device.Status.TransmitErrorCount);
        Assert.Equal(0, wire.Offer(device, new LiveFrame(Frames.Udp(Ends, 1, 9, payload: 1472))));
        Assert.Equal(2, device.Status.TransmitErrorCount);

        Set(NearNamespace, Near, "up");
        Assert.Equal(2, wire.Offer(device, small, small));
        Assert.True(device.Status.IsUp);
        Assert.Equal(2, Await(socket, 2).Count);
        socket.Send(small.Bytes);
        PacketAssert.Equal(small.Bytes, Assert.Single(wire.Await(device, 1)).Bytes);
    }

    [RootFact]
    public void An_interface_that_is_down_at_first_is_opened_and_found_up()
    {
        using var wire = new LiveWire();
        Set(NearNamespace, Near, "down");
        var devices = new List<PacketSocketDevice>();
        foreach (int queues in (int[])[1, 2])
        {
            PacketSocketDevice device = wire.Open(NearNamespace, Near, queues);
            Assert.False(device.Status.IsUp);
            Assert.Equal(0, wire.Offer(device, new LiveFrame(Frames.Udp(Ends, 1, 9))));
            devices.Add(device);
        }

        Set(NearNamespace, Near, "up");
        foreach (PacketSocketDevice device in devices)
        {
            // Whoever waits for the handle is called, and finds it up.
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    _ = PollProbe.Poll(device.PollHandle(0), Limit);
                    return wire.Take(device).Count == 0 && device.Status.IsUp;
                }, Limit));
            Assert.True(SpinWait.SpinUntil(() => wire.Take(device).Count == 0 && !IsReadable(device), Limit));
        }
    }

    [RootFact]
    public void An_interface_that_vanishes_and_returns_is_opened_anew()
    {
        using var wire = new LiveWire();
        PacketSocketDevice[] devices = [wire.Open(NearNamespace, Near), wire.Open(NearNamespace, Near, queues: 2)];
        int[] handles = [.. devices.Select(d => d.PollHandle(0))];
        for (int round = 1; round <= 2; round++)
        {
            LabProcess.Ip("-n", NearNamespace, "link", "delete", Near);
            foreach (PacketSocketDevice device in devices)
            {
                Assert.True(
                    SpinWait.SpinUntil(() => TakeAll(wire, device).Count == 0 && !device.Status.IsUp, Limit),
                    "it is seen without traffic");
                Assert.Contains("errno 19", device.Status.LastError, StringComparison.Ordinal);
                Assert.Equal(0, wire.Offer(device, new LiveFrame(Frames.Udp(Ends, 1, 9))));
                Assert.Contains("errno 6", device.Status.LastError, StringComparison.Ordinal);
                Assert.Equal(round, device.Status.ReceiveErrorCount);
            }

            MakeWire(mtuBytes: 1500);
            using var socket = new PacketSocket(FarNamespace, Far);
            foreach (PacketSocketDevice device in devices)
            {
                // New sockets are made in the namespace of the thread that polls.
                Assert.True(NamespaceThread.Run(NearNamespace, () =>
                    SpinWait.SpinUntil(() => TakeAll(wire, device).Count == 0 && device.Status.IsUp, Limit)));
                socket.Send(Frames.Udp(Ends, (ushort)round, 9));
                var got = new List<LiveFrame>();
                Assert.True(SpinWait.SpinUntil(
                    () =>
                    {
                        got.AddRange(TakeAll(wire, device));
                        return got.Count > 0;
                    }, Limit));
                PacketAssert.Equal(Frames.Udp(Ends, (ushort)round, 9), Assert.Single(got).Bytes);
                LiveFrame frame = new(Frames.Udp(Ends, 5, 9));
                Assert.True(SpinWait.SpinUntil(() => wire.Offer(device, frame) == 1, Limit), "it sends there");
                Assert.Single(Await(socket, 1));
                Assert.True(device.Status.IsUp);
            }

            Assert.Equal(handles, devices.Select(d => d.PollHandle(0)));
            devices.ToList().ForEach(d => TakeAll(wire, d));
        }
    }

    [RootFact]
    public void Two_queues_share_flows_and_every_frame_comes_once()
    {
        const int Flows = 64;
        const int Rounds = 20;
        const ushort ServerPort = 9000;
        using var wire = new LiveWire();
        PacketSocketDevice device = wire.Open(NearNamespace, Near, queues: 2);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        var queueOf = new Dictionary<int, int>();
        for (int round = 0; round < Rounds; round++)
        {
            for (ushort flow = 1; flow <= Flows; flow++)
            {
                bool isBack = round % 2 == 1;
                byte[] frame = isBack
                    ? Frames.Udp(Ends.Reverse(), ServerPort, flow, 18 + round)
                    : Frames.Udp(Ends, flow, ServerPort, 18 + round);
                socket.Send(frame);
                Assert.Equal(1, wire.Offer(device, new LiveFrame(frame)));
            }

            int[] counts = new int[Flows + 1];
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    for (int queue = 0; queue < 2; queue++)
                    {
                        foreach (LiveFrame frame in wire.Take(device, queue))
                        {
                            int flow = frame.Bytes[34] == ServerPort >> 8 ? frame.Bytes[37] : frame.Bytes[35];
                            counts[flow]++;
                            Assert.Equal(queue, queueOf.GetValueOrDefault(flow, queue));
                            queueOf[flow] = queue;
                        }
                    }

                    return counts.Sum() >= Flows;
                }, Limit));
            Assert.All(counts[1..], c => Assert.Equal(1, c));
        }

        // What the device sent itself went out, and did not come back in.
        Assert.Equal(Flows * Rounds, Await(socket, Flows * Rounds).Count);
        Assert.Equal(2, queueOf.Values.Distinct().Count());
    }

    [RootFact]
    public void Several_workers_send_by_one_queue_at_once_and_each_keeps_its_order()
    {
        const int Workers = 3;
        const int Bursts = 400;
        using var wire = new LiveWire(mtuBytes: 9000);
        PacketSocketDevice device = wire.Open(NearNamespace, Near);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        var taken = new ConcurrentDictionary<int, long>();
        Thread[] threads = [.. Enumerable.Range(0, Workers).Select(worker => new Thread(() =>
        {
            using var pool = new SenderPool();
            for (int i = 0; i < Bursts; i++)
            {
                taken[worker] = taken.GetValueOrDefault(worker) + pool.SendBurst(device, (byte)worker, i);
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        long all = taken.Values.Sum();
        Assert.Equal((long)Workers * Bursts * SenderPool.BurstFrames, all);
        int[] next = new int[Workers];
        foreach (byte[] frame in Await(socket, (int)all))
        {
            (int worker, int number) = SenderPool.Read(frame);
            Assert.Equal(next[worker]++, number);
        }

        Assert.Equal(0, device.Status.TransmitErrorCount);
    }

    [RootFact]
    public void Nothing_is_allocated_for_frames_of_any_kind()
    {
        using var wire = new LiveWire(mtuBytes: 9000);
        PacketSocketDevice near = wire.Open(NearNamespace, Near);
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        using var pool = new SenderPool();
        int number = 0;
        AllocationGuard.RequireNone("sending and receiving by a live interface", () =>
        {
            for (int i = 0; i < 100; i++)
            {
                _ = pool.SendBurst(near, 0, number++);
                pool.Drain(far);
            }
        });
        Assert.Equal(number * SenderPool.BurstFrames, pool.Drained);
        Set(NearNamespace, Near, "down");
        int taken = 0;
        AllocationGuard.RequireNone("sending by a live interface that is down", () =>
        {
            for (int i = 0; i < 100; i++)
            {
                taken += pool.SendBurst(near, 0, i);
            }
        });
        Assert.Equal(0, taken);
    }

    private static List<LiveFrame> TakeAll(LiveWire wire, PacketSocketDevice device) =>
        [.. Enumerable.Range(0, device.Capabilities.QueueCount).SelectMany(q => wire.Take(device, q))];

    private static bool IsReadable(PacketSocketDevice device) => PollProbe.Poll(device.PollHandle(0), TimeSpan.Zero);
}
