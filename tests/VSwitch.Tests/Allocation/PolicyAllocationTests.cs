using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated where policy refuses: a network ACL for a first packet and for a reply, a packet by another
/// port, and a connection that is looked at again.</summary>
public sealed class PolicyAllocationTests : IDisposable
{
    private const int Rounds = 2000;
    private readonly PolicyLab _lab = new(PolicyLab.Text(
        ", networkAcl: edge", "", NetworkAclTests.Acl("", "{ priority: 1, action: allow, protocol: udp, ports: \"2\", destination: 0.0.0.0/0 }")));

    private readonly ForwardingSnapshot _snapshot;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private long _nowNs = 1_000_000_000;

    public PolicyAllocationTests()
    {
        SwitchConfig config = _lab.Config;
        _snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        _shared = new SwitchShared(_snapshot, new FlowBudget(1000, leaseSize: 1, isExact: true), 16, (1, 2));
        IPacketDevice?[] devices = [.. _snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        _shared.Publish(_snapshot, devices);
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = 8 }, config.Switch.RssKey);
    }

    [Fact]
    public void A_denied_first_packet_allocates_nothing() =>
        AssertDropsWithoutAllocation("a", _lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 3), DropReason.NetworkAcl);

    [Fact]
    public void A_denied_reply_allocates_nothing()
    {
        Inject("a", _lab.From("a", "10.0.1.10", "10.0.2.10").Udp(1, 2).Build());
        AssertDropsWithoutAllocation("b", _lab.From("b", "10.0.2.10", "10.0.1.10").Udp(2, 1), DropReason.NetworkAcl);
        Assert.Equal(1, _workers.ConnectionCount);
    }

    [Fact]
    public void A_packet_by_another_port_allocates_nothing()
    {
        Inject("a", _lab.From("a", "10.0.1.10", "172.16.0.5").Udp(1, 2).Build());
        AssertDropsWithoutAllocation("r", _lab.From("r", "10.0.1.10", "172.16.0.5").Udp(1, 2), DropReason.ConnectionInvalid);
    }

    [Fact]
    public void Looking_again_allocates_nothing()
    {
        byte[] frame = _lab.From("b", "10.0.2.10", "10.0.2.20").Udp(1, 2).Build();
        Inject("b", frame);
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                _shared.MakeActionsStale();
                Inject("b", frame);
            }
        }

        Run();
        Assert.Equal(0, AllocationGuard.BytesOf(Run));
        Assert.Equal(1, _workers.ConnectionCount);
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
        _lab.Dispose();
    }

    private void AssertDropsWithoutAllocation(string port, PacketBuilder builder, DropReason reason)
    {
        byte[] frame = builder.Build();
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                Inject(port, frame);
            }
        }

        Run();
        Assert.Equal(0, AllocationGuard.BytesOf(Run));
        Assert.Equal(3 * Rounds, _workers.SumDrops(Array.IndexOf(_snapshot.PortNames, port), reason));
    }

    private void Inject(string port, byte[] frame)
    {
        _nowNs += 1000;
        Assert.True(_workers.Workers[0].Inject(frame, Array.IndexOf(_snapshot.PortNames, port), _nowNs));
    }
}
