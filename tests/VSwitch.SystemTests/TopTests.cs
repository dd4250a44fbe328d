using System.Diagnostics;
using System.Text.RegularExpressions;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>vswitch top in a real terminal (tmux), over a switch at work: what it shows, what keys do, and that the terminal is given
/// back.</summary>
public sealed partial class TopTests : IDisposable
{
    private const string Yaml = """
        switch: { workers: 1 }
        vpcs: [{ name: blue, cidrs: [10.0.0.0/16], subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }] }]
        securityGroups: [{ name: pings, vpc: blue, ingress: [{ protocol: icmp, source: 0.0.0.0/0 }] }]
        enis:
          - { name: vstt1, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [pings], device: { tap: vstt1 } }
          - { name: vstt2, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [pings], device: { tap: vstt2 } }
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-top-").FullName;
    private readonly string _config;
    private readonly string _socket;

    public TopTests()
    {
        _config = Path.Combine(_folder, "lab.yaml");
        _socket = Path.Combine(_folder, "tmux");
        File.WriteAllText(_config, Yaml);
    }

    [RootFact("tmux", "ping")]
    public void Top_in_a_terminal()
    {
        (int exit, string output) = VSwitch("lab", "up", _config);
        Assert.True(exit == 0, output);
        string api = ApiPattern().Match(output).Groups[1].Value;
        using Process ping = Start("dotnet", Program, "lab", "exec", _config, "vstt1", "--", "ping", "-q", "-i", "0.2", "-w", "600", "10.0.1.11");
        try
        {
            Watch(api);
        }
        finally
        {
            ping.Kill(entireProcessTree: true);
        }
    }

    public void Dispose()
    {
        Tmux("kill-server");
        VSwitch("lab", "down", _config);
        Directory.Delete(_folder, recursive: true);
    }

    private static string Program => typeof(SwitchHost).Assembly.Location;

    private void Watch(string api)
    {
        Tmux("-u", "new-session", "-d", "-x", "80", "-y", "24", "-s", "t", $"dotnet {Program} top --interval 300ms --api {api}; echo over $?; stty -a; exec sleep 600");
        Await(text => PingPattern().IsMatch(text));
        string picture = Screen();
        Assert.Contains("1 PORTS", picture, StringComparison.Ordinal);
        Assert.Contains("worker 0", picture, StringComparison.Ordinal);
        Assert.Contains("3 DROPS", picture, StringComparison.Ordinal);

        Keys("p");
        Await(text => text.Contains("PAUSED", StringComparison.Ordinal));
        Keys("p", "s", "s", "s");
        Await(text => text.Contains("sort: name", StringComparison.Ordinal) && !text.Contains("PAUSED", StringComparison.Ordinal));
        Keys("/", "port vstt2", "Enter");
        Await(text => text.Contains("filter: port vstt2", StringComparison.Ordinal) && !text.Contains("\nvstt1", StringComparison.Ordinal));
        Keys("/", "C-u", "nonsense", "Enter");
        Await(text => text.Contains("'nonsense' is no word of a filter", StringComparison.Ordinal));
        Keys("Escape");
        Await(text => text.Contains("q quit", StringComparison.Ordinal));
        Keys("Escape");
        Await(text => text.Contains("\nvstt1", StringComparison.Ordinal));
        Keys("1");
        Await(text => !text.Contains("2 WORKERS", StringComparison.Ordinal));
        Keys("1");
        Tmux("resize-window", "-t", "t", "-x", "120", "-y", "40");
        Await(text => text.Contains("age", StringComparison.Ordinal) && text.TrimEnd('\n').Split('\n').Length == 40);
        Tmux("resize-window", "-t", "t", "-x", "50", "-y", "10");
        Await(text => text.Contains("1 PORTS", StringComparison.Ordinal) && !text.Contains("4 CONN", StringComparison.Ordinal));
        Tmux("resize-window", "-t", "t", "-x", "80", "-y", "24");

        Assert.Equal(0, VSwitch("lab", "down", _config).Exit);
        Await(text => text.Contains($"no switch answers at {api}; trying", StringComparison.Ordinal) || text.Contains("trying again", StringComparison.Ordinal));
        (int exit, string output) = VSwitch("lab", "up", _config);
        Assert.True(exit == 0, output);
        Await(text => text.Contains("vstt1", StringComparison.Ordinal) && !text.Contains("no switch", StringComparison.Ordinal));

        Keys("q");
        Await(text => text.Contains("over 0", StringComparison.Ordinal) && IsSane(text));
        Tmux("respawn-pane", "-k", "-t", "t", $"dotnet {Program} top --api {api}; echo over $?; stty -a; exec sleep 600");
        Await(text => text.Contains("2 WORKERS", StringComparison.Ordinal));
        Keys("C-c");
        Await(text => text.Contains("over 130", StringComparison.Ordinal) && IsSane(text));
    }

    /// <summary>The terminal shows what is typed, line by line, and its own screen.</summary>
    private static bool IsSane(string text) => text.Contains(" icanon", StringComparison.Ordinal) && text.Contains(" echo ", StringComparison.Ordinal) &&
        !text.Contains("1 PORTS", StringComparison.Ordinal);

    private void Await(Func<string, bool> isThere)
    {
        string text = "";
        bool came = SpinWait.SpinUntil(
            () =>
            {
                text = Screen();
                return isThere(text);
            },
            Patience);
        Assert.True(came, $"the screen stayed at:\n{text}");
    }

    private string Screen() => Tmux("capture-pane", "-p", "-t", "t");

    private void Keys(params string[] keys) => Tmux(["send-keys", "-t", "t", .. keys]);

    private string Tmux(params string[] words) => Run("tmux", ["-S", _socket, "-f", "/dev/null", .. words]).Output;

    private static (int Exit, string Output) VSwitch(params string[] words) => Run("dotnet", [Program, .. words]);

    private static Process Start(string program, params string[] words) =>
        Process.Start(new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static (int Exit, string Output) Run(string program, params string[] words)
    {
        using Process process = Start(program, words);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(120_000))
        {
            process.Kill(entireProcessTree: true);
            return (-1, $"{program} {string.Join(' ', words)}: no end within 120 s");
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    [GeneratedRegex(@"--api (unix:\S+)")]
    private static partial Regex ApiPattern();

    /// <summary>The ping's connection with a rate.</summary>
    [GeneratedRegex(@"icmp 10\.0\.1\.10:\d+ > 10\.0\.1\.11 +\d")]
    private static partial Regex PingPattern();
}
