using VSwitch.Devices.Faults;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>A device behind a wire: both directions, the switch's view of it, and what goes on while faults change.</summary>
public sealed class FaultyWireTests : IDisposable
{
    private const long Ms = 1_000_000;
    private readonly PortFixture _port = new();
    private readonly MemoryDevice _device = MemoryDevice.Recording("m", queueCount: 2);
    private readonly FaultyWire _wire;
    private long _nowNs;

    public FaultyWireTests() => _wire = new FaultyWire(_device, seed: 1, () => _nowNs);

    [Fact]
    public void Without_faults_it_is_the_device_but_for_offload()
    {
        _device.Enqueue([1], queue: 1);
        Assert.Equal([[1]], _port.Poll(_wire, queue: 1));
        Assert.Equal(2, _port.Send(_wire, [[2], [3]], queue: 1));
        Assert.Equal([[2], [3]], Sent(queue: 1));
        Assert.Equal(("m", 2, false, -1), (_wire.Name, _wire.Capabilities.QueueCount, _wire.Capabilities.Offload, _wire.PollHandle(0)));
        Assert.Equal((1, 2), (_wire.InCounts.Passed, _wire.OutCounts.Passed));
    }

    [Fact]
    public void What_is_delayed_comes_by_queue_0_and_both_ways_have_their_own_faults()
    {
        _wire.Use(new LineFaults { DelayNs = 10 * Ms }, new LineFaults { DelayNs = 20 * Ms });
        _device.Enqueue([1], queue: 1);
        Assert.Empty(_port.Poll(_wire, queue: 1));
        Assert.Equal(1, _port.Send(_wire, [[2]], queue: 1));
        Assert.Equal(10 * Ms, _wire.NextDueNs);

        _nowNs = 10 * Ms;
        Assert.Empty(_port.Poll(_wire));
        Assert.Equal([[2]], Sent(queue: 0));
        _nowNs = 20 * Ms;
        Assert.Empty(_port.Poll(_wire, queue: 1));
        Assert.Equal([[1]], _port.Poll(_wire));
        Assert.Equal(long.MaxValue, _wire.NextDueNs);
    }

    [Fact]
    public void Faults_that_are_taken_off_leave_what_is_on_its_way_in_order()
    {
        _wire.Use(new LineFaults { DelayNs = 10 * Ms }, LineFaults.None);
        _port.Send(_wire, [[1]]);
        _wire.Use(LineFaults.None, LineFaults.None);
        _port.Send(_wire, [[2]]);
        Assert.Empty(Sent(queue: 0));
        _nowNs = 10 * Ms;
        _port.Send(_wire, [[3]]);
        Assert.Equal([[1], [2], [3]], Sent(queue: 0));
        _port.Send(_wire, [[4]], queue: 1);
        Assert.Equal([[4]], Sent(queue: 1));
    }

    [Fact]
    public void A_device_that_is_down_or_full_loses_what_it_would_lose_without_a_wire()
    {
        _wire.Use(new LineFaults { DelayNs = Ms }, LineFaults.None);
        _device.Status.IsUp = false;
        Assert.Equal(0, _port.Send(_wire, [[1]]));
        _device.Status.IsUp = true;
        Assert.Equal(3, _port.Send(_wire, [[1], [2], [3]]));
        _device.TransmitRoom = 2;
        _nowNs = Ms;
        _wire.Deliver();
        Assert.Equal([[1], [2]], Sent(queue: 0));
        Assert.Equal((2, 1), (_wire.OutCounts.Passed, _wire.OutCounts.Overflowed));
    }

    [Fact]
    public void Where_no_buffer_is_free_the_wire_loses_the_frame_and_says_so()
    {
        using var tight = new PortFixture(smallCount: 1, largeCount: 0);
        _wire.Use(LineFaults.None, new LineFaults { Duplicate = 1 });
        _device.Enqueue([1]);
        unsafe
        {
            VSwitch.DataPlane.Buffers.PacketBuffer** packets = stackalloc VSwitch.DataPlane.Buffers.PacketBuffer*[8];
            Assert.Equal(1, _wire.Receive(0, tight.Pool, packets, 8));
        }

        Assert.Equal((1, 1, 1), (_wire.InCounts.Passed, _wire.InCounts.Duplicated, _wire.InCounts.Overflowed));
    }

    public void Dispose()
    {
        _wire.Dispose();
        _port.Dispose();
    }

    private List<byte[]> Sent(int queue)
    {
        var sent = new List<byte[]>();
        while (_device.TryTakeTransmitted(out byte[] frame, queue))
        {
            sent.Add(frame);
        }

        return sent;
    }
}
