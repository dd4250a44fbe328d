using System.CommandLine;
using Spectre.Console;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Commands;

/// <summary>vswitch show: so far what needs no running switch, the drop reasons.</summary>
internal static class ShowCommand
{
    public static Command Create()
    {
        var all = new Option<bool>("--all") { Description = "all reasons there are" };
        Option<bool> json = CommandLine.JsonOption();
        var drops = new Command("drops", "List the drop reasons.\n\nExample: vswitch show drops --all") { all, json };
        drops.SetAction(parsed => Drops(parsed.GetValue(all), parsed.GetValue(json)));
        return new Command("show", "Show what the switch knows.") { drops };
    }

    private static int Drops(bool all, bool json)
    {
        if (!all)
        {
            throw new ArgumentException("asking a running switch is not built yet; write: vswitch show drops --all");
        }

        DropReason[] reasons = [.. DropReasons.All.ToArray().Where(r => r != DropReason.None)];
        if (json)
        {
            CommandLine.WriteJson(reasons.Select(r => new { Name = r.Name(), Sentence = r.Sentence() }));
            return CommandLine.Done;
        }

        Table table = new Table().Border(TableBorder.Rounded).AddColumns("reason", "means");
        foreach (DropReason reason in reasons)
        {
            table.AddRow(reason.Name(), reason.Sentence());
        }

        AnsiConsole.Write(table);
        return CommandLine.Done;
    }
}
