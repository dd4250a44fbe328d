using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane.Guard;

/// <summary>Limits of ENIs (order of checks, section 17) on virtual time: how much they let through, and what a refused packet leaves
/// behind.</summary>
public class EniLimitTests
{
    private const long Second = 1_000_000_000;
    private const long Start = 1_000 * Second;
    private const int Seconds = 10;
    private static readonly FrameAddresses Ends = Switched("a", "b", "10.0.1.10", "10.0.1.11");

    public static TheoryData<string, int, int> Rates()
    {
        var rows = new TheoryData<string, int, int>();
        foreach (string limit in (string[])["egress", "ingress", "egressPackets", "ingressPackets"])
        {
            foreach (int connections in (int[])[1, 64])
            {
                rows.Add(limit, connections, 1);
                rows.Add(limit, connections, 4);
            }
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void A_limit_lets_its_rate_pass_within_one_percent(string limit, int connections, int workers)
    {
        const int Bits = 40_000_000;
        const int Packets = 1000;
        EniLimitsConfig limits = limit switch
        {
            "egress" => new EniLimitsConfig { EgressBitsPerSecond = Bits },
            "ingress" => new EniLimitsConfig { IngressBitsPerSecond = Bits },
            "egressPackets" => new EniLimitsConfig { EgressPacketsPerSecond = Packets },
            _ => new EniLimitsConfig { IngressPacketsPerSecond = Packets },
        };
        using var real = new SwitchUnderTest(With(limit[0] == 'e' ? "a" : "b", e => e with { Limits = limits }), workers);
        bool isPackets = limit.EndsWith("Packets", StringComparison.Ordinal);
        PortCounters got = Flood(real, connections, isPackets ? 60 : 1400, isPackets ? 2 * Packets : Bits / 8 / 700);
        double expected = Seconds * (isPackets ? Packets : Bits / 8);
        Assert.InRange(isPackets ? got.SentPackets : got.SentBytes, expected * 0.99, expected * 1.01);
        PortCounters refusing = real.Workers.Sum(real.Snapshot.PortNames.IndexOf(limit[0] == 'e' ? "a" : "b"));
        DropReason reason = isPackets ? DropReason.EniPacketRate : DropReason.EniBandwidth;
        long dropped = real.Workers.SumDrops(real.Snapshot.PortNames.IndexOf("a"), reason);
        Assert.True(dropped > 0, "something was over the limit");
        Assert.Equal(dropped, limit[0] == 'e' ? refusing.OverEgressLimit : refusing.OverIngressLimit);
    }

    /// <summary>If what the packets' limit refuses had taken bits, both together would let through less than either.</summary>
    [Fact]
    public void What_one_limit_refuses_takes_nothing_from_another()
    {
        const int Packets = 1000;
        var limits = new EniLimitsConfig { EgressBitsPerSecond = 2_000_000, EgressPacketsPerSecond = Packets };
        SwitchConfig config = With("a", e => e with { Limits = limits });
        config = config with
        {
            Enis = [.. config.Enis.Select(e => e.Name == "b" ? e with { Limits = new EniLimitsConfig { IngressBitsPerSecond = 1_500_000 } } : e)],
        };
        using var small = new SwitchUnderTest(config);
        Assert.InRange(Flood(small, 4, 60, 10 * Packets).SentPackets, Seconds * Packets * 0.99, Seconds * Packets * 1.01);
        using var large = new SwitchUnderTest(config);
        double bytes = Seconds * 1_500_000 / 8;
        Assert.InRange(Flood(large, 4, 1400, 10 * Packets).SentBytes, bytes * 0.99, (bytes * 1.01) + DataPlaneBurst);
    }

    [Fact]
    public void A_limit_that_changes_keeps_its_level_and_counts_at_once()
    {
        static SwitchConfig Limited(int packets) => With("a", e => e with { Limits = new EniLimitsConfig { EgressPacketsPerSecond = packets } });
        using var real = new SwitchUnderTest(Limited(100));
        int passed = 0;
        long nowNs = Start;
        void Send(int count)
        {
            for (int i = 0; i < count; i++)
            {
                passed += real.Receive("a", Frames.Udp(Ends, 1, 2), nowNs).Kind == OutcomeKind.Forwarded ? 1 : 0;
            }
        }

        Send(30);
        Assert.Equal(16, passed);
        real.Reconfigure(Limited(200));
        Send(30);
        Assert.Equal(16, passed);
        nowNs += Second / 5;
        Send(30);
        Assert.InRange(passed, 32, 36);
        real.Reconfigure(Small);
        Send(30);
        Assert.InRange(passed, 62, 66);
    }

    [Fact]
    public void A_refused_packet_has_not_moved_its_connection()
    {
        SwitchConfig config = With("b", e => e with { Limits = new EniLimitsConfig { EgressPacketsPerSecond = 1 } });
        using var real = new SwitchUnderTest(config);
        FrameAddresses back = Ends.Reverse();
        for (ushort port = 100; port < 116; port++)
        {
            Assert.Equal(OutcomeKind.Forwarded, real.Receive("b", Frames.Udp(back, port, 9), Start).Kind);
        }

        Assert.Equal(OutcomeKind.Forwarded, real.Receive("a", Frames.Tcp(Ends, 1, 80, TcpBits.Syn), Start).Kind);
        byte[] answer = Frames.Tcp(back, 80, 1, TcpBits.Syn | TcpBits.Ack);
        Assert.Equal(DropReason.EniPacketRate, real.Receive("b", answer, Start).DropReason);

        // The SYN+ACK was never seen, so this acknowledges nothing that the switch could know of.
        Assert.Equal("syn-sent", Assert.Single(real.Connections(), c => c.Protocol == 6).Entry.State.Name());
        Assert.Equal(OutcomeKind.Forwarded, real.Receive("b", answer, Start + (2 * Second)).Kind);
        Assert.Equal(OutcomeKind.Forwarded, real.Receive("a", Frames.Tcp(Ends, 1, 80, TcpBits.Ack), Start + (2 * Second)).Kind);
    }

    [Fact]
    public void What_the_switch_answers_is_not_limited()
    {
        using var real = new SwitchUnderTest(With("a", e => e with { Limits = new EniLimitsConfig { EgressPacketsPerSecond = 1, IngressPacketsPerSecond = 1 } }));
        for (int i = 0; i < 50; i++)
        {
            byte[] question = Frames.ArpRequest(MacOf("a"), Ip("10.0.1.10"), Ip("10.0.1.1"));
            Assert.Equal(OutcomeKind.Answered, real.Receive("a", question, Start).Kind);
            byte[] echo = Frames.Echo(new FrameAddresses(MacOf("a"), Gateway, Ip("10.0.1.10"), Ip("10.0.1.1")), 7, (ushort)i);
            Assert.Equal(OutcomeKind.Answered, real.Receive("a", echo, Start).Kind);
        }
    }

    private const long DataPlaneBurst = VSwitch.DataPlane.Limits.TokenBuckets.LeastBurstBytes;

    private static SwitchConfig With(string name, Func<EniConfig, EniConfig> change) =>
        Small with { Enis = [.. Small.Enis.Select(e => e.Name == name ? change(e) : e)] };

    /// <summary>Ten seconds of datagrams from a to b, which answered each connection once: what b got.</summary>
    private static PortCounters Flood(SwitchUnderTest real, int connections, int frameBytes, int perSecond)
    {
        int a = real.Snapshot.PortNames.IndexOf("a");
        int b = real.Snapshot.PortNames.IndexOf("b");
        byte[][] frames = [.. Enumerable.Range(0, connections).Select(c => Frames.Udp(Ends, (ushort)(1000 + c), 9, frameBytes - 42))];
        for (int c = 0; c < connections; c++)
        {
            real.Workers.InjectAndSettle(frames[c], a, Start - (20 * Second));
            real.Workers.InjectAndSettle(Frames.Udp(Ends.Reverse(), 9, (ushort)(1000 + c)), b, Start - (20 * Second));
        }

        PortCounters before = real.Workers.Sum(b);
        for (int i = 0; i < Seconds * perSecond; i++)
        {
            real.Workers.InjectAndSettle(frames[i % connections], a, Start + (i * Second / perSecond));
        }

        PortCounters after = real.Workers.Sum(b);
        return new PortCounters { SentPackets = after.SentPackets - before.SentPackets, SentBytes = after.SentBytes - before.SentBytes };
    }
}
