using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using VSwitch.ControlPlane.Config;
using VSwitch.Replay;

namespace VSwitch.Commands;

/// <summary>vswitch replay: captures in, captures out, and why.</summary>
internal static class ReplayCommand
{
    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var inputs = new Option<string[]>("--in") { Description = "PORT=FILE; PORT may be auto; FILE may be - for standard input", Required = true };
        var output = new Option<string>("--out") { Description = "folder for PORT.pcap and drops.pcapng", Required = true };
        var speed = new Option<string>("--speed") { Description = "max, original, or xN", DefaultValueFactory = _ => "max" };
        var workers = new Option<int?>("--workers") { Description = "workers; the result is the same for any number" };
        var usage = new Option<string?>("--usage")
        {
            Description = "write a usage ledger on the trace's clock to the new folder DIR: vswitch bill CONFIG --usage DIR",
            HelpName = "DIR",
        };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command("replay", "Feed captures to ports and write what comes out.\n\nExample: vswitch replay lab.yaml --in vm1-eth0=vm1.pcap --in auto=all.pcapng --out out")
        {
            config, inputs, output, speed, workers, usage, json,
        };
        command.SetAction(parsed =>
        {
            ReplayOptions options = Read(
                parsed.GetValue(inputs)!, parsed.GetValue(output)!, parsed.GetValue(speed)!, parsed.GetValue(workers), parsed.GetValue(usage));
            return Run(parsed.GetValue(config)!, options, parsed.GetValue(json));
        });
        return command;
    }

    private static ReplayOptions Read(string[] inputs, string output, string speed, int? workers, string? usage)
    {
        var pairs = inputs.Select(text =>
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            return equals > 0 ? (text[..equals], text[(equals + 1)..])
                : throw new ArgumentException($"--in {text}: write PORT=FILE");
        }).ToList();
        double factor = speed switch
        {
            "max" => 0,
            "original" => 1,
            _ when speed.StartsWith('x') && double.TryParse(
                speed[1..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double n) && n > 0 => n,
            _ => throw new ArgumentException($"--speed {speed}: write max, original or xN, like x10"),
        };
        int count = workers ?? 1;
        return count is >= 1 and <= 64 ? new ReplayOptions(pairs, output, count, factor) { UsageFolder = usage }
            : throw new ArgumentException($"--workers {count}: from 1 to 64");
    }

    private static int Run(string path, ReplayOptions options, bool json)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        using var stop = new CancellationTokenSource();
        ConsoleCancelEventHandler onCancel = (_, e) =>
        {
            e.Cancel = true;
            stop.Cancel();
        };
        Console.CancelKeyPress += onCancel;
        ReplaySummary summary;
        try
        {
            using var runner = new ReplayRunner(config, options);
            summary = runner.Run(stop.Token);
        }
        finally
        {
            Console.CancelKeyPress -= onCancel;
        }

        if (json)
        {
            CommandLine.WriteJson(summary);
        }
        else
        {
            Print(summary, options.OutputFolder);
        }

        foreach (string error in summary.Errors)
        {
            Console.Error.WriteLine($"vswitch: {error}; the frames before it were replayed");
        }

        return stop.IsCancellationRequested ? CommandLine.Interrupted : summary.Errors.Count > 0 ? CommandLine.Failed : CommandLine.Done;
    }

    private static void Print(ReplaySummary summary, string folder)
    {
        var ports = new Table().Border(TableBorder.Rounded)
            .AddColumns("port", "received", "forwarded", "answered", "consumed", "dropped", "sent", "own");
        foreach ((string name, PortSummary p) in summary.Ports)
        {
            ports.AddRow(new[] { Markup.Escape(name) }.Concat(
                new[] { p.Received, p.Forwarded, p.Answered, p.Consumed, p.Dropped, p.Sent, p.Generated }
                    .Select(n => n.ToString(CultureInfo.InvariantCulture))).ToArray());
        }

        AnsiConsole.Write(ports);
        foreach ((string reason, long count) in summary.Drops)
        {
            Console.Out.WriteLine($"  dropped {count,8}  {reason}");
        }

        Console.Out.WriteLine(
            $"{summary.Read} frames read: {summary.Forwarded} forwarded, {summary.Answered} answered, {summary.Consumed} consumed, {summary.Dropped} dropped; " +
            $"{summary.Generated} made by the switch; {summary.Flows.Created} connections. Captures are in {folder}.");
    }
}
