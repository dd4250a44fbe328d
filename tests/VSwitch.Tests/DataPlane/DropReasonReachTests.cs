using System.Buffers.Binary;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Devices.Pcap;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Tests.Captures;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>Every drop reason is reached: the frame as it was recorded, the counter of its port and reason, and the
/// name as the comment in drops.pcapng, which the replay command writes (or, for what needs a device, the same writer
/// behind memory devices). </summary>
public sealed class DropReasonReachTests : IDisposable
{
    private const long StartNs = 1_000_000_000_000;
    private static readonly Dictionary<string,
        DropCase> Cases = DropCases.All().ToDictionary(c => c.ToString(), StringComparer.Ordinal);
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-drops-").FullName;

    public static TheoryData<string> Names() => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_replay_records_frame_counter_and_comment(string name)
    {
        DropCase row = Cases[name];
        DropStep[] expected = [.. row.Steps.Where(s => s.IsDropped)];
        string port = Assert.Single(expected.Select(s => s.Port).Distinct());
        TraceResult result = TraceReplay.RunPorts(row.Config(),
            row.Steps.Select(s => (s.Port, StartNs + (s.AtMs * 1_000_000), s.Frame)));
        AssertDrops(row.Reason, port, [.. expected.Select(s => s.Frame)], result.Dropped);
        Assert.Equal([KeyValuePair.Create(row.Reason, (long)expected.Length)], result.Summary.Drops);
        Assert.Equal(expected.Length, result.Summary.Ports[port].Dropped);
        Assert.Equal(0, result.Summary.Ports.Where(p => p.Key != port).Sum(p => p.Value.Dropped));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_counter_is_that_of_port_and_reason(string name)
    {
        DropCase row = Cases[name];
        using var real = new SwitchUnderTest(row.Config());
        foreach (DropStep step in row.Steps)
        {
            real.Receive(step.Port, step.Frame, StartNs + (step.AtMs * 1_000_000));
        }

        DropStep[] expected = [.. row.Steps.Where(s => s.IsDropped)];
        foreach (DropReason reason in DropReasons.All)
        {
            for (int port = 0; port < real.Snapshot.PortCount; port++)
            {
                bool isIt = reason.Name() == row.Reason && real.Snapshot.PortNames[port] == expected[0].Port;
                Assert.Equal(isIt ? expected.Length : 0, real.Workers.SumDrops(port, reason));
            }
        }
    }

    [Fact]
    public void Unsupported_link_type_by_a_capture_of_raw_IP()
    {
        byte[] packet = Frames.Udp(default(FrameAddresses) with
        {
            Source = Small[0].PrivateIps[0],
            Destination = Small[1].PrivateIps[0]
        }, 1, 2)[14..];
        string file = Path.Combine(_folder, "raw.pcap");
        using (var writer = new PcapWriter(file))
        {
            writer.Write(packet, StartNs);
        }

        byte[] bytes = File.ReadAllBytes(file);
        const int LinkTypeOffset = 20;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(LinkTypeOffset), 101);
        File.WriteAllBytes(file, bytes);
        AssertReplay("unsupported-link-type", "a", packet, TraceReplay.RunFile(TestTopologies.Small(), file, "a"));
    }

    [Fact]
    public void Unknown_port_by_a_frame_for_the_internet_side_of_a_switch_that_has_none()
    {
        byte[] frame = Frames.Udp(new FrameAddresses(new MacAddress(0x0200_0000_7777), Small[0].Mac,
            Small[1].PrivateIps[0], Small[0].PrivateIps[0]), 1, 2);
        AssertReplay("unknown-port", "internet", frame,
            TraceReplay.RunFile(TestTopologies.Small(), WriteCapture(frame)));
    }

    [Fact]
    public void Buffer_exhausted_by_a_frame_larger_than_any_buffer()
    {
        byte[] frame = new byte[200_000];
        Frames.Udp(Ends(), 1, 2).CopyTo(frame, 0);
        AssertReplay("buffer-exhausted", "a", frame,
            TraceReplay.RunFile(TestTopologies.Small(), WriteCapture(frame), "a"));
    }

    [Fact]
    public void Wire_loss_by_a_wire_that_loses_all()
    {
        byte[] frame = Frames.Udp(Ends(), 1, 2);
        SwitchConfig config = TestTopologies.Small() with { Wires = [new WireConfig { Port = "a", In = new WireFaultConfig { Loss = 1 } }] };
        AssertReplay("wire-loss", "a", frame, TraceReplay.RunFile(config, WriteCapture(frame), "a"));
    }

    [Theory]
    [InlineData("port-down", false, true, int.MaxValue)]
    [InlineData("port-down", true, false, 0)]
    [InlineData("queue-full", true, true, 0)]
    [InlineData("queue-full", true, true, 2)]
    public void What_a_device_does_not_take_is_recorded(string reason, bool hasDevice, bool isUp, int room)
    {
        const int Count = 3;
        SwitchConfig config = TestTopologies.Small();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        string file = Path.Combine(_folder, "drops.pcapng");
        byte[][] frames = [.. Enumerable.Range(1, Count).Select(i => Frames.Udp(Ends(), (ushort)i, 2))];
        int accepted = hasDevice ? Math.Min(room, Count) : 0;
        var clock = new ReplayClock { NowNs = StartNs };
        using (var drops = new ReplayDrops(new PcapngWriter(file, snapshot.PortNames), clock))
        using (var shared = new SwitchShared(snapshot, new FlowBudget(1000, leaseSize: 1, isExact: true), 16, (1, 2)))
        using (var workers = new WorkerSet(
            1, shared, new WorkerOptions { SmallBuffers = 64, LargeBuffers = 2, PortCapacity = 8 },
                config.Switch.RssKey))
        {
            shared.Watch = WatchSet.Of((drops, ReplayDrops.Match));
            var from = new MemoryDevice("a", null);
            var to = new MemoryDevice("b", null) { TransmitRoom = room };
            to.Status.IsUp = isUp;
            shared.Publish(snapshot, [.. snapshot.PortNames.Select(n => n == "a" ? from : n == "b" && hasDevice ? (IPacketDevice?)to : null)]);
            foreach (byte[] frame in frames)
            {
                from.Enqueue(frame);
            }

            workers.Workers[0].RunRound(StartNs, int.MaxValue);
            Assert.True(DropReasons.TryParse(reason, out DropReason number));
            Assert.Equal(Count - accepted, workers.SumDrops(Array.IndexOf(snapshot.PortNames, "a"), number));
        }

        AssertDrops(reason, "a", frames[accepted..], DropCapture.Read(file));
    }

    /// <summary>A reason without a row here could be given and never looked at.</summary>
    [Fact]
    public void Every_reason_has_a_row()
    {
        string[] here = ["unsupported-link-type", "unknown-port", "buffer-exhausted", "port-down", "queue-full", "wire-loss"];
        Assert.Equal(
            DropReasons.All.ToArray().Where(r => r != DropReason.None).Select(r => r.Name()).Order(StringComparer.Ordinal),
            Cases.Values.Select(c => c.Reason).Concat(here).Distinct().Order(StringComparer.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IReadOnlyList<EniConfig> Small => TestTopologies.Small().Enis;

    private static FrameAddresses Ends() => new(Small[0].Mac, Small[1].Mac, Small[0].PrivateIps[0],
        Small[1].PrivateIps[0]);

    private string WriteCapture(byte[] frame)
    {
        string file = Path.Combine(_folder, "in.pcap");
        using var writer = new PcapWriter(file);
        writer.Write(frame, StartNs);
        return file;
    }

    private static void AssertReplay(string reason, string port, byte[] frame, TraceResult result)
    {
        AssertDrops(reason, port, [frame], result.Dropped);
        Assert.Equal([KeyValuePair.Create(reason, 1L)], result.Summary.Drops);
        Assert.Equal(1, result.Summary.Ports[port].Dropped);
    }

    private static void AssertDrops(string reason, string port, byte[][] frames, IReadOnlyList<DroppedFrame> dropped)
    {
        Assert.All(dropped, drop => Assert.Equal((port, reason), (drop.Port, drop.Reason)));
        Assert.Equal(frames.Select(Convert.ToHexString), dropped.Select(drop => Convert.ToHexString(drop.Frame)));
    }
}
