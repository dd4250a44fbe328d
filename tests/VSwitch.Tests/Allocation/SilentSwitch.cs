using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;

namespace VSwitch.Tests.Allocation;

/// <summary>One worker whose devices take everything and keep nothing.</summary>
internal sealed class SilentSwitch : IDisposable
{
    private readonly SwitchShared _shared;

    public SilentSwitch(SwitchConfig config)
    {
        Snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        _shared = new SwitchShared(Snapshot, new FlowBudget(10_000, leaseSize: 1, isExact: true), Snapshot.MeterEnd, (1, 2));
        _shared.Publish(Snapshot, [.. Snapshot.PortNames.Select(n => (IPacketDevice?)new MemoryDevice(n, null))]);
        var sizes = new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = Snapshot.PortCount };
        Workers = new WorkerSet(1, _shared, sizes, config.Switch.RssKey);
    }

    public ForwardingSnapshot Snapshot { get; }

    public WorkerSet Workers { get; }

    public void Dispose()
    {
        Workers.Dispose();
        _shared.Dispose();
    }
}
