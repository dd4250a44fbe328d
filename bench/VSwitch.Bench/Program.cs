using System.CommandLine;
using Spectre.Console;
using VSwitch.Bench;
using VSwitch.Bench.Micro;
using VSwitch.Bench.Reporting;
using VSwitch.Bench.Throughput;

const int WidthOfAFile = 160;
if (Console.IsOutputRedirected)
{
    AnsiConsole.Profile.Width = WidthOfAFile;
}

var root = new RootCommand("Measures VSwitch: the pipeline in memory, its pieces, and very many packets.")
{
    ThroughputCommand.Create(),
    ObserveCommand.Create(),
    SoakCommand.Create(),
    MicroCommand.Create(),
    ReportCommand.Create(),
};
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is BenchException or IOException)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}
