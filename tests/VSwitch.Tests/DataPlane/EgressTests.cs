using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>The reasons that need a device: the port is down, its queue is full, there is no buffer, no such port; and bursts.</summary>
public sealed class EgressTests : IDisposable
{
    private readonly SwitchConfig _config = TestTopologies.Small();
    private readonly ForwardingSnapshot _snapshot;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly List<byte[]> _sent = [];
    private readonly MemoryDevice _from;
    private readonly MemoryDevice _to;
    private readonly int _fromPort;
    private readonly int _toPort;
    private readonly byte[] _frame;

    public EgressTests()
    {
        _snapshot = SnapshotCompiler.Compile(_config, new NumberDirectory());
        _shared = new SwitchShared(_snapshot, new FlowBudget(1000, leaseSize: 1, isExact: true), 16, (1, 2));
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 300, LargeBuffers = 2, PortCapacity = 8, Burst = 256 }, _config.Switch.RssKey);
        (EniConfig from, EniConfig to) = (_config.Enis[0], _config.Enis[1]);
        _frame = Frames.Udp(new FrameAddresses(from.Mac, to.Mac, from.PrivateIps[0], to.PrivateIps[0]), 4000, 5000);
        _fromPort = Array.IndexOf(_snapshot.PortNames, from.Name);
        _toPort = Array.IndexOf(_snapshot.PortNames, to.Name);
        _from = new MemoryDevice(from.Name, null);
        _to = new MemoryDevice(to.Name, f => _sent.Add(f.ToArray()));
    }

    [Fact]
    public void Without_a_device_the_port_is_down()
    {
        Run(null, 3);
        Assert.Equal(3, _workers.SumDrops(_fromPort, DropReason.PortDown));
        AssertBalanced(3);
    }

    [Fact]
    public void What_the_device_does_not_take_is_dropped_as_queue_full()
    {
        _to.TransmitRoom = 4;
        Run(_to, 10);
        Assert.Equal(6, _workers.SumDrops(_fromPort, DropReason.QueueFull));
        Assert.Equal(4, _workers.Sum(_fromPort).Forwarded);
        AssertBalanced(10);
    }

    [Fact]
    public void A_device_that_says_it_is_down_gives_port_down()
    {
        _to.TransmitRoom = 0;
        _to.Status.IsUp = false;
        Run(_to, 2);
        Assert.Equal(2, _workers.SumDrops(_fromPort, DropReason.PortDown));
        AssertBalanced(2);
    }

    [Fact]
    public void A_full_burst_keeps_its_order()
    {
        Run(_to, 256, i => (byte)i);
        Assert.Equal(256, _sent.Count);
        Assert.Equal(Enumerable.Range(0, 256).Select(i => (byte)i), _sent.Select(f => f[^1]));
        AssertBalanced(256);
    }

    [Fact]
    public void Without_a_free_buffer_frames_wait_in_the_device()
    {
        _shared.Publish(_snapshot, Devices(_to));
        for (int i = 0; i < 1000; i++)
        {
            _from.Enqueue(_frame);
        }

        for (int i = 0; i < 10; i++)
        {
            _workers.Workers[0].RunRound(1_000_000_000, int.MaxValue);
        }

        Assert.Equal(1000, _sent.Count);
        AssertBalanced(1000);
    }

    [Fact]
    public void Reasons_of_frames_that_cannot_enter()
    {
        _workers.Workers[0].Refuse(_fromPort, new byte[70_000], DropReason.BufferExhausted, nowNs: 5);
        _workers.Workers[0].Refuse(_fromPort, new byte[60], DropReason.UnsupportedLinkType, nowNs: 6);
        Assert.Equal(70_000, _workers.LastDrop(DropReason.BufferExhausted)?.LengthBytes);
        Assert.Equal(6, _workers.LastDrop(DropReason.UnsupportedLinkType)?.TimeNs);
        Assert.True(_workers.Workers[0].Inject(_frame, 7, 1));
        Assert.Equal(1, _workers.SumDrops(7, DropReason.UnknownPort));
        Assert.Equal(2, _workers.Sum(_fromPort).Dropped);
        Assert.False(_workers.Workers[0].Inject(new byte[200_000], _fromPort, 1));
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private IPacketDevice?[] Devices(IPacketDevice? to)
    {
        var devices = new IPacketDevice?[_snapshot.PortCount];
        devices[_fromPort] = _from;
        devices[_toPort] = to;
        return devices;
    }

    private void Run(IPacketDevice? to, int frames, Func<int, byte>? last = null)
    {
        _shared.Publish(_snapshot, Devices(to));
        for (int i = 0; i < frames; i++)
        {
            byte[] frame = [.. _frame];
            frame[^1] = last?.Invoke(i) ?? 0;
            _from.Enqueue(frame);
        }

        _workers.Workers[0].RunRound(1_000_000_000, int.MaxValue);
    }

    private void AssertBalanced(long received)
    {
        PortCounters c = _workers.Sum(_fromPort);
        Assert.Equal(received, c.ReceivedPackets);
        Assert.Equal(received, c.Forwarded + c.Answered + c.Consumed + c.Dropped);
        Assert.Equal(_workers.Workers[0].Pool.SmallCount, _workers.Workers[0].Pool.SmallFreeCount);
    }
}
