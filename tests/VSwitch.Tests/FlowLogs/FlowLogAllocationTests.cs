using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>With flow logs on, workers allocate nothing: not for packets, ends of connections, drops, walks, nor a full ring.</summary>
public sealed class FlowLogAllocationTests
{
    private const int Rounds = 3000;

    [Fact]
    public void Packets_ends_drops_and_walks_allocate_nothing()
    {
        using var isFilling = new AutoResetEvent(initialState: false);
        using var bed = new FlowLogBed(TestTopologies.Small(), isOn: false);
        Worker worker = bed.Switch.Workers.Workers[0];
        using var recorder = new FlowRecorder(worker.Pipeline.Connections, 64, 256, isFilling);
        new FlowRecorderChange(recorder, recordsRejects: true).Step(worker);
        var a = TestTopologies.Small().Enis[0];
        var b = TestTopologies.Small().Enis[1];
        var ends = new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]);
        byte[] passes = Frames.Udp(ends, 4000, 5000);
        byte[] dropped = Frames.Tcp(ends, 1, 5000, TcpBits.Ack);
        int port = Array.IndexOf(bed.Switch.Snapshot.PortNames, "a");
        long nowNs = FlowLogBed.StartMs * 1_000_000;
        var walk = new FlowReportWalk(recorder);
        int i = 0;
        AllocationGuard.RequireNone("a worker with flow logs", () =>
        {
            for (int round = 0; round < Rounds; round++, i++)
            {
                (passes[34], passes[35]) = ((byte)(i >> 8), (byte)i);
                (dropped[34], dropped[35]) = ((byte)(i >> 8), (byte)i);
                nowNs += 100_000_000;
                Assert.True(worker.Inject(passes, port, nowNs) && worker.Inject(dropped, port, nowNs));
                walk.Step(worker);
            }
        });
        Assert.True(isFilling.WaitOne(0), "the reader was told");
        Assert.True(recorder.LossOf(port).Reports > 0, "connections ended while the ring was full");
    }
}
