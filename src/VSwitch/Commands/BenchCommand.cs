using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using VSwitch.Bench;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Commands;

/// <summary>vswitch bench: throughput of this build on this machine.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var memory = new Option<bool>("--memory") { Description = "in memory only" };
        var tap = new Option<bool>("--tap") { Description = "over TAP devices only; needs the right to make namespaces" };
        var quick = new Option<bool>("--quick") { Description = "fewer connections and shorter runs: a minute instead of many" };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command(
            "bench",
            "Throughput of this build on this machine, in memory (clocks a packet, new connections, two workers, latency, changes of rules)\n" +
            "and over TAP devices with real sockets (rates, connections, round trips).\n\nExample: vswitch bench --memory --quick")
        { memory, tap, quick, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(memory) && result.GetValue(tap))
            {
                result.AddError("--memory and --tap: write one of them, or none for both");
            }
        });
        command.SetAction(parsed => Run(
            parsed.GetValue(tap) ? BenchPart.Tap : parsed.GetValue(memory) ? BenchPart.Memory : BenchPart.Both,
            parsed.GetValue(quick) ? BenchExtent.Quick : BenchExtent.Usual,
            parsed.GetValue(json)));
        return command;
    }

    private enum BenchPart
    {
        Both,
        Memory,
        Tap,
    }

    private static int Run(BenchPart part, BenchExtent extent, bool json)
    {
        BenchReport report;
        try
        {
            report = Measure(part, extent);
        }
        catch (BenchException e)
        {
            Console.Error.WriteLine($"vswitch: no figure: {e.Message}");
            return CommandLine.Failed;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("vswitch: interrupted, no figure");
            return CommandLine.Interrupted;
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
    private static BenchReport Measure(BenchPart part, BenchExtent extent)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        BenchReport report = part == BenchPart.Tap ? BenchReport.OfThisMachine()
            : Follow(console, "in memory", progress => new MemoryBench(extent, MemoryParts.All, progress).Run());
        if (part == BenchPart.Memory)
        {
            return report;
        }

        try
        {
            return report with { Tap = Follow(console, "over TAP", progress => new TapBench(extent == BenchExtent.Quick, progress).Run()) };
        }
        catch (Exception e) when (part == BenchPart.Both && e is (DeviceException or UnauthorizedAccessException or IOException))
        {
            Console.Error.WriteLine($"vswitch: not over TAP: {e.Message}");
            return report;
        }
    }

    private static T Follow<T>(IAnsiConsole console, string name, Func<Action<string, double>, T> measure) =>
        console.Progress().Start(context =>
        {
            ProgressTask task = context.AddTask(name, maxValue: 1);
            T result = measure((what, share) =>
            {
                task.Description = Markup.Escape($"{name}: {what}");
                task.Value = share;
            });
            task.Value = 1;
            return result;
        });

    /// <summary>Writes all figures as tables for people.</summary>
    public static void Print(BenchReport report)
    {
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{report.Processor}, {report.TscMhz:0} MHz (TSC), Linux {report.Kernel}, commit {report.Commit}"));
        if (report.Cells != null)
        {
            PrintMemory(report);
        }

        if (report.Tap != null)
        {
            Table rows = Columns("over TAP", "scenario", "figure", "unit");
            foreach (TapRow row in report.Tap)
            {
                rows.AddRow(row.Metric, row.Scenario, Number(row.Value), row.Unit);
            }

            AnsiConsole.Write(rows);
        }
    }

    private static void PrintMemory(BenchReport report)
    {
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
