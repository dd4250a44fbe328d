using VSwitch.DataPlane.Flows;
using VSwitch.Devices.Linux;

namespace VSwitch.Bench;

/// <summary>Everything that is measured in memory, one part after another.</summary>
internal sealed class MemoryBench
{
    private const int LatencyFlows = 1000;
    private const int TableOfAMillion = 1_000_000;
    private readonly BenchExtent _extent;
    private readonly Action<string, double> _progress;
    private readonly int[] _cpus = CpuAffinity.Allowed();
    private readonly int _runs;
    private double _done;

    /// <param name="extent">How much is measured.</param>
    /// <param name="progress">Told what comes next, and which share of all is done.</param>
    public MemoryBench(BenchExtent extent, Action<string, double> progress)
    {
        _extent = extent;
        _progress = progress;
        _runs = IsQuick ? 3 : 5;
    }

    private bool IsQuick => _extent == BenchExtent.Quick;

    /// <summary>Measures all of it. The calling thread must not be pinned: threads that are made inherit that.</summary>
    /// <exception cref="BenchException">A figure cannot be trusted.</exception>
    public BenchReport Run()
    {
        var bench = new ThroughputBench(IsQuick);
        List<BenchCell> cells = [];
        IReadOnlyList<DropRow> drops = [];
        IReadOnlyList<NewConnectionRow> connections = [];
        IReadOnlyList<LatencyRow> latency = [];
        PinnedThread.Run(_cpus[^1], () =>
        {
            Tell("warming up", 0);
            ThroughputBench.WarmUp();
            cells = MeasureCells(bench);
            drops = MeasureDrops(bench, cells);
            connections = MeasureNewConnections();
            latency = MeasureLatency(cells);
        });
        Tell("two workers", 0.05);
        IReadOnlyList<ScalingRow> scaling = MeasureScaling(cells);
        Tell("changes of rules", 0.1);
        int changes = IsQuick ? 5 : 25;
        IReadOnlyList<PolicyRow> policy = PolicyBench.Measure(BenchPlan.ManyRules, changes);
        PauseRow? pause = _cpus.Length < 2 ? null : PolicyBench.MeasurePause(BenchPlan.ManyRules, changes, _cpus);
        using var table = new FlowTable(TableOfAMillion, isV6: false);
        return new BenchReport
        {
            Commit = BenchMachine.Commit,
            Processor = BenchMachine.Processor,
            TscMhz = BenchMachine.TscMhz,
            Kernel = BenchMachine.Kernel,
            Cells = cells,
            NewConnections = connections,
            BytesPerConnection = table.BytesPerConnection,
            AllocatedBytes = bench.AllocatedBytes,
            Collections = bench.Collections,
            Drops = drops,
            Scaling = scaling,
            Latency = latency,
            Policy = policy,
            Pause = pause,
        };
    }

    private void Tell(string what, double share)
    {
        _progress(what, _done);
        _done += share;
    }

    private List<BenchCell> MeasureCells(ThroughputBench bench)
    {
        IReadOnlyList<BenchCase> plan = BenchPlan.Cells(_extent);
        var cells = new List<BenchCell>();
        foreach (BenchCase spec in plan)
        {
            Tell($"{spec.Scenario.ToString().ToLowerInvariant()}, {spec.Flows:N0} flows, {spec.Rules} rules, {spec.FrameBytes} bytes", 0.5 / plan.Count);
            cells.Add(bench.Measure(spec));
        }

        return cells;
    }

    private List<DropRow> MeasureDrops(ThroughputBench bench, List<BenchCell> cells)
    {
        Tell("drops", 0.05);
        return
        [
            .. BenchPlan.Drops(_extent).Select(spec => new DropRow(
                spec.Flows, spec.Rules, bench.Measure(spec).ClocksPerPacket,
                cells.First(c => c.Scenario == BenchScenario.Sg && c.Flows == spec.Flows && c.Rules == spec.Rules).ClocksPerPacket)),
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

    private List<LatencyRow> MeasureLatency(List<BenchCell> cells)
    {
        Tell("latency", 0.05);
        int samples = IsQuick ? 500_000 : 5_000_000;
        var rows = new List<LatencyRow>();
        foreach (BenchScenario scenario in (BenchScenario[])[BenchScenario.Sg, BenchScenario.Eip])
        {
            BenchCell cell = cells.First(c => c.Scenario == scenario && c.Flows == LatencyFlows);
            double halfMpps = BenchMachine.TscMhz / (cell.ClocksPerPacket + cell.GeneratorClocks) / 2;
            using var bed = new BenchBed(new BenchCase(scenario, LatencyFlows));
            (LatencyTail p, LatencyTail idle) = new LatencyBench(bed, halfMpps * 1e6, samples).Measure();
            rows.Add(new LatencyRow(scenario, LatencyFlows, halfMpps, p.P50, p.P99, p.P999, idle.P50, idle.P99, idle.P999));
        }

        return rows;
    }

    /// <summary>One worker and two in turn, so that both meet the same neighbours; adds a cell for each pair.</summary>
    private List<ScalingRow> MeasureScaling(List<BenchCell> cells)
    {
        if (_cpus.Length < 2)
        {
            return [];
        }

        var rows = new List<ScalingRow>();
        foreach ((BenchCase spec, SourceSplit split) in BenchPlan.Scaling(_extent))
        {
            long packets = IsQuick ? 2_000_000 : Math.Max(8_000_000, 4L * spec.Flows);
            using var one = new ScalingBench(spec with { Workers = 1 }, split, _cpus);
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
                cells.Add(TwoWorkerCell(spec, cells, two, packets, clocksTwo, 1e3 / twoNs));
            }
        }

        return rows;
    }

    private static BenchCell TwoWorkerCell(
        BenchCase spec, List<BenchCell> cells, ScalingBench bench, long packets, double clocks, double mpps)
    {
        BenchCell one = cells.First(c => c.Scenario == spec.Scenario && c.Flows == spec.Flows && c.Rules == spec.Rules);
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
