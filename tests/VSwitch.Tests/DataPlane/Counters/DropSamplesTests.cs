using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Counters;

/// <summary>The last packet of each drop reason: the right one at low rates, a recent one in a storm, never half of one.</summary>
public sealed class DropSamplesTests(ITestOutputHelper output) : IDisposable
{
    private const DropReason Reason = DropReason.NoRoute;
    private readonly DropSamples _samples = new();

    [Fact]
    public void Nothing_was_dropped_at_first()
    {
        Assert.All(DropReasons.All.ToArray(), reason => Assert.Null(_samples.Read(reason)));
        Assert.Equal(long.MinValue, _samples.LatestNs);
    }

    [Fact]
    public void Each_reason_keeps_its_last_packet()
    {
        Note(DropReason.NoRoute, 5, port: 1, Filled(60, 7));
        Note(DropReason.SpoofedIp, 6, port: 2, Filled(1500, 8));
        Note(DropReason.NoRoute, 7, port: 3, Filled(20, 9));
        AssertIs(_samples.Read(DropReason.NoRoute), 7, port: 3, Filled(20, 9));
        AssertIs(_samples.Read(DropReason.SpoofedIp), 6, port: 2, Filled(1500, 8));
        Assert.Equal(7, _samples.LatestNs);
    }

    [Fact]
    public void A_frame_without_bytes_is_kept_too()
    {
        Note(Reason, 5, port: 1, []);
        AssertIs(_samples.Read(Reason), 5, port: 1, []);
    }

    [Fact]
    public void A_storm_keeps_the_first_64_of_each_window()
    {
        const long startNs = 1_000_000_000;
        for (int i = 0; i < 10_000; i++)
        {
            Note(Reason, startNs + i, port: i, Filled(60, (byte)i));
        }

        Assert.Equal(63, _samples.Read(Reason)?.Port);
        Note(DropReason.SpoofedIp, startNs + 10_000, port: 5, Filled(60, 1));
        Assert.Equal(5, _samples.Read(DropReason.SpoofedIp)?.Port);

        Note(Reason, startNs + DropSamples.WindowNs - 1, port: 70_000, Filled(60, 1));
        Assert.Equal(63, _samples.Read(Reason)?.Port);
        Note(Reason, startNs + DropSamples.WindowNs, port: 70_001, Filled(60, 1));
        Assert.Equal(70_001, _samples.Read(Reason)?.Port);
    }

    [Fact]
    public void At_640_a_second_it_is_always_the_last_one()
    {
        for (int i = 0; i < 2000; i++)
        {
            Note(Reason, i * 1_600_000L, port: i, Filled(60, (byte)i));
            Assert.Equal(i, _samples.Read(Reason)?.Port);
        }
    }

    [Fact]
    public void A_reader_never_sees_half_of_a_packet()
    {
        const int writes = 400_000;
        bool isOver = false;
        int seen = 0;
        string? torn = null;
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref isOver) && torn == null)
            {
                if (_samples.Read(Reason) is DropSample sample)
                {
                    int n = (int)(sample.TimeNs / DropSamples.WindowNs);
                    bool isWhole = sample.Port == n && sample.LengthBytes == LengthOf(n) &&
                        sample.Head.Span.IndexOfAnyExcept((byte)n) < 0;
                    torn = isWhole ? null : $"{sample} {Convert.ToHexString(sample.Head.Span)}";
                    seen++;
                }
            }
        });
        reader.Start();
        byte[][] frames = [.. Enumerable.Range(0, 256).Select(i => Filled(200, (byte)i))];
        for (int i = 0; i < writes; i++)
        {
            Note(Reason, i * DropSamples.WindowNs, port: i, frames[i & 255].AsSpan(0, LengthOf(i)));
        }

        // The reader looks at the last one too, however it was scheduled meanwhile.
        SpinWait.SpinUntil(() => Volatile.Read(ref seen) > 0 || Volatile.Read(ref torn) != null);
        Volatile.Write(ref isOver, true);
        reader.Join();
        output.WriteLine($"{seen} reads");
        Assert.Null(torn);
        Assert.Equal(writes - 1, _samples.Read(Reason)?.Port);
    }

    [Fact]
    public void It_is_the_packet_that_was_dropped()
    {
        int seed = Seeded.Take("drop samples", output.WriteLine);
        SwitchConfig config = TestTopologies.Rich();
        using var real = new SwitchUnderTest(config, workers: 2);
        var traffic = new RandomTraffic(config, seed);
        long nowNs = 1_000_000_000;
        int dropped = 0;
        for (int i = 0; i < 20_000; i++)
        {
            TrafficFrame next = traffic.Next();
            // A frame may end many others that were held, a reason's whole share of a window: each has a window of its own.
            nowNs += DropSamples.WindowNs;
            ReferenceOutcome outcome = real.Receive(next.Port, next.Frame, nowNs);
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
            }

            // Held frames that ended with it may have been dropped for the same reason, later.
            if (outcome.Kind == OutcomeKind.Dropped && outcome.Ends.Count == 0)
            {
                DropSample? sample = real.Workers.LastDrop(outcome.DropReason);
                AssertIs(sample, nowNs, Array.IndexOf(real.Snapshot.PortNames, next.Port), real.LastDropped);
                dropped++;
            }
        }

        Assert.True(dropped > 1000, $"{dropped} frames were dropped");
    }

    [Fact]
    public void Of_two_workers_it_is_the_later_one()
    {
        using var real = new SwitchUnderTest(TestTopologies.Small(), workers: 2);
        real.Workers.Workers[0].Refuse(1, Filled(60, 1), Reason, nowNs: 100);
        real.Workers.Workers[1].Refuse(2, Filled(60, 2), Reason, nowNs: 90);
        Assert.Equal(1, real.Workers.LastDrop(Reason)?.Port);
        real.Workers.Workers[1].Refuse(2, Filled(60, 2), Reason, nowNs: 110);
        Assert.Equal(2, real.Workers.LastDrop(Reason)?.Port);
    }

    [Fact]
    public void A_packet_of_a_port_that_is_gone_is_not_blamed_on_its_successor()
    {
        using var real = new SwitchUnderTest(TestTopologies.Small());
        real.Workers.Workers[0].Refuse(1, Filled(60, 1), Reason, nowNs: 100);
        real.Workers.Rebase(1);
        Assert.Equal(-1, real.Workers.LastDrop(Reason)?.Port);
        real.Workers.Workers[0].Refuse(1, Filled(60, 2), Reason, nowNs: 101);
        Assert.Equal(1, real.Workers.LastDrop(Reason)?.Port);
    }

    public void Dispose() => _samples.Dispose();

    private static int LengthOf(int i) => 20 + (i % 150);

    private static byte[] Filled(int length, byte value)
    {
        byte[] frame = new byte[length];
        frame.AsSpan().Fill(value);
        return frame;
    }

    private static void AssertIs(DropSample? sample, long timeNs, int port, byte[] frame)
    {
        Assert.NotNull(sample);
        Assert.Equal((timeNs, port, frame.Length), (sample.TimeNs, sample.Port, sample.LengthBytes));
        Assert.Equal(frame[..Math.Min(frame.Length, DropSamples.HeadBytes)], sample.Head.ToArray());
    }

    private unsafe void Note(DropReason reason, long nowNs, int port, ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            _samples.Note(reason, nowNs, port, bytes, frame.Length);
        }
    }
}
