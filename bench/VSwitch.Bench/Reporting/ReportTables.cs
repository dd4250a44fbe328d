using System.Globalization;

namespace VSwitch.Bench.Reporting;

/// <summary>The tables of the README out of a run's figures. Bold is a missed "must".</summary>
internal static class ReportTables
{
    /// <summary>Every part by its name.</summary>
    public static IReadOnlyDictionary<string, string> All(BenchReport report) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["machine"] = Machine(report),
        ["grid"] = Grid(report),
        ["away"] = Away(report),
        ["connections"] = NewConnections(report),
        ["workers"] = Workers(report),
        ["rest"] = Rest(report),
    };

    private static IReadOnlyList<BenchCell> CellsOf(BenchReport report) => report.Cells ?? [];

    private static string Machine(BenchReport report) => string.Create(CultureInfo.InvariantCulture,
        $"{report.Processor}, TSC {report.TscMhz:0} MHz, Linux {report.Kernel}, commit {report.Commit[..Math.Min(12, report.Commit.Length)]}. Bytes allocated while packets were timed: {report.AllocatedBytes}, collections: {report.Collections}.\n");

    /// <summary>The cell that the goals are written for.</summary>
    public static bool IsPlain(BenchCell c) => c is { Rules: Goals.Rules, FrameBytes: 64, Order: BenchOrder.Random, Workers: 1 };

    private static string Grid(BenchReport report)
    {
        var table = new MarkdownTable("scenario", "flows", "clocks", "must", "target", "Mpps", "p50", "p99", "p99.9", "generator", "M(n)");
        foreach (BenchCell c in CellsOf(report).Where(IsPlain))
        {
            Goal? goal = Goals.ClocksPerPacket(c.Flows);
            table.Add(
                Name(c.Scenario), MarkdownTable.Count(c.Flows), MarkdownTable.Judged(c.ClocksPerPacket, c.ClocksPerPacket > goal?.Must),
                Text(goal?.Must), Text(goal?.Target), MarkdownTable.Number(c.Mpps), MarkdownTable.Number(c.P50), MarkdownTable.Number(c.P99),
                MarkdownTable.Number(c.P999), MarkdownTable.Number(c.GeneratorClocks), MarkdownTable.Number(c.YardstickClocks));
        }

        return $"{table}\n{Worst(report)}\n{Shape(report)}";
    }

    /// <summary>The cell that is farthest above what it must be, or nearest to it.</summary>
    private static string Worst(BenchReport report)
    {
        var judged = CellsOf(report).Where(c => IsPlain(c) && Goals.ClocksPerPacket(c.Flows) != null)
            .Select(c => (Cell: c, Share: c.ClocksPerPacket / Goals.ClocksPerPacket(c.Flows)!.Must)).OrderByDescending(c => c.Share).ToList();
        if (judged.Count == 0)
        {
            return "";
        }

        BenchCell worst = judged[0].Cell;
        int targets = judged.Count(c => c.Cell.ClocksPerPacket <= Goals.ClocksPerPacket(c.Cell.Flows)!.Target);
        return string.Create(CultureInfo.InvariantCulture,
            $"{judged.Count(c => c.Share <= 1)} of {judged.Count} cells hold their must, {targets} their target. Worst cell: {Name(worst.Scenario)} at {MarkdownTable.Count(worst.Flows)} flows, {judged[0].Share:0%} of its must.\n");
    }

    private static string Shape(BenchReport report)
    {
        var table = new MarkdownTable("shape", "measured", "must");
        foreach (IGrouping<BenchScenario, BenchCell> cells in CellsOf(report).Where(IsPlain).GroupBy(c => c.Scenario))
        {
            if (cells.FirstOrDefault(c => c.Flows == 1_000_000) is not BenchCell million || cells.FirstOrDefault(c => c.Flows == 1000) is not BenchCell thousand)
            {
                continue;
            }

            double yardsticks = (million.ClocksPerPacket - thousand.ClocksPerPacket) / million.YardstickClocks;
            table.Add($"{Name(cells.Key)}: cost(1 M) - cost(1 k), in M(1 M)", MarkdownTable.Judged(yardsticks, yardsticks > Goals.MostYardsticks), Text(Goals.MostYardsticks));
        }

        var byRules = CellsOf(report).Where(c => c is { FrameBytes: 64, Order: BenchOrder.Random, Workers: 1 }).ToLookup(c => (c.Scenario, c.Flows));
        foreach (IGrouping<(BenchScenario Scenario, int Flows), BenchCell> cells in byRules)
        {
            if (cells.FirstOrDefault(c => c.Rules == 1) is BenchCell one && cells.FirstOrDefault(c => c.Rules == BenchPlan.ManyRules) is BenchCell many)
            {
                double ratio = many.ClocksPerPacket / one.ClocksPerPacket;
                string measured = ratio.ToString("0.000", CultureInfo.InvariantCulture);
                table.Add(
                    $"{Name(cells.Key.Scenario)}, {MarkdownTable.Count(cells.Key.Flows)} flows: cost with 10 000 rules to cost with 1",
                    Math.Abs(ratio - 1) > Goals.RulesTolerance ? $"**{measured}**" : measured, "1 +/- 0.02");
            }
        }

        return table.ToString();
    }

    private static string Away(BenchReport report)
    {
        var table = new MarkdownTable("scenario", "flows", "rules", "bytes", "order", "clocks", "Mpps", "p50", "p99", "p99.9");
        foreach (BenchCell c in CellsOf(report).Where(c => c.Workers == 1 && !IsPlain(c)))
        {
            table.Add(
                Name(c.Scenario), MarkdownTable.Count(c.Flows), MarkdownTable.Count(c.Rules), MarkdownTable.Count(c.FrameBytes), Name(c.Order),
                MarkdownTable.Number(c.ClocksPerPacket), MarkdownTable.Number(c.Mpps), MarkdownTable.Number(c.P50), MarkdownTable.Number(c.P99),
                MarkdownTable.Number(c.P999));
        }

        return table.ToString();
    }

    private static string NewConnections(BenchReport report)
    {
        var table = new MarkdownTable("new connection", "rules", "others in the table", "clocks", "must", "target");
        foreach (NewConnectionRow row in report.NewConnections ?? [])
        {
            Goal? goal = Goals.ClocksPerConnection(row);
            table.Add(
                row.Scenario, MarkdownTable.Count(row.Rules), MarkdownTable.Count(row.TableSize),
                MarkdownTable.Judged(row.ClocksPerConnection, row.ClocksPerConnection > goal?.Must), Text(goal?.Must), Text(goal?.Target));
        }

        return table.ToString();
    }

    private static string Workers(BenchReport report)
    {
        var table = new MarkdownTable("scenario", "flows", "packets come in on", "Mpps, one", "Mpps, two", "ratio", "must", "clocks, one", "clocks, two");
        foreach (ScalingRow r in report.Scaling ?? [])
        {
            double must = Goals.LeastRatio(r.Flows);
            table.Add(
                Name(r.Scenario), MarkdownTable.Count(r.Flows), r.Sources == SourceSplit.Any ? "any worker" : "their owner",
                MarkdownTable.Number(r.MppsOne), MarkdownTable.Number(r.MppsTwo), MarkdownTable.Judged(r.Ratio, r.Ratio < must), Text(must),
                MarkdownTable.Number(r.ClocksOne), MarkdownTable.Number(r.ClocksTwo));
        }

        return table.ToString();
    }

    private static string Rest(BenchReport report)
    {
        var table = new MarkdownTable("what", "with", "measured", "unit", "must", "target");
        if (report.BytesPerConnection is double bytes)
        {
            Goal goal = Goals.BytesPerConnection;
            table.Add("memory of a connection", "index included", MarkdownTable.Judged(bytes, bytes > goal.Must), "bytes", Text(goal.Must), Text(goal.Target));
        }

        foreach (DropRow d in report.Drops ?? [])
        {
            table.Add(
                "drop of a denied flow's packet", $"{MarkdownTable.Count(d.Flows)} flows, {d.Rules} rules",
                MarkdownTable.Judged(d.ClocksPerPacket, d.ClocksPerPacket > d.ForwardedClocks), "clocks", $"{MarkdownTable.Number(d.ForwardedClocks)}, as forwarded", "");
        }

        foreach (PolicyRow p in report.Policy ?? [])
        {
            Goal goal = Goals.Ms(p);
            table.Add(p.Change, $"{MarkdownTable.Count(p.Rules)} rules", MarkdownTable.Judged(p.Ms, p.Ms > goal.Must), "ms", Text(goal.Must), Text(goal.Target));
        }

        if (report.Pause is PauseRow pause)
        {
            table.Add(
                "longest burst of a worker while a group is replaced", $"{MarkdownTable.Count(pause.Rules)} rules",
                MarkdownTable.Judged(pause.LongestUs, pause.LongestUs > Goals.PauseUs), "us", Text(Goals.PauseUs), $"{MarkdownTable.Number(pause.QuietUs)} without a change");
        }

        AddLatency(table, report);
        return table.ToString();
    }

    private static void AddLatency(MarkdownTable table, BenchReport report)
    {
        foreach (LatencyRow l in report.Latency ?? [])
        {
            string with = $"{Name(l.Scenario)}, {MarkdownTable.Number(l.LoadMpps)} Mpps";
            Add("p50", l.P50, Goals.LatencyUs.P50, l.IdleP50);
            Add("p99", l.P99, Goals.LatencyUs.P99, l.IdleP99);
            Add("p99.9", l.P999, Goals.LatencyUs.P999, l.IdleP999);

            void Add(string which, double us, double must, double idleUs) => table.Add(
                $"latency at half load, {which}", with, MarkdownTable.Judged(us, us > must), "us", Text(must), $"{MarkdownTable.Number(idleUs)} without the pipeline");
        }
    }

    private static string Name(Enum value) => value.ToString().ToLowerInvariant();

    private static string Text(double? value) => value is double number ? MarkdownTable.Number(number) : "";
}
