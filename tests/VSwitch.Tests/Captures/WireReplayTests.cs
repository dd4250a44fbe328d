using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Wires with faults in a replay: on the trace's clock, the same bytes for any number of workers, every frame accounted for.
/// </summary>
public sealed class WireReplayTests
{
    private const long StartNs = 1_700_000_000_000_000_000;
    private const long Ms = 1_000_000;
    private static readonly SwitchConfig Small = TestTopologies.Small();

    [Fact]
    public void Delays_are_those_of_the_wires_that_a_frame_passes_beyond_the_end_of_the_trace_too()
    {
        var wires = new[]
        {
            new WireConfig { Port = "a", In = new WireFaultConfig { Delay = TimeSpan.FromMilliseconds(30) } },
            new WireConfig { Port = "b", Out = new WireFaultConfig { Delay = TimeSpan.FromMilliseconds(70) } },
        };
        TraceResult result = Replay(wires, Burst(3, apartNs: 10 * Ms));
        Assert.Equal([100, 110, 120], result.Sent["b"].Select(f => (f.TimestampNs - StartNs) / Ms));
        Assert.Equal((3, 3), (result.Summary.Read, result.Summary.Forwarded));
        Assert.Equal((3, 3), (result.Summary.Wires!["a"].In.Passed, result.Summary.Wires["b"].Out.Passed));
    }

    [Fact]
    public void A_loss_before_the_switch_is_a_drop_with_its_reason_and_one_behind_it_is_the_wires()
    {
        TraceResult before = Replay([new WireConfig { Port = "a", In = new WireFaultConfig { Loss = 1 } }], Burst(5, Ms));
        Assert.Equal([("wire-loss", 5)], before.Summary.Drops.Select(d => (d.Key, d.Value)));
        Assert.All(before.Dropped, d => Assert.Equal("a", d.Port));

        TraceResult behind = Replay([new WireConfig { Port = "b", Out = new WireFaultConfig { Loss = 1 } }], Burst(5, Ms));
        Assert.Empty(behind.Summary.Drops);
        Assert.Empty(behind.Sent["b"]);
        Assert.Equal((5, 5), (behind.Summary.Forwarded, behind.Summary.Wires!["b"].Out.Lost));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_whatever_the_number_of_workers()
    {
        var faults = new WireFaultConfig
        {
            Delay = TimeSpan.FromMilliseconds(5),
            Jitter = TimeSpan.FromMilliseconds(4),
            Loss = 0.1,
            Reorder = 0.1,
            Duplicate = 0.1,
            Corrupt = 0.1,
            RateBitsPerSecond = 10_000_000,
        };
        var wires = new[] { new WireConfig { Port = "a", Seed = 4, In = faults, Out = faults }, new WireConfig { Port = "b", Seed = 5, Out = faults } };
        string[] runs = [.. new[] { 1, 4 }.Select(workers => Bytes(Replay(wires, Burst(300, Ms), workers)))];
        Assert.Equal(runs[0], runs[1]);
        Assert.NotEqual(runs[0], Bytes(Replay([wires[0] with { Seed = 6 }, wires[1]], Burst(300, Ms))));
        Assert.Null(Replay([], Burst(1, Ms)).Summary.Wires);
    }

    private static string Bytes(TraceResult result) => string.Join('\n', result.Sent.OrderBy(s => s.Key, StringComparer.Ordinal)
        .SelectMany(s => s.Value.Select(f => $"{s.Key} {f.TimestampNs} {Convert.ToHexString(f.Bytes)}")));

    private static IEnumerable<LabFrame> Burst(int count, long apartNs)
    {
        EniConfig a = Small.Enis[0];
        EniConfig b = Small.Enis[1];
        return Enumerable.Range(0, count).Select(i => new LabFrame(
            "a", StartNs + (i * apartNs), Frames.Udp(new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]), (ushort)(1000 + (i % 7)), 2),
            ToPort: null, Leaves: null));
    }

    private static TraceResult Replay(WireConfig[] wires, IEnumerable<LabFrame> frames, int workers = 1) =>
        TraceReplay.Run(Small with { Wires = wires }, frames, workers);
}
