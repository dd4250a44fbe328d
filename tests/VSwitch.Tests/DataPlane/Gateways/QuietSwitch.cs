using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;

namespace VSwitch.Tests.DataPlane.Gateways;

/// <summary>A switch on devices that keep nothing, which may go down.</summary>
internal sealed class QuietSwitch : IDisposable
{
    private readonly ForwardingSnapshot _snapshot;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly IPacketDevice?[] _devices;
    private long _nowNs = 1_000_000_000_000;

    public QuietSwitch(SwitchConfig config, Action<string>? sent = null)
    {
        _snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        _shared = new SwitchShared(_snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 64, (1, 2));
        _devices = [.. _snapshot.PortNames.Select(n => new MemoryDevice(n, sent == null ? null : _ => sent(n)))];
        _shared.Publish(_snapshot, _devices);
        _workers = new WorkerSet(1, _shared, new WorkerOptions { SmallBuffers = 512, LargeBuffers = 8, PortCapacity = 32 }, config.Switch.RssKey);
    }

    public DeviceStatus StatusOf(string port) => _devices[PortOf(port)]!.Status;

    public void Inject(string port, byte[] frame, long afterNs = 1000) => _workers.InjectAndSettle(frame, PortOf(port), _nowNs += afterNs);

    public long Forwarded(string port) => _workers.Sum(PortOf(port)).Forwarded;

    public long Dropped(string port) => _workers.Sum(PortOf(port)).Dropped;

    public void Dispose()
    {
        _workers.Dispose();
        _shared.Dispose();
    }

    private int PortOf(string name) => Array.IndexOf(_snapshot.PortNames, name);
}
