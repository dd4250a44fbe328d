using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Properties;

/// <summary>The switch does frame by frame what the slow reference switch says: how it ends, why, what is sent, byte by byte and in
/// order; for any number of workers and while the policy changes. Over a million frames.</summary>
public class ReferencePropertyTests(ITestOutputHelper output)
{
    private const long StartNs = 1_700_000_000_000_000_000;

    /// <summary>One run in CI is like another; VSWITCH_SEED explores. tests/README.md says what exploring still finds.</summary>
    private const int UsualSeed = 52;

    [Theory]
    [InlineData("small", 1, 100_000)]
    [InlineData("rich", 1, 200_000)]
    [InlineData("rich", 4, 100_000)]
    [InlineData("tight", 1, 200_000)]
    [InlineData("guarded", 1, 200_000)]
    [InlineData("guarded", 3, 100_000)]
    [InlineData("limited", 1, 100_000)]
    [InlineData("limited", 4, 50_000)]
    [InlineData("joined", 1, 100_000)]
    [InlineData("joined", 3, 50_000)]
    public void Switch_and_reference_agree_on_random_traffic(string topology, int workers, int frames)
    {
        SwitchConfig config = Topology(topology);
        Compare($"{topology} {workers}", [config], workers, frames);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Switch_and_reference_agree_while_the_policy_changes(int workers) =>
        Compare($"changes {workers}", TestTopologies.Changes(), workers, 50_000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Switch_and_reference_agree_while_peerings_come_and_go(int workers) =>
        Compare($"joined changes {workers}", TestTopologies.JoinedChanges(), workers, 50_000);

    private void Compare(string name, IReadOnlyList<SwitchConfig> configs, int workers, int frames)
    {
        int seed = Seeded.Take($"reference property {name}", output.WriteLine, UsualSeed);
        var reference = new ReferenceSwitch(configs[0]);
        var traffic = new RandomTraffic(configs[0], seed);
        using var real = new SwitchUnderTest(configs[0], workers);
        var history = new FrameHistory();
        long nowNs = StartNs;
        for (int i = 0; i < frames; i++)
        {
            if (configs.Count > 1 && i % 1_000 == 999)
            {
                SwitchConfig config = configs[(i / 1_000 + 1) % configs.Count];
                reference.Reconfigure(config);
                real.Reconfigure(config);
                traffic.Reconfigure(config);
            }

            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            if (!real.HasPort(next.Port))
            {
                continue;
            }

            ReferenceOutcome expected = reference.Receive(next.Port, next.Frame, nowNs);
            ReferenceOutcome seen = real.Receive(next.Port, next.Frame, nowNs);
            if (OutcomeComparison.Difference(next.Port, expected, seen) is { } difference)
            {
                Assert.Fail(
                    $"{difference}\nframe {i} on {next.Port}: {Convert.ToHexString(next.Frame)}{history.Of(next.Frame)}\n  now {nowNs / 1_000_000 % 10_000_000} ms, {reference.ConnectionCount} and {real.ConnectionCount} connections, {next.Port}: {FrameHistory.Describe(next.Frame)}");
            }

            history.Add(nowNs, next.Port, next.Frame, expected);
            foreach ((string port, byte[] frame) in expected.Sent)
            {
                traffic.Observe(port, frame);
            }
        }

        real.Workers.DropHeld();
        Assert.Equal(0, real.MissingBuffers(nowNs));
    }

    private static SwitchConfig Topology(string name) => name switch
    {
        "small" => TestTopologies.Small(),
        "rich" => TestTopologies.Rich(),
        "guarded" => TestTopologies.Guarded(),
        "limited" => TestTopologies.Limited(),
        "joined" => TestTopologies.Joined(),
        _ => TestTopologies.Tight(),
    };
}
