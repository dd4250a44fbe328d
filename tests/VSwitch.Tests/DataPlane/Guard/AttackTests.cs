using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane.Guard;

/// <summary>Ten times as many SYNs as the switch has room for connections, at ten times the threshold, from addresses that nobody has, on
/// one tenant: the others notice nothing, and his own clients get in.</summary>
public class AttackTests
{
    private const int Capacity = 1000;
    private const string OtherEip = "198.51.100.20";
    private const string OtherInside = "10.0.1.10";

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Ten_times_the_capacity_from_one_side_harms_nobody_else(int workers)
    {
        using var bed = new ScrubbingBed(workers: workers, capacity: Capacity);
        for (ushort i = 0; i < 50; i++)
        {
            bed.Establish("203.0.113.9", (ushort)(2000 + i));
            bed.Establish("203.0.113.8", (ushort)(2000 + i), OtherEip, "green", OtherInside);
        }

        int clients = 0;
        for (int i = 0; i < 10 * Capacity; i++)
        {
            bed.Attack(1);
            bed.NowNs += 1_000_000_000 / (10 * ScrubbingBed.Syns);
            if (i % 20 == 0)
            {
                // A new connection of the other tenant, whole; then known ones of both, both ways.
                ushort port = (ushort)(10_000 + (i / 20));
                bed.Establish("192.0.2.50", port, OtherEip, "green", OtherInside);
                Close(bed, port);
                ushort known = (ushort)(2000 + (i / 20 % 50));
                Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.9", known, fromInside: true).Kind);
                Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.9", known, fromInside: false).Kind);
                Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.8", known, fromInside: true, OtherEip, "green", OtherInside).Kind);
                Assert.Equal(OutcomeKind.Forwarded, bed.Talk("203.0.113.8", known, fromInside: false, OtherEip, "green", OtherInside).Kind);
            }

            if (i % 500 == 499)
            {
                // A client of the attacked one, as Linux is: SYN, RST to the challenge, SYN again.
                string client = $"192.0.2.{100 + clients++}";
                ReferenceOutcome first = bed.Syn(client, 6000);
                Assert.Equal(DropReason.ScrubbingSyn, first.DropReason);
                Assert.Equal(OutcomeKind.Consumed, bed.Reset(client, Assert.Single(first.Sent).Frame, 6000).Kind);
                bed.Establish(client, 6000);
                Assert.Equal(OutcomeKind.Forwarded, bed.Talk(client, 6000, fromInside: true).Kind);
            }
        }

        Assert.Equal(20, clients);
        Assert.True(bed.Reading is { IsScrubbing: true, Episodes: 1, Proofs: 20 });
        Assert.Equal(0, bed.Switch.MissingBuffers(bed.NowNs));
        Assert.Equal(0, bed.Switch.Workers.SumDrops(0, DropReason.ConnectionTableFull));
    }

    /// <summary>What leaves depends on the packets and their times, not on who works on them.</summary>
    [Fact]
    public void The_bytes_are_the_same_with_any_number_of_workers()
    {
        int seed = Seeded.Take("scrubbing with 1, 2 and 4 workers");
        string[] runs = [.. new[] { 1, 2, 4 }.Select(workers => Run(seed, workers))];
        Assert.True(runs[0] == runs[1] && runs[0] == runs[2], $"seed {seed}");
        Assert.Contains("scrubbing-syn", runs[0], StringComparison.Ordinal);
        Assert.Contains("scrubbing-rate", runs[0], StringComparison.Ordinal);
    }

    private static string Run(int seed, int workers)
    {
        using var bed = new ScrubbingBed(workers: workers);
        var random = new Random(seed);
        var said = new System.Text.StringBuilder();
        for (int i = 0; i < 6000; i++)
        {
            bed.NowNs += random.Next(1, 4_000_000);
            string source = random.Next(3) == 0 ? $"203.0.113.{random.Next(1, 50)}" : ScrubbingBed.Spoofed(random.Next());
            ReferenceOutcome outcome = random.Next(4) switch
            {
                0 => bed.Udp(source, (ushort)random.Next(1, 60_000)),
                1 => bed.Echo(source),
                _ => bed.Syn(source, (ushort)random.Next(4000, 4010)),
            };
            said.AppendLine(VerdictOf(outcome));
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                said.AppendLine(Convert.ToHexString(frame));
                if (outcome.DropReason == DropReason.ScrubbingSyn && random.Next(2) == 0)
                {
                    said.AppendLine(VerdictOf(bed.Reset(source, frame, (ushort)((frame[36] << 8) | frame[37]))));
                }
            }
        }

        return said.ToString();
    }

    private static void Close(ScrubbingBed bed, ushort port)
    {
        byte[] reset = Frames.Tcp(Outside("192.0.2.50", OtherEip), port, 80, TcpBits.Rst, 0, 1, 0);
        Assert.Equal(OutcomeKind.Forwarded, bed.Receive("internet", reset).Kind);
    }
}
