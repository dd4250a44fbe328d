using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Watching;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Looking at packets costs a worker no memory: captured, passed over, without room, mirrored, filtered, dropped.</summary>
public sealed class WatchAllocationTests
{
    private const int Rounds = 2000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void A_worker_that_is_watched_allocates_nothing(bool isUnlimited)
    {
        SwitchConfig config = TestTopologies.Rich();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        using var shared = new SwitchShared(snapshot, new FlowBudget(100_000, leaseSize: 1, isExact: true), 16, (1, 2));
        shared.Publish(snapshot, [.. snapshot.PortNames.Select(n => (IPacketDevice?)new MemoryDevice(n, null))]);
        using var workers = new WorkerSet(1, shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 4, PortCapacity = 16 }, config.Switch.RssKey);
        int web = Array.IndexOf(snapshot.PortNames, "web");
        using var small = new PacketTap(1, 16, 2000, 4096, isUnlimited);
        using var roomy = new PacketTap(1, 16, 100, 4 << 20, isUnlimited);
        using var mirror = new PortMirror(workers, Array.IndexOf(snapshot.PortNames, "db"));
        shared.Watch = WatchSet.Of(
            (small, PacketMatch.All), (roomy, new PacketMatch { Enis = [web], Verdict = PacketVerdict.Dropped }),
            (mirror, new PacketMatch { Port = web, EitherPorts = [53], Vpc = snapshot.Enis[web].Vpc }));
        byte[] passes = Frames.Udp(PacketTapTests.OutOfWeb(config), 4000, 53);
        byte[] refused = Frames.Tcp(PacketTapTests.OutOfWeb(config), 4000, 80, TcpBits.Ack);
        long nowNs = 1_000_000_000;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                nowNs += 1_000;
                workers.Workers[0].Inject(passes, web, nowNs);
                workers.Workers[0].Inject(refused, web, nowNs);
            }
        }

        Run();
        Assert.Equal(0, AllocationGuard.BytesOf(Run));
        Assert.Equal((3L * Rounds, 3L * Rounds), (workers.Sum(web).Forwarded, workers.Sum(web).Dropped));
        Assert.True(small.CountsOf(web).Taken > 0 && small.CountsOf(web).Lost > 0, "the small ring took some and lost some");
        Assert.True(roomy.CountsOf(web).Taken > 0 && mirror.Counts.Packets > 0, "the others took some");
        Assert.Equal(DropReason.ConnectionInvalid, TapReader.Take(roomy, 1)[0].Reason);
    }
}
