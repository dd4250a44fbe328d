using VSwitch.Bench;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>The bench over TAPs: that it measures something and leaves nothing. How fast it is, it must not say here.</summary>
public sealed class TapBenchTests
{
    private static readonly string[] Metrics =
    [
        "TCP, one stream", "UDP, 64-byte frames, at most 0.5 % lost", "TCP connections opened and closed", "UDP round trip, median",
        "UDP round trip, 99th percentile",
    ];

    [RootFact]
    public void It_measures_every_scenario_tells_what_it_does_and_leaves_nothing()
    {
        var told = new List<double>();
        IReadOnlyList<TapRow> rows = new TapBench(isQuick: true, (what, share) =>
        {
            Assert.NotEmpty(what);
            told.Add(share);
        }).Run();

        Assert.Equal(
            from scenario in (string[])["l2", "sg", "eip"] from metric in Metrics select (scenario, metric),
            rows.Select(r => (r.Scenario, r.Metric)));
        Assert.All(rows, r => Assert.True(r.Value > 0, $"{r.Scenario}, {r.Metric}: {r.Value} {r.Unit}"));
        Assert.Equal(told.Order(), told);
        Assert.All(told, share => Assert.InRange(share, 0, 1));
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

    private static void AssertNothingStays()
    {
        Assert.Empty(Directory.GetFiles("/run/netns", "vswb-*"));
        Assert.Empty(Directory.GetDirectories("/sys/class/net", "vswb-*"));
    }
}
