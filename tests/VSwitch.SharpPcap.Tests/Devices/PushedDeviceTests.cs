using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>A device that is not libpcap's: its own thread brings frames, and it fails in its own ways.</summary>
public sealed class PushedDeviceTests : IDisposable
{
    private readonly PacketPool _pool = new(0, 128, 2);
    private readonly PushingDevice _device = new();

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Frames_come_in_order_from_another_thread_and_none_is_lost_while_there_is_room()
    {
        const int Count = 20_000;
        using var port = new SharpPcapDevice(_device, new SharpPcapOptions { MtuBytes = 1500 });
        var thread = new Thread(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                // As fast as the port takes them, never more than its queue has.
                Assert.True(SpinWait.SpinUntil(() => i - Volatile.Read(ref _received) < 1000, TimeSpan.FromSeconds(20)));
                _device.Push(Frame(i));
            }
        });
        thread.Start();
        Assert.True(SpinWait.SpinUntil(() => TakeInOrder(port) == Count, TimeSpan.FromSeconds(20)), $"{_received} came");
        thread.Join();
        Assert.Equal((0L, -1), (port.Status.LostCount, port.PollHandle(0)));
        Assert.Equal(_pool.SmallCount, _pool.SmallFreeCount);
    }

    [Fact]
    public void What_finds_no_room_or_is_too_long_is_counted()
    {
        using var port = new SharpPcapDevice(_device, new SharpPcapOptions { MtuBytes = 100, BufferBytes = 10 * 128 });
        _device.Push(new byte[14 + 100 + 9]);
        for (int i = 0; i < 25; i++)
        {
            _device.Push(Frame(i));
        }

        Assert.Equal(1 + 15, port.Status.LostCount);
        Assert.Equal(10, TakeInOrder(port));
        _device.Push(Frame(10));
        Assert.Equal(11, TakeInOrder(port));
    }

    [Fact]
    public void Without_a_buffer_frames_wait()
    {
        using var port = new SharpPcapDevice(_device, new SharpPcapOptions { MtuBytes = 1500 });
        using var tiny = new PacketPool(0, 1, 0);
        for (int i = 0; i < 3; i++)
        {
            _device.Push(Frame(i));
        }

        Assert.Equal(60, Assert.Single(port.ReceivePackets(tiny)).Bytes.Length);
        Assert.Single(port.ReceivePackets(tiny));
        Assert.Single(port.ReceivePackets(tiny));
        Assert.Empty(port.ReceivePackets(tiny));
        Assert.Equal(0, port.Status.LostCount);
    }

    [Fact]
    public void Receiving_and_sending_allocate_nothing()
    {
        using var port = new SharpPcapDevice(_device, new SharpPcapOptions { MtuBytes = 1500 });
        _device.KeepsSent = false;
        using var burst = new Live.FrameBurst(32, Frame(0));
        for (int i = 0; i < 64; i++)
        {
            _device.Push(Frame(i));
        }

        AllocationGuard.RequireNone("a burst received", () => burst.Receive(port));
        AllocationGuard.RequireNone("a burst sent", () => burst.Send(port));
        Assert.Equal(64, burst.ReceivedCount);
    }

    [Fact]
    public void A_failing_send_takes_it_down_and_the_next_good_one_up()
    {
        using var port = new SharpPcapDevice(_device, new SharpPcapOptions { MtuBytes = 1500 });
        using var burst = new Live.FrameBurst(4, Frame(1));
        Assert.Equal(4, burst.Send(port));
        _device.FailsAfter = 2;
        Assert.Equal(2, burst.Send(port));
        Assert.False(port.Status.IsUp);
        Assert.Equal("pushing: out of order", port.Status.LastError);
        Assert.Equal((1L, 6), (port.Status.TransmitErrorCount, _device.Sent.Count));
        _device.FailsAfter = int.MaxValue;
        Assert.True(SpinWait.SpinUntil(() => burst.Send(port) == 4, TimeSpan.FromSeconds(20)));
        Assert.True(port.Status.IsUp);
        Assert.All(_device.Sent, frame => Assert.Equal(Frame(1), frame));
    }

    [Fact]
    public void A_capture_that_ends_with_an_error_takes_it_down_by_name()
    {
        using var port = new SharpPcapDevice(_device);
        _device.StopWithError();
        Assert.False(port.Status.IsUp);
        Assert.Equal((1L, "pushing: the capture ended with an error: it broke"), (port.Status.ReceiveErrorCount, port.Status.LastError));
        _device.Push(Frame(1));
        Assert.True(port.Status.IsUp);
    }

    [Fact]
    public void After_closing_a_late_frame_finds_the_door_closed()
    {
        var port = new SharpPcapDevice(_device);
        _device.Push(Frame(1));
        port.Dispose();
        port.Dispose();
        Assert.Equal(1, _device.CloseCount);
        _device.Push(Frame(2));
        Assert.Empty(port.ReceivePackets(_pool));
        Assert.Equal(0, port.Status.LostCount);
    }

    [Fact]
    public void One_that_has_no_Ethernet_frames_is_refused_and_closed()
    {
        _device.LinkType = PacketDotNet.LinkLayers.Raw;
        var error = Assert.Throws<DeviceException>(() => new SharpPcapDevice(_device));
        Assert.Equal("sharppcap 'pushing': its frames are Raw, not Ethernet; choose another device", error.Message);
        Assert.Equal(1, _device.CloseCount);
    }

    private int _received;

    private static byte[] Frame(int number) => [.. BitConverter.GetBytes(number), .. new byte[56]];

    /// <summary>Takes what waits; the frames have the numbers from 0 on.</summary>
    private unsafe int TakeInOrder(SharpPcapDevice port)
    {
        PacketBuffer** buffers = stackalloc PacketBuffer*[64];
        int count = port.Receive(0, _pool, buffers, 64);
        for (int i = 0; i < count; i++)
        {
            Assert.Equal((_received, 60), (*(int*)buffers[i]->Data, buffers[i]->Length));
            _pool.Return(buffers[i]);
            Volatile.Write(ref _received, _received + 1);
        }

        return _received;
    }
}
