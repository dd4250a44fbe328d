namespace VSwitch.Bench;

/// <summary>How much of everything a run measures.</summary>
internal enum BenchExtent
{
    /// <summary>Seconds: up to 1000 connections, short runs.</summary>
    Quick,

    /// <summary>Minutes: every dimension of the grid, one at a time away from the usual.</summary>
    Usual,

    /// <summary>Half an hour and 4 GiB: every combination, and 10 million connections.</summary>
    Full,
}

/// <summary>Which cells a run measures.</summary>
internal static class BenchPlan
{
    /// <summary>Rules of a group where nothing else is said.</summary>
    public const int UsualRules = 50;

    /// <summary>Rules of a large group.</summary>
    public const int ManyRules = 10_000;

    private const int Million = 1_000_000;
    private const int TenMillion = 10_000_000;
    private const int LongFrame = 1500;
    private static readonly BenchScenario[] Scenarios = [BenchScenario.L2, BenchScenario.Sg, BenchScenario.Eip];
    private static readonly BenchScenario[] WithRules = [BenchScenario.Sg, BenchScenario.Eip];

    /// <summary>Connections of the cells that the targets are written for.</summary>
    public static IReadOnlyList<int> Flows(BenchExtent extent) => extent switch
    {
        BenchExtent.Quick => [1, 1000],
        BenchExtent.Usual => [1, 1000, 100_000, Million],
        _ => [1, 1000, 100_000, Million, TenMillion],
    };

    /// <summary>The cells of one worker.</summary>
    public static IReadOnlyList<BenchCase> Cells(BenchExtent extent)
    {
        IEnumerable<BenchCase> plain = Scenarios.SelectMany(s => Flows(extent).Select(n => new BenchCase(s, n)));
        return extent switch
        {
            BenchExtent.Quick => [.. plain],
            BenchExtent.Usual =>
            [
                .. plain,
                .. from s in WithRules from n in (int[])[1000, Million] from r in (int[])[1, ManyRules] select new BenchCase(s, n, r),
                .. from s in Scenarios from n in (int[])[1000, Million] select new BenchCase(s, n, FrameBytes: LongFrame),
                .. from s in Scenarios from n in (int[])[100_000, Million] select new BenchCase(s, n, Order: BenchOrder.Sequential),
            ],
            _ => [.. plain.Concat(Combinations()).Distinct()],
        };
    }

    /// <summary>The cells whose drops are measured.</summary>
    public static IReadOnlyList<BenchCase> Drops(BenchExtent extent) =>
        [.. Flows(extent).Where(n => n is > 1 and <= Million).Select(n => new BenchCase(BenchScenario.Denied, n))];

    /// <summary>The cells of two workers.</summary>
    public static IReadOnlyList<(BenchCase Spec, SourceSplit Split)> Scaling(BenchExtent extent) =>
    [
        .. from s in WithRules
           from n in extent == BenchExtent.Quick ? (int[])[1000] : [1000, Million]
           from split in Enum.GetValues<SourceSplit>()
           select (new BenchCase(s, n, Workers: 2), split),
    ];

    /// <summary>New connections: scenario, rules, others in the table, whole lives or first packets alone.</summary>
    public static IReadOnlyList<(BenchScenario Scenario, int Rules, int TableSize, bool IsLife)> NewConnections(BenchExtent extent)
    {
        int table = extent == BenchExtent.Quick ? 0 : Million;
        return
        [
            (BenchScenario.Eip, UsualRules, 0, false), (BenchScenario.Sg, UsualRules, 0, false),
            (BenchScenario.Eip, ManyRules, 0, false), (BenchScenario.Sg, ManyRules, 0, false),
            (BenchScenario.Eip, UsualRules, table, true), (BenchScenario.Sg, UsualRules, table, true),
        ];
    }

    private static IEnumerable<BenchCase> Combinations() =>
        from s in Scenarios
        from n in (int[])[1, 1000, 100_000, Million]
        from r in s == BenchScenario.L2 ? (int[])[UsualRules] : [1, UsualRules, ManyRules]
        from bytes in (int[])[64, LongFrame]
        from order in Enum.GetValues<BenchOrder>()
        select new BenchCase(s, n, r, bytes, order);
}
