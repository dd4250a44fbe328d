using System.CommandLine;
using System.Globalization;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Throughput;

/// <summary>bench throughput: everything that is measured in memory.</summary>
internal static class ThroughputCommand
{
    public static Command Create()
    {
        var quick = new Option<bool>("--quick") { Description = "up to 1000 flows, short runs" };
        var full = new Option<bool>("--full") { Description = "every combination, and 10 million flows: half an hour and 4 GiB" };
        var parts = new Option<MemoryParts[]>("--parts")
        {
            Description = "only these: cells, drops, connections, latency, workers, policy",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [MemoryParts.All],
        };
        Option<bool> json = SwitchCommandLine.JsonOption();
        var command = new Command("throughput", "The grid, new connections, two workers, latency, changes of rules.") { quick, full, parts, json };
        command.SetAction(parsed => Run(
            parsed.GetValue(full) ? BenchExtent.Full : parsed.GetValue(quick) ? BenchExtent.Quick : BenchExtent.Usual,
            parsed.GetValue(parts)!.Aggregate(MemoryParts.None, (all, part) => all | part),
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(BenchExtent extent, MemoryParts parts, bool json)
    {
        BenchReport report = new MemoryBench(extent, parts, (what, share) =>
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{share,4:0%} {what}"))).Run();
        if (json)
        {
            SwitchCommandLine.WriteJson(report);
        }
        else
        {
            VSwitch.Commands.BenchCommand.Print(report);
        }

        return SwitchCommandLine.Done;
    }
}
