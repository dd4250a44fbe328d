using System.Diagnostics;
using System.Globalization;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>The program as a user starts it.</summary>
public sealed class CommandTests : IDisposable
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.9.0.0/16], subnets: [{ name: s, cidrs: [10.9.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: one, subnet: s, mac: "02:00:00:00:09:10", privateIps: [10.9.1.10], securityGroups: [g], device: { tap: vst-one } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-command-").FullName;

    [RootFact]
    public void Demo_ends_with_all_as_expected()
    {
        (int exit, string output) = Run("demo", "--out", _folder);
        Assert.True(exit == 0, output);
        Assert.Contains("Live: 14 scenarios", output, StringComparison.Ordinal);
        Assert.Contains("All as expected.", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder, "drops.pcapng")));
    }

    [RootFact]
    public void Run_applies_a_changed_file_on_SIGHUP_and_cleans_up_on_SIGTERM()
    {
        string config = Path.Combine(_folder, "c.yaml");
        File.WriteAllText(config, Yaml);
        using Process process = Start("run", config, "--json", "--api", $"unix:{_folder}/api.sock");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        try
        {
            Assert.True(Appears("vst-one", true), "the TAP is made");
            File.WriteAllText(config, Yaml.Replace("name: one", "name: two", StringComparison.Ordinal).Replace("vst-one", "vst-two", StringComparison.Ordinal));
            Signal(process, "HUP");
            Assert.True(Appears("vst-two", true), "the new TAP is made");
            Assert.True(Appears("vst-one", false), "the old TAP is gone");
            File.WriteAllText(config, "enis: nonsense");
            Signal(process, "HUP");
            Signal(process, "TERM");
            Assert.True(process.WaitForExit(20_000), "it ends");
            Assert.Equal(0, process.ExitCode);
            Assert.True(Appears("vst-two", false), "nothing stays");
            Assert.Contains("\"ports\"", output.Result, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    [RootFact]
    public void Wrong_usage_and_wrong_configurations_exit_2_and_a_missing_device_exits_1_without_a_stack_trace()
    {
        string config = Path.Combine(_folder, "bad.yaml");
        File.WriteAllText(config, Yaml.Replace("10.9.1.10", "10.9.1.1", StringComparison.Ordinal));
        string missing = Path.Combine(_folder, "missing.yaml");
        File.WriteAllText(missing, Yaml.Replace("tap: vst-one", "interface: vst-none", StringComparison.Ordinal));
        foreach ((int expected, string[] words) in new (int, string[])[]
        {
            (2, ["nonsense"]), (2, ["check", config]), (2, ["replay", config, "--in", "a", "--out", _folder]), (1, ["run", missing, "--api", "none"]),
            (2, ["run", missing, "--api", "http://192.0.2.1:80"]), (2, ["show", "nonsense"]), (1, ["show", "ports", "--api", $"unix:{_folder}/none"]),
        })
        {
            (int exit, string output) = Run(words);
            Assert.True(exit == expected, $"{string.Join(' ', words)}: {exit}, {output}");
            Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static bool Appears(string name, bool there) =>
        SpinWait.SpinUntil(() => Directory.Exists($"/sys/class/net/{name}") == there, TimeSpan.FromSeconds(20));

    private static void Signal(Process process, string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static Process Start(params string[] words) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(SwitchHost).Assembly.Location, .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static (int Exit, string Output) Run(params string[] words)
    {
        using Process process = Start(words);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(60_000), "it ends");
        return (process.ExitCode, output.Result + error.Result);
    }
}
