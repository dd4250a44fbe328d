using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using VSwitch.Api;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Devices;
using VSwitch.Live;
using VSwitch.Messages;
using VSwitch.Watching;

namespace VSwitch.Commands;

/// <summary>vswitch run: the switch in the foreground.</summary>
internal static class RunCommand
{
    /// <summary>Begins the line that says that all devices are open and the workers run; a lab waits for it.</summary>
    public const string ReadyMark = "vswitch: running";

    private sealed record Settings(string? Config, string? State, int? Workers, bool Json, string? Api, string? TokenFile);

    public static Command Create()
    {
        var config = new Argument<string?>("CONFIG")
        {
            Description = "the configuration file (YAML or JSON); not needed where --state has a state",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var state = new Option<string?>("--state")
        {
            Description = "keep every change in the folder DIR, where it survives a restart and a power cut. Without a state there, CONFIG becomes " +
                "its first revision; else the state is in force, and CONFIG waits for SIGHUP or vswitch apply",
            HelpName = "DIR",
        };
        var workers = new Option<int?>("--workers") { Description = "worker threads; default: the configuration's, else one a processor" };
        Option<bool> json = CommandLine.JsonOption();
        var logJson = new Option<bool>("--log-json") { Description = "messages on standard error as JSON lines" };
        var api = new ApiOptions();
        var command = new Command("run", "Run the switch until SIGINT or SIGTERM; SIGHUP applies the changed configuration. " +
            "Meanwhile show, apply, capture and top ask its API; --api none runs without one.\n\n" +
            "Example: vswitch run lab.yaml --state /var/lib/vswitch --api unix:/tmp/lab.sock") { config, state, workers, json, logJson };
        api.AddTo(command);
        command.SetAction(parsed =>
        {
            using ILoggerFactory logs = ErrorStreamLog.Create(CommandLine.IsVerbose(parsed), parsed.GetValue(logJson));
            return Run(
                new Settings(
                    parsed.GetValue(config), parsed.GetValue(state), parsed.GetValue(workers), parsed.GetValue(json), api.AddressOf(parsed), api.TokenFileOf(parsed)),
                logs);
        });
        return command;
    }

    private static int Run(Settings settings, ILoggerFactory logs)
    {
        if (settings.Workers is < 1 or > 64)
        {
            throw new ArgumentException($"--workers {settings.Workers}: from 1 to 64");
        }

        ILogger log = logs.CreateLogger(RunMessages.Category);
        using StateStore? store = settings.State == null ? null : StateStore.Open(new StateFolder(settings.State), TimeProvider.System);
        foreach (string finding in store?.Findings ?? [])
        {
            log.StateFinding(finding);
        }

        if (StartingConfig.Choose(store, settings.Config, CommandLine.ReadConfig) is not StartingConfig starting)
        {
            return CommandLine.WrongUsage;
        }

        // All signals are caught before the first device appears, so that none finds its default action.
        using var stop = new ManualResetEvent(initialState: false);
        using var reload = new AutoResetEvent(initialState: false);
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, stop);
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM, stop);
        using PosixSignalRegistration hangUp = OnSignal(PosixSignal.SIGHUP, reload);
        using ApiListener? listener = Listen(settings, logs.CreateLogger("VSwitch.Api"));
        using var host = new SwitchHost(starting.Config, settings.Workers, ownsProcess: true, say: logs.CreateLogger("VSwitch.FlowLogs").FlowLogSays);
        var ledger = new ChangeLedger(starting.Config, store, settings.Config == null ? null : $"from {settings.Config}");
        using UsageService usage = Meter(host, store, logs.CreateLogger("VSwitch.Billing"));
        var control = new SwitchControl(host, ledger) { Usage = usage };
        using ApiServer? server = listener == null ? null : ApiServer.Start(listener, control, logs);
        using var drift = new DriftService(control, logs.CreateLogger(ElasticIpMessages.Category));
        SayWhatRuns(log, control, listener);
        WatchMirrors(log, host);
        if (starting.Note != null)
        {
            log.FileWaits(starting.Note);
        }

        log.Running(host.WorkerCount);
        Wait(control, settings.Config, log, new ProtectionWatch(host, logs.CreateLogger(ProtectionMessages.Category)), stop, reload);
        server?.Stop();
        drift.Dispose();
        host.Dispose();
        usage.Dispose();
        if (settings.Json)
        {
            CommandLine.WriteJson(HostSummary.ToJson(host));
        }
        else
        {
            HostSummary.Print(host);
        }

        if (host.Failure is Exception failure)
        {
            log.WorkerFailed(failure.Message);
            return CommandLine.Failed;
        }

        return CommandLine.Done;
    }

    /// <summary>The usage ledger: beside the state where there is one, else in memory, for as long as the switch runs.</summary>
    private static UsageService Meter(SwitchHost host, StateStore? store, ILogger log) => new(
        host, store == null ? () => new MemoryLedgerFiles() : () => new StateFolder(Path.Combine(store.Folder, UsageService.FolderName)),
        store?.Document?.Time, TimeProvider.System, log.UsageSays);

    /// <summary>The API's socket, before any device is opened. Where the user says where it is to be, a failure ends the command; the usual
    /// place may belong to another switch, and this one then runs without.</summary>
    private static ApiListener? Listen(Settings settings, ILogger log)
    {
        if (settings.Api != null)
        {
            return settings.Api == ApiAddress.None ? null : ApiListener.Open(ApiAddress.Parse(settings.Api), settings.TokenFile);
        }

        if (settings.TokenFile != null)
        {
            throw new ArgumentException("--token-file goes with --api http://127.0.0.1:PORT");
        }

        if (ApiAddress.Default() is not ApiAddress usual)
        {
            log.NoApi("XDG_RUNTIME_DIR is not set; give it a place with --api unix:PATH, or say --api none");
            return null;
        }

        try
        {
            return ApiListener.Open(usual, tokenFile: null);
        }
        catch (IOException e)
        {
            log.NoApi(e.Message);
            return null;
        }
    }

    private static void SayWhatRuns(ILogger log, SwitchControl control, ApiListener? listener)
    {
        SwitchHost host = control.Host;
        foreach ((string port, IPacketDevice device) in host.Devices)
        {
            log.PortOpened(port, device.Name, device.Capabilities.QueueCount, device.Capabilities.Offload ? ", offload" : "");
        }

        WorkerPlacement placement = host.Placement;
        if (placement.IsPinned)
        {
            log.WorkersPinned(
                string.Join(',', placement.Allowed.Take(placement.WorkerCount)), string.Join(',', placement.ForOthers));
        }
        else
        {
            log.WorkersShare(placement.WorkerCount, string.Join(',', placement.Allowed));
        }

        if (listener != null)
        {
            log.ApiAt(listener.Address.ToString());
        }

        if (control.Ledger.Store is StateStore store)
        {
            log.StateIn(store.Folder, control.Revision);
        }
    }

    /// <summary>A mirror that cannot write says so, and goes on trying.</summary>
    private static void WatchMirrors(ILogger log, SwitchHost host)
    {
        host.Mirrors.ProblemChanged += (mirror, problem) => SayMirror(log, mirror, problem);
        foreach (MirrorReading mirror in host.Mirrors.Readings.Where(m => m.Problem != null))
        {
            SayMirror(log, mirror.Config.Name, mirror.Problem);
        }
    }

    private static void SayMirror(ILogger log, string mirror, string? problem)
    {
        if (problem == null)
        {
            log.MirrorWorks(mirror);
        }
        else
        {
            log.MirrorStopped(mirror, problem);
        }
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, EventWaitHandle raised) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            raised.Set();
        });

    /// <summary>Until a signal to end, or until a worker fails; a signal to reload is carried out here, one at a time.</summary>
    private static void Wait(
        SwitchControl control, string? path, ILogger log, ProtectionWatch protection, WaitHandle stop, WaitHandle reload)
    {
        const int LookMs = 500;
        WaitHandle[] signals = [stop, reload];
        while (control.Host.Failure == null)
        {
            int signal = WaitHandle.WaitAny(signals, LookMs);
            protection.Look();
            if (signal == 0)
            {
                return;
            }

            if (signal == 1)
            {
                Reload(control, path, log);
            }
        }
    }

    private static void Reload(SwitchControl control, string? path, ILogger log)
    {
        if (path == null)
        {
            log.ReloadRefused("SIGHUP applies the CONFIG that run was started with, and there was none: use vswitch apply");
            return;
        }

        if (CommandLine.ReadConfig(path) is not SwitchConfig config)
        {
            log.ReloadNotRead();
            return;
        }

        try
        {
            if (control.Apply(config, ChangeOrigin.Sighup).Changed)
            {
                log.Reloaded();
            }
            else
            {
                log.ReloadedSame();
            }
        }
        catch (ChangeRefusedException e)
        {
            log.ReloadRefused(e.Message);
        }
    }
}
