using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Probes;

/// <summary>Gratuitous ARP for EIPs on the internet side (order of checks, section 5).</summary>
public sealed class AnnouncementTests : IDisposable
{
    private readonly NumberDirectory _numbers = new();
    private readonly List<byte[]> _sent = [];
    private readonly SwitchConfig _config = TestTopologies.Rich() with
    {
        ElasticIps =
        [
            TestTopologies.Eip("near", "198.51.100.10", "web"), TestTopologies.Eip("far", "203.0.113.10", "app"), TestTopologies.Eip("spare", "198.51.100.30", null),
        ],
    };

    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;

    public AnnouncementTests()
    {
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(_config, _numbers);
        _shared = new SwitchShared(snapshot, new FlowBudget(100, leaseSize: 1, isExact: true), 64, (1, 2));
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = 16 }, _config.Switch.RssKey);
        Publish(snapshot);
    }

    [Fact]
    public void A_replay_announces_nothing()
    {
        Assert.Equal([], At(0));
        _shared.Announcements.AnnounceAll();
        Assert.Equal([], At(1));
    }

    [Fact]
    public void An_announcement_asks_everybody_for_the_address_by_itself()
    {
        Enable();
        Assert.Single(At(0));
        PacketAssert.Equal(
            Frames.ArpRequest(_config.Internet!.Mac, TestTopologies.Ip("198.51.100.10"), TestTopologies.Ip("198.51.100.10")), _sent[0]);
    }

    [Fact]
    public void At_the_start_those_that_are_bound_and_on_link_twice_two_seconds_apart()
    {
        Enable();
        Assert.Equal(["198.51.100.10"], At(5));
        Assert.Equal([], At(2004));
        Assert.Equal(["198.51.100.10"], At(2005));
        Assert.Equal([], At(10_000));
        Assert.Equal(long.MaxValue, _shared.Announcements.NextDueMs);
    }

    [Fact]
    public void When_one_is_bound_or_moves_and_not_when_anything_else_changes()
    {
        Enable();
        At(0);
        At(2000);
        Change("spare", "db");
        Assert.Equal(["198.51.100.30"], At(3000));
        Change("near", "loose");
        Assert.Equal(["198.51.100.10"], At(4000));
        Assert.Equal(["198.51.100.30"], At(5000));
        Change("far", "green");
        Assert.Equal(["198.51.100.10"], At(6000));
        Change("near", null);
        Assert.Equal([], At(7000));
        Change("near", "loose");
        Assert.Equal(["198.51.100.10"], At(8000));
        Change("near", null);
        Assert.Equal([], At(20_000));
    }

    [Fact]
    public void All_of_them_when_the_side_comes_up()
    {
        Enable();
        Change("spare", "db");
        At(0);
        At(2000);
        _shared.Announcements.AnnounceAll();
        Assert.Equal(["198.51.100.10", "198.51.100.30"], At(2500));
        Assert.Equal(["198.51.100.10", "198.51.100.30"], At(4500));
        Assert.Equal([], At(9000));
    }

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private SwitchConfig _current = new();

    private void Enable()
    {
        _current = _config;
        _shared.Announcements.Enable(64);
    }

    private void Change(string eip, string? eni)
    {
        _current = _current with { ElasticIps = [.. _current.ElasticIps.Select(e => e.Name == eip ? e with { Eni = eni } : e)] };
        Publish(SnapshotCompiler.Compile(_current, _numbers));
    }

    private void Publish(ForwardingSnapshot snapshot)
    {
        var devices = new IPacketDevice?[snapshot.PortCount];
        devices[0] = new MemoryDevice("internet", frame => _sent.Add(frame.ToArray()));
        _shared.Publish(snapshot, devices);
    }

    private string[] At(long ms)
    {
        _sent.Clear();
        _workers.Workers[0].RunHandedOver(ms * 1_000_000);
        return [.. _sent.Select(f => PacketFields.Of(f)["arp.spa"]!)];
    }
}
