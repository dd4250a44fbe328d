using System.Globalization;
using VSwitch.Devices.Linux;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Throughput;

/// <summary>bench throughput: the grid.</summary>
internal static class ThroughputCommand
{
    public static int Run(string[] args)
    {
        bool isQuick = args.Contains("--quick");
        bool json = args.Contains("--json");
        CpuAffinity.Pin(CpuAffinity.Allowed()[^1]);
        var bench = new ThroughputBench(isQuick);
        var cells = new List<BenchCell>();
        foreach (BenchCase spec in BenchPlan.Plain(isQuick))
        {
            BenchCell c = bench.Measure(spec);
            cells.Add(c);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{c.Scenario,-4} {c.Flows,9} flows, {c.Rules} rules, {c.Order}: {c.ClocksPerPacket,7:0.0} clocks a packet ({c.Mpps:0.0} Mpps), generator {c.GeneratorClocks:0.0}, M(n) {c.YardstickClocks:0.0}, p50 {c.P50:0.0} p99 {c.P99:0.0} p99.9 {c.P999:0.0}"));
        }

        if (json)
        {
            SwitchCommandLine.WriteJson(new BenchReport
            {
                Commit = BenchMachine.Commit,
                Processor = BenchMachine.Processor,
                TscMhz = BenchMachine.TscMhz,
                Kernel = BenchMachine.Kernel,
                Cells = cells,
            });
        }

        return SwitchCommandLine.Done;
    }
}
