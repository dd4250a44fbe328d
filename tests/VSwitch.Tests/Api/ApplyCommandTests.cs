using System.Diagnostics;
using System.Text.Json;
using VSwitch.Api;
using VSwitch.Commands;
using VSwitch.Live;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>vswitch apply as a program of its own against a running switch.</summary>
public sealed class ApplyCommandTests : IDisposable
{
    private readonly ChangeBed _bed = new();

    [Fact]
    public void A_plan_is_printed_then_applied_once()
    {
        string config = File(ChangeBed.Lab.Replace("100Mbps", "200Mbps", StringComparison.Ordinal));
        Standing before = _bed.Look();
        const string Plan = "~ elastic IP eip-1  bandwidth 100Mbps -> 200Mbps\nPlan: 0 to add, 1 to change, 0 to remove\nConnections: 0 kept, 0 lost\n";
        Assert.Equal((0, Plan, ""), Run(config, "--dry-run"));
        Assert.Equal(before, _bed.Look());
        Assert.Equal((0, Plan + "Applied: revision 2 is in force.\n", ""), Run(config));
        Assert.Equal(200_000_000, _bed.Host.Config.ElasticIps[0].BandwidthBitsPerSecond);
        Assert.Equal((0, "Plan: nothing to change\nRevision 2 stays in force.\n", ""), Run(config));
        Assert.Equal((0, "Plan: nothing to change\n", ""), Run(config, "--dry-run"));
    }

    [Fact]
    public void With_json_one_document_is_printed()
    {
        string config = File(ChangeBed.Lab.Replace("100Mbps", "200Mbps", StringComparison.Ordinal));
        (int exit, string output, string error) = Run(config, "--json");
        Assert.Equal((0, ""), (exit, error));
        JsonElement change = JsonDocument.Parse(output).RootElement.GetProperty("changes")[0];
        Assert.Equal("change elastic-ip eip-1", $"{change.GetProperty("action")} {change.GetProperty("kind")} {change.GetProperty("name")}");
        Assert.Equal("100Mbps 200Mbps", $"{change.GetProperty("fields")[0].GetProperty("from")} {change.GetProperty("fields")[0].GetProperty("to")}");
    }

    [Fact]
    public void Errors_have_the_places_of_the_file_and_nothing_is_changed()
    {
        Standing before = _bed.Look();
        string wrong = File("enis:\n  - { name: a, subnet: x, mac: \"02:00:00:00:00:01\" }\n");
        (int exit, string output, string error) = Run(wrong);
        Assert.Equal((2, ""), (exit, output));
        Assert.StartsWith($"{wrong}:2:5: ENI 'a' names subnet 'x', which does not exist", error, StringComparison.Ordinal);

        (exit, output, error) = Run(File("switch: { rss: { key: microsoft } }\n" + ChangeBed.Lab));
        Assert.Equal((1, "", "vswitch: switch.rss.key cannot change while the switch runs: restart it with the new configuration\n"), (exit, output, error));
        Assert.Equal(before, _bed.Look());

        (exit, _, error) = Run(_bed.FolderPath("none.yaml"));
        Assert.Equal(2, exit);
        Assert.Contains("none.yaml:1:1: cannot be read", error, StringComparison.Ordinal);

        _bed.StopServer();
        (exit, _, error) = Run(File(ChangeBed.Lab));
        Assert.Equal(1, exit);
        Assert.Contains("no switch answers at unix:", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Connections_that_a_change_would_lose_are_counted_by_reason_and_named()
    {
        var connection = new LiveConnection
        {
            Vpc = "blue",
            Protocol = "tcp",
            State = "established",
            Source = "fd00::1",
            SourcePort = 40000,
            Destination = "fd00::2",
            DestinationPort = 443,
            OpenerPort = "vm1",
            OtherPort = "vm2",
        };
        var impact = new ImpactDocument(
            5, 0, 1, 2, new Dictionary<string, long> { ["security-group-ingress"] = 2 },
            [new AffectedConnection(connection, ConnectionFate.Lost, "security-group-ingress", "out", "no rule of web allows it")]);
        Assert.Equal(
            [
                "Connections: 5 kept, 1 reopened, 2 lost (security-group-ingress 2)",
                "    tcp [fd00::1]:40000 > [fd00::2]:443  lost, security-group-ingress: no rule of web allows it",
                "    and 2 more",
            ],
            ApplyCommand.ConnectionLines(impact));
    }

    public void Dispose() => _bed.Dispose();

    private string File(string text)
    {
        string path = _bed.FolderPath("apply.yaml");
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    private (int Exit, string Output, string Error) Run(params string[] args)
    {
        string[] all = [Path.Combine(AppContext.BaseDirectory, "vswitch.dll"), "apply", .. args, "--api", "unix:" + _bed.SocketPath];
        using var process = Process.Start(new ProcessStartInfo("dotnet", all) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
