using System.Text.Json;
using VSwitch.Bench;
using Xunit;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Tests.Benches;

/// <summary>The document of <c>vswitch bench --json</c>: names are a contract.</summary>
public class BenchReportTests
{
    /// <summary>A report with one row of each kind; the cell misses its must.</summary>
    internal static BenchReport Sample() => new()
    {
        Commit = "0123456789abcdef",
        Processor = "a processor",
        TscMhz = 2600,
        Kernel = "6.1",
        Cells =
        [
            new BenchCell(BenchScenario.Eip, 1, 50, 64, BenchOrder.Random, 1, 60.5, 11, 3.5, 43, 61, 70, 90),
            new BenchCell(BenchScenario.Eip, 1000, 50, 64, BenchOrder.Random, 1, 49, 11, 3.5, 43, 61, 70, 90),
            new BenchCell(BenchScenario.Eip, 1_000_000, 50, 64, BenchOrder.Random, 1, 150, 11, 20, 17, 151, 170, 190),
            new BenchCell(BenchScenario.Eip, 1000, 1, 64, BenchOrder.Random, 1, 49, 11, 3.5, 43, 61, 70, 90),
            new BenchCell(BenchScenario.Eip, 1000, 10_000, 64, BenchOrder.Random, 1, 51, 11, 3.5, 43, 61, 70, 90),
        ],
        NewConnections = [new NewConnectionRow("eip: first packet", 50, 0, 700)],
        BytesPerConnection = 139,
        AllocatedBytes = 0,
        Collections = 0,
        Drops = [new DropRow(1000, 50, 40, 50)],
        Scaling = [new ScalingRow(BenchScenario.Sg, 1000, SourceSplit.Any, 40, 80, 2, 50, 52)],
        Latency = [new LatencyRow(BenchScenario.Sg, 1000, 20, 1, 2, 11, 0.1, 0.2, 10)],
        Policy = [new PolicyRow("replace a group", 10_000, 20), new PolicyRow("change one rule", 10_000, 2)],
        Pause = new PauseRow(10_000, 90, 40),
        Tap = [new TapRow("sg", "TCP", 10, "Gbit/s")],
    };

    [Fact]
    public void It_has_the_names_that_users_rely_on()
    {
        JsonElement report = JsonDocument.Parse(Written(Sample())).RootElement;
        foreach (string name in (string[])["commit", "processor", "cells", "newConnections", "bytesPerConnection", "allocatedBytes", "collections"])
        {
            Assert.True(report.TryGetProperty(name, out _), name);
        }

        Assert.Equal(
            [
                "scenario", "flows", "rules", "frameBytes", "order", "workers", "clocksPerPacket", "generatorClocks", "yardstickClocks", "mpps",
                "p50", "p99", "p999",
            ],
            report.GetProperty("cells")[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal(
            ["scenario", "rules", "tableSize", "clocksPerConnection"],
            report.GetProperty("newConnections")[0].EnumerateObject().Select(p => p.Name));
        Assert.Equal("eip", report.GetProperty("cells")[0].GetProperty("scenario").GetString());
        Assert.Equal("random", report.GetProperty("cells")[0].GetProperty("order").GetString());
    }

    [Fact]
    public void What_was_not_measured_is_not_there()
    {
        JsonElement report = JsonDocument.Parse(Written(BenchReport.OfThisMachine())).RootElement;
        Assert.Equal(["commit", "processor", "tscMhz", "kernel"], report.EnumerateObject().Select(p => p.Name));
        Assert.True(report.GetProperty("tscMhz").GetDouble() > 0);
    }

    [Fact]
    public void It_reads_what_it_wrote()
    {
        BenchReport report = SwitchCommandLine.ReadJson<BenchReport>(Written(Sample()));
        Assert.Equal(Sample().Cells, report.Cells);
        Assert.Equal(Sample().NewConnections, report.NewConnections);
        Assert.Equal(Sample().Tap, report.Tap);
        Assert.Equal(Sample().Pause, report.Pause);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{ \"cells\": 1 }")]
    [InlineData("no json")]
    public void Another_document_is_refused(string text) => Assert.Throws<IOException>(() => SwitchCommandLine.ReadJson<BenchReport>(text));

    private static string Written(BenchReport report) => SwitchCommandLine.ToJson(report);
}
