using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Local;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated on a packet's way: established, first of a connection, dropped, answered.</summary>
public sealed class PipelineAllocationTests : IDisposable
{
    private const int Rounds = 2000;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly FrameAddresses _ends;
    private readonly int _port;
    private readonly EniConfig _from;
    private long _nowNs = 1_000_000_000;

    public PipelineAllocationTests()
    {
        SwitchConfig config = TestTopologies.Small();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        _shared = new SwitchShared(snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 16, (1, 2));
        IPacketDevice?[] devices = [.. snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        _shared.Publish(snapshot, devices);
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = 8 }, config.Switch.RssKey);
        _from = config.Enis[0];
        EniConfig to = config.Enis[1];
        _ends = new FrameAddresses(_from.Mac, to.Mac, _from.PrivateIps[0], to.PrivateIps[0]);
        _port = Array.IndexOf(snapshot.PortNames, _from.Name);
    }

    [Fact]
    public void An_established_connection_allocates_nothing()
    {
        byte[] frame = Frames.Udp(_ends, 4000, 5000);
        Assert.Equal(0, BytesOf(_ => frame));
        Assert.True(Counters.Forwarded >= 2 * Rounds, "the packets were forwarded");
    }

    [Fact]
    public void A_first_packet_allocates_nothing()
    {
        byte[] frame = Frames.Tcp(_ends, 1, 5000, TcpBits.Syn);
        long before = _workers.Workers[0].Counters.FlowsCreated;
        Assert.Equal(0, BytesOf(i =>
        {
            (frame[34], frame[35], frame[37]) = ((byte)(i >> 8), (byte)i, (byte)((i >> 16) + 1));
            return frame;
        }));
        Assert.True(_workers.Workers[0].Counters.FlowsCreated - before >= 2 * Rounds, "each packet opened a connection");
    }

    [Fact]
    public void A_drop_allocates_nothing()
    {
        byte[] frame = Frames.Tcp(_ends, 1, 5000, TcpBits.Ack);
        Assert.Equal(0, BytesOf(_ => frame));
        Assert.True(Counters.Dropped >= 2 * Rounds, "the packets were dropped");
    }

    [Fact]
    public void An_answer_allocates_nothing()
    {
        byte[] frame = Frames.ArpRequest(_from.Mac, _from.PrivateIps[0], _ends.Destination);
        Assert.Equal(0, BytesOf(_ => frame));
        Assert.True(Counters.Answered >= 2 * Rounds, "the packets were answered");
    }

    [Fact]
    public void An_answer_to_a_guest_that_asks_for_its_addresses_allocates_nothing()
    {
        byte[] discover = DhcpWire.Frame(_from.Mac, DhcpWire.Body(1, _from.Mac, options: DhcpWire.Option(55, 12)));
        byte[] solicit = Dhcp6Wire.Frame(_from.Mac, Dhcp6Wire.Body(
            1, Dhcp6Wire.Option(1, 0, 3, 0, 1, 2), Dhcp6Wire.Option(14), Dhcp6Wire.Ia(1, ["fd00:b:0:1::99"])));
        Assert.Equal(0, BytesOf(i => i % 2 == 0 ? discover : solicit));
        Assert.True(Counters.Answered >= 2 * Rounds, "the packets were answered");
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private PortCounters Counters => _workers.Sum(_port);

    private long BytesOf(Func<int, byte[]> frame)
    {
        int index = 0;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                _nowNs += 1000;
                _workers.Workers[0].Inject(frame(index++), _port, _nowNs);
            }
        }

        // The first runs bring the code to its last tier, which the runtime compiles in the background.
        Run();
        return AllocationGuard.BytesOf(Run);
    }
}
