using VSwitch.Bench;
using Xunit;

namespace VSwitch.Tests.Benches;

/// <summary>Order statistics by nearest rank.</summary>
public class PercentilesTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.1, 1)]
    [InlineData(0.11, 2)]
    [InlineData(0.5, 5)]
    [InlineData(0.9, 9)]
    [InlineData(0.99, 10)]
    [InlineData(1, 10)]
    public void The_nearest_rank_of_ten(double share, int expected) =>
        Assert.Equal(expected, Percentiles.Of<int>([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], share));

    [Fact]
    public void One_sample_is_every_percentile() => Assert.Equal(7, Percentiles.Of<long>([7], 0.999));

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    public void A_share_is_from_0_to_1(double share) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Percentiles.Of<int>([1], share));

    [Fact]
    public void No_sample_has_no_percentile() => Assert.Throws<ArgumentOutOfRangeException>(() => Percentiles.Of<int>([], 0.5));

    [Fact]
    public void The_median_needs_no_order()
    {
        Assert.Equal(3, Percentiles.Median([5, 1, 3]));
        Assert.Equal(2.5, Percentiles.Median([4, 1, 3, 2]));
    }

    [Fact]
    public void A_run_that_warms_up_does_not_count()
    {
        double[] times = [1000, 3, 1, 2];
        int next = 0;
        Assert.Equal(2, Percentiles.MedianOf(3, () => times[next++]));
        Assert.Equal(4, next);
    }
}
