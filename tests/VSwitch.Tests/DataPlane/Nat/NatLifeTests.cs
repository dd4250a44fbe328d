using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Nat.NatBench;

namespace VSwitch.Tests.DataPlane.Nat;

/// <summary>How long connections through a NAT gateway live, and what ends them: idle times, changes of the configuration.</summary>
public sealed class NatLifeTests
{
    private const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
    private const TcpBits FinAck = TcpBits.Fin | TcpBits.Ack;

    /// <summary>semantics.md section 2.1, JD NAT GW: 1800 s, and 60 s for everything else; to the millisecond.</summary>
    [Theory]
    [InlineData("established", 1800)]
    [InlineData("half-open", 60)]
    [InlineData("answered", 60)]
    [InlineData("closing", 60)]
    [InlineData("closed", 60)]
    [InlineData("reset", 60)]
    [InlineData("udp", 60)]
    [InlineData("udp-both-ways", 60)]
    [InlineData("icmp", 60)]
    public void An_idle_connection_lives_as_long_as_the_gateway_says(string state, int seconds)
    {
        Assert.DoesNotContain("dropped", AfterIdle(state, (seconds * 1000) - 1), StringComparison.Ordinal);
        Assert.Equal("dropped nat-unsolicited", AfterIdle(state, seconds * 1000));
    }

    [Fact]
    public void A_packet_begins_the_idle_time_anew_and_a_related_error_does_not()
    {
        using var bench = new NatBench();
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000), 59_000);
        byte[] outside = bench.Frame;
        Assert.Equal("internet 198.51.100.50:5000 > 203.0.113.5:53", bench.Send("a", Frames.Udp(From("a"), 5000, 53), 118_000));
        outside = bench.Frame;
        Assert.StartsWith("a ", bench.Send("internet", Frames.Begin(To(NatIp)).IcmpError(3, 3, outside).Build(), 170_000), StringComparison.Ordinal);
        Assert.Equal("dropped nat-unsolicited", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000), 178_000));
    }

    [Fact]
    public void A_port_is_free_again_when_its_last_connection_is_over()
    {
        using var bench = new NatBench();
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("a", Frames.Udp(From("a", "203.0.113.70"), 5000, 53), 30_000);
        Assert.Equal("internet 198.51.100.50:5002 > 203.0.113.5:80", bench.Send("b", Frames.Udp(From("b"), 5000, 80), 70_000));
        Assert.Equal("internet 198.51.100.50:5000 > 203.0.113.5:81", bench.Send("c", Frames.Udp(From("c"), 5000, 81), 91_000));
    }

    [Fact]
    public void A_TCP_connection_that_begins_anew_gives_its_port_back_once()
    {
        using var bench = new NatBench();
        bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Syn, 0, 0));
        bench.Send("internet", Tcp(To(NatIp), 80, 5000, TcpBits.Rst | TcpBits.Ack, 0, 1));
        for (uint i = 1; i < 10; i++)
        {
            Assert.Equal("internet 198.51.100.50:5000 > 203.0.113.5:80", bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Syn, i * 1000, 0), i));
            Assert.Equal("a 203.0.113.5:80 > 10.0.1.10:5000", bench.Send("internet", Tcp(To(NatIp), 80, 5000, TcpBits.Rst | TcpBits.Ack, 0, (i * 1000) + 1), i));
        }

        Assert.Equal(bench.Switch.ConnectionCount, bench.Switch.Workers.Shared.Nat.ConnectionsOf(bench.Switch.Snapshot.NatGateways[1]));
    }

    [Fact]
    public void An_EIP_that_leaves_the_gateway_ends_its_connections()
    {
        SwitchConfig config = TestTopologies.Nat();
        using var bench = new NatBench(config);
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("b", Tcp(From("b"), 5001, 80, TcpBits.Syn, 0, 0));
        bench.Send("internet", Tcp(To(NatIp), 80, 5001, SynAck, 0, 1));
        bench.Switch.Reconfigure(config with { ElasticIps = [.. config.ElasticIps.Skip(1), TestTopologies.NatIp("other", "198.51.100.51")] });
        Assert.Equal("dropped eip-unbound", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000)));
        Assert.Equal("internet 198.51.100.51:5000 > 203.0.113.5:53", bench.Send("a", Frames.Udp(From("a"), 5000, 53)));
        Assert.Equal("dropped connection-invalid", bench.Send("b", Tcp(From("b"), 5001, 80, TcpBits.Ack, 1, 1)));
        Assert.Equal(1, bench.Switch.ConnectionCount);
        Assert.Equal(0, bench.Switch.Workers.Shared.Nat.PoolOf(bench.Switch.Snapshot.EipAt(1).Number)?.ConnectionCount ?? 0);
    }

    [Fact]
    public void An_EIP_more_moves_no_live_connection()
    {
        SwitchConfig config = TestTopologies.Nat();
        using var bench = new NatBench(config);
        foreach (string eni in new[] { "a", "b" })
        {
            bench.Send(eni, Frames.Udp(From(eni), 5000, 53));
        }

        bench.Switch.Reconfigure(config with { ElasticIps = [.. config.ElasticIps, TestTopologies.NatIp("other", "198.51.100.51")] });
        Assert.Equal("internet 198.51.100.50:5002 > 203.0.113.5:53", bench.Send("b", Frames.Udp(From("b"), 5000, 53)));
        Assert.Equal("internet 198.51.100.50:5002 > 203.0.113.5:54", bench.Send("b", Frames.Udp(From("b"), 5000, 54)));
        Assert.Equal("a 203.0.113.5:53 > 10.0.1.10:5000", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000)));
        Assert.Equal("internet 198.51.100.51:6000 > 203.0.113.5:53", bench.Send("b", Frames.Udp(From("b"), 6000, 53)));
        Assert.Equal("internet 198.51.100.50:6000 > 203.0.113.5:53", bench.Send("a", Frames.Udp(From("a"), 6000, 53)));
    }

    [Fact]
    public void A_gateway_in_the_route_ends_what_went_out_by_an_EIP_and_the_other_way_round()
    {
        SwitchConfig nat = TestTopologies.Nat();
        SwitchConfig direct = TestTopologies.NatChanges()[4];
        using var bench = new NatBench(direct);
        Assert.Equal("internet 198.51.100.52:5000 > 203.0.113.5:53", bench.Send("c", Frames.Udp(From("c"), 5000, 53)));
        Assert.Equal("c 203.0.113.5:9 > 10.0.2.12:9", bench.Send("internet", Frames.Udp(To("198.51.100.52"), 9, 9)));
        bench.Switch.Reconfigure(nat);
        Assert.Equal("internet 198.51.100.50:5000 > 203.0.113.5:53", bench.Send("c", Frames.Udp(From("c"), 5000, 53)));
        Assert.Equal("internet 198.51.100.52:9 > 203.0.113.5:9", bench.Send("c", Frames.Udp(From("c"), 9, 9)));
        bench.Switch.Reconfigure(direct);
        Assert.Equal("internet 198.51.100.52:5000 > 203.0.113.5:53", bench.Send("c", Frames.Udp(From("c"), 5000, 53)));
        Assert.Equal("dropped nat-unsolicited", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000)));
        Assert.Equal(0, bench.Switch.Workers.Shared.Nat.ConnectionsOf(bench.Switch.Snapshot.NatGateways[1]));
    }

    [Fact]
    public void A_gateway_without_an_EIP_is_no_way_out()
    {
        SwitchConfig config = TestTopologies.Nat();
        using var bench = new NatBench(config with { ElasticIps = [.. config.ElasticIps.Skip(1)] });
        Assert.Equal("dropped eip-unbound", bench.Send("a", Frames.Udp(From("a"), 5000, 53)));
    }

    /// <summary>semantics.md section 7: the receiver sees the gateway's address, and its rules judge by that.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void From_behind_a_gateway_an_EIP_of_this_switch_is_reached_and_answers(int workers)
    {
        using var bench = new NatBench(TestTopologies.Nat(), workers);
        bench.Send("b", Tcp(From("b"), 5000, 80, TcpBits.Syn, 0, 0));
        Assert.Equal("server 198.51.100.50:5002 > 10.1.1.10:80", bench.Send("a", Tcp(From("a", "198.51.100.60"), 5000, 80, TcpBits.Syn, 0, 0)));
        Assert.Equal("a 198.51.100.60:80 > 10.0.1.10:5000", bench.Send("server", Tcp(From("server", NatIp), 80, 5002, SynAck, 0, 1)));
        Assert.Equal("server 198.51.100.50:5002 > 10.1.1.10:80", bench.Send("a", Tcp(From("a", "198.51.100.60"), 5000, 80, TcpBits.Ack, 1, 1, 9)));
        byte[] delivered = bench.Frame;
        Assert.StartsWith("a 198.51.100.60", bench.Send("server", Frames.Begin(From("server", NatIp)).IcmpError(3, 3, delivered).Build()), StringComparison.Ordinal);
        Assert.Equal("dropped nat-unsolicited", bench.Send("server", Frames.Udp(From("server", NatIp), 80, 5002)));
        Assert.Equal("dropped security-group-ingress", bench.Send("a", Frames.Udp(From("a", "198.51.100.60"), 5000, 9999)));
        Assert.Equal("c 198.51.100.50:5004 > 10.0.2.12:7", bench.Send("a", Frames.Udp(From("a", "198.51.100.52"), 5004, 7)));
        Assert.Equal("a 198.51.100.52:7 > 10.0.1.10:5004", bench.Send("c", Frames.Udp(From("c", NatIp), 7, 5004)));
    }

    /// <summary>Filtering is address and port dependent, so a gateway's own EIP answers its own VPC no more than strangers.</summary>
    [Fact]
    public void From_behind_a_gateway_its_own_EIP_is_unsolicited()
    {
        using var bench = new NatBench();
        bench.Send("b", Frames.Udp(From("b"), 5000, 53));
        Assert.Equal("dropped nat-unsolicited", bench.Send("a", Frames.Udp(From("a", NatIp), 6000, 5000)));
        Assert.Equal("dropped nat-unsolicited", bench.Send("c", Frames.Udp(From("c", NatIp), 6000, 5000)));
    }

    private static string AfterIdle(string state, long idleMs)
    {
        using var bench = new NatBench();
        switch (state)
        {
            case "udp" or "udp-both-ways":
                bench.Send("a", Frames.Udp(From("a"), 5000, 53));
                long from = 0;
                if (state != "udp")
                {
                    bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000), 10);
                    bench.Send("a", Frames.Udp(From("a"), 5000, 53), 20);
                    from = 20;
                }

                return bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000), from + idleMs);
            case "icmp":
                bench.Send("a", Frames.Echo(From("a"), 5000, 1));
                return bench.Send("internet", Frames.Echo(To(NatIp), 5000, 1, reply: true), idleMs);
        }

        bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Syn, 0, 0));
        uint sequence = 0;
        if (state != "half-open")
        {
            bench.Send("internet", Tcp(To(NatIp), 80, 5000, SynAck, 0, 1), 1);
            sequence = 1;
        }

        if (state is "established" or "closing" or "closed" or "reset")
        {
            bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Ack, 1, 1), 2);
        }

        switch (state)
        {
            case "closing":
                bench.Send("a", Tcp(From("a"), 5000, 80, FinAck, 1, 1), 3);
                break;
            case "closed":
                bench.Send("a", Tcp(From("a"), 5000, 80, FinAck, 1, 1), 3);
                bench.Send("internet", Tcp(To(NatIp), 80, 5000, FinAck, 1, 2), 4);
                bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Ack, 2, 2), 5);
                sequence = 2;
                break;
            case "reset":
                bench.Send("a", Tcp(From("a"), 5000, 80, TcpBits.Rst, 1, 0), 3);
                break;
        }

        long lastMs = state switch { "half-open" => 0, "answered" => 1, "established" => 2, "closed" => 5, _ => 3 };
        return state == "half-open"
            ? bench.Send("internet", Tcp(To(NatIp), 80, 5000, SynAck, 0, 1), lastMs + idleMs)
            : bench.Send("internet", Tcp(To(NatIp), 80, 5000, state == "answered" ? SynAck : TcpBits.Ack, state == "answered" ? 0 : sequence, state == "closing" ? 2u : sequence), lastMs + idleMs);
    }

    private static byte[] Tcp(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint acknowledgment, int payload = 0) =>
        Frames.Begin(ends).Tcp(from, to, flags, t => t with { Sequence = sequence, Acknowledgment = acknowledgment }).Payload(payload).Build();
}
