using VSwitch.DataPlane.Pipeline;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>What happens beside the fast path happens in the same order, byte for byte, for any number of workers; and nothing
/// is lost at the end of a replay.</summary>
public class WorkerCountTests(ITestOutputHelper output)
{
    private static readonly MacAddress Neighbor = new(0x0200_0000_9999);

    [Fact]
    public void One_to_four_workers_send_and_drop_the_same_in_the_same_order()
    {
        int seed = Seeded.Take("worker count", output.WriteLine);
        (string Port, byte[] Frame, long AtNs)[] traffic = [.. Traffic(new Random(seed), 6000)];
        string[] one = Run(traffic, 1);
        foreach (DropReason reason in new[]
        {
            DropReason.FragmentOverlap, DropReason.FragmentUnmatched, DropReason.NeighborUnresolved, DropReason.MtuExceeded,
            DropReason.TtlExpired, DropReason.NoRoute,
        })
        {
            Assert.Contains(one, end => end.Contains($" {reason.Name()} ", StringComparison.Ordinal));
        }

        for (int workers = 2; workers <= 4; workers++)
        {
            string[] more = Run(traffic, workers);
            for (int i = 0; i < Math.Min(one.Length, more.Length); i++)
            {
                Assert.True(one[i] == more[i], $"{workers} workers, end {i}: {more[i]}; one worker: {one[i]}");
            }

            Assert.Equal(one.Length, more.Length);
        }
    }

    /// <summary>More datagrams at once than there is room for: who gives way does not depend on the workers either.</summary>
    [Fact]
    public void A_flood_of_datagrams_ends_the_same()
    {
        var random = new Random(Seeded.Take("worker count, flood", output.WriteLine));
        Way[] ways = [Way.Named("within a subnet"), Way.Named("between subnets"), Way.Named("in by an EIP")];
        byte[][][] fragments = [.. ways.Select(way => way.Fragments(60, 24).ToArray())];
        var traffic = new (string Port, byte[] Frame, long AtNs)[30_000];
        for (int i = 0; i < traffic.Length; i++)
        {
            int way = random.Next(8) == 0 ? random.Next(3) : 0;
            byte[] frame = [.. fragments[way][random.Next(fragments[way].Length)]];
            FragmentTests.Renumber(frame, (ushort)random.Next(20_000));
            traffic[i] = (ways[way].InPort, frame, Way.Start + (i * 30_000L));
        }

        string[] one = Run(traffic, 1);
        Assert.Contains(one, end => end.Contains(" sent ", StringComparison.Ordinal));
        Assert.Equal(one, Run(traffic, 3));
    }

    [Fact]
    public void A_replay_drops_what_is_held_at_its_end_and_adds_up()
    {
        var fragment = Way.Named("within a subnet");
        var unknown = new Way("unknown", "green", "", Way.Between("green", "", "10.0.1.10", "198.51.100.99", routed: true));
        (byte[] Frame, long AtNs)[] frames =
        [
            (fragment.Fragments(100, 32, 1)[1], 0), (unknown.Udp(10), 200_000_000), (fragment.Udp(10), 3 * Way.Second),
            (fragment.Fragments(100, 32, 2)[1], 4 * Way.Second), (unknown.Udp(11), 4 * Way.Second),
        ];
        string[] results = [.. new[] { 1, 2, 4 }.Select(workers => Replay(frames, workers))];
        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    private static string Replay((byte[] Frame, long AtNs)[] frames, int workers)
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-replay-").FullName;
        try
        {
            string file = Path.Combine(folder, "in.pcap");
            using (var writer = new VSwitch.Devices.Pcap.PcapWriter(file))
            {
                Array.ForEach(frames, f => writer.Write(f.Frame, Way.Start + f.AtNs));
            }

            string results = Path.Combine(folder, "out");
            ReplaySummary summary;
            using (var runner = new ReplayRunner(Way.Config, new ReplayOptions([("green", file)], results, workers, 0)))
            {
                summary = runner.Run(CancellationToken.None);
            }

            Assert.Equal((5, 1, 4), (summary.Read, summary.Forwarded, summary.Dropped));
            Assert.Equal((2, 2), (summary.Drops["fragment-unmatched"], summary.Drops["neighbor-unresolved"]));
            Assert.Equal(
                [Way.Second, 1_200_000_000, 4 * Way.Second, 4 * Way.Second],
                Times(Path.Combine(results, "drops.pcapng")).Select(t => t - Way.Start));

            // An answer for the one whose time was up, and none for the one that was given up.
            Assert.Equal([1_200_000_000], Times(Path.Combine(results, "green.pcap")).Select(t => t - Way.Start));
            return string.Join(' ', Directory.GetFiles(results).Order(StringComparer.Ordinal)
                .Select(f => Path.GetFileName(f) + Convert.ToHexString(File.ReadAllBytes(f))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<long> Times(string capture)
    {
        using var reader = VSwitch.Devices.Pcap.CaptureReader.Open(capture);
        var times = new List<long>();
        while (reader.TryReadNext(out VSwitch.Devices.Pcap.CaptureRecord record))
        {
            times.Add(record.TimestampNs);
        }

        return times;
    }

    private static string[] Run((string Port, byte[] Frame, long AtNs)[] traffic, int workers)
    {
        using var real = new RecordedSwitch(Way.Config, workers);
        var ends = new List<string>();
        foreach ((string port, byte[] frame, long atNs) in traffic)
        {
            ends.AddRange(real.Receive(port, frame, atNs).Select(e => e.ToString()));
        }

        real.Finish(traffic[^1].AtNs);
        ends.AddRange(real.Take().Select(e => e.ToString()));
        return [.. ends];
    }

    /// <summary>Fragments in disorder, some lost, repeated or cut otherwise; packets to next hops that answer late or never;
    /// packets that are too long, too old, or have no way.</summary>
    private static IEnumerable<(string Port, byte[] Frame, long AtNs)> Traffic(Random random, int count)
    {
        var waiting = new List<(string Port, byte[] Frame)>();
        long nowNs = Way.Start;
        for (int i = 0; i < count; i++)
        {
            nowNs += random.Next(10) == 0 ? random.Next(400_000_000) : random.Next(1_000_000);
            if (waiting.Count < 20)
            {
                waiting.AddRange(Batch(random));
            }

            int next = random.Next(waiting.Count);
            (string port, byte[] frame) = waiting[next];
            if (random.Next(12) != 0)
            {
                waiting.RemoveAt(next);
            }

            yield return (port, frame, nowNs);
        }
    }

    private static IEnumerable<(string Port, byte[] Frame)> Batch(Random random)
    {
        Way way = Way.All[random.Next(Way.All.Length)];
        bool isV6 = random.Next(3) == 0;
        byte last = (byte)(100 + random.Next(8));
        var unknown = new Way("unknown", "green", "", isV6
            ? Way.Between("green", "", "fd00:9:0:1::10", $"2001:db8:100::{last:x}", routed: true)
            : Way.Between("green", "", "10.0.1.10", $"198.51.100.{last}", routed: true));
        way = random.Next(3) == 0 ? unknown : way;
        ushort id = (ushort)random.Next(40);
        ushort port = (ushort)(5000 + random.Next(30));
        switch (random.Next(6))
        {
            case 0:
                return [(way.InPort, way.Udp(random.Next(1500, 4000), id, port))];
            case 1:
                return [(way.InPort, way.Udp(20, id, port, ttl: 1)), (way.InPort, way.Udp(20, id, port))];
            case 2:
                IpAddress from = unknown.Ends.Destination;
                return
                [
                    ("internet", isV6
                        ? PacketBuilder.Eth(Neighbor, Way.Config.Internet!.Mac)
                            .IPv6(from, Way.Config.Internet.Addresses[1].Address, ip => ip with { HopLimit = 255 })
                            .NeighborAdvertisement(from, Neighbor, 0x60).Build()
                        : Frames.ArpReply(Neighbor, from, Way.Config.Internet!.Mac, IpAddress.Parse("198.51.100.1"))),
                ];
            case 3:
                var lost = new Way("lost", "web", "", Way.Between("web", "", "10.0.1.10", "10.0.77.7", routed: true));
                return [("web", lost.Udp(20, id, port))];
            default:
                IEnumerable<byte[]> fragments = way.Fragments(random.Next(60, 400), 8 * random.Next(2, 12), id, port);
                return fragments.Select(f => (way.InPort, f));
        }
    }
}
