using VSwitch.DataPlane.Watching;
using Xunit;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>How much of a worker's time a capture takes, on a clock of the test's.</summary>
public sealed class CopyBudgetTests
{
    private const long SecondNs = 1_000_000_000;
    private const int RecordNs = 100;

    [Fact]
    public void Traffic_that_fits_is_taken_whole()
    {
        var budget = new CopyBudget(isUnlimited: false);
        (long taken, long offered) = Offer(budget, startNs: 0, seconds: 1, everyNs: 10_000, bytes: 64);
        Assert.Equal(offered, taken);
        Assert.Equal(1, budget.OneIn);
    }

    [Theory]
    [InlineData(100, 64)]
    [InlineData(500, 1500)]
    [InlineData(1000, 65000)]
    public void More_than_that_is_sampled_and_takes_a_share_of_the_time_and_no_more(int everyNs, int bytes)
    {
        var budget = new CopyBudget(isUnlimited: false);
        Offer(budget, 0, 1, everyNs, bytes);
        (long taken, long offered) = Offer(budget, SecondNs, 2, everyNs, bytes);
        double share = taken * (RecordNs + (bytes / 8.0)) / (2.0 * SecondNs);
        Assert.InRange(share, 0.01, 0.035);
        Assert.InRange((double)offered / taken, budget.OneIn / 4.0, budget.OneIn * 4.0);

        // What several captures share, one has less of.
        budget.Sharers = 4;
        Offer(budget, 3 * SecondNs, 1, everyNs, bytes);
        (taken, _) = Offer(budget, 4 * SecondNs, 2, everyNs, bytes);
        Assert.InRange(taken * (RecordNs + (bytes / 8.0)) / (2.0 * SecondNs), 0.0025, 0.009);
    }

    [Fact]
    public void After_a_flood_everything_is_taken_again()
    {
        var budget = new CopyBudget(isUnlimited: false);
        Offer(budget, 0, 1, 100, 1500);
        Assert.True(budget.OneIn > 1, "the flood was sampled");
        Offer(budget, SecondNs, 1, 1_000_000, 64);
        (long taken, long offered) = Offer(budget, 2 * SecondNs, 1, 1_000_000, 64);
        Assert.Equal((1, offered), (budget.OneIn, taken));
    }

    [Fact]
    public void Without_a_limit_everything_is_taken()
    {
        var budget = new CopyBudget(isUnlimited: true);
        (long taken, long offered) = Offer(budget, 0, 1, 1000, 65000);
        Assert.Equal(offered, taken);
    }

    private static (long Taken, long Offered) Offer(CopyBudget budget, long startNs, int seconds, int everyNs, int bytes)
    {
        long taken = 0;
        long offered = 0;
        for (long now = 0; now < seconds * SecondNs; now += everyNs)
        {
            offered++;
            if (budget.Take(startNs + now))
            {
                taken++;
                budget.Spend(bytes);
            }
        }

        return (taken, offered);
    }
}
