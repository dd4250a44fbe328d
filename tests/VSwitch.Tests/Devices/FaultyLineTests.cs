using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Faults;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>What a line with faults does, on a clock of the test: each fault alone, their chances over many frames, and that the same seed
/// gives the same again.</summary>
public sealed unsafe class FaultyLineTests
{
    private const long Ms = 1_000_000;
    private const int Many = 20_000;

    [Fact]
    public void Without_faults_frames_pass_at_once_and_in_order()
    {
        using var line = new FaultyLine(1);
        Assert.True(line.IsClear);
        Put(line, 0, 5);
        Assert.Equal([(0, 0), (0, 1), (0, 2), (0, 3), (0, 4)], Run(line, 0));
        Assert.Equal(new LineCounts(5, 0, 0, 0, 0, 0), line.Counts);
        Assert.Equal(long.MaxValue, line.NextDueNs);
    }

    [Fact]
    public void A_delay_is_exact_and_what_is_on_its_way_keeps_the_delay_it_was_sent_with()
    {
        using var line = new FaultyLine(1) { Faults = new LineFaults { DelayNs = 20 * Ms } };
        Put(line, 0, 1);
        Assert.Empty(Run(line, (20 * Ms) - 1));
        line.Faults = new LineFaults { DelayNs = 50 * Ms };
        Put(line, 5 * Ms, 1, first: 1);
        Assert.Equal(20 * Ms, line.NextDueNs);
        Assert.Equal([(20, 0)], Run(line, 20 * Ms));
        Assert.Equal([(55, 1)], Run(line, 60 * Ms));
        Assert.False(line.IsClear);
    }

    [Fact]
    public void Jitter_stays_within_its_bounds_and_never_changes_the_order()
    {
        using var line = new FaultyLine(7) { Faults = new LineFaults { DelayNs = 20 * Ms, JitterNs = 10 * Ms } };
        var lateness = new List<long>();
        int next = 0;
        for (int i = 0; i < 500; i++)
        {
            Put(line, i * 100 * Ms, 1, first: i);
            (long atMs, int number) = Assert.Single(Run(line, (i + 1) * 100 * Ms, stepNs: Ms / 10));
            lateness.Add(atMs - (i * 100));
            Assert.Equal(next++, number);
        }

        Assert.All(lateness, l => Assert.InRange(l, 10, 30));
        Assert.InRange(lateness.Average(), 19, 21);
        Assert.True(lateness.Max() - lateness.Min() >= 18, "it is spread over nearly all of them");
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.3)]
    public void Chances_are_what_they_are_said_to_be(double part)
    {
        using var line = new FaultyLine(3) { Faults = new LineFaults { Loss = part, Duplicate = part, Corrupt = part } };
        int spoilt = 0;
        for (int i = 0; i < Many; i++)
        {
            Put(line, i, 1, first: 77);
            spoilt += Drain(line, i).Count(f => f.Bytes.Sum(b => (int)b) != 77);
        }

        LineCounts counts = line.Counts;
        double spread = 5 * Math.Sqrt(part * (1 - part) * Many);
        Assert.InRange(counts.Lost, (part * Many) - spread, (part * Many) + spread);
        long kept = Many - counts.Lost;
        Assert.InRange(counts.Duplicated, (part * kept) - spread, (part * kept) + spread);
        Assert.Equal(kept + counts.Duplicated, counts.Passed);
        Assert.InRange(counts.Corrupted, (part * counts.Passed) - (2 * spread), (part * counts.Passed) + (2 * spread));
        Assert.Equal(counts.Corrupted, spoilt);
    }

    [Fact]
    public void A_corrupt_frame_differs_in_exactly_one_bit()
    {
        using var line = new FaultyLine(5) { Faults = new LineFaults { Corrupt = 1 } };
        var places = new HashSet<int>();
        for (int i = 0; i < 2000; i++)
        {
            line.Put(new byte[64], default, i);
            byte[] bytes = Assert.Single(Drain(line, i)).Bytes;
            Assert.Equal(1, bytes.Sum(b => System.Numerics.BitOperations.PopCount(b)));
            places.Add(Array.FindIndex(bytes, b => b != 0));
        }

        Assert.Equal(64, places.Count);
    }

    [Fact]
    public void What_is_reordered_overtakes_the_delayed_and_nothing_else_changes_its_order()
    {
        using var line = new FaultyLine(11) { Faults = new LineFaults { DelayNs = 50 * Ms, Reorder = 0.25 } };
        for (int i = 0; i < 100; i++)
        {
            Put(line, i * Ms, 1, first: i);
        }

        List<(long AtMs, int Number)> seen = Run(line, 200 * Ms);
        Assert.Equal(Enumerable.Range(0, 100), seen.Select(s => s.Number).Order());
        Assert.InRange(line.Counts.Reordered, 10, 45);
        int[] late = [.. seen.Where(s => s.AtMs >= 50 + s.Number).Select(s => s.Number)];
        Assert.Equal(100 - line.Counts.Reordered, late.Length);
        Assert.Equal(late.Order(), late);
    }

    [Fact]
    public void A_rate_passes_its_bits_a_second_and_what_has_no_room_is_lost()
    {
        const int Bytes = 1250;
        using var line = new FaultyLine(1) { Faults = new LineFaults { BitsPerSecond = 10_000_000, Limit = 100 } };
        for (int i = 0; i < 300; i++)
        {
            line.Put(new byte[Bytes], default, 0);
        }

        // 1250 bytes at 10 Mbit/s are 1 ms.
        Assert.Equal(200, line.Counts.Overflowed);
        Assert.Equal(Ms, line.NextDueNs);
        Assert.Equal(Enumerable.Range(1, 100).Select(i => (long)i), Run(line, 1000 * Ms).Select(f => f.AtMs));
        line.Put(new byte[Bytes], default, 2000 * Ms);
        Assert.Equal(2001 * Ms, line.NextDueNs);
    }

    [Fact]
    public void The_same_seed_gives_the_same_and_another_one_something_else()
    {
        string[] runs = [.. new ulong[] { 4, 4, 5 }.Select(seed =>
        {
            using var line = new FaultyLine(seed)
            {
                Faults = new LineFaults { DelayNs = 3 * Ms, JitterNs = 2 * Ms, Loss = 0.1, Duplicate = 0.1, Reorder = 0.1, Corrupt = 0.1 },
            };
            for (int i = 0; i < 200; i++)
            {
                Put(line, i * Ms, 1, first: i);
            }

            return string.Join(' ', Run(line, 1000 * Ms));
        })];
        Assert.Equal(runs[0], runs[1]);
        Assert.NotEqual(runs[0], runs[2]);
    }

    [Fact]
    public void Super_packets_and_what_is_left_to_the_device_stay_whole_and_no_memory_is_allocated()
    {
        using var line = new FaultyLine(1) { Faults = new LineFaults { DelayNs = Ms } };
        byte[] super = new byte[65_000];
        var offload = new VirtioNetHeader { Flags = VirtioNetHeader.NeedsChecksum, GsoType = VirtioNetHeader.Tcp4, GsoSize = 1400 };
        line.Put(super, offload, 0);
        (byte[] bytes, VirtioNetHeader kept) = Assert.Single(Drain(line, Ms));
        Assert.Equal((65_000, 1400, VirtioNetHeader.Tcp4), (bytes.Length, kept.GsoSize, kept.GsoType));
        line.Put(new byte[100_000], default, 0);
        Assert.Equal(1, line.Counts.Overflowed);

        long nowNs = 0;
        AllocationGuard.RequireNone("a line", () =>
        {
            PacketBuffer** due = stackalloc PacketBuffer*[4];
            for (int i = 0; i < 100; i++)
            {
                nowNs += Ms;
                line.Put(super.AsSpan(0, 100), default, nowNs);
                int count = line.TakeDue(nowNs, due, 4);
                line.Return(due, count, count);
            }
        });
    }

    private static void Put(FaultyLine line, long nowNs, int count, int first = 0)
    {
        for (int i = 0; i < count; i++)
        {
            byte[] frame = new byte[60];
            frame[0] = (byte)((first + i) % 256);
            frame[1] = (byte)((first + i) / 256);
            line.Put(frame, default, nowNs);
        }
    }

    /// <summary>Takes frames as they fall due, up to a time.</summary>
    private static List<(long AtMs, int Number)> Run(FaultyLine line, long untilNs, long stepNs = 0)
    {
        var seen = new List<(long, int)>();
        while (line.NextDueNs <= untilNs)
        {
            long nowNs = line.NextDueNs + stepNs;
            seen.AddRange(Drain(line, nowNs).Select(f => (nowNs / Ms, f.Bytes[0] + (256 * f.Bytes[1]))));
        }

        return seen;
    }

    private static List<(byte[] Bytes, VirtioNetHeader Offload)> Drain(FaultyLine line, long nowNs)
    {
        PacketBuffer** due = stackalloc PacketBuffer*[8];
        var frames = new List<(byte[], VirtioNetHeader)>();
        for (int count = line.TakeDue(nowNs, due, 8); count > 0; count = line.TakeDue(nowNs, due, 8))
        {
            for (int i = 0; i < count; i++)
            {
                frames.Add((new ReadOnlySpan<byte>(due[i]->Data, due[i]->Length).ToArray(), due[i]->Offload));
            }

            line.Return(due, count, count);
        }

        return frames;
    }
}
