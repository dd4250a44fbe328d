using System.CommandLine;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Reporting;

/// <summary>bench report: figures into the README and the plots.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "what throughput --json wrote" };
        var readme = new Option<string>("--readme") { Description = "the text with marked parts to write the tables into", Required = true };
        var plots = new Option<string>("--plots") { Description = "folder for the plots", Required = true };
        var command = new Command("report", "Writes the tables and plots of a run.") { file, readme, plots };
        command.SetAction(parsed => Run(parsed.GetValue(file)!, parsed.GetValue(readme)!, parsed.GetValue(plots)!));
        return command;
    }

    private static int Run(string file, string readme, string plots)
    {
        BenchReport report = SwitchCommandLine.ReadJson<BenchReport>(File.ReadAllText(file));
        string text = File.ReadAllText(readme);
        foreach ((string name, string content) in ReportTables.All(report))
        {
            text = MarkedText.Replace(text, name, content);
        }

        Directory.CreateDirectory(plots);
        File.WriteAllText(Path.Combine(plots, "clocks.svg"), ClocksPlot.Draw(report));
        File.WriteAllText(Path.Combine(plots, "connections.svg"), ConnectionsPlot.Draw(report));
        File.WriteAllText(readme, text);
        return SwitchCommandLine.Done;
    }
}
