using VSwitch.DataPlane.Devices;
using VSwitch.Lab;
using VSwitch.SystemTests;
using VSwitch.SystemTests.BlackBox;
using VSwitch.SystemTests.LiveInterface;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>A device of libpcap whose interface is quiet, full, down, gone or not there, and that several threads use.</summary>
public class SharpPcapLinkTests
{
    private static readonly SharpPcapOptions Usual = new() { MtuBytes = 1500 };
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));

    [RootFact("tcpdump")]
    public void The_poll_handle_is_readable_while_a_frame_waits()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        Assert.False(PollProbe.Poll(device.PollHandle(0), TimeSpan.Zero));
        socket.Send(Frames.Udp(Ends, 1, 9));
        Assert.True(PollProbe.Poll(device.PollHandle(0), Limit));
        Assert.Single(wire.Take(device));
        Assert.False(PollProbe.Poll(device.PollHandle(0), TimeSpan.Zero));
        Assert.Empty(wire.Take(device));
    }

    [RootFact("tcpdump")]
    public void What_the_kernel_had_no_room_for_is_counted()
    {
        const int Sent = 3000;
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire, Usual with { BufferBytes = 256 << 10 });
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        for (int i = 0; i < Sent; i++)
        {
            socket.Send(Frames.Udp(Ends, (ushort)i, 9));
        }

        int got = 0;
        Assert.True(
            SpinWait.SpinUntil(() => (got += wire.Take(device).Count) + device.Status.LostCount == Sent && device.Status.LostCount > 0, Limit),
            $"{got} came, {device.Status.LostCount} lost");
        Assert.InRange(got, 2, 1000);
    }

    [RootFact("tcpdump")]
    public void An_interface_that_goes_down_is_named_and_counted_and_comes_up_again()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        var frame = new LiveFrame(Frames.Udp(Ends, 1, 9));
        Set(NearNamespace, Near, "down");
        Assert.Equal(0, wire.Offer(device, frame));
        Assert.Empty(wire.Take(device));
        Assert.False(device.Status.IsUp);
        Assert.Contains("Network is down", device.Status.LastError, StringComparison.Ordinal);
        Assert.InRange(device.Status.TransmitErrorCount + device.Status.ReceiveErrorCount, 1, 2);

        // It is not asked for every frame, or each would cost an exception.
        for (int i = 0; i < 100_000; i++)
        {
            _ = wire.Offer(device, frame);
        }

        Assert.InRange(device.Status.TransmitErrorCount, 1, 10_000);
        Set(NearNamespace, Near, "up");
        Assert.True(SpinWait.SpinUntil(() => wire.Offer(device, frame) == 1, Limit));
        Assert.NotEmpty(Await(socket, 1));
        Assert.True(device.Status.IsUp);
        socket.Send(frame.Bytes);
        PacketAssert.Equal(frame.Bytes, Assert.Single(wire.Await(device, 1)).Bytes);
    }

    [RootFact("tcpdump")]
    public void An_interface_that_vanishes_takes_the_device_down_once_and_nothing_throws()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire);
        LabProcess.Ip("-n", FarNamespace, "link", "delete", Far);
        for (int i = 0; i < 1000; i++)
        {
            Assert.Empty(wire.Take(device));
            Assert.Equal(0, wire.Offer(device, new LiveFrame(Frames.Udp(Ends, 1, 9))));
        }

        Assert.False(device.Status.IsUp);
        Assert.NotNull(device.Status.LastError);
        Assert.InRange(device.Status.ReceiveErrorCount, 0, 1);
        // A worker that sleeps on the handle is not woken for ever.
        Assert.False(PollProbe.Poll(device.PollHandle(0), TimeSpan.Zero));
    }

    [RootFact("tcpdump")]
    public void Several_threads_send_while_one_receives()
    {
        const int Each = 5000;
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        byte[] there = Frames.Udp(Ends, 1, 9);
        int sent = 0;
        Thread[] senders = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            using var burst = new FrameBurst(1, there);
            for (int i = 0; i < Each; i++)
            {
                Interlocked.Add(ref sent, burst.Send(device));
            }
        }))];
        Array.ForEach(senders, s => s.Start());
        using var receiver = new FrameBurst(1, there);
        for (int i = 0; i < Each; i++)
        {
            socket.Send(there);
            _ = receiver.Receive(device);
        }

        Array.ForEach(senders, s => s.Join());
        Assert.True(SpinWait.SpinUntil(() => receiver.Receive(device) + receiver.ReceivedCount >= Each, Limit), $"{receiver.ReceivedCount} came");
        Assert.Equal((2 * Each, Each), (sent, receiver.ReceivedCount));
        Assert.Equal(2 * Each, Await(socket, 2 * Each).Count);
    }

    [RootFact("tcpdump")]
    public void What_is_closed_is_quiet_and_closing_twice_is_nothing()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = Open(wire);
        PacketSocket socket = wire.OpenSocket(FarNamespace, Far);
        socket.Send(Frames.Udp(Ends, 1, 9));
        device.Dispose();
        device.Dispose();
        Assert.Empty(wire.Take(device));
        Assert.Equal(0, wire.Offer(device, new LiveFrame(Frames.Udp(Ends, 1, 9))));
    }

    [RootFact("tcpdump")]
    public void A_device_that_cannot_be_opened_is_named_with_the_mend()
    {
        using var wire = new LiveWire();
        string absent = Refusal(wire, "absent0");
        Assert.StartsWith("sharppcap 'absent0': there is no such device; there are ", absent, StringComparison.Ordinal);
        Assert.Contains(Near, absent, StringComparison.Ordinal);
        Assert.Equal("sharppcap 'any': its frames are LinuxSll, not Ethernet; choose another device", Refusal(wire, "any"));
        Set(NearNamespace, Near, "down");
        string down = Refusal(wire, Near);
        Assert.StartsWith("sharppcap 'near0': ", down, StringComparison.Ordinal);
        Assert.EndsWith("; switch it on first (ip link set ... up)", down, StringComparison.Ordinal);
    }

    private static SharpPcapDevice Open(LiveWire wire, SharpPcapOptions? options = null) =>
        wire.Open(NearNamespace, () => SharpPcapDevice.Open(Near, options ?? Usual));

    private static string Refusal(LiveWire wire, string name)
    {
        var carried = Assert.Throws<IOException>(() => wire.Open(NearNamespace, () => SharpPcapDevice.Open(name, Usual)));
        string words = Assert.IsType<DeviceException>(carried.InnerException).Message;
        Assert.DoesNotContain('\n', words);
        return words;
    }
}
