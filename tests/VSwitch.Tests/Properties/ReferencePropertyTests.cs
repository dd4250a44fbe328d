using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Properties;

/// <summary>The switch does frame by frame what the slow reference switch says, for any number of workers.</summary>
public class ReferencePropertyTests(ITestOutputHelper output)
{
    private const long StartNs = 1_700_000_000_000_000_000;

    [Theory]
    [InlineData("small", 1, 20_000)]
    [InlineData("rich", 1, 60_000)]
    [InlineData("rich", 4, 40_000)]
    [InlineData("tight", 1, 30_000)]
    [InlineData("tight", 3, 20_000)]
    public void Switch_and_reference_agree_on_random_traffic(string topology, int workers, int frames)
    {
        int seed = Seeded.Take($"reference property {topology} {workers}", output.WriteLine);
        SwitchConfig config = Topology(topology);
        var reference = new ReferenceSwitch(config);
        var traffic = new RandomTraffic(config, seed);
        using var real = new SwitchUnderTest(config, workers);
        long nowNs = StartNs;
        for (int i = 0; i < frames; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            ReferenceOutcome expected = reference.Receive(next.Port, next.Frame, nowNs);
            ReferenceOutcome seen = real.Receive(next.Port, next.Frame, nowNs);
            AssertSame(expected, seen, i, next);
            foreach ((string port, byte[] frame) in expected.Sent)
            {
                traffic.Observe(port, frame);
            }
        }

        Assert.Equal(0, real.MissingBuffers(nowNs));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Switch_and_reference_agree_while_the_policy_changes(int workers)
    {
        int seed = Seeded.Take($"reference property with changes {workers}", output.WriteLine);
        SwitchConfig[] configs = [TestTopologies.Rich(), TestTopologies.RichChanged()];
        var reference = new ReferenceSwitch(configs[0]);
        var traffic = new RandomTraffic(configs[0], seed);
        using var real = new SwitchUnderTest(configs[0], workers);
        long nowNs = StartNs;
        for (int i = 0; i < 30_000; i++)
        {
            if (i % 1_000 == 999)
            {
                SwitchConfig config = configs[(i / 1_000 + 1) % 2];
                reference.Reconfigure(config);
                real.Reconfigure(config);
                traffic.Reconfigure(config);
            }

            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            ReferenceOutcome expected = reference.Receive(next.Port, next.Frame, nowNs);
            ReferenceOutcome seen = real.Receive(next.Port, next.Frame, nowNs);
            AssertSame(expected, seen, i, next);
            foreach ((string port, byte[] frame) in expected.Sent)
            {
                traffic.Observe(port, frame);
            }
        }
    }

    private static SwitchConfig Topology(string name) => name switch
    {
        "small" => TestTopologies.Small(),
        "rich" => TestTopologies.Rich(),
        _ => TestTopologies.Tight(),
    };

    private static void AssertSame(ReferenceOutcome expected, ReferenceOutcome seen, int index, TrafficFrame frame)
    {
        string where = $"frame {index} on {frame.Port}: {Convert.ToHexString(frame.Frame)}";
        bool same = expected.Kind == seen.Kind && expected.DropReason == seen.DropReason && expected.Sent.Count == seen.Sent.Count;
        Assert.True(same, $"reference: {expected}; switch: {seen}; {where}");
        for (int i = 0; i < expected.Sent.Count; i++)
        {
            Assert.Equal(expected.Sent[i].Port, seen.Sent[i].Port);
            Assert.True(
                expected.Sent[i].Frame.AsSpan().SequenceEqual(seen.Sent[i].Frame),
                $"sent on {seen.Sent[i].Port}: {PacketAssert.Difference(expected.Sent[i].Frame, seen.Sent[i].Frame)}; {where}");
        }
    }
}
