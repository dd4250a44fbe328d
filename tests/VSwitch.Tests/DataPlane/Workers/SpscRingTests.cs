using VSwitch.DataPlane.Buffers;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>The ring between two workers. Its buffers are only carried, so that here their addresses are numbers.</summary>
public sealed unsafe class SpscRingTests
{
    private const int Capacity = 256;

    [Fact]
    public void What_is_staged_is_seen_once_published()
    {
        using var ring = new SpscRing(Capacity);
        PacketBuffer** taken = stackalloc PacketBuffer*[Capacity];
        Assert.True(ring.TryStage((PacketBuffer*)1));
        Assert.True(ring.TryStage((PacketBuffer*)2));
        Assert.Equal((0, 0), (ring.Count, ring.Pop(taken, Capacity)));
        ring.Publish();
        Assert.Equal((2, 2), (ring.Count, ring.Pop(taken, Capacity)));
        Assert.Equal((1, 2), ((long)taken[0], (long)taken[1]));
    }

    [Fact]
    public void A_full_ring_takes_no_more_until_something_was_taken_from_it()
    {
        using var ring = new SpscRing(Capacity);
        PacketBuffer** taken = stackalloc PacketBuffer*[1];
        for (int i = 1; i <= Capacity; i++)
        {
            Assert.True(ring.TryStage((PacketBuffer*)i));
        }

        Assert.False(ring.TryStage((PacketBuffer*)1000));
        ring.Publish();
        Assert.False(ring.TryStage((PacketBuffer*)1000));
        Assert.Equal(1, ring.Pop(taken, 1));
        Assert.True(ring.TryStage((PacketBuffer*)(Capacity + 1)));
        Assert.False(ring.TryStage((PacketBuffer*)1000));
    }

    [Fact]
    public void Millions_of_buffers_pass_between_two_threads_in_order_and_none_is_lost()
    {
        const long Total = 4_000_000;
        int seed = Seeded.Take("ring");
        using var ring = new SpscRing(Capacity);
        long wrong = 0;
        long expected = 1;
        var consumer = new Thread(() =>
        {
            var random = new Random(seed);
            PacketBuffer** taken = stackalloc PacketBuffer*[Capacity];
            var wait = default(SpinWait);
            while (expected <= Total)
            {
                int count = ring.Pop(taken, random.Next(1, Capacity + 1));
                for (int i = 0; i < count; i++)
                {
                    wrong += (long)taken[i] == expected++ ? 0 : 1;
                }

                WaitUnless(count > 0, ref wait);
            }
        });
        consumer.Start();
        Produce(ring, Total, new Random(seed + 1));
        consumer.Join();
        Assert.Equal((Total + 1, 0, 0), (expected, wrong, ring.Count));
    }

    private static void Produce(SpscRing ring, long total, Random random)
    {
        var wait = default(SpinWait);
        long next = 1;
        while (next <= total)
        {
            long end = Math.Min(total, next + random.Next(1, 2 * Capacity));
            bool isFull = false;
            while (next <= end && !isFull)
            {
                isFull = !ring.TryStage((PacketBuffer*)next);
                next += isFull ? 0 : 1;
            }

            ring.Publish();
            WaitUnless(!isFull, ref wait);
        }
    }

    private static void WaitUnless(bool moved, ref SpinWait wait)
    {
        if (moved)
        {
            wait.Reset();
        }
        else
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
    }
}
