using System.Diagnostics;
using System.Text.Json;
using VSwitch.Bench;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>The bench over TAPs: that it measures something and leaves nothing. How fast it is, it must not say here.</summary>
public sealed class TapBenchTests
{
    private const int LimitMs = 180_000;
    private const int Interrupt = 2;

    private static readonly string[] Metrics =
    [
        "TCP, one stream", "UDP, 64-byte frames, at most 0.5 % lost", "TCP connections opened and closed", "UDP round trip, median",
        "UDP round trip, 99th percentile",
    ];

    [RootFact]
    public void The_command_gives_every_row_and_leaves_nothing()
    {
        using Process process = Start("bench", "--tap", "--quick", "--json");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(LimitMs), "it ends");
        Assert.True(process.ExitCode == 0, error.Result);
        using var report = JsonDocument.Parse(output.Result);
        JsonElement[] rows = [.. report.RootElement.GetProperty("tap").EnumerateArray()];
        Assert.Equal(
            from scenario in (string[])["l2", "sg", "eip"] from metric in Metrics select (scenario, metric),
            rows.Select(r => (r.GetProperty("scenario").GetString()!, r.GetProperty("metric").GetString()!)));
        Assert.All(rows, r =>
        {
            Assert.True(r.GetProperty("value").GetDouble() > 0, r.ToString());
            Assert.NotEmpty(r.GetProperty("unit").GetString()!);
        });
        AssertNothingStays();
    }

    [RootFact]
    public void Interrupted_it_ends_with_130_and_leaves_nothing()
    {
        using Process process = Start("bench", "--tap", "--json");
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        bool made = SpinWait.SpinUntil(() => LabRunner.Exists("vswb-server") || process.HasExited, LimitMs);
        Assert.True(made && !process.HasExited, "its namespaces are made");
        LabSwitch.Signal(process.Id, Interrupt);
        Assert.True(process.WaitForExit(LimitMs), "it ends");
        Assert.True(process.ExitCode == 130, error.Result);
        Assert.Empty(output.Result);
        AssertNothingStays();
    }

    [RootFact]
    public void A_namespace_of_others_stays_and_nothing_is_measured()
    {
        const string Taken = "vswb-server";
        LabProcess.Ip("netns", "add", Taken);
        try
        {
            IOException error = Assert.Throws<IOException>(() => new TapBench(isQuick: true, (_, _) => { }).Run());
            Assert.Contains($"'{Taken}' is there already", error.Message, StringComparison.Ordinal);
            Assert.True(LabRunner.Exists(Taken));
        }
        finally
        {
            LabProcess.TryIp("netns", "delete", Taken);
        }

        AssertNothingStays();
    }

    private static Process Start(params string[] words) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(TapBench).Assembly.Location, .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private static void AssertNothingStays()
    {
        Assert.Empty(Directory.GetFiles("/run/netns", "vswb-*"));
        Assert.Empty(Directory.GetDirectories("/sys/class/net", "vswb-*"));
    }
}
