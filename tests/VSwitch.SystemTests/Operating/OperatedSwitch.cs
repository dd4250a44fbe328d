using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.Commands;
using VSwitch.ControlPlane.Config;
using VSwitch.Lab;
using VSwitch.Live;

namespace VSwitch.SystemTests.Operating;

/// <summary>The program as its user runs it, <c>vswitch run CONFIG --api … --state …</c>, with namespaces around its TAPs, asked by
/// curl and by its own commands.</summary>
internal sealed class OperatedSwitch : IDisposable
{
    private const int StartLimitMs = 30_000;
    private const int CommandLimitMs = 60_000;
    private readonly LabPlan _plan;
    private readonly List<string> _log = [];
    private readonly ManualResetEventSlim _ready = new(initialState: false);
    private readonly List<Process> _background = [];
    private readonly Process _program;

    public OperatedSwitch(string yaml, string prefix)
    {
        Folder = Directory.CreateTempSubdirectory("vswitch-operated-").FullName;
        Prefix = prefix;
        ConfigFile = Path.Combine(Folder, "lab.yaml");
        File.WriteAllText(ConfigFile, yaml.Replace("FOLDER", Folder, StringComparison.Ordinal));
        ConfigResult result = ConfigReader.Read(ConfigFile);
        _plan = new LabPlan(result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors)), prefix);
        LabRunner.Detach(_plan);
        _program = Start(["dotnet", Program, "run", ConfigFile, "--api", Api, "--state", Path.Combine(Folder, "state")]);
        _program.ErrorDataReceived += (_, line) => Note(line.Data);
        _program.BeginErrorReadLine();
        _program.BeginOutputReadLine();
        try
        {
            if (!_ready.Wait(StartLimitMs))
            {
                throw new InvalidOperationException($"the switch did not come up: {Log}");
            }

            LabRunner.Attach(_plan);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Folder { get; }

    public string ConfigFile { get; }

    public string Prefix { get; }

    public string Socket => Path.Combine(Folder, "api.sock");

    public string Api => $"unix:{Socket}";

    /// <summary>What the switch wrote on standard error so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join('\n', _log);
            }
        }
    }

    private static string Program => typeof(SwitchHost).Assembly.Location;

    /// <summary>Runs a command of the program against this switch: show, apply, capture, top.</summary>
    public (int Exit, string Output, string Error) VSwitch(params string[] words) =>
        Finish(Start(["dotnet", Program, .. words, "--api", Api]));

    /// <summary>Starts one, to be ended with the switch.</summary>
    public Process StartVSwitch(params string[] words) => Keep(Start(["dotnet", Program, .. words, "--api", Api]));

    /// <summary>The document that a show prints.</summary>
    public JsonElement Show(params string[] subject)
    {
        (int exit, string output, string error) = VSwitch(["show", .. subject, "--json"]);
        Xunit.Assert.True(exit == 0, $"show {string.Join(' ', subject)}: {exit} {error}");
        return JsonDocument.Parse(output).RootElement;
    }

    /// <summary>Asks by curl.</summary>
    /// <returns>HTTP status and body.</returns>
    public (int Status, string Body) Curl(string method, string path, string? body = null)
    {
        var words = new List<string>
        {
            "curl", "-s", "-m", "60", "--unix-socket", Socket, "-X", method, "-w", "\n%{http_code}", "-H", "Content-Type: application/json",
        };
        if (body != null)
        {
            string file = Path.Combine(Folder, "body.json");
            File.WriteAllText(file, body);
            words.AddRange(["--data-binary", $"@{file}"]);
        }

        (int exit, string output, string error) = Finish(Start([.. words, $"http://vswitch{path}"]));
        Xunit.Assert.True(exit == 0, $"curl {method} {path}: {exit} {error}");
        int line = output.LastIndexOf('\n');
        return (int.Parse(output[(line + 1)..], CultureInfo.InvariantCulture), output[..line]);
    }

    /// <summary>A change by curl that must succeed.</summary>
    public JsonElement Change(string method, string path, string? body = null)
    {
        (int status, string answer) = Curl(method, path, body);
        Xunit.Assert.True(status is >= 200 and < 300, $"{method} {path}: {status} {answer}");
        return JsonDocument.Parse(answer).RootElement;
    }

    /// <summary>The sum of the samples of a metric that have all these labels; 0 when there is none.</summary>
    public double Metric(string name, params string[] labels)
    {
        (int status, string text) = Curl("GET", "/metrics");
        Xunit.Assert.Equal(200, status);
        return text.Split('\n')
            .Where(l => l.StartsWith(name + "{", StringComparison.Ordinal) || l.StartsWith(name + " ", StringComparison.Ordinal))
            .Where(l => labels.All(label => l.Contains(label, StringComparison.Ordinal)))
            .Sum(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>Moves the TAP of an ENI that was attached at run time into a namespace of its own, as a DHCP client would set it up.
    /// </summary>
    public void AttachGuest(string name, string tap, string mac, string address, string router)
    {
        string ns = Prefix + name;
        foreach (string command in (string[])[
            $"netns add {ns}", $"link set dev {tap} netns {ns}", $"-n {ns} link set dev lo up",
            $"-n {ns} link set dev {tap} address {mac} up", $"-n {ns} addr add {address} dev {tap}",
            $"-n {ns} route add default via {router}"])
        {
            LabProcess.Ip(command.Split(' '));
        }
    }

    /// <summary>Removes such a namespace.</summary>
    public void RemoveGuest(string name) => LabProcess.TryIp("netns", "delete", Prefix + name);

    /// <summary>Runs a program in a guest's namespace to its end.</summary>
    public (int Exit, string Output) Run(string guest, params string[] command)
    {
        (int exit, string output, string error) = Finish(Start(["ip", "netns", "exec", Prefix + guest, .. command]));
        return (exit, output + error);
    }

    /// <summary>Starts a program in a guest's namespace, to be ended with the switch.</summary>
    public Process StartIn(string guest, params string[] command) =>
        Keep(Start(["ip", "netns", "exec", Prefix + guest, .. command]));

    /// <summary>Waits until something listens on a TCP port of a guest.</summary>
    public void WaitForListener(string guest, int port) => WaitUntil(
        () => Run(guest, "ss", "-tln").Output.Contains($":{port} ", StringComparison.Ordinal), $"a listener on {port} in {guest}");

    /// <summary>Waits for a condition, and fails with its words when it does not come.</summary>
    public static void WaitUntil(Func<bool> condition, string what) =>
        Xunit.Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), $"waited for: {what}");

    /// <summary>Ends a program as Ctrl-C does, and waits for it.</summary>
    /// <returns>Its exit code.</returns>
    public static int Interrupt(Process process)
    {
        LabSwitch.Signal(process.Id, 2);
        Xunit.Assert.True(process.WaitForExit(StartLimitMs), "it ends when it is interrupted");
        return process.ExitCode;
    }

    public void Dispose()
    {
        foreach (Process process in _background)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }

            process.Dispose();
        }

        LabRunner.Detach(_plan);
        if (!_program.HasExited)
        {
            LabSwitch.Signal(_program.Id, LabSwitch.Terminate);
            if (!_program.WaitForExit(StartLimitMs))
            {
                _program.Kill(entireProcessTree: true);
                _program.WaitForExit();
            }
        }

        _program.Dispose();
        _ready.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static Process Start(IReadOnlyList<string> words) => Process.Start(new ProcessStartInfo(words[0], words.Skip(1))
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static (int Exit, string Output, string Error) Finish(Process process)
    {
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(CommandLimitMs))
            {
                process.Kill(entireProcessTree: true);
                return (-1, "", $"no end within {CommandLimitMs / 1000} s");
            }

            return (process.ExitCode, output.Result, error.Result);
        }
    }

    private Process Keep(Process process)
    {
        _background.Add(process);
        return process;
    }

    private void Note(string? line)
    {
        if (line != null)
        {
            lock (_log)
            {
                _log.Add(line);
            }

            if (line.StartsWith(RunCommand.ReadyMark, StringComparison.Ordinal))
            {
                _ready.Set();
            }
        }
    }
}
