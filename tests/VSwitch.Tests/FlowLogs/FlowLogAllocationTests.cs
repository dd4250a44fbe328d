using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>With flow logs on, workers allocate nothing: not for packets, ends of connections, drops, walks, nor a full ring.</summary>
public sealed unsafe class FlowLogAllocationTests
{
    private const int Rounds = 3000;
    private const int RoundNs = 100_000_000;

    [Fact]
    public void Packets_ends_drops_and_walks_allocate_nothing()
    {
        SwitchConfig config = TestTopologies.Small();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        using var shared = new SwitchShared(snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 16, (1, 2));
        IPacketDevice?[] devices = [.. snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        shared.Publish(snapshot, devices);
        using var workers = new WorkerSet(
            1, shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = 8 }, config.Switch.RssKey);
        Worker worker = workers.Workers[0];
        using var isFilling = new AutoResetEvent(initialState: false);
        using var recorder = new FlowRecorder(worker.Pipeline.Connections, 8, 256, isFilling);
        new FlowRecorderChange(recorder, recordsRejects: true).Step(worker);
        (EniConfig a, EniConfig b) = (config.Enis[0], config.Enis[1]);
        var ends = new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]);
        byte[] passes = Frames.Udp(ends, 4000, 5000);
        byte[] dropped = Frames.Tcp(ends, 1, 5000, TcpBits.Ack);
        int port = Array.IndexOf(snapshot.PortNames, "a");
        long nowNs = 1_000_000_000;
        var walk = new FlowReportWalk(recorder);
        int sent = 0;
        AllocationGuard.RequireNone("a worker with flow logs", () =>
        {
            for (int round = 0; round < Rounds; round++, sent++)
            {
                (passes[34], passes[35]) = ((byte)(sent >> 8), (byte)sent);
                (dropped[34], dropped[35]) = ((byte)(sent >> 8), (byte)sent);
                nowNs += RoundNs;
                worker.Inject(passes, port, nowNs);
                worker.Inject(dropped, port, nowNs);
                walk.Step(worker);
            }
        });
        Assert.Equal(2 * Rounds, worker.Counters.Ports[port].Forwarded);
        Assert.True(isFilling.WaitOne(0), "the reader was told");
        Assert.True(recorder.LossOf(port).Reports > 0, "connections ended while the ring was full");
    }
}
