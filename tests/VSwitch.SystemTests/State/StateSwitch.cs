using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.Api;
using VSwitch.Commands;
using VSwitch.Live;

namespace VSwitch.SystemTests.State;

/// <summary>A switch of its own process with a state folder and no devices, changed through its API or by SIGHUP. A configuration is a
/// number, which stands in the remark of its one rule.</summary>
internal sealed class StateSwitch : IDisposable
{
    private const int LimitMs = 300_000;
    private const string Applied = "vswitch: the changed configuration is in force";
    private const string NothingChanged = "; nothing was changed";
    private readonly List<string> _log = [];
    private readonly ApiClient _client;

    private StateSwitch(Process process, string socket, string config)
    {
        Process = process;
        ConfigPath = config;
        _client = ApiClient.Connect($"unix:{socket}", null);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public Process Process { get; }

    public string ConfigPath { get; }

    public IReadOnlyList<string> Log
    {
        get
        {
            lock (_log)
            {
                return [.. _log];
            }
        }
    }

    /// <summary>Starts one. Its socket and its CONFIG stand in a folder of the test's.</summary>
    /// <param name="folder">The test's folder.</param>
    /// <param name="state">The state folder.</param>
    /// <param name="withConfig">Names CONFIG, which must be there.</param>
    /// <param name="before">A program that starts it, with its words.</param>
    public static StateSwitch Start(string folder, string state, bool withConfig, params string[] before)
    {
        string config = Path.Combine(folder, "config.json");
        string socket = Path.Combine(folder, "api.sock");
        string[] words = [.. before, "dotnet", typeof(SwitchHost).Assembly.Location, "run", .. withConfig ? [config] : Array.Empty<string>(),
            "--state", state, "--api", $"unix:{socket}"];
        var start = new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        return new StateSwitch(Process.Start(start)!, socket, config);
    }

    /// <summary>The configuration of a number.</summary>
    public static string Config(int number) => $$"""
        { "switch": { "workers": 1, "connections": { "capacity": 1000 } },
          "vpcs": [{ "name": "v", "cidrs": ["10.9.0.0/16"], "subnets": [{ "name": "s", "cidrs": ["10.9.1.0/24"] }] }],
          "securityGroups": [{ "name": "g", "vpc": "v", "ingress": [{ "protocol": "tcp", "source": "10.0.0.0/8", "remark": "{{number}}" }] }],
          "enis": [{ "name": "one", "subnet": "s", "mac": "02:00:00:00:09:10", "privateIps": ["10.9.1.10"], "securityGroups": ["g"] }] }
        """;

    /// <summary>Writes CONFIG in one step.</summary>
    public static void WriteConfig(string folder, int number)
    {
        string path = Path.Combine(folder, "config.json");
        File.WriteAllText(path + ".new", Config(number));
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>Waits until it runs; false when it ended before that.</summary>
    public bool IsRunning() => Await(0, line => line.StartsWith(RunCommand.ReadyMark, StringComparison.Ordinal)) != null;

    /// <summary>What it says is in force.</summary>
    public (long Revision, int Number) InForce()
    {
        string remark = _client.Get("/v1/security-groups/g").GetProperty("ingress")[0].GetProperty("remark").GetString()!;
        return (_client.Get("/v1/status").GetProperty("revision").GetInt64(), int.Parse(remark, CultureInfo.InvariantCulture));
    }

    public JsonElement Get(string path) => _client.Get(path);

    /// <summary>Puts a configuration in force through the API.</summary>
    /// <returns>The revision that it made; when it returns, the change is acknowledged.</returns>
    /// <exception cref="ApiException">It was refused, or the switch is gone.</exception>
    public long Put(int number)
    {
        using JsonDocument answer = JsonDocument.Parse(_client.Send(HttpMethod.Put, "/v1/config", Config(number)));
        Xunit.Assert.True(answer.RootElement.GetProperty("changed").GetBoolean());
        return answer.RootElement.GetProperty("revision").GetInt64();
    }

    /// <summary>Puts a configuration in force by CONFIG and SIGHUP.</summary>
    /// <returns>Null when it was acknowledged, else why not.</returns>
    /// <exception cref="ApiException">The switch is gone.</exception>
    public string? HangUp(int number)
    {
        int seen = Log.Count;
        WriteConfig(Path.GetDirectoryName(ConfigPath)!, number);
        Signal("HUP");
        string line = Await(seen, l => l == Applied || l.EndsWith(NothingChanged, StringComparison.Ordinal)) ?? throw new ApiException("it is gone", 0, "");
        return line == Applied ? null : line;
    }

    public void Kill() => Process.Kill();

    /// <summary>Ends it as a user does.</summary>
    public int Terminate()
    {
        Signal("TERM");
        Xunit.Assert.True(Process.WaitForExit(LimitMs), "it ends");
        Process.WaitForExit();
        return Process.ExitCode;
    }

    public void Dispose()
    {
        if (!Process.HasExited)
        {
            Process.Kill(entireProcessTree: true);
        }

        // Its last lines too, and so its end: the folder's lock is free.
        Process.WaitForExit();
        Process.Dispose();
        _client.Dispose();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start(new ProcessStartInfo("kill", [$"-{name}", Process.Id.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardError = true,
        })!;
        kill.WaitForExit();
    }

    /// <summary>The first line from some one on that fits; null when the process ended without it.</summary>
    private string? Await(int from, Func<string, bool> fits)
    {
        lock (_log)
        {
            while (true)
            {
                if (_log.Skip(from).FirstOrDefault(fits) is string line)
                {
                    return line;
                }

                if (_log.Count > 0 && _log[^1].Length == 0)
                {
                    return null;
                }

                Xunit.Assert.True(Monitor.Wait(_log, LimitMs), $"it says nothing more: {string.Join('\n', _log)}");
            }
        }
    }

    /// <summary>An empty line is the end.</summary>
    private void Note(string? line)
    {
        lock (_log)
        {
            _log.Add(line ?? "");
            Monitor.PulseAll(_log);
        }
    }
}
