using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Wayside;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated beside the fast path either: fragments in any order, packets that wait, packets that are cut,
/// errors that the router sends.</summary>
public sealed class WaysideAllocationTests : IDisposable
{
    private const int Rounds = 1000;
    private readonly ForwardingSnapshot _snapshot = SnapshotCompiler.Compile(Way.Config, new NumberDirectory());
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private long _nowNs = Way.Start;

    public WaysideAllocationTests()
    {
        _shared = new SwitchShared(_snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 64, (1, 2));
        IPacketDevice?[] devices = [.. _snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        _shared.Publish(_snapshot, devices);
        var options = new WorkerOptions { SmallBuffers = 512, LargeBuffers = 8, PortCapacity = 16 };
        _workers = new WorkerSet(2, _shared, options, Way.Config.Switch.RssKey);
    }

    [Fact]
    public void Fragments_out_of_order()
    {
        var way = Way.Named("out by an EIP");
        IReadOnlyList<byte[]> fragments = way.Fragments(100, 32);
        RequireNone("fragments", () => InjectAll(way.InPort, fragments, [2, 1, 0, 3]), way.InPort);
        Assert.True(Sum(way.InPort).Forwarded >= 4 * Rounds, "they were forwarded");
    }

    [Fact]
    public void A_flood_of_fragments()
    {
        var way = Way.Named("within a subnet");
        byte[][] frames = [.. Enumerable.Range(0, 4000).Select(i => way.Fragments(100, 32, (ushort)i)[(i / 2) % 2])];
        int next = 0;
        RequireNone("a flood", () => Inject(way.InPort, frames[next++ % frames.Length]), way.InPort);
        Assert.True(_workers.SumDrops(PortOf(way.InPort), DropReason.FragmentUnmatched) > 0, "some found no place");
    }

    [Fact]
    public void Packets_that_wait()
    {
        var way = new Way("unknown", "green", "", Way.Between("green", "", "10.0.1.10", "198.51.100.99", routed: true));
        byte[] frame = way.Udp(20);
        RequireNone(
            "waiting", () =>
            {
                Inject("green", frame);
                _nowNs += Way.Second / 10;
            },
            "green");
        Assert.True(_workers.SumDrops(PortOf("green"), DropReason.NeighborUnresolved) >= Rounds, "they waited in vain");
        Assert.True(Sum("green").Generated > 0, "the sender was told");
    }

    [Fact]
    public void Packets_that_are_cut_and_packets_that_are_too_old()
    {
        var way = Way.Named("between subnets");
        byte[] large = way.Udp(4000);
        byte[] old = way.Udp(10, ttl: 1);
        RequireNone(
            "cutting", () =>
            {
                Inject("web", large);
                Inject("web", old);
            },
            "web");
        Assert.True(Sum("loose").Generated >= 2 * Rounds, "fragments were sent");
        Assert.True(Sum("web").Generated > 0, "the sender was told");
    }

    [Fact]
    public void Neighbours_that_are_asked_whether_they_are_still_there_and_forgotten()
    {
        var address = IpAddress.Parse("198.51.100.99");
        byte[] heard = Frames.ArpRequest(new MacAddress(0x0200_0000_9988), address, address);
        byte[] other = Frames.ArpRequest(new MacAddress(0x0200_0000_9988), IpAddress.Parse("192.0.2.1"), address);
        RequireNone(
            "ageing", () =>
            {
                Inject("internet", heard);
                _nowNs += NeighborTable.BelievedMs * 1_000_000;
                for (int i = 0; i <= NeighborTable.MaxQuestions; i++)
                {
                    Inject("internet", other);
                    _nowNs += Way.Second;
                }
            },
            "internet");
        Assert.True(Sum("internet").Generated >= 3 * Rounds * NeighborTable.MaxQuestions, "it was asked each time");
        Assert.Equal(0UL, _shared.Neighbors.Lookup(Raw.Ip4(address)));
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private void RequireNone(string what, Action action, string port)
    {
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                _nowNs += 1_000_000;
                action();
            }
        }

        // The first run brings the code to its last tier, which the runtime compiles in the background.
        Run();
        AllocationGuard.RequireNone(what, Run);
        Assert.True(Sum(port).ReceivedPackets >= 3 * Rounds, "the packets came in");
    }

    private void Inject(string port, byte[] frame) => _workers.InjectAndSettle(frame, PortOf(port), _nowNs);

    private void InjectAll(string port, IReadOnlyList<byte[]> frames, ReadOnlySpan<int> order)
    {
        foreach (int i in order)
        {
            Inject(port, frames[i]);
        }
    }

    private int PortOf(string port) => Array.IndexOf(_snapshot.PortNames, port);

    private PortCounters Sum(string port) => _workers.Sum(PortOf(port));
}
