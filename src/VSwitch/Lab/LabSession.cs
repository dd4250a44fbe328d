using System.Text.Json;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Lab;

/// <summary>An interface as it is now.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Port">Its port.</param>
/// <param name="Interface">Its name.</param>
/// <param name="State">up, down, or missing.</param>
/// <param name="Addresses">Addresses it has, or should have where it is missing.</param>
internal sealed record LabInterfaceStatus(string Namespace, string Port, string Interface, string State, IReadOnlyList<string> Addresses);

/// <summary>A lab as it is now.</summary>
/// <param name="IsUp">True when it was made and not taken down.</param>
/// <param name="SwitchPid">The switch while it runs.</param>
/// <param name="Log">Where the switch writes, while the lab is up.</param>
/// <param name="Api">What <c>show --api</c> takes, while the lab is up.</param>
/// <param name="Interfaces">Its interfaces.</param>
internal sealed record LabStatus(bool IsUp, int? SwitchPid, string? Log, string? Api, IReadOnlyList<LabInterfaceStatus> Interfaces);

/// <summary>What taking down found.</summary>
/// <param name="WasUp">False when there was nothing to take down.</param>
/// <param name="ClosingWords">The switch's closing summary.</param>
/// <param name="Orphans">Processes that still run in a namespace, by namespace: it lives on without a name until they end.</param>
internal sealed record LabClosing(bool WasUp, string ClosingWords, IReadOnlyDictionary<string, string> Orphans);

/// <summary>The lab of one configuration. <c>Up</c> starts the switch in the background and moves its TAPs into namespaces once
/// they are open: one command makes it all, and a TAP lives exactly as long as its switch. <c>Down</c> removes what the state file
/// says <c>Up</c> made, also after the configuration changed or the switch died.</summary>
internal sealed class LabSession
{
    private const string Prefix = "vs-";
    private readonly string _config;
    private readonly string _stateFile;

    /// <summary>The lab of a configuration.</summary>
    /// <param name="config">Path of the configuration.</param>
    /// <param name="folder">Folder of the state; null = the usual one.</param>
    public LabSession(string config, string? folder = null)
    {
        _config = Path.GetFullPath(config);
        _stateFile = LabState.FileOf(config, folder ?? LabState.DefaultFolder());
    }

    /// <summary>Makes the lab. Remains of a lab whose switch died are removed first.</summary>
    /// <exception cref="IOException">It is up already, or a step failed; nothing that was made stays.</exception>
    public LabState Up(SwitchConfig config)
    {
        var plan = new LabPlan(config, Prefix);
        if (plan.Interfaces.Count == 0)
        {
            throw new IOException("no port of the configuration has a TAP, so there is nothing to put into a namespace; " +
                "give an ENI 'device: { tap: NAME }'");
        }

        if (LabState.Read(_stateFile) is LabState old)
        {
            if (old.Switch.IsRunning)
            {
                throw new IOException($"the lab is up already (switch {old.Switch.Pid}); take it down first: vswitch lab down {_config}");
            }

            Down();
        }

        LabProcess.Ip("-V");
        LabRunner.RefuseTaken(plan.Namespaces);
        Directory.CreateDirectory(Path.GetDirectoryName(_stateFile)!);
        string log = Path.ChangeExtension(_stateFile, ".log");
        File.Delete(log);
        ApiAddress? api = LabState.ApiOf(_stateFile);
        LabState state = StateOf(plan, LabSwitch.Start(_config, log, api), log, api);
        try
        {
            // Before anything is made: who interrupts this can still take it down.
            state.Write(_stateFile);
            state.Switch.WaitUntilReady(log);
            LabRunner.Attach(plan);
        }
        catch
        {
            state.Switch.End();
            DeleteFiles(state);
            throw;
        }

        return state;
    }

    /// <summary>Runs a program in a namespace, on this terminal.</summary>
    /// <returns>Its exit code.</returns>
    /// <exception cref="IOException">The lab is not up.</exception>
    /// <exception cref="ArgumentException">The lab has no such name.</exception>
    public int Exec(string name, IReadOnlyList<string> command)
    {
        LabState state = LabState.Read(_stateFile)
            ?? throw new IOException($"the lab is not up; make it: vswitch lab up {_config}");
        string ns = state.Names.GetValueOrDefault(name)
            ?? throw new ArgumentException($"the lab has no '{name}'; it has {string.Join(", ", state.Names.Keys)}");
        return LabRunner.Exists(ns) ? LabProcess.RunInside(ns, command)
            : throw new IOException($"network namespace '{ns}' is gone; make the lab anew: vswitch lab down {_config}, then lab up");
    }

    /// <summary>Looks at what is there.</summary>
    public LabStatus Status() => LabState.Read(_stateFile) is LabState state
        ? new LabStatus(true, state.Switch.IsRunning ? state.Switch.Pid : null, state.Log, state.Api, [.. state.Interfaces.Select(Look)])
        : new LabStatus(false, null, null, null, []);

    /// <summary>Ends the switch and removes what Up made; does nothing where nothing is up.</summary>
    public LabClosing Down()
    {
        if (LabState.Read(_stateFile) is not LabState state)
        {
            return new LabClosing(false, "", new Dictionary<string, string>());
        }

        state.Switch.End();
        string closing = LabSwitch.ClosingWords(state.Log);
        var orphans = new Dictionary<string, string>();
        foreach (string ns in state.Namespaces.Where(LabRunner.Exists))
        {
            string inside = string.Join(' ', LabProcess.TryIp("netns", "pids", ns).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            if (inside.Length > 0)
            {
                orphans[ns] = inside;
            }
        }

        LabRunner.Detach(state.Namespaces);
        DeleteFiles(state);
        return new LabClosing(true, closing, orphans);
    }

    /// <summary>The socket too: a switch that was killed leaves it.</summary>
    private void DeleteFiles(LabState state)
    {
        if (state.Api != null && ApiAddress.Parse(state.Api).SocketPath is string socket)
        {
            File.Delete(socket);
        }

        File.Delete(state.Log);
        File.Delete(_stateFile);
    }

    private LabState StateOf(LabPlan plan, LabSwitch background, string log, ApiAddress? api) => new(
        _config, background, log, plan.Namespaces, plan.Names,
        [.. plan.Interfaces.Select(i => new LabStateInterface(i.Port, i.Tap, i.Namespace, i.Addresses))], api?.ToString());

    private static LabInterfaceStatus Look(LabStateInterface i)
    {
        string found = LabRunner.Exists(i.Namespace) ? LabProcess.TryIp("-j", "-n", i.Namespace, "addr", "show", "dev", i.Tap) : "";
        if (found.Length == 0)
        {
            return new LabInterfaceStatus(i.Namespace, i.Port, i.Tap, "missing", i.Addresses);
        }

        using var document = JsonDocument.Parse(found);
        JsonElement link = document.RootElement.EnumerateArray().First(e => e.TryGetProperty("ifname", out _));
        bool isUp = link.GetProperty("flags").EnumerateArray().Any(f => f.GetString() == "UP");
        IEnumerable<string> addresses = link.GetProperty("addr_info").EnumerateArray()
            .Where(a => a.GetProperty("scope").GetString() != "link")
            .Select(a => $"{a.GetProperty("local").GetString()}/{a.GetProperty("prefixlen").GetInt32()}");
        return new LabInterfaceStatus(i.Namespace, i.Port, i.Tap, isUp ? "up" : "down", [.. addresses]);
    }
}
