using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.Commands;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>A running switch asked as its user asks it: curl and vswitch show.</summary>
public sealed class ApiCommandTests : IDisposable
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.9.0.0/16], subnets: [{ name: s, cidrs: [10.9.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: one, subnet: s, mac: "02:00:00:00:09:10", privateIps: [10.9.1.10], securityGroups: [g], device: { tap: vst-api } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-ask-").FullName;
    private readonly List<Process> _started = [];
    private readonly string _config;

    public ApiCommandTests()
    {
        _config = Path.Combine(_folder, "c.yaml");
        File.WriteAllText(_config, Yaml);
    }

    private string SocketPath => Path.Combine(_folder, "run", "api.sock");

    private string Api => "unix:" + SocketPath;

    [RootFact("curl")]
    public void Curl_and_show_say_the_same_and_nothing_stays()
    {
        Process run = StartSwitch("--api", Api);
        Assert.Equal((0, "ok\n"), Run("curl", "-sS", "--fail", "--unix-socket", SocketPath, "http://switch/healthz"));
        (int exit, string text) = Run("curl", "-sS", "--fail", "--unix-socket", SocketPath, "http://switch/v1/ports/one");
        Assert.Equal(0, exit);
        using (var port = JsonDocument.Parse(text))
        {
            JsonElement device = port.RootElement.GetProperty("device");
            Assert.Equal("vst-api", device.GetProperty("name").GetString());
            Assert.Equal("tap", device.GetProperty("kind").GetString());
        }

        (exit, text) = VSwitch("show", "ports", "one", "--json", "--api", Api);
        Assert.Equal(0, exit);
        Assert.StartsWith("""{"name":"one","device":{"name":"vst-api","kind":"tap",""", text, StringComparison.Ordinal);
        Assert.Contains("vst-api", VSwitch("show", "ports", "--api", Api).Output, StringComparison.Ordinal);
        Assert.Equal((1, $"vswitch: there is no ENI 'nobody'{Environment.NewLine}"), VSwitch("show", "enis", "nobody", "--api", Api));
        (_, text) = Run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", "--unix-socket", SocketPath, "http://switch/nope");
        Assert.Equal("404 application/problem+json", text);
        Assert.Equal("600 700", Run("stat", "-c", "%a", SocketPath).Output.Trim() + " " + Run("stat", "-c", "%a", Path.GetDirectoryName(SocketPath)!).Output.Trim());

        Assert.Equal(0, End(run));
        Assert.False(Path.Exists(SocketPath), "the socket is gone");
        Assert.Contains($"no switch answers at {Api}", VSwitch("show", "ports", "--api", Api).Output, StringComparison.Ordinal);
    }

    [RootFact("curl")]
    public void Over_tcp_only_who_has_the_token_is_answered()
    {
        string token = Path.Combine(_folder, "token");
        Run("sh", "-c", $"umask 077; head -c 24 /dev/urandom | base64 >'{token}'");
        int port = FreePort();
        string api = $"http://127.0.0.1:{port}";
        Process run = StartSwitch("--api", api, "--token-file", token);
        (_, string text) = Run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", $"{api}/metrics");
        Assert.Equal("401", text);
        (_, text) = Run("curl", "-sS", "-H", $"Authorization: Bearer {File.ReadAllText(token).Trim()}", $"{api}/healthz");
        Assert.Equal("ok\n", text);
        Assert.Equal(0, VSwitch("show", "status", "--api", api, "--token-file", token).Exit);
        Assert.Contains("--token-file", VSwitch("show", "status", "--api", api).Output, StringComparison.Ordinal);
        Assert.Equal(0, End(run));
    }

    [RootFact]
    public void A_place_that_a_living_switch_has_is_refused_before_any_device_is_opened_and_a_dead_ones_is_taken_over()
    {
        Process run = StartSwitch("--api", Api);
        File.WriteAllText(_config, Yaml.Replace("vst-api", "vst-api2", StringComparison.Ordinal));
        (int exit, string output) = VSwitch("run", _config, "--api", Api);
        Assert.Equal(1, exit);
        Assert.Contains($"another switch answers at {Api}", output, StringComparison.Ordinal);
        Assert.DoesNotContain("vst-api2", output, StringComparison.Ordinal);

        run.Kill();
        run.WaitForExit();
        Assert.True(Path.Exists(SocketPath), "what was killed cleans nothing up");
        Process next = StartSwitch("--api", Api);
        Assert.Equal(0, VSwitch("show", "status", "--api", Api).Exit);
        Assert.Equal(0, End(next));
    }

    [RootFact]
    public void Without_an_api_it_runs_all_the_same_and_wrong_places_are_wrong_usage()
    {
        Process run = StartSwitch("--api", "none", "--log-json");
        Assert.Equal(0, End(run));
        Assert.Equal(2, VSwitch("run", _config, "--api", "http://192.0.2.1:8080").Exit);
        Assert.Equal(2, VSwitch("run", _config, "--api", "http://127.0.0.1:8080").Exit);
        Assert.Equal(1, VSwitch("run", _config, "--api", "http://127.0.0.1:8080", "--token-file", Path.Combine(_folder, "none")).Exit);
        (int exit, string output) = VSwitch("show", "everything");
        Assert.Equal(2, exit);
        string[] subjects = ["status", "ports", "enis", "flows", "drops", "workers", "eips", "groups", "routes", "config", "changes", "instances", "usage"];
        Assert.All(subjects, s => Assert.Contains($" {s}", output, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        foreach (Process process in _started)
        {
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit();
            }

            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Starts <c>vswitch run</c> and waits for its word that it runs.</summary>
    private Process StartSwitch(params string[] options)
    {
        Process process = Start("dotnet", [typeof(SwitchHost).Assembly.Location, "run", _config, .. options]);
        _started.Add(process);
        var said = new List<string>();
        using var ready = new ManualResetEventSlim();
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) =>
        {
            lock (said)
            {
                said.Add(line.Data ?? "it ended");
                if (line.Data == null || line.Data.Contains("running, ", StringComparison.Ordinal))
                {
                    ready.Set();
                }
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Assert.True(ready.Wait(TimeSpan.FromSeconds(60)), "it starts");
        lock (said)
        {
            Assert.True(!said.Contains("it ended"), string.Join('\n', said));
            bool isJson = options.Contains("--log-json");
            Assert.Contains(said, line => isJson
                ? line.StartsWith("{\"time\":", StringComparison.Ordinal) : line.StartsWith(RunCommand.ReadyMark, StringComparison.Ordinal));
        }

        process.CancelErrorRead();
        return process;
    }

    private static int End(Process process)
    {
        Run("kill", "-TERM", process.Id.ToString(CultureInfo.InvariantCulture));
        Assert.True(process.WaitForExit(30_000), "it ends");
        return process.ExitCode;
    }

    private static int FreePort()
    {
        using var probe = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        probe.Start();
        return ((System.Net.IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static (int Exit, string Output) VSwitch(params string[] words) => Run("dotnet", [typeof(SwitchHost).Assembly.Location, .. words]);

    private static Process Start(string program, params string[] words) => Process.Start(
        new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static (int Exit, string Output) Run(string program, params string[] words)
    {
        using Process process = Start(program, words);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(60_000), "it ends");
        return (process.ExitCode, output.Result + error.Result);
    }
}
