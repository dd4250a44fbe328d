using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>What a tap takes down is what went in, what went out and what was dropped: every packet once, byte for byte.</summary>
public sealed class PacketTapTests(ITestOutputHelper output)
{
    private const long StartNs = 1_000_000_000;
    private const int PortCapacity = 64;
    private const int RoomyRing = 64 << 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Of_random_traffic_every_packet_is_taken_down_as_it_came_in_and_as_it_left(int workers)
    {
        int seed = Seeded.Take("tap", output.WriteLine);
        var random = new Random(seed);
        using var sut = new RecordedSwitch(TestTopologies.Rich(), workers);
        using var tap = new PacketTap(workers, PortCapacity, CaptureReader.MaxRecordBytes, RoomyRing, isUnlimited: true);
        sut.Watch((tap, PacketMatch.All));
        var traffic = new RandomTraffic(sut.Config, seed);
        List<string> given = [];
        List<string> sent = [];
        List<string> dropped = [];
        var taken = new List<TapEntry>();
        long nowNs = StartNs;
        for (int i = 0; i < 4000; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            // Now and then a port takes nothing: what was rewritten for it is dropped, and was something else when it came in.
            sut.Limit("app", random.Next(8) == 0 ? 0 : int.MaxValue);
            given.Add($"{sut.PortOf(next.Port)} {Convert.ToHexString(next.Frame)}");
            Note(sut, sut.Receive(next.Port, next.Frame, nowNs), traffic, sent, dropped);
            taken.AddRange(TapReader.Take(tap));
        }

        sut.Take();
        sut.Finish(nowNs + 2_000_000_000);
        Note(sut, sut.Take(), null, sent, dropped);
        taken.AddRange(TapReader.Take(tap));

        AssertSame("came in", given, taken.Where(t => t.Direction == PacketDirection.In).Select(Bytes));
        AssertSame("went out", sent, taken.Where(t => t.Direction == PacketDirection.Out).Select(Bytes));
        AssertSame("dropped", dropped, taken.Where(t => t.Verdict == PacketVerdict.Dropped).Select(t => $"{t.Reason} {Bytes(t)}"));
        Assert.Contains(taken, t => t.Reason == DropReason.QueueFull);
        Assert.All(taken, t => Assert.Equal(t.Length, t.Frame.Length));
        AssertVerdicts(sut, taken);
    }

    [Fact]
    public void A_super_packet_through_an_eip_is_taken_down_whole_as_it_came_and_in_the_pieces_that_left()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        sut.TakeOffloadFrom("internet");
        using var tap = new PacketTap(1, PortCapacity, CaptureReader.MaxRecordBytes, RoomyRing, isUnlimited: true);
        sut.Watch((tap, PacketMatch.All));
        FrameAddresses ends = OutOfWeb(sut.Config);
        sut.Receive("web", Frames.Tcp(ends, 4000, 80, TcpBits.Syn), StartNs);
        sut.Receive("web", Frames.Udp(ends, 4000, 53, 16), StartNs);
        TapReader.Take(tap);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Frames.Udp(ends, 4000, 53, 3000), segment: 1000);

        IReadOnlyList<FrameEnd> left = sut.Receive("web", frame, offload, StartNs + 1);

        List<TapEntry> taken = TapReader.Take(tap);
        TapEntry whole = Assert.Single(taken, t => t.Direction == PacketDirection.In);
        Assert.Equal(Convert.ToHexString(frame), Convert.ToHexString(whole.Frame));
        Assert.Equal((PacketVerdict.Forwarded, sut.PortOf("internet")), (whole.Verdict, whole.OtherPort));
        Assert.Equal(3, left.Count);
        AssertSame("pieces", left.Select(e => Convert.ToHexString(e.Frame)), taken.Where(t => t.Direction == PacketDirection.Out).Select(t => Convert.ToHexString(t.Frame)));
    }

    [Fact]
    public unsafe void A_checksum_left_to_the_device_is_filled_in_by_the_reader()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        using var tap = new PacketTap(1, PortCapacity, CaptureReader.MaxRecordBytes, RoomyRing, isUnlimited: true);
        sut.Watch((tap, new PacketMatch { Direction = PacketDirection.In }));
        byte[] right = Frames.Udp(AToB(sut.Config), 4000, 53, 100);
        (byte[] partial, VirtioNetHeader offload) = SuperPackets.Of(right);
        sut.Receive("a", partial, offload, StartNs);

        PacketRecord* record = tap.Peek(out int worker);
        PacketRecord.CompleteChecksum(record);

        Assert.Equal(
            Convert.ToHexString(right), Convert.ToHexString(new ReadOnlySpan<byte>(PacketRecord.FrameOf(record), record->CapturedBytes)));
        tap.Release(worker, record);
    }

    [Fact]
    public void Only_the_beginning_is_kept_where_that_is_asked_for()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        byte[] frame = Frames.Udp(OutOfWeb(sut.Config), 4000, 53, 400);
        foreach (int snapBytes in new[] { 14, 25, 30, 41, 42, 100 })
        {
            using var tap = new PacketTap(1, PortCapacity, snapBytes, 4096, isUnlimited: true);
            sut.Watch((tap, new PacketMatch { Direction = PacketDirection.In }));
            sut.Receive("web", frame, StartNs);

            TapEntry entry = Assert.Single(TapReader.Take(tap));

            Assert.Equal(Convert.ToHexString(frame[..snapBytes]), Convert.ToHexString(entry.Frame));
            Assert.Equal(frame.Length, entry.Length);
            sut.Watch();
        }
    }

    [Fact]
    public void A_ring_that_is_full_loses_and_counts_and_says_so_with_the_next_packet()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        using var tap = new PacketTap(1, PortCapacity, 1000, 4096, isUnlimited: true);
        int port = sut.PortOf("a");
        sut.Watch((tap, new PacketMatch { Port = port, Direction = PacketDirection.In }));
        byte[] frame = Frames.Udp(AToB(sut.Config), 4000, 53, 900);
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(DropReason.None, Assert.Single(sut.Receive("a", frame, StartNs + i)).Reason);
        }

        TapCounts full = tap.CountsOf(port);
        List<TapEntry> first = TapReader.Take(tap);
        sut.Receive("a", frame, StartNs + 20);
        TapEntry next = Assert.Single(TapReader.Take(tap));

        Assert.InRange(first.Count, 3, 4);
        Assert.Equal((first.Count, 10 - first.Count, 0), (full.Taken, full.NoRoom, full.PassedOver));
        Assert.All(first, e => Assert.Equal(0, e.LostBefore));
        Assert.Equal(10 - first.Count, next.LostBefore);

        // Round and round, at every alignment, nothing is torn.
        for (int i = 0; i < 500; i++)
        {
            byte[] other = Frames.Udp(AToB(sut.Config), 4000, 53, i % 901);
            sut.Receive("a", other, StartNs + 30 + i);
            Assert.Equal(Convert.ToHexString(other), Convert.ToHexString(Assert.Single(TapReader.Take(tap)).Frame));
        }
    }

    [Fact]
    public void Watchers_come_and_go_and_none_sees_a_packet_that_was_meant_for_another()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        using var first = new PacketTap(1, PortCapacity, 1000, 4096, isUnlimited: true);
        using var second = new PacketTap(1, PortCapacity, 1000, 4096, isUnlimited: true);
        FrameAddresses cold = OutOfWeb(sut.Config) with { Destination = TestTopologies.Ip("198.51.100.99") };
        sut.Watch((first, new PacketMatch { Direction = PacketDirection.In }));

        // Held for its next hop, it ends when the one who meant it has gone and another one has come.
        sut.Receive("web", Frames.Udp(cold, 4000, 53), StartNs);
        Assert.Equal(1, sut.Held("web"));
        sut.Watch();
        sut.Watch((second, new PacketMatch { Direction = PacketDirection.In }));
        sut.Wait(StartNs + 1_500_000_000);

        Assert.Equal(0, sut.Held("web"));
        Assert.Empty(TapReader.Take(first));
        Assert.Empty(TapReader.Take(second));
        sut.Receive("web", Frames.Udp(cold, 4001, 53), StartNs + 2_000_000_000);
        sut.Wait(StartNs + 4_000_000_000);
        TapEntry entry = Assert.Single(TapReader.Take(second));
        Assert.Equal((DropReason.NeighborUnresolved, StartNs + 2_000_000_000), (entry.Reason, entry.TimeNs));
    }

    [Fact]
    public void There_is_a_most_number_of_watchers()
    {
        uint version = 0;
        PacketTap[] taps = [.. Enumerable.Range(0, WatchSet.MaxWatchers + 1).Select(_ => new PacketTap(1, 1, 64, 4096))];

        Assert.NotNull(WatchSet.After(null, ref version, [.. taps.Skip(1).Select(t => ((PacketWatcher)t, PacketMatch.All))]));
        Assert.Throws<ArgumentException>(() => WatchSet.After(null, ref version, [.. taps.Select(t => ((PacketWatcher)t, PacketMatch.All))]));
        Array.ForEach(taps, t => t.Dispose());
    }

    internal static FrameAddresses AToB(SwitchConfig config) => new(
        config.Enis[0].Mac, config.Enis[1].Mac, config.Enis[0].PrivateIps[0], config.Enis[1].PrivateIps[0]);

    internal static FrameAddresses OutOfWeb(SwitchConfig config) => new(
        config.Enis[0].Mac, config.Switch.GatewayMac, config.Enis[0].PrivateIps[0], TestTopologies.Ip("203.0.113.5"));

    private static string Bytes(TapEntry entry) => $"{entry.Port} {Convert.ToHexString(entry.Frame)}";

    private static void Note(
        RecordedSwitch sut, IReadOnlyList<FrameEnd> ends, RandomTraffic? traffic, List<string> sent, List<string> dropped)
    {
        foreach (FrameEnd end in ends)
        {
            if (end.Reason == DropReason.None)
            {
                sent.Add($"{sut.PortOf(end.Port)} {Convert.ToHexString(end.Frame)}");
                traffic?.Observe(end.Port, end.Frame);
            }
            else
            {
                dropped.Add($"{end.Reason} {sut.PortOf(end.Port)} {Convert.ToHexString(end.Frame)}");
            }
        }
    }

    private static void AssertSame(string what, IEnumerable<string> expected, IEnumerable<string> seen)
    {
        Dictionary<string, int> left = expected.CountBy(e => e).ToDictionary();
        foreach (string one in seen)
        {
            Assert.True(left.TryGetValue(one, out int count) && count > 0, $"{what}: not there, or too often: {one}");
            left[one] = count - 1;
        }

        Assert.True(left.Values.All(n => n == 0), $"{what}: not taken down: {left.FirstOrDefault(l => l.Value > 0).Key}");
    }

    /// <summary>The verdicts are the counters'.</summary>
    private static void AssertVerdicts(RecordedSwitch sut, List<TapEntry> taken)
    {
        for (int port = 0; port < sut.Devices.Length; port++)
        {
            PortCounters c = sut.Workers.Sum(port);
            long Count(PacketVerdict verdict) => taken.Count(t => t.Port == port && t.Direction == PacketDirection.In && t.Verdict == verdict);
            Assert.Equal(
                (c.Forwarded, c.Answered, c.Consumed, c.Dropped),
                (Count(PacketVerdict.Forwarded), Count(PacketVerdict.Answered), Count(PacketVerdict.Consumed), Count(PacketVerdict.Dropped)));
            Assert.Equal(c.SentPackets, taken.Count(t => t.Port == port && t.Direction == PacketDirection.Out));
        }
    }
}
