using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.DataPlane.Wayside;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Counters;

/// <summary>EIPs are billed by what they count: exactly what the slow reference switch sends out by them and in by them, for any number of
/// workers, with bandwidths, hairpins, EIPs that move, and super-packets.</summary>
public class EipMeterTests(ITestOutputHelper output)
{
    private const long StartNs = 1_700_000_000_000_000_000;
    private const int Frames = 60_000;
    private const int FramesBetweenChanges = 1_500;
    private const int UsualSeed = 77;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Meters_count_what_the_reference_switch_sends(int workers)
    {
        SwitchConfig[] configs = [.. TestTopologies.Changes().Where(c => c.Enis.All(e => e.SourceDestCheck)).Select(Metered)];
        Assert.True(configs.Length > 4, "rules change, EIPs are unbound, moved, taken away and brought back");
        int seed = Seeded.Take($"EIP meters {workers}", output.WriteLine, UsualSeed);
        var reference = new ReferenceSwitch(configs[0]);
        var traffic = new RandomTraffic(configs[0], seed);
        using var real = new SwitchUnderTest(configs[0], workers);
        var expected = new EipLedger(configs[0]);
        long nowNs = StartNs;
        for (int i = 0; i < Frames; i++)
        {
            if (i % FramesBetweenChanges == FramesBetweenChanges - 1)
            {
                SwitchConfig config = configs[((i / FramesBetweenChanges) + 1) % configs.Length];
                reference.Reconfigure(config);
                real.Reconfigure(config);
                traffic.Reconfigure(config);
                expected.Config = config;
            }

            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            if (!real.HasPort(next.Port))
            {
                continue;
            }

            ReferenceOutcome outcome = reference.Receive(next.Port, next.Frame, nowNs);
            real.Receive(next.Port, next.Frame, nowNs);
            expected.Note(next.Port, next.Frame, outcome);
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
            }

            if (i % FramesBetweenChanges == 0)
            {
                AssertSame(expected, real);
            }
        }

        AssertSame(expected, real);
        Assert.True(expected.HairpinPackets > 50, $"only {expected.HairpinPackets} packets went from EIP to EIP");
        Assert.True(expected.KnownDrops > 50, $"only {expected.KnownDrops} packets were over a bandwidth");
        Assert.All(Enum.GetValues<MeterWay>(), way => Assert.True(expected.Busy(way) >= 4, $"{way}: only {expected.Busy(way)} EIPs had traffic"));
        output.WriteLine($"{expected.HairpinPackets} hairpin, {expected.KnownDrops} over a bandwidth, of {expected.UnknownDrops} it is not known whose");
    }

    public static TheoryData<string> EipWays() => ["out by an EIP", "in by an EIP", "hairpin"];

    [Theory]
    [MemberData(nameof(EipWays))]
    public void A_super_packet_counts_as_its_segments(string name)
    {
        var way = Way.Named(name);
        using var real = new RecordedSwitch(Way.Config);
        byte[] payload = new byte[7_777];
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(way.Udp(payload.Length), 1_111);
        Assert.Single(real.Receive(way.InPort, frame, offload, Way.Start));
        MeterCounters[] whole = All(real.Workers.Eips);
        real.TakeOffloadFrom(way.OutPort);
        IReadOnlyList<FrameEnd> segments = real.Receive(way.InPort, frame, offload, Way.Start);
        MeterCounters[] both = All(real.Workers.Eips);
        int meters = name == "hairpin" ? 2 : 1;
        Assert.Equal(7, segments.Count);
        Assert.Equal(meters, whole.Count(m => (m.Packets, m.Bytes) == (7L, segments.Sum(s => s.Frame.Length - 14))));
        Assert.Equal(whole.Select(m => (2 * m.Packets, 2 * m.Bytes)), both.Select(m => (m.Packets, m.Bytes)));
        Assert.Equal(meters, whole.Count(m => m.Packets > 0));
        real.Finish(Way.Start);
    }

    [Fact]
    public void What_no_eip_sends_or_receives_is_nobodys()
    {
        using var real = new RecordedSwitch(Way.Config);
        foreach (Way way in Way.All.Where(w => !EipWays().Contains(w.Name)))
        {
            Assert.All(real.Receive(way.InPort, way.Udp(100), Way.Start), end => Assert.Equal(DropReason.None, end.Reason));
        }

        Assert.All(All(real.Workers.Eips), meter => Assert.Equal(0, meter.Packets));
        real.Finish(Way.Start);
    }

    [Fact]
    public void A_number_that_changes_hands_counts_from_zero()
    {
        var way = Way.Named("out by an EIP");
        using var real = new RecordedSwitch(Way.Config);
        int number = Enumerable.Range(1, real.Snapshot.EipCount - 1).Select(real.Snapshot.EipAt).Single(e => real.Snapshot.PortNames[e.Port] == "green").Number;
        real.Receive(way.InPort, way.Udp(100), Way.Start);
        Assert.Equal((1, 128), (real.Workers.Eips.SentBy(number).Packets, real.Workers.Eips.SentBy(number).Bytes));
        real.Workers.Eips.Rebase(number);
        Assert.Equal((0, 0), (real.Workers.Eips.SentBy(number).Packets, real.Workers.Eips.SentBy(number).Bytes));
        real.Receive(way.InPort, way.Udp(72), Way.Start);
        Assert.Equal((1, 100), (real.Workers.Eips.SentBy(number).Packets, real.Workers.Eips.SentBy(number).Bytes));
        real.Finish(Way.Start);
    }

    private static MeterCounters[] All(EipMeters meters) =>
        [.. Enumerable.Range(1, Way.Config.ElasticIps.Count).SelectMany(n => new[] { meters.SentBy(n), meters.ReceivedBy(n) })];

    /// <summary>No packet is cut, so what leaves is as long as what came; and bandwidths that the traffic meets.</summary>
    private static SwitchConfig Metered(SwitchConfig config) => config with
    {
        Internet = config.Internet! with { Mtu = 9000 },
        Enis = [.. config.Enis.Select(e => e with { Mtu = 9000 })],

        // A reset that the switch sends itself is in no meter, and the ledger could not tell it from a guest's.
        ElasticIps = [.. config.ElasticIps.Select(e => e with { Drift = DriftMode.Drop }).Select(e => e.Name switch
        {
            "web-ip" => e with { BandwidthBitsPerSecond = 8_000, BandwidthInBitsPerSecond = null },
            "app-ip" => e with { BandwidthBitsPerSecond = null, BandwidthInBitsPerSecond = 8_000 },
            "loose-ip" => e with { BandwidthBitsPerSecond = 8_000, BandwidthInBitsPerSecond = 8_000 },
            _ => e,
        })],
    };

    private static void AssertSame(EipLedger expected, SwitchUnderTest real)
    {
        long unknown = 0;
        for (int i = 1; i < real.Snapshot.EipCount; i++)
        {
            string name = real.Snapshot.EipNames[i];
            int number = real.Snapshot.EipAt(i).Number;
            foreach ((MeterWay way, MeterCounters seen) in (ReadOnlySpan<(MeterWay, MeterCounters)>)
                [(MeterWay.Sent, real.Workers.Eips.SentBy(number)), (MeterWay.Received, real.Workers.Eips.ReceivedBy(number))])
            {
                MeterCounters wanted = expected.Of(name, way);
                Assert.Equal((name, way, wanted.Packets, wanted.Bytes), (name, way, seen.Packets, seen.Bytes));
                unknown += seen.DroppedPackets - wanted.DroppedPackets;
                Assert.True(seen.DroppedPackets >= wanted.DroppedPackets && seen.DroppedBytes >= wanted.DroppedBytes, $"{name} {way}: drops");
                Assert.True(
                    expected.UnknownDrops > 0 || (seen.DroppedPackets, seen.DroppedBytes) == (wanted.DroppedPackets, wanted.DroppedBytes),
                    $"{name} {way}: {seen.DroppedPackets} drops, {wanted.DroppedPackets} wanted");
            }
        }

        Assert.InRange(unknown, 0, expected.UnknownDrops);
    }
}
