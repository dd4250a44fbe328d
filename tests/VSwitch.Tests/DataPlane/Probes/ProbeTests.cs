using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Probes;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;

namespace VSwitch.Tests.DataPlane.Probes;

/// <summary>Health checks on virtual time: what is asked when, and what each answer makes of the target (order of checks, section 19).
/// </summary>
public class ProbeTests
{
    public static TheoryData<ProbeKind> Kinds => [ProbeKind.Arp, ProbeKind.Icmp, ProbeKind.Tcp];

    [Fact]
    public void An_arp_question_asks_everybody_for_the_address_in_the_routers_name()
    {
        using var lab = new ProbeLab(ProbeKind.Arp);
        PacketAssert.Equal(
            Frames.ArpRequest(ProbeLab.Gateway, ProbeLab.Router, ProbeLab.A), ProbeLab.Assert1(lab.Until(0)));
    }

    [Fact]
    public void An_icmp_question_is_an_echo_request_of_the_router()
    {
        using var lab = new ProbeLab(ProbeKind.Icmp);
        PacketAssert.That(
            ProbeLab.Assert1(lab.Until(0)), PacketAssert.Macs(ProbeLab.Gateway, ProbeLab.MacOf("a")),
            PacketAssert.Addresses(ProbeLab.Router, ProbeLab.A), PacketAssert.Ttl(64), PacketAssert.Icmp(8, 0));
    }

    [Fact]
    public void A_tcp_question_is_a_syn_whose_answer_is_reset()
    {
        using var lab = new ProbeLab(ProbeKind.Tcp);
        byte[] syn = ProbeLab.Assert1(lab.Until(0));
        PacketAssert.That(
            syn, PacketAssert.Macs(ProbeLab.Gateway, ProbeLab.MacOf("a")), PacketAssert.Addresses(ProbeLab.Router, ProbeLab.A),
            PacketAssert.Ttl(64), PacketAssert.Flags(TcpBits.Syn));
        int port = int.Parse(PacketFields.Of(syn)["tcp.src"]!);
        Assert.InRange(port, ProbeTable.FirstPort + 1, 65535);

        ReferenceOutcome outcome = lab.Receive(syn, q => ProbeLab.TcpAnswer(q, TcpBits.Syn | TcpBits.Ack), 0);
        Assert.Equal(OutcomeKind.Consumed, outcome.Kind);
        (string to, byte[] reset) = Assert.Single(outcome.Sent);
        Assert.Equal("a", to);
        PacketAssert.That(
            reset, PacketAssert.Macs(ProbeLab.Gateway, ProbeLab.MacOf("a")), PacketAssert.Addresses(ProbeLab.Router, ProbeLab.A),
            PacketAssert.Ports(port, 80), PacketAssert.Flags(TcpBits.Rst),
            PacketAssert.Field("tcp.seq", $"{uint.Parse(PacketFields.Of(syn)["tcp.seq"]!) + 1}"));
        Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);
        Assert.Equal(250_000, lab.OfA.RoundTripNs);
        Assert.Equal(0, lab.Switch.ConnectionCount);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_first_answer_makes_a_target_healthy_and_as_many_failures_as_it_says_unhealthy(ProbeKind kind)
    {
        using var lab = new ProbeLab(kind);
        Assert.Equal(ProbeHealth.Unknown, lab.OfA.Health);
        Assert.Equal(OutcomeKind.Consumed, lab.Ask(0, Answer(kind)).Kind);
        Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);

        // Asked at 1000, 2000 and 3000; the time of the third is up at 3500.
        for (long ms = 1; ms < 3500; ms++)
        {
            Assert.Equal(ms % 1000 == 0 ? 1 : 0, lab.Until(ms).Length);
            Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);
        }

        Assert.Empty(lab.Until(3500));
        Assert.Equal(new ProbeReading(ProbeHealth.Unhealthy, 3_500_000_000, 250_000, 4, 1, 3), lab.OfA);

        lab.Ask(4000, Answer(kind));
        Assert.Equal(ProbeHealth.Unhealthy, lab.OfA.Health);
        lab.Ask(5000, Answer(kind));
        Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);
        Assert.Equal(5_000_250_000, lab.OfA.SinceNs);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_target_that_never_answers_is_unknown_and_then_unhealthy(ProbeKind kind)
    {
        using var lab = new ProbeLab(kind);
        lab.Until(0);
        lab.Until(1000);
        lab.Until(2000);
        lab.Until(2499);
        Assert.Equal(ProbeHealth.Unknown, lab.OfA.Health);
        lab.Until(2500);
        Assert.Equal(ProbeHealth.Unhealthy, lab.OfA.Health);
    }

    [Fact]
    public void A_closed_port_refuses_and_counts_at_once()
    {
        using var lab = new ProbeLab(ProbeKind.Tcp);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ProbeHealth.Unknown, lab.OfA.Health);
            ReferenceOutcome outcome = lab.Ask(1000 * i, q => ProbeLab.TcpAnswer(q, TcpBits.Rst | TcpBits.Ack));
            Assert.Equal(OutcomeKind.Consumed, outcome.Kind);
            Assert.Empty(outcome.Sent);
        }

        Assert.Equal(new ProbeReading(ProbeHealth.Unhealthy, 2_000_250_000, 250_000, 3, 0, 3), lab.OfA);
    }

    [Theory]
    [InlineData(ProbeKind.Icmp)]
    [InlineData(ProbeKind.Tcp)]
    public void A_late_answer_a_copy_and_one_to_an_earlier_question_are_taken_and_change_nothing(ProbeKind kind)
    {
        using var lab = new ProbeLab(kind);
        byte[] first = ProbeLab.Assert1(lab.Until(0));
        lab.Until(500);
        Assert.Equal(OutcomeKind.Consumed, lab.Receive(first, Answer(kind), 500).Kind);
        Assert.Equal(0, lab.OfA.Answered);
        byte[] second = ProbeLab.Assert1(lab.Until(1000));
        Assert.Equal(OutcomeKind.Consumed, lab.Receive(first, Answer(kind), 1000).Kind);
        Assert.Equal(0, lab.OfA.Answered);
        Assert.Equal(OutcomeKind.Consumed, lab.Receive(second, Answer(kind), 1000).Kind);
        Assert.Equal(OutcomeKind.Consumed, lab.Receive(second, Answer(kind), 1000).Kind);
        Assert.Equal(1, lab.OfA.Answered);
    }

    [Fact]
    public void What_answers_no_health_check_is_refused_as_ever()
    {
        using var lab = new ProbeLab(ProbeKind.Tcp);
        byte[] syn = ProbeLab.Assert1(lab.Until(0));
        byte[] answer = ProbeLab.TcpAnswer(syn, TcpBits.Syn | TcpBits.Ack);
        Assert.Equal(DropReason.UnsupportedProtocol, Dropped(With(answer, 34, 0, 81)));
        Assert.Equal(DropReason.UnsupportedProtocol, Dropped(With(answer, 36, 0xC3, 0)));
        Assert.Equal(DropReason.MalformedL4, Dropped(With(answer, 42, 1, 2, 3, 4)));
        Assert.Equal(DropReason.UnsupportedProtocol, Dropped(ProbeLab.EchoAnswer(new byte[58])));
        Assert.Equal(0, lab.OfA.Answered);

        DropReason Dropped(byte[] frame)
        {
            ReferenceOutcome outcome = lab.Switch.Receive("a", frame, 100_000_000);
            Assert.Empty(outcome.Sent);
            return outcome.DropReason;
        }

        static byte[] With(byte[] frame, int at, params byte[] bytes)
        {
            byte[] changed = [.. frame];
            bytes.CopyTo(changed, at);
            return changed;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_new_configuration_keeps_what_is_known_unless_it_asks_something_else(ProbeKind kind)
    {
        using var lab = new ProbeLab(kind);
        lab.Ask(0, Answer(kind));
        lab.Reconfigure(c => c with { ElasticIps = [c.ElasticIps[0] with { HealthCheck = c.ElasticIps[0].HealthCheck! with { Interval = TimeSpan.FromMilliseconds(700) } }] });
        Assert.Empty(lab.Until(600));
        Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);
        ProbeLab.Assert1(lab.Until(1000));

        // The address keeps its check when the EIP has drifted away from it.
        lab.Reconfigure(c => c with { ElasticIps = [c.ElasticIps[0] with { Eni = "b", Standby = [new EipPlaceConfig("a", null)] }] });
        Assert.Equal(ProbeHealth.Healthy, lab.OfA.Health);
        ProbeLab.Assert1(lab.Until(1700));

        lab.Reconfigure(c => c with { ElasticIps = [c.ElasticIps[0] with { HealthCheck = new HealthCheckConfig { Protocol = ProbeKind.Tcp, Port = 8080 } }] });
        ProbeLab.Assert1(lab.Until(1701));
        Assert.Equal(new ProbeReading(ProbeHealth.Unknown, 1_701_000_000, 0, 1, 0, 0), lab.OfA);

        lab.Reconfigure(c => c with { ElasticIps = [c.ElasticIps[0] with { HealthCheck = null }] });
        Assert.Empty(lab.Until(100_000));
        Assert.Equal(long.MaxValue, lab.Switch.Workers.Shared.Alarm.NextDueMs);
    }

    [Fact]
    public void Two_arp_checks_of_one_address_are_both_answered()
    {
        using var lab = new ProbeLab(ProbeKind.Arp);
        lab.Reconfigure(c => c with
        {
            ElasticIps = [c.ElasticIps[0], TestTopologies.Eip("other", "198.51.100.11", null) with { Standby = c.ElasticIps[0].Standby, HealthCheck = c.ElasticIps[0].HealthCheck }],
        });
        Assert.Equal(2, lab.Until(0, "b").Length);
        lab.Switch.Receive("b", Frames.ArpReply(ProbeLab.MacOf("b"), TestTopologies.Ip("10.0.1.11"), ProbeLab.Gateway, ProbeLab.Router), 1);
        Assert.Equal(2, Enumerable.Range(1, 3).Count(n => lab.Table.HealthOf(n) == ProbeHealth.Healthy));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_same_is_sent_whatever_the_number_of_workers(ProbeKind kind)
    {
        List<string> One(int workers)
        {
            using var lab = new ProbeLab(kind, workers);
            var sent = new List<string>();
            for (long ms = 0; ms < 5000; ms += 250)
            {
                byte[][] frames = lab.Until(ms);
                sent.AddRange(frames.Select(f => $"{ms} {Convert.ToHexString(f)}"));
                if (frames.Length > 0 && ms < 3000)
                {
                    sent.AddRange(lab.Receive(frames[0], Answer(kind), ms).Sent.Select(s => $"{ms} {Convert.ToHexString(s.Frame)}"));
                }
            }

            Assert.Equal(0, lab.Switch.MissingBuffers(5_000_000_000));
            return [.. sent, lab.OfA.ToString()];
        }

        List<string> one = One(1);
        Assert.Equal(one, One(2));
        Assert.Equal(one, One(4));
    }

    [Fact]
    public void Questions_count_as_generated_and_answers_as_consumed()
    {
        using var lab = new ProbeLab(ProbeKind.Tcp);
        lab.Ask(0, q => ProbeLab.TcpAnswer(q, TcpBits.Syn | TcpBits.Ack));
        PortCounters a = lab.Switch.Workers.Sum(Array.IndexOf(lab.Switch.Snapshot.PortNames, "a"));
        Assert.Equal((2, 2, 1, 1, 0), (a.Generated, a.SentPackets, a.ReceivedPackets, a.Consumed, a.Forwarded));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Asking_and_answering_allocate_nothing(ProbeKind kind)
    {
        using var lab = new ProbeLab(kind);
        byte[] answer = Answer(kind)(ProbeLab.Assert1(lab.Until(0)));
        foreach (VSwitch.DataPlane.Devices.IPacketDevice? device in lab.Switch.Workers.Shared.Devices)
        {
            device?.Dispose();
        }

        lab.Switch.Workers.Shared.Publish(lab.Switch.Snapshot, new VSwitch.DataPlane.Devices.IPacketDevice?[lab.Switch.Snapshot.PortCount]);
        long ms = 1000;
        AllocationGuard.RequireNone("a health check", () =>
        {
            for (int i = 0; i < 100; i++, ms += 250)
            {
                lab.Switch.Workers.InjectAndSettle(answer, 1, ms * 1_000_000);
            }
        });
        Assert.True(lab.OfA.Failed > 0);
    }

    private static Func<byte[], byte[]> Answer(ProbeKind kind) => kind switch
    {
        ProbeKind.Arp => ProbeLab.ArpAnswer,
        ProbeKind.Icmp => ProbeLab.EchoAnswer,
        _ => q => ProbeLab.TcpAnswer(q, TcpBits.Syn | TcpBits.Ack),
    };
}
