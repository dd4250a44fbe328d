using VSwitch.DataPlane.Limits;
using Xunit;

namespace VSwitch.Tests.DataPlane.Limits;

public class TokenBucketsTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void A_rate_for_a_bucket_that_is_not_there_is_refused(int bucket)
    {
        using var buckets = new TokenBuckets(2);
        Assert.Throws<ArgumentOutOfRangeException>(() => buckets.SetRate(new BucketRate(bucket, 1000)));
    }

    [Theory]
    [InlineData(20_000_000, 200_000_000)]
    [InlineData(200_000_000, 20_000_000)]
    [InlineData(40_000_000, 1_000_000)]
    public void An_emptied_bucket_stays_empty_when_its_rate_changes_and_fills_at_the_new_one(long before, long after)
    {
        using var buckets = new TokenBuckets(1);
        buckets.SetRate(new BucketRate(0, before));
        while (buckets.TryTake(0, 1000, 0))
        {
        }

        buckets.ChangeRate(new BucketRate(0, after));
        long frameNs = 1000L * 8 * 1_000_000_000 / after;
        Assert.False(buckets.TryTake(0, 1000, 0));
        Assert.True(buckets.TryTake(0, 1000, frameNs));
        Assert.False(buckets.TryTake(0, 1000, frameNs));
    }

    [Fact]
    public void A_bucket_lets_its_burst_pass_and_then_its_rate()
    {
        using var buckets = new TokenBuckets(2);
        buckets.SetRate(new BucketRate(1, 8_000_000));
        long passed = 0;
        for (long ms = 0; ms < 10_000; ms++)
        {
            for (int i = 0; i < 3; i++)
            {
                passed += buckets.TryTake(1, 1000, ms * 1_000_000) ? 1000 : 0;
            }
        }

        Assert.InRange(passed, 9_999_000, 10_000_000 + TokenBuckets.LeastBurstBytes);
        Assert.True(buckets.TryTake(0, 65_535, 0));
    }
}
