using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Random traffic through the switch: every frame that comes in or leaves is decoded by PacketDotNet and compared, and what the
/// switch says itself (ARP, neighbour discovery, DHCP, echo, errors) has right checksums.</summary>
public class TrafficDecodingTests(ITestOutputHelper output)
{
    private const long StartNs = 1_700_000_000_000_000_000;

    /// <summary>One run is like another; VSWITCH_SEED explores.</summary>
    private static readonly int[] UsualSeeds = [52, 53, 54];

    [Theory]
    [InlineData("small", 1, 5_000)]
    [InlineData("rich", 3, 12_000)]
    [InlineData("guarded", 2, 8_000)]
    [InlineData("limited", 2, 8_000)]
    [InlineData("joined", 2, 8_000)]
    [InlineData("nat", 3, 8_000)]
    public void Every_frame_of_random_traffic_is_decoded_alike(string topology, int workers, int frames)
    {
        SwitchConfig config = Topology(topology);
        var sent = new DecodingTally($"{topology}, sent");
        var received = new DecodingTally($"{topology}, received");
        int right = 0;
        foreach (int usual in UsualSeeds)
        {
            int seed = Seeded.Take($"decoding {topology}", output.WriteLine, usual);
            right += Run(config, seed, workers, frames, received, sent);
        }

        output.WriteLine($"{received}\n{sent}\n{right} frames left as right as they came, or were made here and right");
        Assert.True(right > frames, $"{right}");
        string[] common = ["ARP", "IPv4", "TCP", "UDP", "ICMP", "ICMP errors", "fragments", "DHCP"];
        received.AssertSeen(common);
        sent.AssertSeen(config.Enis.Any(e => e.PrivateIps.Any(ip => ip.IsV6)) ? [.. common, "IPv6", "ICMPv6", "ND"] : common);
        Assert.Equal(0, sent.Refused);
    }

    /// <summary>Configurations of every kind, each for a while: other MTUs, rates, gateways, timeouts.</summary>
    [Fact]
    public void Every_frame_of_random_traffic_through_random_configurations_is_decoded_alike()
    {
        int seed = Seeded.Take("decoding random configurations", output.WriteLine, 71);
        var configs = new RandomConfig(new Random(seed));
        var sent = new DecodingTally("random configurations, sent");
        var received = new DecodingTally("random configurations, received");
        int count = 0;
        for (int i = 0; i < 200 && count < 40; i++)
        {
            SwitchConfig config = configs.Next();
            if (config.Internet is not null && config.Enis.Count > 2)
            {
                Run(config, seed + i, workers: 1, 500, received, sent);
                count++;
            }
        }

        output.WriteLine($"{count} configurations\n{received}\n{sent}");
        Assert.Equal(40, count);
        received.AssertSeen("ARP", "TCP", "UDP", "ICMP", "IPv6");
        sent.AssertSeen("ARP", "ICMP", "IPv6", "ND");
        Assert.Equal(0, sent.Refused);
    }

    /// <summary>Sends a stream, and counts what must have right checksums when it leaves.</summary>
    private static int Run(SwitchConfig config, int seed, int workers, int frames, DecodingTally received, DecodingTally sent)
    {
        var traffic = new RandomTraffic(config, seed);
        using var real = new SwitchUnderTest(config, workers);
        long nowNs = StartNs;
        int right = 0;
        for (int i = 0; i < frames; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            if (!real.HasPort(next.Port))
            {
                continue;
            }

            FrameComparison question = received.Add(next.Frame, $"seed {seed}");
            ReferenceOutcome outcome = real.Receive(next.Port, next.Frame, nowNs);

            // What was held before, and ends with this frame, is left out: its checksum may have come wrong.
            bool isAlone = outcome.Ends.Count == 0;
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                FrameComparison comparison = sent.Add(frame, $"seed {seed} to {port}");
                bool isAsRightAsItCame = outcome.Kind == OutcomeKind.Forwarded && outcome.Sent.Count == 1 && IsRight(question);
                if (isAlone && (outcome.Kind == OutcomeKind.Answered || isAsRightAsItCame))
                {
                    Assert.True(IsRight(comparison), $"what came right, or was made here, left wrong: {comparison}\nafter {next.Port} {question}");
                    right++;
                }

                traffic.Observe(port, frame);
            }
        }

        real.Workers.DropHeld();
        Assert.Equal(0, real.MissingBuffers(nowNs));
        return right;
    }

    /// <summary>By PacketDotNet, and where it is not known to misjudge. What a quote has is the quoted packet's matter.</summary>
    private static bool IsRight(FrameComparison comparison) =>
        !comparison.IsMisjudged &&
        comparison.Theirs.Checksums.All(c => c.Value || c.Key.StartsWith("quote.", StringComparison.Ordinal));

    private static SwitchConfig Topology(string name) => name switch
    {
        "small" => TestTopologies.Small(),
        "rich" => TestTopologies.Rich(),
        "guarded" => TestTopologies.Guarded(),
        "limited" => TestTopologies.Limited(),
        "joined" => TestTopologies.Joined(),
        _ => TestTopologies.Nat(),
    };
}
