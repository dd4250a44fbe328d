using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>The devices of tests must themselves lose nothing, mix nothing up, and say when they are full.</summary>
public sealed class MemoryDeviceTests : IDisposable
{
    private readonly PortFixture _port = new();

    [Fact]
    public void Queues_are_apart_and_in_order()
    {
        var device = new MemoryDevice("m", null, queueCount: 2);
        device.Enqueue([1]);
        device.Enqueue([2], queue: 1);
        device.Enqueue([3]);
        Assert.Equal([[1]], _port.Poll(device, queue: 0, maxCount: 1));
        Assert.Equal([[3]], _port.Poll(device, queue: 0));
        Assert.Equal([[2]], _port.Poll(device, queue: 1));
        Assert.Empty(_port.Poll(device));
    }

    [Fact]
    public void A_frame_waits_for_a_buffer_and_is_lost_only_where_none_could_take_it()
    {
        using var tight = new PortFixture(smallCount: 1, largeCount: 0);
        var device = new MemoryDevice("m", null);
        device.Enqueue(new byte[9000]);
        device.Enqueue([1]);
        device.Enqueue([2]);
        Assert.Equal([[1]], tight.Poll(device));
        unsafe
        {
            PacketBuffer* taken = tight.Pool.Rent();
            Assert.Empty(tight.Poll(device));
            tight.Pool.Return(taken);
        }

        Assert.Equal([[2]], tight.Poll(device));
        Assert.Equal(1, device.Status.LostCount);
    }

    [Fact]
    public void Sent_frames_are_counted_and_copied()
    {
        MemoryDevice recording = MemoryDevice.Recording("m", queueCount: 2);
        Assert.Equal(2, _port.Send(recording, [[1], [2, 3]], queue: 1));
        Assert.False(recording.TryTakeTransmitted(out _));
        Assert.True(recording.TryTakeTransmitted(out byte[] first, queue: 1));
        Assert.True(recording.TryTakeTransmitted(out byte[] second, queue: 1));
        Assert.Equal([[1], [2, 3]], new[] { first, second });
        Assert.Equal((2, 3), (recording.TransmittedCount, recording.TransmittedBytes));

        var counting = new MemoryDevice("c", null);
        Assert.Equal(2, _port.Send(counting, [[1], [2, 3]]));
        Assert.Equal((2, 3), (counting.TransmittedCount, counting.TransmittedBytes));
        Assert.Throws<InvalidOperationException>(() => counting.TryTakeTransmitted(out _));
    }

    [Fact]
    public void A_device_that_is_full_or_down_takes_less()
    {
        var device = new MemoryDevice("m", null) { TransmitRoom = 1 };
        Assert.Equal(1, _port.Send(device, [[1], [2]]));
        device.Status.IsUp = false;
        Assert.Equal(0, _port.Send(device, [[1], [2]]));
        Assert.Equal(1, device.TransmittedCount);
    }

    [Fact]
    public unsafe void A_wire_carries_both_ways_with_offload_state()
    {
        var first = new MemoryDevice("a", null, queueCount: 2);
        var second = new MemoryDevice("b", null);
        using var wire = new VirtualWire(first, second);
        Assert.Equal(1, _port.Send(first, [[1]], queue: 1, offloadFlags: 1));
        Assert.Equal(1, _port.Send(second, [[2]]));
        Assert.Equal([[2]], _port.Poll(first));

        PacketBuffer* packet;
        Assert.Equal(1, second.Receive(0, _port.Pool, &packet, 1));
        Assert.Equal((1, 1, 1), (packet->Data[0], packet->Length, packet->Offload.Flags));
        _port.Pool.Return(packet);
        Assert.Equal((1, 1), (first.TransmittedCount, second.TransmittedCount));
    }

    [Fact]
    public void A_wire_is_bounded_and_can_be_pulled()
    {
        var first = new MemoryDevice("a", null);
        var second = new MemoryDevice("b", null);
        var wire = new VirtualWire(first, second, capacity: 2);
        Assert.Throws<ArgumentException>(() => new VirtualWire(first, new MemoryDevice("c", null)));
        Assert.Throws<ArgumentException>(() => new VirtualWire(new MemoryDevice("c", null), second));
        Assert.Equal(2, _port.Send(first, [[1], [2], [3]]));
        Assert.Single(_port.Poll(second, maxCount: 1));
        Assert.Equal(1, _port.Send(first, [[3], [4]]));

        wire.Dispose();
        Assert.False(first.Status.IsUp || second.Status.IsUp);
        Assert.Equal(0, _port.Send(first, [[5]]));
        Assert.Equal([[2], [3]], _port.Poll(second));

        using var next = new VirtualWire(first, second);
        wire.Dispose();
        Assert.Equal(1, _port.Send(first, [[6]]));
        Assert.Equal([[6]], _port.Poll(second));
    }

    [Fact]
    public void A_wire_allocates_nothing_once_it_is_warm()
    {
        var first = new MemoryDevice("a", null);
        var second = new MemoryDevice("b", null);
        using var wire = new VirtualWire(first, second, capacity: 16);
        AllocationGuard.RequireNone("a frame over a wire", () => Carry(first, second));
        Assert.Equal(20_000, first.TransmittedCount);
    }

    public void Dispose() => _port.Dispose();

    private unsafe void Carry(MemoryDevice first, MemoryDevice second)
    {
        for (int i = 0; i < 10_000; i++)
        {
            PacketBuffer* packet = _port.Pool.Rent(60);
            packet->Length = 60;
            first.Transmit(0, &packet, 1);
            _port.Pool.Return(packet);
            PacketBuffer* received;
            if (second.Receive(0, _port.Pool, &received, 1) == 1)
            {
                _port.Pool.Return(received);
            }
        }
    }
}
