using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Balancing;

/// <summary>The packets of a load balancer, as a table: what goes where, as what, and what does not.</summary>
public class BalancerTests
{
    private static readonly string Tcp = $"- {{ protocol: tcp, port: 80, {BalancerLab.Backends("", "", "")} }}";
    private static readonly string OneBackend = $"- {{ protocol: tcp, port: 80, {BalancerLab.Backends("")} }}";
    private static readonly string Udp = $"- {{ protocol: udp, port: 53, {BalancerLab.Backends("")} }}";

    [Fact]
    public void A_client_reaches_a_backend_by_the_balancers_address_and_is_answered_by_it()
    {
        using var lab = new BalancerLab(OneBackend);
        (string port, byte[] frame) = lab.Passes("c", lab.Syn(40000));
        Assert.Equal(("w1", "10.0.1.10:40000 > 10.0.2.11:8080 ttl 63"), (port, BalancerLab.Words(frame)));
        (port, frame) = lab.Passes("w1", lab.Reply("w1", 40000, TcpBits.Syn | TcpBits.Ack, 500, 101));
        Assert.Equal(("c", "10.0.1.100:80 > 10.0.1.10:40000 ttl 63"), (port, BalancerLab.Words(frame)));
        lab.Passes("c", lab.Data(40000).Payload(100));
        Assert.Equal(1, lab.Switch.ConnectionCount);
        Assert.Equal(1, lab.Balancing.Sessions.Count);
    }

    [Fact]
    public void A_client_outside_reaches_a_backend_by_the_balancers_eip()
    {
        using var lab = new BalancerLab(OneBackend);
        PacketBuilder syn = lab.From("internet", BalancerLab.World, BalancerLab.PublicVip).Tcp(5000, 80, TcpBits.Syn, t => t with { Sequence = 100 });
        (string port, byte[] frame) = lab.Passes("internet", syn);
        Assert.Equal(("w1", "192.0.2.7:5000 > 10.0.2.11:8080 ttl 63"), (port, BalancerLab.Words(frame)));
        (port, frame) = lab.Passes("w1", lab.From("w1", "10.0.2.11", BalancerLab.World).Tcp(8080, 5000, TcpBits.Syn | TcpBits.Ack, t => t with { Sequence = 1, Acknowledgment = 101 }));
        Assert.Equal(("internet", "203.0.113.20:80 > 192.0.2.7:5000 ttl 63"), (port, BalancerLab.Words(frame)));
        int eip = lab.Switch.Snapshot.EipAt(1).Number;
        Assert.Equal((1, 1), (lab.Switch.Workers.Eips.ReceivedBy(eip).Packets, lab.Switch.Workers.Eips.SentBy(eip).Packets));
    }

    [Fact]
    public void Udp_is_balanced_like_tcp()
    {
        using var lab = new BalancerLab(Udp);
        (string port, byte[] frame) = lab.Passes("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).Udp(6000, 53).Payload("ask"));
        Assert.Equal(("w1", "10.0.1.10:6000 > 10.0.2.11:8080 ttl 63"), (port, BalancerLab.Words(frame)));
        (port, frame) = lab.Passes("w1", lab.From("w1", "10.0.2.11", BalancerLab.Client).Udp(8080, 6000).Payload("answer"));
        Assert.Equal(("c", "10.0.1.100:53 > 10.0.1.10:6000 ttl 63"), (port, BalancerLab.Words(frame)));
    }

    [Fact]
    public void A_backend_of_the_clients_own_subnet_answers_by_mac_and_is_translated_all_the_same()
    {
        using var lab = new BalancerLab("- { protocol: tcp, port: 80, backends: [{ eni: near, port: 8080 }] }");
        (string port, byte[] frame) = lab.Passes("c", lab.Syn(40000));
        Assert.Equal(("near", "10.0.1.10:40000 > 10.0.1.20:8080 ttl 63"), (port, BalancerLab.Words(frame)));
        var back = new FrameAddresses(lab.MacOf("near"), lab.MacOf("c"), IpAddress.Parse("10.0.1.20"), IpAddress.Parse(BalancerLab.Client));
        (port, frame) = lab.Passes("near", Frames.Begin(back).Tcp(8080, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Sequence = 500, Acknowledgment = 101 }));
        Assert.Equal(("c", "10.0.1.100:80 > 10.0.1.10:40000 ttl 64"), (port, BalancerLab.Words(frame)));
        lab.Passes("c", lab.Data(40000));
    }

    [Fact]
    public void The_balancers_address_answers_arp_with_the_gateways_mac_and_echo_requests()
    {
        using var lab = new BalancerLab(Tcp);
        byte[] ask = Frames.ArpRequest(lab.MacOf("c"), IpAddress.Parse(BalancerLab.Client), IpAddress.Parse(BalancerLab.Vip));
        ReferenceOutcome answer = lab.Send("c", ask);
        Assert.Equal(OutcomeKind.Answered, answer.Kind);
        Assert.Equal(BalancerLab.Gateway, MacAddress.Read(answer.Sent[0].Frame.AsSpan(22)));
        foreach ((string port, string source, string destination) in
            new[] { ("c", BalancerLab.Client, BalancerLab.Vip), ("internet", BalancerLab.World, BalancerLab.PublicVip) })
        {
            ReferenceOutcome echo = lab.Send(port, lab.From(port, source, destination).Echo(false, 7, 1).Payload(8).Build());
            Assert.Equal(OutcomeKind.Answered, echo.Kind);
            Assert.Equal((port, 0), (echo.Sent[0].Port, echo.Sent[0].Frame[34]));
        }

        // In another subnet nobody asks for it.
        ReferenceOutcome silence = lab.Send("w1", Frames.ArpRequest(lab.MacOf("w1"), IpAddress.Parse("10.0.2.11"), IpAddress.Parse(BalancerLab.Vip)));
        Assert.Equal(OutcomeKind.Consumed, silence.Kind);
    }

    [Fact]
    public void A_port_without_a_listener_is_dropped_by_its_name()
    {
        using var lab = new BalancerLab(Tcp);
        Assert.Empty(lab.Drops("c", lab.Syn(40000, to: 81), DropReason.NoListener));
        lab.Drops("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).Udp(1, 80), DropReason.NoListener);
        lab.Drops("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).Sctp(1, 80), DropReason.NoListener);
        lab.Drops("internet", lab.From("internet", BalancerLab.World, BalancerLab.PublicVip).Tcp(1, 443, TcpBits.Syn), DropReason.NoListener);
    }

    [Theory]
    [InlineData("weight: 0")]
    [InlineData("draining: true")]
    public void Without_a_backend_that_takes_connections_the_client_is_told(string option)
    {
        using var lab = new BalancerLab($"- {{ protocol: tcp, port: 80, {BalancerLab.Backends(option)} }}");
        foreach ((string port, PacketBuilder syn) in new[]
        {
            ("c", lab.Syn(40000)), ("internet", lab.From("internet", BalancerLab.World, BalancerLab.PublicVip).Tcp(1, 80, TcpBits.Syn)),
        })
        {
            (string to, byte[] error) = Assert.Single(lab.Drops(port, syn, DropReason.NoHealthyBackend));
            Assert.Equal((port, 3, 1), (to, error[34], error[35]));
        }

        Assert.Equal(0, lab.Balancing.Sessions.Count);
    }

    [Fact]
    public void What_may_not_open_a_connection_gets_no_backend()
    {
        using var lab = new BalancerLab(Tcp);
        lab.Drops("c", lab.Data(40000), DropReason.ConnectionInvalid);
        lab.Drops("c", lab.From("c", "10.0.1.99", BalancerLab.Vip).Tcp(1, 80, TcpBits.Syn), DropReason.SpoofedIp);
        lab.Drops("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip, ttl: 1).Tcp(1, 80, TcpBits.Syn), DropReason.TtlExpired);
        lab.Drops("internet", lab.From("internet", "10.0.9.9", BalancerLab.PublicVip).Tcp(1, 80, TcpBits.Syn), DropReason.SpoofedIp);
        Assert.Equal((0, 0L), (lab.Balancing.Sessions.Count, lab.Balancing.Backends.LiveOf(1)));
    }

    [Fact]
    public void The_backends_rules_see_the_client_and_the_backends_port_the_clients_rules_the_listener()
    {
        using var lab = new BalancerLab(OneBackend, group: "ingress: [{ protocol: tcp, ports: \"8080\", source: 10.0.1.10/32 }]");
        lab.Passes("c", lab.Syn(40000));
        lab.Drops("internet", lab.From("internet", BalancerLab.World, BalancerLab.PublicVip).Tcp(1, 80, TcpBits.Syn), DropReason.SecurityGroupIngress);
        Assert.Equal(1, lab.Balancing.Sessions.Count);
        lab.Change(OneBackend, group: "ingress: [{ protocol: tcp, ports: \"80\", source: 0.0.0.0/0 }]");
        lab.Drops("c", lab.Syn(40001), DropReason.SecurityGroupIngress);
        lab.Drops("c", lab.Syn(40000), DropReason.SecurityGroupIngress);
        Assert.Equal((0, 0), (lab.Balancing.Sessions.Count, lab.Switch.ConnectionCount));

        string egress = "egress: [{ protocol: tcp, ports: \"80\", destination: 10.0.1.100/32 }]";
        using var strict = new BalancerLab(BalancerLab.Read(BalancerLab.Text(OneBackend).Replace($"name: open, vpc: blue, {BalancerLab.Open}", $"name: open, vpc: blue, ingress: [], {egress}")));
        strict.Passes("c", strict.Syn(40000));
        Assert.Equal("w1", strict.Passes("c", strict.Syn(40000)).Port);
    }

    [Fact]
    public void A_change_of_the_policy_keeps_the_backend()
    {
        using var lab = new BalancerLab(Tcp);
        string[] backends = [.. Enumerable.Range(0, 9).Select(i => lab.Open80((ushort)(40000 + i)))];
        Assert.Equal(["w1", "w2", "w3"], backends.Distinct().Order());
        lab.Change(Tcp, group: "ingress: [{ protocol: tcp, source: 0.0.0.0/0 }]");
        for (int i = 0; i < backends.Length; i++)
        {
            Assert.Equal(backends[i], lab.Passes("c", lab.Data((ushort)(40000 + i))).Port);
            Assert.Equal("c", lab.Passes(backends[i], lab.Reply(backends[i], (ushort)(40000 + i))).Port);
        }
    }

    [Fact]
    public void A_listener_that_goes_ends_its_connections()
    {
        using var lab = new BalancerLab(Tcp);
        string backend = lab.Open80(40000);
        lab.Change($"- {{ protocol: tcp, port: 81, {BalancerLab.Backends("")} }}");
        lab.Drops("c", lab.Data(40000), DropReason.NoListener);
        lab.Drops(backend, lab.Reply(backend, 40000), DropReason.NoListener);
        Assert.Equal((0, 0), (lab.Switch.ConnectionCount, lab.Balancing.Sessions.Count));
    }

    [Fact]
    public void A_session_ends_with_its_connection_and_the_same_ports_may_begin_anew()
    {
        using var lab = new BalancerLab(Tcp);
        string first = lab.Open80(40000);
        lab.Passes("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).Tcp(40000, 80, TcpBits.Rst, t => t with { Sequence = 101 }));
        Assert.Equal(1, lab.Balancing.Sessions.Count);
        lab.NowNs += 11_000_000_000;
        string second = lab.Open80(40000);
        Assert.NotEqual(first, second);
        Assert.Equal((1, 1), (lab.Balancing.Sessions.Count, lab.Switch.ConnectionCount));
    }

    [Fact]
    public void Icmp_errors_about_both_ways_find_the_connection_and_are_translated()
    {
        using var lab = new BalancerLab(Udp);
        (_, byte[] asked) = lab.Passes("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).Udp(6000, 53).Payload("ask"));
        (string port, byte[] error) = lab.Passes("w1", lab.From("w1", "10.0.2.11", BalancerLab.Client).IcmpError(3, 3, asked));
        Assert.Equal("c", port);
        Assert.Equal(("10.0.1.100", "10.0.1.100"), (Address(error, 26), Address(error, 14 + 20 + 8 + 16)));
        Assert.Equal(53, (error[64] << 8) | error[65]);

        (_, byte[] answer) = lab.Passes("w1", lab.From("w1", "10.0.2.11", BalancerLab.Client).Udp(8080, 6000).Payload("answer"));
        (port, error) = lab.Passes("c", lab.From("c", BalancerLab.Client, BalancerLab.Vip).IcmpError(3, 3, answer));
        Assert.Equal("w1", port);
        Assert.Equal(("10.0.2.11", "10.0.2.11"), (Address(error, 30), Address(error, 14 + 20 + 8 + 12)));
        Assert.Equal(8080, (error[62] << 8) | error[63]);
        lab.Drops("d", lab.From("d", "10.0.1.11", BalancerLab.Vip).IcmpError(3, 3, answer), DropReason.ConnectionInvalid);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Fragments_follow_their_first_one_to_the_backend_and_back(int workers)
    {
        using var lab = new BalancerLab(Udp, workers);
        byte[] whole = lab.From("c", BalancerLab.Client, BalancerLab.Vip).Udp(6000, 53).Payload(400).Build();
        IReadOnlyList<byte[]> parts = Frames.Fragments(whole, 200, 77);
        foreach (byte[] part in parts)
        {
            ReferenceOutcome outcome = lab.Send("c", part);
            Assert.Equal(("w1", "10.0.2.11"), (outcome.Sent[^1].Port, Address(outcome.Sent[^1].Frame, 30)));
        }

        byte[] answer = lab.From("w1", "10.0.2.11", BalancerLab.Client).Udp(8080, 6000).Payload(400).Build();
        foreach (byte[] part in Frames.Fragments(answer, 200, 78))
        {
            ReferenceOutcome outcome = lab.Send("w1", part);
            Assert.Equal(("c", BalancerLab.Vip), (outcome.Sent[^1].Port, Address(outcome.Sent[^1].Frame, 26)));
        }
    }

    [Fact]
    public void A_client_that_knows_the_backend_too_does_not_mix_the_two()
    {
        using var lab = new BalancerLab(OneBackend);
        lab.Passes("c", lab.Syn(40000));
        lab.Drops("c", lab.From("c", BalancerLab.Client, "10.0.2.11").Tcp(40000, 8080, TcpBits.Syn), DropReason.ConnectionInvalid);
        Assert.Equal("w1", lab.Passes("c", lab.From("c", BalancerLab.Client, "10.0.2.11").Tcp(40001, 8080, TcpBits.Syn)).Port);
        lab.Drops("c", lab.Syn(40001), DropReason.ConnectionInvalid);
        Assert.Equal((2, 1, 1L), (lab.Switch.ConnectionCount, lab.Balancing.Sessions.Count, lab.Balancing.Backends.LiveOf(1)));
    }

    private static string Address(byte[] frame, int at) => IpAddress.Read(frame.AsSpan(at, 4), false).ToString();
}
