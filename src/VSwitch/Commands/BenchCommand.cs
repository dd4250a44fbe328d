using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using VSwitch.Bench;

namespace VSwitch.Commands;

/// <summary>vswitch bench: throughput of this build on this machine.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "fewer connections and shorter runs: half a minute instead of several" };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command(
            "bench",
            "Throughput of this build on this machine, in memory: clocks a packet, new connections, two workers, latency, changes of rules.\n\n" +
            "Example: vswitch bench --quick") { quick, json };
        command.SetAction(parsed => Run(parsed.GetValue(quick) ? BenchExtent.Quick : BenchExtent.Usual, parsed.GetValue(json)));
        return command;
    }

    private static int Run(BenchExtent extent, bool json)
    {
        BenchReport report;
        try
        {
            report = Measure(extent);
        }
        catch (BenchException e)
        {
            Console.Error.WriteLine($"vswitch: no figure: {e.Message}");
            return CommandLine.Failed;
        }

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
    private static BenchReport Measure(BenchExtent extent)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().Start(context =>
        {
            ProgressTask task = context.AddTask("in memory", maxValue: 1);
            BenchReport report = new MemoryBench(extent, (what, share) =>
            {
                task.Description = Markup.Escape(what);
                task.Value = share;
            }).Run();
            task.Value = 1;
            return report;
        });
    }

    /// <summary>Writes all figures as tables for people.</summary>
    public static void Print(BenchReport report)
    {
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Processor}, {report.TscMhz:0} MHz (TSC), Linux {report.Kernel}, commit {report.Commit}"));
        Table cells = Columns("scenario", "flows", "rules", "bytes", "order", "workers", "clocks a packet", "Mpps", "p50", "p99", "p99.9");
        foreach (BenchCell c in report.Cells ?? [])
        {
            cells.AddRow([
                Name(c.Scenario), Number(c.Flows, "N0"), Number(c.Rules, "N0"), Number(c.FrameBytes, "0"), Name(c.Order), Number(c.Workers, "0"),
                Number(c.ClocksPerPacket), Number(c.Mpps), Number(c.P50), Number(c.P99), Number(c.P999),
            ]);
        }

        AnsiConsole.Write(cells);
        Table rest = Columns("measured", "with", "figure", "unit");
        foreach (NewConnectionRow c in report.NewConnections ?? [])
        {
            rest.AddRow(c.Scenario, $"{c.Rules:N0} rules, {c.TableSize:N0} others", Number(c.ClocksPerConnection, "0"), "clocks a connection");
        }

        foreach (DropRow d in report.Drops ?? [])
        {
            rest.AddRow("drop of a denied flow", $"{d.Flows:N0} flows, {d.Rules:N0} rules", Number(d.ClocksPerPacket), $"clocks (forwarded: {Number(d.ForwardedClocks)})");
        }

        foreach (ScalingRow s in report.Scaling ?? [])
        {
            rest.AddRow($"two workers: {Name(s.Scenario)}", $"{s.Flows:N0} flows, sources: {Name(s.Sources)}", Number(s.Ratio, "0.00"), $"of one ({Number(s.MppsOne)} Mpps)");
        }

        foreach (LatencyRow l in report.Latency ?? [])
        {
            rest.AddRow($"latency at half load: {Name(l.Scenario)}", $"{Number(l.LoadMpps)} Mpps", $"{Number(l.P50)} / {Number(l.P99)} / {Number(l.P999)}",
                $"us, p50/p99/p99.9 (idle loop {Number(l.IdleP50)} / {Number(l.IdleP99)} / {Number(l.IdleP999)})");
        }

        foreach (PolicyRow p in report.Policy ?? [])
        {
            rest.AddRow(p.Change, $"{p.Rules:N0} rules", Number(p.Ms, "0.00"), "ms");
        }

        AnsiConsole.Write(rest);
    }

    private static Table Columns(params string[] names) => new Table().Border(TableBorder.Rounded).AddColumns(names);

    private static string Name(Enum value) => value.ToString().ToLowerInvariant();

    private static string Number(double value, string format = "0.0") => value.ToString(format, CultureInfo.InvariantCulture);
}
