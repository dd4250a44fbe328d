using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Demo;
using VSwitch.Devices.Linux;
using VSwitch.Devices.Pcap;
using VSwitch.Lab;
using VSwitch.Live;
using VSwitch.Replay;
using VSwitch.Trace;

namespace VSwitch.Commands;

/// <summary>vswitch demo: the first five minutes.</summary>
internal static class DemoCommand
{
    private const string Prefix = "vsd-";

    private sealed record Row(string Name, string Expected, string Seen, bool IsGood);

    public static Command Create()
    {
        var replay = new Option<bool>("--replay") { Description = "replay captures even where a live lab would be possible" };
        var output = new Option<string?>("--out") { Description = "folder for the captures; default: a new one in the temporary folder" };
        var command = new Command("demo", "A complete lab, built in: what passes, what is dropped, and why.\n\nExample: vswitch demo") { replay, output };
        command.SetAction(parsed => Run(parsed.GetValue(replay), parsed.GetValue(output)));
        return command;
    }

    private static int Run(bool replay, string? output)
    {
        var clock = Stopwatch.StartNew();
        SwitchConfig config = ReadConfig();
        List<Row>? rows = replay ? null : TryLive(config);
        bool isLive = rows != null;
        string folder = output ?? Directory.CreateTempSubdirectory("vswitch-demo-").FullName;
        List<Row> replayed = RunReplay(config, folder);
        rows ??= replayed;

        Table table = new Table().Border(TableBorder.Rounded).AddColumns("scenario", "expected", "seen", "");
        foreach (Row row in rows)
        {
            table.AddRow(Markup.Escape(row.Name), Markup.Escape(row.Expected), Markup.Escape(row.Seen), row.IsGood ? "[green]ok[/]" : "[red]no[/]");
        }

        AnsiConsole.Write(table);
        bool good = rows.Concat(replayed).All(r => r.IsGood);
        Console.Out.WriteLine(isLive
            ? $"Live: {rows.Count} scenarios with real sockets in namespaces around TAP devices, {clock.Elapsed.TotalSeconds:0.0} s."
            : $"Replayed: {rows.Count} scenarios, one packet each, {clock.Elapsed.TotalSeconds:0.0} s (a live lab needs root and iproute2).");
        Console.Out.WriteLine($"Captures of the same packets are in {folder}: in.pcap, one file for each port, and drops.pcapng,");
        Console.Out.WriteLine($"where each dropped packet has its reason as comment. Open them: wireshark {Path.Combine(folder, "drops.pcapng")}");
        Console.Out.WriteLine("Ask why yourself: vswitch trace captures/demo.yaml --from web1 'tcp 10.0.1.10:40000 > 10.0.2.10:22 syn'");
        Console.Out.WriteLine(good ? "All as expected." : "NOT all as expected.");
        return good ? CommandLine.Done : CommandLine.Failed;
    }

    private static SwitchConfig ReadConfig()
    {
        using Stream stream = typeof(DemoCommand).Assembly.GetManifestResourceStream("demo.yaml")!;
        using var reader = new StreamReader(stream);
        ConfigResult result = ConfigReader.Parse("demo.yaml", reader.ReadToEnd());
        return result.Config ?? throw new IOException(string.Join(Environment.NewLine, result.Errors));
    }

    /// <summary>Null where the right or the tool for a live lab is missing; says which on standard error.</summary>
    private static List<Row>? TryLive(SwitchConfig config)
    {
        var plan = new LabPlan(config, Prefix);
        SwitchHost? host = null;
        try
        {
            host = new SwitchHost(config, workers: 2);
            LabRunner.Attach(plan);
        }
        catch (Exception e) when (e is DeviceException or IOException)
        {
            Console.Error.WriteLine($"vswitch: no live lab: {e.Message}");
            host?.Free();
            return null;
        }

        try
        {
            return [.. DemoScenario.All(plan.NamespaceOf).Select(s => RunLive(s, host))];
        }
        finally
        {
            LabRunner.Detach(plan);
            host.Free();
        }
    }

    private static Row RunLive(DemoScenario scenario, SwitchHost host)
    {
        int port = Array.IndexOf(host.Snapshot.PortNames, scenario.Port);
        long before = host.Workers.SumDrops(port, scenario.Reason);
        string? seen = scenario.Live();
        if (scenario.Reason == DropReason.None)
        {
            return new Row(scenario.Name, "passes", seen ?? "nothing came back", seen != null);
        }

        bool counted = SpinWait.SpinUntil(() => host.Workers.SumDrops(port, scenario.Reason) > before, TimeSpan.FromSeconds(1));
        string reason = scenario.Reason.Name();
        return new Row(
            scenario.Name, $"dropped: {reason}", seen ?? (counted ? $"dropped: {reason}" : "nothing counted"), counted && seen == null);
    }

    private static List<Row> RunReplay(SwitchConfig config, string folder)
    {
        const long StartNs = 1_700_000_000_000_000_000;
        const long StepNs = 1_000_000;
        Directory.CreateDirectory(folder);
        string input = Path.Combine(folder, "in.pcap");
        var rows = new List<Row>();
        using (var writer = new PcapWriter(input))
        {
            foreach (DemoScenario scenario in DemoScenario.All(name => name))
            {
                byte[] frame = TracePacket.Parse(scenario.Packet, scenario.Port, config);
                writer.Write(frame, StartNs + (rows.Count * StepNs));
                string verdict = Tracer.Explain(config, scenario.Port, frame)[^1].Text;
                string expected = scenario.Reason == DropReason.None ? "passes" : $"dropped: {scenario.Reason.Name()}";
                string seen = verdict.Split('.')[0];
                rows.Add(new Row(scenario.Name, expected, seen, scenario.Reason == DropReason.None
                    ? !seen.StartsWith("dropped", StringComparison.Ordinal) : seen == expected));
            }
        }

        using var runner = new ReplayRunner(config, new ReplayOptions([("auto", input)], folder, 1, 0));
        ReplaySummary summary = runner.Run(CancellationToken.None);
        long dropped = rows.Count(r => r.Expected.StartsWith("dropped", StringComparison.Ordinal));
        rows.Add(new Row("the same packets replayed", $"{dropped} dropped", $"{summary.Dropped} dropped", summary.Dropped == dropped));
        return rows;
    }
}
