namespace VSwitch.Bench;

/// <summary>Which cells a run measures.</summary>
internal static class BenchPlan
{
    private static readonly BenchScenario[] Scenarios = [BenchScenario.L2, BenchScenario.Sg, BenchScenario.Eip];

    /// <summary>One worker, frames of 64 bytes in random order, 50 rules a group.</summary>
    /// <param name="isQuick">Up to 1000 connections instead of a million.</param>
    public static IReadOnlyList<BenchCase> Plain(bool isQuick)
    {
        int[] flows = isQuick ? [1, 1000] : [1, 1000, 100_000, 1_000_000];
        return [.. Scenarios.SelectMany(scenario => flows.Select(count => new BenchCase(scenario, count)))];
    }
}
