using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Testing;

/// <summary>What random traffic must offer to be worth its time.</summary>
public sealed class RandomTrafficTests(ITestOutputHelper output)
{
    private const int FrameCount = 20_000;

    /// <summary>The share that passes varies by some percent with the seed: a usual one, so that the bound says the same each time.
    /// </summary>
    private const int UsualSeed = 52;

    [Theory]
    [InlineData("small", 60)]
    [InlineData("rich", 60)]
    [InlineData("tight", 50)]
    [InlineData("guarded", 50)]
    public void Most_frames_are_forwarded(string topology, int percent)
    {
        SwitchConfig config = topology switch
        {
            "small" => TestTopologies.Small(),
            "rich" => TestTopologies.Rich(),
            "guarded" => TestTopologies.Guarded(),
            _ => TestTopologies.Tight(),
        };
        List<ReferenceOutcome> outcomes = Run(config, Seeded.Take(nameof(Most_frames_are_forwarded), output.WriteLine, UsualSeed), []);
        foreach (var group in outcomes.GroupBy(o => (o.Kind, o.DropReason)).OrderByDescending(g => g.Count()))
        {
            output.WriteLine($"{group.Key.Kind} {group.Key.DropReason} {group.Count()}");
        }

        int forwarded = outcomes.Count(outcome => outcome.Kind == OutcomeKind.Forwarded);
        Assert.True(forwarded > FrameCount * percent / 100, $"{forwarded} of {FrameCount} forwarded");
    }

    [Fact]
    public void Every_reason_is_reached_that_a_frame_alone_can_reach()
    {
        DropReason[] elsewhere =
        [
            DropReason.None, DropReason.UnsupportedLinkType, DropReason.NetworkAcl, DropReason.PortDown, DropReason.QueueFull, DropReason.WireLoss,

            // What takes a gateway, a balancer or a rate to reach has tables of its own.
            DropReason.UnknownVlan, DropReason.MalformedTunnel, DropReason.TunnelFragment, DropReason.UnknownTunnelRemote, DropReason.UnknownTunnelId,
            DropReason.NoListener, DropReason.NoHealthyBackend, DropReason.NatUnsolicited, DropReason.NatPortsExhausted, DropReason.NatConnectionsExhausted,
            DropReason.EniBandwidth, DropReason.EniPacketRate, DropReason.ScrubbingSyn, DropReason.ScrubbingRate,
            DropReason.BufferExhausted, DropReason.UnknownPort, DropReason.ConnectionTableFull,
        ];
        List<ReferenceOutcome> outcomes = Run(TestTopologies.Rich(), 7, []);
        Assert.Equal([], DropReasons.All.ToArray().Except(elsewhere).Except(outcomes.SelectMany(ReasonsOf)));
        Assert.Contains(outcomes, outcome => outcome.Kind == OutcomeKind.Answered);
        Assert.Contains(outcomes, outcome => outcome.Kind == OutcomeKind.Consumed);
    }

    [Fact]
    public void The_same_seed_gives_the_same_frames()
    {
        var first = new List<TrafficFrame>();
        var second = new List<TrafficFrame>();
        Run(TestTopologies.Tight(), 11, first);
        Run(TestTopologies.Tight(), 11, second);
        Assert.All(first.Zip(second), pair =>
        {
            Assert.Equal((pair.First.Port, pair.First.DeltaNs), (pair.Second.Port, pair.Second.DeltaNs));
            Assert.Equal(pair.First.Frame, pair.Second.Frame);
        });
    }

    [Fact]
    public void What_the_switch_makes_or_translates_of_a_good_frame_is_a_good_frame()
    {
        var twin = new ReferenceSwitch(TestTopologies.Rich());
        var traffic = new RandomTraffic(TestTopologies.Rich(), 5);
        long nowNs = 0;
        int judged = 0;
        for (int i = 0; i < FrameCount; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            ReferenceOutcome outcome = twin.Receive(next.Port, next.Frame, nowNs);
            bool isGood = PacketFields.Of(next.Frame).Faults.Count == 0;
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
                if (isGood)
                {
                    PacketAssert.IsValid(frame);
                    judged++;
                }
            }
        }

        Assert.True(judged > FrameCount / 2, $"{judged} frames judged");
    }

    [Fact]
    public void New_configurations_in_mid_stream_are_followed()
    {
        SwitchConfig[] configs = [TestTopologies.RichChanged(), TestTopologies.Rich()];
        var twin = new ReferenceSwitch(configs[1]);
        var traffic = new RandomTraffic(configs[1], Seeded.Take(nameof(New_configurations_in_mid_stream_are_followed), output.WriteLine));
        long nowNs = 0;
        int forwarded = 0;
        for (int i = 0; i < FrameCount; i++)
        {
            if (i % 500 == 499)
            {
                SwitchConfig next = configs[i / 500 % 2];
                twin.Reconfigure(next);
                traffic.Reconfigure(next);
            }

            TrafficFrame sent = traffic.Next();
            nowNs += sent.DeltaNs;
            ReferenceOutcome outcome = twin.Receive(sent.Port, sent.Frame, nowNs);
            forwarded += outcome.Kind == OutcomeKind.Forwarded ? 1 : 0;
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
            }
        }

        Assert.True(forwarded > FrameCount / 2, $"{forwarded} of {FrameCount} forwarded");
    }

    private static IEnumerable<DropReason> ReasonsOf(ReferenceOutcome outcome) =>
        [outcome.DropReason, .. outcome.Ends.Select(end => end.DropReason)];

    private static List<ReferenceOutcome> Run(SwitchConfig config, int seed, List<TrafficFrame> frames)
    {
        var twin = new ReferenceSwitch(config);
        var traffic = new RandomTraffic(config, seed);
        var outcomes = new List<ReferenceOutcome>();
        long nowNs = 0;
        for (int i = 0; i < FrameCount; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            frames.Add(next);
            ReferenceOutcome outcome = twin.Receive(next.Port, next.Frame, nowNs);
            outcomes.Add(outcome);
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
            }
        }

        return outcomes;
    }
}
