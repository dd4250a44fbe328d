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

        // All signals are caught before the first device appears, so that none finds its default action.
        using var stop = new ManualResetEvent(initialState: false);
        using var reload = new AutoResetEvent(initialState: false);
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, stop);
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM, stop);
        using PosixSignalRegistration hangUp = OnSignal(PosixSignal.SIGHUP, reload);
        using var host = new SwitchHost(config, workers);
        foreach ((string port, DataPlane.Devices.IPacketDevice device) in host.Devices)
        {
            string offload = device.Capabilities.Offload ? ", offload" : "";
            Console.Error.WriteLine($"vswitch: port {port} on {device.Name}, {device.Capabilities.QueueCount} queues{offload}");
        }

        Console.Error.WriteLine($"{ReadyMark}, {host.WorkerCount} workers; end with Ctrl-C, apply changes with SIGHUP");
        Wait(host, path, stop, reload);
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

    private static PosixSignalRegistration OnSignal(PosixSignal signal, EventWaitHandle raised) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            raised.Set();
        });

    /// <summary>Until a signal to end, or until a worker fails; a signal to reload is carried out here, one at a time.</summary>
    private static void Wait(SwitchHost host, string path, WaitHandle stop, WaitHandle reload)
    {
        const int LookMs = 500;
        WaitHandle[] signals = [stop, reload];
        while (host.Failure == null)
        {
            int signal = WaitHandle.WaitAny(signals, LookMs);
            if (signal == 0)
            {
                return;
            }

            if (signal == 1)
            {
                Reload(host, path);
            }
        }
    }

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
