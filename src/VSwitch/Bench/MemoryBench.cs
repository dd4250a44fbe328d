using VSwitch.DataPlane.Flows;
using VSwitch.Devices.Linux;

namespace VSwitch.Bench;

/// <summary>What is measured in memory.</summary>
[Flags]
internal enum MemoryParts
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The throughput grid of one worker.</summary>
    Cells = 1,

    /// <summary>Dropped packets.</summary>
    Drops = 2,

    /// <summary>New connections.</summary>
    Connections = 4,

    /// <summary>Latency at half load.</summary>
    Latency = 8,

    /// <summary>Two workers.</summary>
    Workers = 16,

    /// <summary>Changes of rules.</summary>
    Policy = 32,

    /// <summary>Everything.</summary>
    All = Cells | Drops | Connections | Latency | Workers | Policy,
}

/// <summary>Everything that is measured in memory, one part after another.</summary>
internal sealed class MemoryBench
{
    private const int LatencyFlows = 1000;
    private const int TableOfAMillion = 1_000_000;
    private readonly Dictionary<BenchCase, BenchCell> _cells = [];
    private readonly ThroughputBench _bench;
    private readonly BenchExtent _extent;
    private readonly MemoryParts _parts;
    private readonly Action<string, double> _progress;
    private readonly int[] _cpus = CpuAffinity.Allowed();
    private readonly int _runs;
    private double _done;

    /// <param name="extent">How much is measured.</param>
    /// <param name="parts">What is measured.</param>
    /// <param name="progress">Told what comes next, and which share of all is done.</param>
    public MemoryBench(BenchExtent extent, MemoryParts parts, Action<string, double> progress)
    {
        _extent = extent;
        _parts = parts;
        _progress = progress;
        _runs = IsQuick ? 3 : 5;
        _bench = new ThroughputBench(IsQuick);
    }

    private bool IsQuick => _extent == BenchExtent.Quick;

    /// <summary>Measures all of it. The calling thread must not be pinned: threads that are made inherit that.</summary>
    /// <exception cref="BenchException">A figure cannot be trusted.</exception>
    public BenchReport Run()
    {
        BenchReport report = BenchReport.OfThisMachine();
        PinnedThread.Run(_cpus[^1], () =>
        {
            Tell("warming up", 0);
            ThroughputBench.WarmUp();
            report = report with
            {
                Cells = Of(MemoryParts.Cells, MeasureCells),
                Drops = Of(MemoryParts.Drops, MeasureDrops),
                NewConnections = Of(MemoryParts.Connections, MeasureNewConnections),
                Latency = Of(MemoryParts.Latency, MeasureLatency),
            };
        });
        using var table = new FlowTable(TableOfAMillion, isV6: false);
        report = report with
        {
            BytesPerConnection = table.BytesPerConnection,
            AllocatedBytes = _bench.AllocatedBytes,
            Collections = _bench.Collections,
        };
        if (_parts.HasFlag(MemoryParts.Workers) && _cpus.Length > 1)
        {
            Tell("two workers", 0.05);
            (List<ScalingRow> rows, List<BenchCell> cells) = MeasureScaling();
            report = report with { Scaling = rows, Cells = [.. report.Cells ?? [], .. cells] };
        }

        return _parts.HasFlag(MemoryParts.Policy) ? WithPolicy(report) : report;
    }

    private BenchReport WithPolicy(BenchReport report)
    {
        Tell("changes of rules", 0.1);
        int changes = IsQuick ? 5 : 25;
        return report with
        {
            Policy = PolicyBench.Measure(BenchPlan.ManyRules, changes),
            Pause = _cpus.Length < 2 ? null : PolicyBench.MeasurePause(BenchPlan.ManyRules, changes, _cpus),
        };
    }

    private List<T>? Of<T>(MemoryParts part, Func<List<T>> measure) => _parts.HasFlag(part) ? measure() : null;

    private void Tell(string what, double share)
    {
        _progress(what, _done);
        _done += share;
    }

    /// <summary>A cell, measured once.</summary>
    private BenchCell CellOf(BenchCase spec)
    {
        if (!_cells.TryGetValue(spec, out BenchCell? cell))
        {
            _cells[spec] = cell = _bench.Measure(spec);
        }

        return cell;
    }

    private List<BenchCell> MeasureCells()
    {
        IReadOnlyList<BenchCase> plan = BenchPlan.Cells(_extent);
        var cells = new List<BenchCell>();
        foreach (BenchCase spec in plan)
        {
            Tell($"{spec.Scenario.ToString().ToLowerInvariant()}, {spec.Flows:N0} flows, {spec.Rules} rules, {spec.FrameBytes} bytes", 0.5 / plan.Count);
            cells.Add(CellOf(spec));
        }

        return cells;
    }

    private List<DropRow> MeasureDrops()
    {
        Tell("drops", 0.05);
        return
        [
            .. BenchPlan.Drops(_extent).Select(spec => new DropRow(
                spec.Flows, spec.Rules, CellOf(spec).ClocksPerPacket, CellOf(spec with { Scenario = BenchScenario.Sg }).ClocksPerPacket)),
        ];
    }

    private List<NewConnectionRow> MeasureNewConnections()
    {
        var rows = new List<NewConnectionRow>();
        foreach ((BenchScenario scenario, int rules, int tableSize, bool isLife) in BenchPlan.NewConnections(_extent))
        {
            string name = $"{scenario.ToString().ToLowerInvariant()}: {(isLife ? $"whole life, {NewConnectionBench.LifePackets} packets" : "first packet")}";
            Tell(name, 0.04);
            using var bench = new NewConnectionBench(scenario, rules, tableSize, _runs);
            rows.Add(new NewConnectionRow(name, rules, tableSize, isLife ? bench.MeasureLives() : bench.MeasureFirstPackets()));
        }

        return rows;
    }

    private List<LatencyRow> MeasureLatency()
    {
        Tell("latency", 0.05);
        int samples = IsQuick ? 500_000 : 5_000_000;
        var rows = new List<LatencyRow>();
        foreach (BenchScenario scenario in (BenchScenario[])[BenchScenario.Sg, BenchScenario.Eip])
        {
            var spec = new BenchCase(scenario, LatencyFlows);
            BenchCell cell = CellOf(spec);
            double halfMpps = BenchMachine.TscMhz / (cell.ClocksPerPacket + cell.GeneratorClocks) / 2;
            using var bed = new BenchBed(spec);
            (LatencyTail p, LatencyTail idle) = new LatencyBench(bed, halfMpps * 1e6, samples).Measure();
            rows.Add(new LatencyRow(scenario, LatencyFlows, halfMpps, p.P50, p.P99, p.P999, idle.P50, idle.P99, idle.P999));
        }

        return rows;
    }

    /// <summary>One worker and two in turn, so that both meet the same neighbours; and a cell for each pair.</summary>
    private (List<ScalingRow> Rows, List<BenchCell> Cells) MeasureScaling()
    {
        var rows = new List<ScalingRow>();
        var cells = new List<BenchCell>();
        foreach ((BenchCase spec, SourceSplit split) in BenchPlan.Scaling(_extent))
        {
            BenchCase alone = spec with { Workers = 1 };
            long packets = IsQuick ? 2_000_000 : Math.Max(8_000_000, 4L * spec.Flows);
            using var one = new ScalingBench(alone, split, _cpus);
            using var two = new ScalingBench(spec, split, _cpus);
            one.Run(packets);
            two.Run(packets);
            List<ScalingRun> ones = [];
            List<ScalingRun> twos = [];
            for (int i = 0; i < _runs; i++)
            {
                ones.Add(one.Run(packets));
                twos.Add(two.Run(packets));
            }

            double oneNs = Percentiles.Median(ones.Select(r => r.WallNs));
            double twoNs = Percentiles.Median(twos.Select(r => r.WallNs));
            double clocksOne = Percentiles.Median(ones.Select(r => r.CpuNs)) * BenchMachine.ClocksPerNs;
            double clocksTwo = Percentiles.Median(twos.Select(r => r.CpuNs)) * BenchMachine.ClocksPerNs;
            rows.Add(new ScalingRow(spec.Scenario, spec.Flows, split, 1e3 / oneNs, 1e3 / twoNs, oneNs / twoNs, clocksOne, clocksTwo));
            if (split == SourceSplit.Any)
            {
                cells.Add(TwoWorkerCell(spec, CellOf(alone), two, packets, clocksTwo, 1e3 / twoNs));
            }
        }

        return (rows, cells);
    }

    private static BenchCell TwoWorkerCell(BenchCase spec, BenchCell one, ScalingBench bench, long packets, double clocks, double mpps)
    {
        var samples = new List<double>((int)(packets / BenchBed.Burst) + BenchLab.Enis);
        bench.Run(packets, samples);
        double[] sorted = [.. samples.Order()];
        return one with
        {
            Workers = spec.Workers,
            ClocksPerPacket = clocks - one.GeneratorClocks,
            Mpps = mpps,
            P50 = Percentiles.Of<double>(sorted, 0.5),
            P99 = Percentiles.Of<double>(sorted, 0.99),
            P999 = Percentiles.Of<double>(sorted, 0.999),
        };
    }
}
