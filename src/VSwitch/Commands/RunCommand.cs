using System.CommandLine;
using System.Runtime.InteropServices;
using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Linux;
using VSwitch.Live;

namespace VSwitch.Commands;

/// <summary>vswitch run: the switch in the foreground.</summary>
internal static class RunCommand
{
    /// <summary>Begins the line that says that all devices are open and the workers run; a lab waits for it.</summary>
    public const string ReadyMark = "vswitch: running";

    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var workers = new Option<int?>("--workers") { Description = "worker threads; default: the configuration's, else one a processor" };
        Option<bool> json = CommandLine.JsonOption();
        var command = new Command("run", "Run the switch until SIGINT or SIGTERM; SIGHUP applies the changed configuration.\n\nExample: vswitch run lab.yaml") { config, workers, json };
        command.SetAction(parsed => Run(parsed.GetValue(config)!, parsed.GetValue(workers), parsed.GetValue(json)));
        return command;
    }

    private static int Run(string path, int? workers, bool json)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            return CommandLine.WrongUsage;
        }

        if (workers is < 1 or > 64)
        {
            throw new ArgumentException($"--workers {workers}: from 1 to 64");
        }

        using var stop = new ManualResetEventSlim();
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, stop.Set);
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM, stop.Set);
        using var host = new SwitchHost(config, workers);
        using PosixSignalRegistration hangUp = OnSignal(PosixSignal.SIGHUP, () => Reload(host, path));
        foreach ((string port, DataPlane.Devices.IPacketDevice device) in host.Devices)
        {
            Console.Error.WriteLine($"vswitch: port {port} on {device.Name}, {device.Capabilities.QueueCount} queues");
        }

        Console.Error.WriteLine($"{ReadyMark}, {host.WorkerCount} workers; end with Ctrl-C, apply changes with SIGHUP");
        const int LookMs = 500;
        while (!stop.Wait(LookMs) && host.Failure == null)
        {
        }

        host.Dispose();
        if (json)
        {
            CommandLine.WriteJson(HostSummary.ToJson(host));
        }
        else
        {
            HostSummary.Print(host);
        }

        if (host.Failure is Exception failure)
        {
            Console.Error.WriteLine($"vswitch: a worker failed, which is an error of ours: {failure.Message}");
            return CommandLine.Failed;
        }

        return CommandLine.Done;
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, Action act) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        act();
    });

    private static void Reload(SwitchHost host, string path)
    {
        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            Console.Error.WriteLine("vswitch: the changed configuration has errors; nothing was changed");
            return;
        }

        try
        {
            host.Apply(config);
            Console.Error.WriteLine("vswitch: the changed configuration is in force");
        }
        catch (Exception e) when (e is DeviceException or IOException or InvalidOperationException)
        {
            Console.Error.WriteLine($"vswitch: {e.Message}; nothing was changed");
        }
    }
}
