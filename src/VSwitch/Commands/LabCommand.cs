using System.CommandLine;
using Spectre.Console;
using VSwitch.ControlPlane.Config;
using VSwitch.Lab;

namespace VSwitch.Commands;

/// <summary>vswitch lab: a namespace an instance, around a switch that lab up starts in the background and lab down ends.</summary>
internal static class LabCommand
{
    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var instance = new Argument<string>("INSTANCE") { Description = "instance, ENI, or internet" };
        var words = new Argument<string[]>("COMMAND") { Description = "what to run there" };
        Option<bool> json = CommandLine.JsonOption();
        var up = new Command("up", "Start the switch in the background and make the namespaces.\n\nExample: vswitch lab up lab.yaml") { config };
        up.SetAction(parsed => Up(parsed.GetValue(config)!));
        var exec = new Command("exec", "Run a command in an instance.\n\nExample: vswitch lab exec lab.yaml vm1 -- ping -c 1 10.0.1.1")
        {
            config, instance, words,
        };
        exec.SetAction(parsed => Exec(parsed.GetValue(config)!, parsed.GetValue(instance)!, parsed.GetValue(words) ?? []));
        var status = new Command("status", "Show namespaces and interfaces.\n\nExample: vswitch lab status lab.yaml") { config, json };
        status.SetAction(parsed => Status(parsed.GetValue(config)!, parsed.GetValue(json)));
        var down = new Command("down", "End the switch and remove what lab up made.\n\nExample: vswitch lab down lab.yaml") { config };
        down.SetAction(parsed => Down(parsed.GetValue(config)!));
        return new Command("lab", "A namespace for each instance, with its ENIs inside.") { up, exec, status, down };
    }

    private static int Up(string path)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        LabState state = new LabSession(path).Up(config);
        Console.Out.WriteLine($"lab up: switch {state.Switch.Pid}, its log is {state.Log}");
        foreach (LabStateInterface i in state.Interfaces)
        {
            Console.Out.WriteLine($"  {i.Namespace}: {i.Port} {string.Join(' ', i.Addresses)}");
        }

        if (state.Api != null)
        {
            Console.Out.WriteLine($"Ask it: vswitch show ports --api {state.Api}");
        }

        Console.Out.WriteLine($"Next: vswitch lab exec {path} {state.Names.Keys.First()} -- ip addr");
        return CommandLine.Done;
    }

    private static int Exec(string path, string instance, string[] command) => command.Length > 0
        ? new LabSession(path).Exec(instance, command)
        : throw new ArgumentException("no command: vswitch lab exec CONFIG INSTANCE -- COMMAND...");

    private static int Status(string path, bool json)
    {
        LabStatus status = new LabSession(path).Status();
        if (json)
        {
            CommandLine.WriteJson(status);
            return CommandLine.Done;
        }

        Console.Out.WriteLine(
            !status.IsUp ? $"the lab is down; make it: vswitch lab up {path}"
            : status.SwitchPid is int pid ? $"switch {pid} is running, its log is {status.Log}"
            : $"the switch has ended, its log is {status.Log}");
        if (status is { SwitchPid: not null, Api: string api })
        {
            Console.Out.WriteLine($"ask it: vswitch show ports --api {api}");
        }

        if (status.IsUp)
        {
            Table table = new Table().Border(TableBorder.Rounded).AddColumns("namespace", "port", "interface", "state", "addresses");
            foreach (LabInterfaceStatus i in status.Interfaces)
            {
                string[] row = [i.Namespace, i.Port, i.Interface, i.State, string.Join(' ', i.Addresses)];
                table.AddRow([.. row.Select(Markup.Escape)]);
            }

            AnsiConsole.Write(table);
        }

        return CommandLine.Done;
    }

    private static int Down(string path)
    {
        LabClosing closing = new LabSession(path).Down();
        if (closing.ClosingWords.Length > 0)
        {
            Console.Out.WriteLine(closing.ClosingWords);
        }

        foreach ((string ns, string processes) in closing.Orphans)
        {
            Console.Error.WriteLine($"vswitch: still running in {ns}, which lives on without a name until they end: {processes}");
        }

        Console.Out.WriteLine(closing.WasUp ? "lab down" : "the lab was not up");
        return CommandLine.Done;
    }
}
