using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>On which queue of its ENI a frame goes: the published vectors, the table, order, and that it costs no memory.</summary>
public sealed unsafe class EniSpreadTests : IDisposable
{
    private const int Queues = 4;
    private readonly SwitchConfig _config;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly FrameAddresses _ends;
    private readonly MemoryDevice _from = new("from", null);
    private readonly MemoryDevice _to = MemoryDevice.Recording("to", Queues);
    private long _nowNs = 1_000_000_000;

    public EniSpreadTests()
    {
        SwitchConfig config = TestTopologies.Small();
        var rss = new EniRssConfig { Key = Toeplitz.MicrosoftKey() };
        _config = config with { Enis = [config.Enis[0], config.Enis[1] with { Rss = rss }, .. config.Enis.Skip(2)] };
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(_config, new NumberDirectory());
        _shared = new SwitchShared(snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 16, (1, 2));
        _shared.Publish(snapshot, [.. snapshot.PortNames.Select(n => n == _config.Enis[0].Name ? _from : n == _config.Enis[1].Name ? (IPacketDevice)_to : null)]);
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 1024, LargeBuffers = 4, PortCapacity = 8, Burst = 256 }, _config.Switch.RssKey);
        _ends = new FrameAddresses(_config.Enis[0].Mac, _config.Enis[1].Mac, _config.Enis[0].PrivateIps[0], _config.Enis[1].PrivateIps[0]);
    }

    /// <summary>Source, destination, ports, hash of the addresses, hash with the ports (semantics.md section 8).</summary>
    public static TheoryData<string, string, ushort, ushort, uint, uint> Vectors => new()
    {
        { "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
        { "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
        { "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
        { "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
        { "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
        { "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d },
        { "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf },
        { "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985, 0x02d1feef },
    };

    [Theory]
    [MemberData(nameof(Vectors))]
    public void The_published_vectors_hold(string source, string destination, ushort sourcePort, ushort destinationPort, uint addresses, uint withPorts)
    {
        var spread = new EniSpread(Toeplitz.MicrosoftKey(), null);
        FrameAddresses ends = _ends with { Source = IpAddress.Parse(source), Destination = IpAddress.Parse(destination) };
        Assert.Equal(withPorts, HashOf(spread, Frames.Tcp(ends, sourcePort, destinationPort, TcpBits.Ack)));
        Assert.Equal(withPorts, HashOf(spread, Frames.Udp(ends, sourcePort, destinationPort)));
        Assert.Equal(addresses, HashOf(spread, Frames.Echo(ends, 7, 1)));
    }

    [Fact]
    public void Key_and_table_say_the_queue_of_each_connection_and_each_keeps_its_order()
    {
        var spread = new EniSpread(Toeplitz.MicrosoftKey(), null);
        const int Connections = 100;
        const int Each = 5;
        int[] expected = new int[Queues];
        for (int i = 0; i < Connections * Each; i++)
        {
            byte[] frame = Frames.Udp(_ends, (ushort)(4000 + (i % Connections)), 5000);
            frame[^1] = (byte)(i / Connections);
            expected[HashOf(spread, frame) % 128 % Queues]++;
            _from.Enqueue(frame);
        }

        Run();
        Assert.All(expected, n => Assert.True(n > 0));
        var seen = new Dictionary<int, (int Queue, int Next)>();
        for (int queue = 0; queue < Queues; queue++)
        {
            int count = 0;
            for (; _to.TryTakeTransmitted(out byte[] frame, queue); count++)
            {
                int port = (frame[34] << 8) | frame[35];
                (int Queue, int Next) known = seen.GetValueOrDefault(port, (queue, 0));
                Assert.Equal((queue, (int)frame[^1]), known);
                seen[port] = (queue, known.Next + 1);
            }

            Assert.Equal(expected[queue], count);
        }

        Assert.All(seen.Values, s => Assert.Equal(Each, s.Next));
        Assert.Equal(Connections, seen.Count);
    }

    [Fact]
    public void A_table_sends_all_where_it_says_as_far_as_there_are_queues()
    {
        var spread = new EniSpread(Toeplitz.SymmetricKey(), [.. Enumerable.Repeat((byte)3, 128)]);
        Assert.Equal((3, 1, 0), (spread.QueueOfEntry(17, 4), spread.QueueOfEntry(17, 2), spread.QueueOfEntry(17, 1)));
    }

    [Fact]
    public void What_the_queue_of_a_device_does_not_take_is_dropped_as_queue_full()
    {
        _to.TransmitRoom = 1;
        for (int i = 0; i < 64; i++)
        {
            _from.Enqueue(Frames.Udp(_ends, (ushort)(4000 + i), 5000));
        }

        Run();
        int port = Array.IndexOf(_shared.Snapshot.PortNames, _config.Enis[0].Name);
        Assert.Equal((Queues, 64 - Queues), (_workers.Sum(port).Forwarded, _workers.SumDrops(port, DropReason.QueueFull)));
        Assert.Equal(1024, _workers.Workers[0].Pool.SmallFreeCount);
    }

    [Fact]
    public void Spreading_allocates_nothing()
    {
        var silent = new MemoryDevice("silent", null, Queues);
        _shared.Publish(_shared.Snapshot, [.. _shared.Snapshot.PortNames.Select(n => n == _config.Enis[1].Name ? (IPacketDevice)silent : null)]);
        byte[] frame = Frames.Udp(_ends, 4000, 5000);
        int port = Array.IndexOf(_shared.Snapshot.PortNames, _config.Enis[0].Name);
        Assert.Equal(0, AllocationGuard.BytesOf(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                (frame[34], frame[35]) = ((byte)(8 + (i % 16)), 0);
                _nowNs += 1000;
                _workers.Workers[0].Inject(frame, port, _nowNs);
            }
        }));
        Assert.True(silent.TransmittedCount >= 2000);
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private static uint HashOf(EniSpread spread, byte[] frame)
    {
        using var pool = new PacketPool(0, 4, 0, 0);
        PacketBuffer* p = pool.Rent();
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        Assert.Equal(DropReason.None, ParseStage.Parse(p));
        uint hash = spread.HashOf(p);
        pool.Return(p);
        return hash;
    }

    private void Run()
    {
        for (int i = 0; i < 4; i++)
        {
            _nowNs += 1000;
            _workers.Workers[0].RunRound(_nowNs, 16);
        }
    }
}
