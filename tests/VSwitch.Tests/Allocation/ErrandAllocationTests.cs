using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>What others ask of a worker's connections allocates nothing on the worker.</summary>
public sealed class ErrandAllocationTests : IDisposable
{
    private const int Connections = 3000;
    private readonly SwitchConfig _config = TestTopologies.Small();
    private readonly SwitchUnderTest _switch;
    private long _nowNs = 1_000_000_000;

    public ErrandAllocationTests()
    {
        _switch = new SwitchUnderTest(_config);
        Open();
    }

    private Worker Worker => _switch.Workers.Workers[0];

    [Fact]
    public void A_walk_with_every_condition_and_a_lookup_allocate_nothing()
    {
        var filter = new ConnectionFilter(
            new ConnectionCondition(ConnectionTest.Protocol, 17), new ConnectionCondition(ConnectionTest.Version, 4),
            new ConnectionCondition(ConnectionTest.State, (int)FlowState.Udp), new ConnectionCondition(ConnectionTest.Port, 1),
            new ConnectionCondition(ConnectionTest.Vpc, 1) { Ports = ConnectionFilter.PortsOf(_switch.Snapshot, 1) },
            ConnectionConditionOfAll(), new ConnectionCondition(ConnectionTest.DestinationPort, 9));
        ConnectionRecord first = _switch.Connections(filter)[0];
        var key = new ConnectionKey(false, first.Entry.KeyLow, first.Entry.KeyHigh, first.Detail.Hash, default, false);
        IWorkerErrand[][] errands = [.. Enumerable.Range(0, 3).Select(_ => (IWorkerErrand[])[new ConnectionWalk(filter, Connections), new ConnectionLookup(key)])];
        Assert.Equal(0, BytesOf(errands));
        Assert.All(errands, e => Assert.Equal(Connections, ((ConnectionWalk)e[0]).Found.Length));
        Assert.All(errands, e => Assert.True(((ConnectionLookup)e[1]).TryGet(out _)));
    }

    [Fact]
    public void Clearing_allocates_nothing()
    {
        IWorkerErrand[][] errands = [.. Enumerable.Range(0, 3).Select(_ => (IWorkerErrand[])[new ConnectionClear(ConnectionFilter.All)])];
        Assert.Equal(0, BytesOf(errands, Open));
        Assert.All(errands, e => Assert.Equal(Connections, ((ConnectionClear)e[0]).Count));
    }

    public void Dispose() => _switch.Dispose();

    private static ConnectionCondition ConnectionConditionOfAll() =>
        new(ConnectionTest.Address) { Network4 = new VSwitch.DataPlane.Tables.Prefix4(0, 0) };

    /// <summary>Of the last set of errands; the ones before it pay for compilation.</summary>
    private long BytesOf(IWorkerErrand[][] errands, Action? after = null)
    {
        long bytes = 0;
        foreach (IWorkerErrand[] set in errands)
        {
            foreach (IWorkerErrand errand in set)
            {
                (errand as ConnectionWalk)?.Begin();
                Worker.Post(errand);
            }

            bytes = AllocationGuard.BytesOfOneRun(RunErrands);
            after?.Invoke();
        }

        return bytes;
    }

    private void RunErrands()
    {
        while (Worker.HasErrand)
        {
            Worker.RunErrand();
        }
    }

    private void Open()
    {
        var ends = new FrameAddresses(_config.Enis[0].Mac, _config.Enis[1].Mac, _config.Enis[0].PrivateIps[0], _config.Enis[1].PrivateIps[0]);
        for (int port = 1; port <= Connections; port++)
        {
            _switch.Receive("a", Frames.Udp(ends, (ushort)port, 9), _nowNs += 1000);
        }

        Assert.Equal(Connections, _switch.ConnectionCount);
    }
}
