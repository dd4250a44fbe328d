using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.Allocation;
using VSwitch.Tests.DataPlane.Policy;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Peerings.PeeringText;

namespace VSwitch.Tests.DataPlane.Peerings;

/// <summary>Fragments and ICMP errors across a peering, for 1 to 4 workers; and what it costs in memory.</summary>
public sealed class PeeringWaysideTests
{
    private const long Start = 1_000_000_000;

    [Theory]
    [InlineData(A4, G4, 1)]
    [InlineData(A4, G4, 3)]
    [InlineData(A6, G6, 1)]
    [InlineData(A6, G6, 4)]
    public void Fragments_cross_in_any_order(string a, string g, int workers)
    {
        using var real = new RecordedSwitch(PolicyLab.Read(Of()), workers);
        using var lab = new PolicyLab(Of());
        FrameEnd whole = Assert.Single(real.Receive("a", lab.From("a", a, g).Udp(1000, 2000).Payload(100).Build(), Start));
        byte[][] fragments = [.. Frames.Fragments(lab.From("a", a, g).Udp(1000, 2000).Payload(100).Build(), 32, 0)];
        FrameEnd[] ends = [.. new[] { 2, 0, 1, 3 }.SelectMany(i => real.Receive("a", fragments[i], Start + i))];
        Assert.All(ends, end => Assert.Equal(("g", DropReason.None), (end.Port, end.Reason)));
        PacketAssert.Equal(whole.Frame, Reassembler.Join(ends.Select(end => end.Frame)));
        Assert.Equal(1, real.Workers.ConnectionCount);
        real.Finish(Start + 10);
    }

    [Theory]
    [InlineData(A4, G4)]
    [InlineData(A6, G6)]
    public void Errors_are_related_in_both_directions(string a, string g)
    {
        using var lab = new PolicyLab(Of());
        byte[] sent = lab.Passes("a", lab.From("a", a, g).Udp(1, 2).Payload(40), "g");
        lab.Passes("g", Error(lab, "g", g, a, sent), "a");
        byte[] replied = lab.Passes("g", lab.From("g", g, a).Udp(2, 1).Payload(40), "a");
        lab.Passes("a", Error(lab, "a", a, g, replied), "g");
        lab.Drops("h", Error(lab, "h", g == G4 ? H4 : "fd00:c:0:2::10", a, sent), g == G4 ? DropReason.ConnectionInvalid : DropReason.SpoofedIp);
        Assert.Equal(1, lab.ConnectionCount);
    }

    [Fact]
    public void Without_a_way_back_errors_and_later_fragments_of_replies_are_dropped_too()
    {
        using var lab = new PolicyLab(Of());
        byte[] sent = lab.Passes("a", lab.From("a", A4, H4).Udp(1, 2).Payload(40), "h");
        lab.Drops("h", Error(lab, "h", H4, A4, sent), DropReason.NoRoute);
        byte[][] reply = [.. Frames.Fragments(lab.From("h", H4, A4).Udp(2, 1).Payload(100).Build(), 64, 7)];
        Assert.Equal([DropReason.NoRoute, DropReason.FragmentUnmatched], reply.Select(f => lab.Send("h", f).DropReason));
    }

    [Fact]
    public void Nothing_is_allocated_on_a_first_packet_a_hit_and_a_drop()
    {
        using var lab = new PolicyLab(Of());
        using var silent = new SilentSwitch(lab.Config);
        byte[][] frames =
        [
            lab.From("a", A4, G4).Udp(1, 2).Build(), lab.From("g", G4, A4).Udp(2, 1).Build(), lab.From("a", A6, G6).Udp(1, 2).Build(),
            lab.From("a", A4, R4).Udp(1, 2).Build(), lab.From("a", A4, H4).Udp(1, 2).Build(), lab.From("h", H4, A4).Udp(2, 1).Build(),
        ];
        int[] ports = [.. new[] { "a", "g", "a", "a", "a", "h" }.Select(p => Array.IndexOf(silent.Snapshot.PortNames, p))];
        long nowNs = Start;
        void Run()
        {
            for (int i = 0; i < 500; i++)
            {
                for (int f = 0; f < frames.Length; f++)
                {
                    // Beyond the idle time of UDP now and then, so that first packets come again.
                    nowNs += i % 100 == 0 ? 200_000_000_000 : 1000;
                    Assert.True(silent.Workers.Workers[0].Inject(frames[f], ports[f], nowNs));
                }
            }
        }

        Run();
        Assert.Equal(0, AllocationGuard.BytesOf(Run));
        Assert.True(silent.Workers.SumDrops(ports[5], DropReason.NoRoute) > 1000);
        Assert.True(silent.Workers.SumDrops(ports[3], DropReason.VpcIsolation) > 1000);
    }

    [Fact]
    public void One_to_four_workers_do_the_same()
    {
        SwitchConfig config = TestTopologies.Joined();
        string[] one = Outcomes(config, 1);
        Assert.Contains(one, o => o.Contains(nameof(DropReason.NoRoute), StringComparison.Ordinal));
        Assert.Contains(one, o => o.Contains("gilt", StringComparison.Ordinal));
        for (int workers = 2; workers <= 4; workers++)
        {
            Assert.Equal(one, Outcomes(config, workers));
        }
    }

    private static string[] Outcomes(SwitchConfig config, int workers)
    {
        var traffic = new RandomTraffic(config, seed: 11);
        using var real = new SwitchUnderTest(config, workers);
        long nowNs = Start;
        var outcomes = new List<string>();
        for (int i = 0; i < 3000; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += next.DeltaNs;
            var outcome = real.Receive(next.Port, next.Frame, nowNs);
            foreach ((string port, byte[] frame) in outcome.Sent)
            {
                traffic.Observe(port, frame);
            }

            outcomes.Add($"{outcome.Kind} {outcome.DropReason} {string.Join(',', outcome.Sent.Select(s => s.Port + Convert.ToHexString(s.Frame)))}");
        }

        real.Workers.DropHeld();
        return [.. outcomes];
    }

    /// <summary>Port unreachable, about a packet as it arrived.</summary>
    private static PacketBuilder Error(PolicyLab lab, string port, string from, string to, byte[] about) =>
        lab.From(port, from, to).IcmpError(from.Contains(':', StringComparison.Ordinal) ? (byte)1 : (byte)3, from.Contains(':', StringComparison.Ordinal) ? (byte)4 : (byte)3, about);
}
