using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using VSwitch.ControlPlane.Config;
using VSwitch.Lab;

namespace VSwitch.Commands;

/// <summary>vswitch lab: a namespace an instance, around a switch that lab up starts in the background and lab down ends.</summary>
internal static class LabCommand
{
    private const string Prefix = "vs-";

    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var instance = new Argument<string>("INSTANCE") { Description = "instance, ENI, or internet" };
        var words = new Argument<string[]>("COMMAND") { Description = "what to run there" };
        var up = new Command("up", "Start the switch and make the namespaces.\n\nExample: vswitch lab up lab.yaml") { config };
        up.SetAction(parsed => Up(parsed.GetValue(config)!));
        var exec = new Command("exec", "Run a command in an instance.\n\nExample: vswitch lab exec lab.yaml vm1 -- ping -c 1 10.0.1.1") { config, instance, words };
        exec.SetAction(parsed => Exec(parsed.GetValue(config)!, parsed.GetValue(instance)!, parsed.GetValue(words) ?? []));
        var status = new Command("status", "Show namespaces and interfaces.\n\nExample: vswitch lab status lab.yaml") { config };
        status.SetAction(parsed => Status(parsed.GetValue(config)!));
        var down = new Command("down", "End the switch and remove the namespaces.\n\nExample: vswitch lab down lab.yaml") { config };
        down.SetAction(parsed => Down(parsed.GetValue(config)!));
        return new Command("lab", "A namespace for each instance, with its ENIs inside.") { up, exec, status, down };
    }

    private static int Up(string path)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        var plan = new LabPlan(config, Prefix);
        if (ReadPid(path) is int running)
        {
            throw new IOException($"the lab is up already (switch {running}); take it down first: vswitch lab down {path}");
        }

        string log = StateFile(path, "log");
        using Process child = StartSwitch(path, log);
        try
        {
            WaitForTaps(plan, child, log);
            LabRunner.Attach(plan);
        }
        catch
        {
            child.Kill();
            throw;
        }

        File.WriteAllText(StateFile(path, "pid"), child.Id.ToString(CultureInfo.InvariantCulture));
        Console.Out.WriteLine($"lab up: switch {child.Id}, its log is {log}");
        foreach (LabInterface i in plan.Interfaces)
        {
            Console.Out.WriteLine($"  {i.Namespace}: {i.Port}");
        }

        Console.Out.WriteLine($"Next: vswitch lab exec {path} {plan.Interfaces[0].Namespace[Prefix.Length..]} -- ip addr");
        return CommandLine.Done;
    }

    private static Process StartSwitch(string path, string log)
    {
        string self = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(self) == "dotnet"
            ? [self, typeof(LabCommand).Assembly.Location] : [self];
        string words = string.Join(' ', program.Append("run").Append(path).Select(w => $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"exec {words} >'{log}' 2>&1 </dev/null"]);
        return Process.Start(start)!;
    }

    private static void WaitForTaps(LabPlan plan, Process child, string log)
    {
        bool ready = SpinWait.SpinUntil(
            () => child.HasExited || plan.Interfaces.All(i => Directory.Exists($"/sys/class/net/{i.Tap}")), TimeSpan.FromSeconds(20));
        if (child.HasExited || !ready)
        {
            throw new IOException($"the switch did not start: {File.ReadAllText(log).Trim()}");
        }
    }

    private static int Exec(string path, string instance, string[] command)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        string ns = new LabPlan(config, Prefix).NamespaceOf(instance);
        if (command.Length == 0)
        {
            throw new ArgumentException("no command: vswitch lab exec CONFIG INSTANCE -- COMMAND...");
        }

        try
        {
            using Process process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", ns, .. command]))!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (Win32Exception e)
        {
            throw new IOException($"ip cannot be run: {e.Message}; install iproute2", e);
        }
    }

    private static int Status(string path)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        int? pid = ReadPid(path);
        Console.Out.WriteLine(pid is int running ? $"switch {running} is running" : "the lab is down");
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("namespace", "port", "interface", "addresses");
        foreach (LabInterface i in new LabPlan(config, Prefix).Interfaces)
        {
            bool exists = File.Exists($"/run/netns/{i.Namespace}");
            string addresses = string.Join(' ', i.Commands.Where(c => c[0] == "addr").Select(c => c[2]));
            table.AddRow(Markup.Escape(i.Namespace), Markup.Escape(i.Port), exists ? i.Tap : "-", addresses);
        }

        AnsiConsole.Write(table);
        return CommandLine.Done;
    }

    private static int Down(string path)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        if (ReadPid(path) is int pid)
        {
            using var process = Process.GetProcessById(pid);
            LabProcess.TerminateGently(process);
        }

        LabRunner.Detach(new LabPlan(config, Prefix));
        File.Delete(StateFile(path, "pid"));
        Console.Out.WriteLine("lab down");
        return CommandLine.Done;
    }

    /// <summary>The switch of this lab, if it still runs: its command line names the configuration.</summary>
    private static int? ReadPid(string path)
    {
        string file = StateFile(path, "pid");
        if (!File.Exists(file) || !int.TryParse(File.ReadAllText(file), NumberStyles.None, CultureInfo.InvariantCulture, out int pid))
        {
            return null;
        }

        string commandLine = $"/proc/{pid}/cmdline";
        return File.Exists(commandLine) && File.ReadAllText(commandLine).Split('\0').Contains(path) ? pid : null;
    }

    private static string StateFile(string path, string kind)
    {
        string folder = Path.Combine(Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") ?? "/run", "vswitch");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, $"lab-{Path.GetFileNameWithoutExtension(path)}.{kind}");
    }
}
