using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Properties;

/// <summary>Through NAT gateways, too, what comes out does not depend on the number of workers: on random traffic with answers, while
/// ports and places run out, idle times end, and EIPs come and go. At the end every port is free.</summary>
public class NatWorkersTests(ITestOutputHelper output)
{
    private const long StartNs = 1_700_000_000_000_000_000;

    [Theory]
    [InlineData("tight", 30_000)]
    [InlineData("changes", 20_000)]
    public void One_worker_and_three_do_the_same(string topology, int frames)
    {
        int seed = Seeded.Take($"NAT workers {topology}", output.WriteLine, 61);
        IReadOnlyList<SwitchConfig> configs = topology == "tight" ? [TestTopologies.TightNat()] : TestTopologies.NatChanges();
        var random = new Random(seed);
        var traffic = new RandomTraffic(configs[0], seed);
        using var one = new SwitchUnderTest(configs[0]);
        using var three = new SwitchUnderTest(configs[0], workers: 3);
        var answers = new Queue<byte[]>();
        long nowNs = StartNs;
        int answered = 0;
        for (int i = 0; i < frames; i++)
        {
            if (configs.Count > 1 && i % 1000 == 999)
            {
                SwitchConfig config = configs[((i / 1000) + 1) % configs.Count];
                one.Reconfigure(config);
                three.Reconfigure(config);
                traffic.Reconfigure(config);
            }

            TrafficFrame next = answers.Count > 0 && random.Next(2) == 0
                ? new TrafficFrame("internet", answers.Dequeue(), random.Next(2_000_000)) : traffic.Next();
            nowNs += next.DeltaNs;
            ReferenceOutcome expected = one.Receive(next.Port, next.Frame, nowNs);
            ReferenceOutcome seen = three.Receive(next.Port, next.Frame, nowNs);
            string? difference = OutcomeComparison.Difference(next.Port, expected, seen);
            Assert.True(difference == null, $"frame {i} on {next.Port}: {difference}\n{Convert.ToHexString(next.Frame)}");
            foreach ((string port, byte[] frame) in expected.Sent)
            {
                traffic.Observe(port, frame);
                if (port == "internet" && Answer(frame) is byte[] answer)
                {
                    answers.Enqueue(answer);
                }
            }

            answered += next.Port == "internet" && expected.Kind == OutcomeKind.Forwarded ? 1 : 0;
        }

        Assert.True(answered > frames / 100, $"{answered} answers came in");
        Array.ForEach(new[] { one, three }, AssertFree);
    }

    private static void AssertFree(SwitchUnderTest real)
    {
        foreach (VSwitch.DataPlane.Workers.Worker worker in real.Workers.Workers)
        {
            worker.Pipeline.Connections.Clear();
        }

        for (int number = 1; number < real.Workers.Shared.Nat.PoolCapacity; number++)
        {
            if (real.Workers.Shared.Nat.PoolOf(number) is VSwitch.DataPlane.Nat.NatPool pool)
            {
                Assert.Equal((0, 0, 0, 0), (pool.ConnectionCount, pool.InUse(0), pool.InUse(1), pool.InUse(2)));
            }
        }
    }

    /// <summary>A whole datagram or segment back to its sender: swapped ends keep all sums. Null for anything else.</summary>
    private static byte[]? Answer(byte[] frame)
    {
        bool isPlain = frame.Length >= 42 && frame[12] == 8 && frame[13] == 0 && frame[14] == 0x45 && frame[23] is 6 or 17 && (frame[20] & 0x3F) == 0 && frame[21] == 0;
        if (!isPlain)
        {
            return null;
        }

        byte[] answer = [.. frame[6..12], .. frame[..6], .. frame[12..26], .. frame[30..34], .. frame[26..30], .. frame[36..38], .. frame[34..36], .. frame[38..]];
        return answer;
    }
}
