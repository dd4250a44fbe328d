namespace VSwitch.Bench;

/// <summary>Order statistics of samples.</summary>
internal static class Percentiles
{
    /// <summary>The smallest sample that at least <paramref name="share"/> of all do not exceed (nearest rank).</summary>
    /// <param name="sorted">Samples, ascending; at least one.</param>
    /// <param name="share">From 0 to 1, like 0.999.</param>
    public static T Of<T>(ReadOnlySpan<T> sorted, double share)
    {
        ArgumentOutOfRangeException.ThrowIfZero(sorted.Length);
        ArgumentOutOfRangeException.ThrowIfNegative(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        int rank = (int)Math.Ceiling(share * sorted.Length);
        return sorted[Math.Max(0, rank - 1)];
    }

    /// <summary>The middle sample; of an even number the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        ArgumentOutOfRangeException.ThrowIfZero(sorted.Length);
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The median of some runs, after one that warms up and does not count.</summary>
    public static double MedianOf(int runs, Func<double> run)
    {
        run();
        return Median([.. Enumerable.Range(0, runs).Select(_ => run())]);
    }
}
