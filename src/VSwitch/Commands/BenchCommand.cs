using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using VSwitch.Bench;
using VSwitch.Devices.Linux;

namespace VSwitch.Commands;

/// <summary>vswitch bench: throughput of this build on this machine.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "fewer cells and shorter runs: seconds instead of minutes" };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command("bench", "Throughput of this build on this machine.\n\nExample: vswitch bench --quick") { quick, json };
        command.SetAction(parsed => Run(parsed.GetValue(quick), parsed.GetValue(json)));
        return command;
    }

    private static int Run(bool isQuick, bool json)
    {
        CpuAffinity.Pin(CpuAffinity.Allowed()[^1]);
        BenchReport report = Measure(isQuick);
        if (json)
        {
            CommandLine.WriteJson(report);
        }
        else
        {
            Print(report);
        }

        return CommandLine.Done;
    }

    /// <summary>Measures with a progress bar on standard error.</summary>
    private static BenchReport Measure(bool isQuick)
    {
        var cells = new List<BenchCell>();
        IReadOnlyList<BenchCase> plan = BenchPlan.Plain(isQuick);
        var bench = new ThroughputBench(isQuick);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress().Start(context =>
        {
            ProgressTask task = context.AddTask("in memory", maxValue: plan.Count);
            foreach (BenchCase spec in plan)
            {
                task.Description = string.Create(CultureInfo.InvariantCulture, $"in memory: {spec.Scenario.ToString().ToLowerInvariant()}, {spec.Flows:N0} flows");
                cells.Add(bench.Measure(spec));
                task.Increment(1);
            }
        });
        return new BenchReport
        {
            Commit = BenchMachine.Commit,
            Processor = BenchMachine.Processor,
            TscMhz = BenchMachine.TscMhz,
            Kernel = BenchMachine.Kernel,
            Cells = cells,
        };
    }

    private static void Print(BenchReport report)
    {
        Table table = new Table().Border(TableBorder.Rounded)
            .AddColumns("scenario", "flows", "clocks a packet", "Mpps", "p50", "p99", "p99.9", "generator", "M(n)");
        foreach (BenchCell c in report.Cells!)
        {
            table.AddRow([
                c.Scenario.ToString().ToLowerInvariant(), Number(c.Flows, "N0"), Number(c.ClocksPerPacket), Number(c.Mpps), Number(c.P50),
                Number(c.P99), Number(c.P999), Number(c.GeneratorClocks), Number(c.YardstickClocks),
            ]);
        }

        AnsiConsole.Write(table);
    }

    private static string Number(double value, string format = "0.0") => value.ToString(format, CultureInfo.InvariantCulture);
}
