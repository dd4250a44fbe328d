using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Nat.NatBench;

namespace VSwitch.Tests.DataPlane.Nat;

/// <summary>Order of checks, section 13: what becomes of packets through a NAT gateway.</summary>
public sealed class NatGatewayTests
{
    private const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_connection_goes_out_by_the_gateways_EIP_and_its_replies_come_back(int workers)
    {
        using var bench = new NatBench(TestTopologies.Nat(), workers);
        Assert.Equal("internet 198.51.100.50:40000 > 203.0.113.5:443", bench.Send("a", Frames.Tcp(From("a"), 40000, 443, TcpBits.Syn)));
        Assert.Equal("a 203.0.113.5:443 > 10.0.1.10:40000", bench.Send("internet", Tcp(To(NatIp), 443, 40000, SynAck, 0, 1)));
        Assert.Equal("internet 198.51.100.50:40000 > 203.0.113.5:443", bench.Send("a", Tcp(From("a"), 40000, 443, TcpBits.Ack, 1, 1)));
        Assert.Equal("a 203.0.113.5:443 > 10.0.1.10:40000", bench.Send("internet", Tcp(To(NatIp), 443, 40000, TcpBits.Ack, 1, 1, 100)));
        Assert.Equal("internet 198.51.100.50:5000 > 203.0.113.5:53", bench.Send("b", Frames.Udp(From("b"), 5000, 53)));
        Assert.Equal("b 203.0.113.5:53 > 10.0.1.11:5000", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5000)));
        Assert.Equal("internet 198.51.100.50:77 > 203.0.113.5:77", bench.Send("b", Frames.Echo(From("b"), 77, 1)));
        Assert.Equal("b 203.0.113.5:77 > 10.0.1.11:77", bench.Send("internet", Frames.Echo(To(NatIp), 77, 1, reply: true)));
        Assert.Equal(3, bench.Switch.ConnectionCount);
    }

    /// <summary>RFC 4787 REQ-4, RFC 5508 REQ-1.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Two_ends_with_one_port_get_two(int workers)
    {
        using var bench = new NatBench(TestTopologies.Nat(), workers);
        Assert.Equal("internet 198.51.100.50:5001 > 203.0.113.5:53", bench.Send("a", Frames.Udp(From("a"), 5001, 53)));
        Assert.Equal("internet 198.51.100.50:5003 > 203.0.113.5:53", bench.Send("b", Frames.Udp(From("b"), 5001, 53)));
        Assert.Equal("a 203.0.113.5:53 > 10.0.1.10:5001", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5001)));
        Assert.Equal("b 203.0.113.5:53 > 10.0.1.11:5001", bench.Send("internet", Frames.Udp(To(NatIp), 53, 5003)));
        Assert.Equal("internet 198.51.100.50:9 > 203.0.113.5:9", bench.Send("a", Frames.Echo(From("a"), 9, 1)));
        Assert.Equal("internet 198.51.100.50:11 > 203.0.113.5:11", bench.Send("b", Frames.Echo(From("b"), 9, 1)));
        Assert.Equal("b 203.0.113.5:9 > 10.0.1.11:9", bench.Send("internet", Frames.Echo(To(NatIp), 11, 1, reply: true)));
        Assert.Equal("internet 198.51.100.50:5001 > 203.0.113.5:80", bench.Send("a", Frames.Tcp(From("a"), 5001, 80, TcpBits.Syn)));
        Assert.Equal("internet 198.51.100.50:5003 > 203.0.113.5:80", bench.Send("b", Frames.Tcp(From("b"), 5001, 80, TcpBits.Syn)));
        Assert.Equal("b 203.0.113.5:80 > 10.0.1.11:5001", bench.Send("internet", Tcp(To(NatIp), 80, 5003, SynAck, 0, 1)));
        Assert.Equal("internet 198.51.100.50:5003 > 203.0.113.5:80", bench.Send("b", Tcp(From("b"), 5001, 80, TcpBits.Ack, 1, 1, 10)));
    }

    /// <summary>RFC 4787 REQ-1 (mapping) and REQ-8 (filtering: address and port dependent).</summary>
    [Fact]
    public void One_endpoint_has_one_port_for_all_and_only_those_it_spoke_to_may_answer()
    {
        using var bench = new NatBench();
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("b", Frames.Udp(From("b"), 5000, 53));
        Assert.Equal("internet 198.51.100.50:5002 > 203.0.113.70:53", bench.Send("b", Frames.Udp(From("b", "203.0.113.70"), 5000, 53)));
        Assert.Equal("internet 198.51.100.50:5002 > 203.0.113.70:80", bench.Send("b", Frames.Udp(From("b", "203.0.113.70"), 5000, 80)));
        Assert.Equal("b 203.0.113.70:80 > 10.0.1.11:5000", bench.Send("internet", Frames.Udp(To(NatIp, "203.0.113.70"), 80, 5002)));
        foreach (byte[] stranger in new[]
        {
            Frames.Udp(To(NatIp, "203.0.113.70"), 81, 5002), Frames.Udp(To(NatIp, "192.0.2.9"), 80, 5002), Frames.Udp(To(NatIp), 53, 5001),
            Frames.Tcp(To(NatIp), 53, 5000, TcpBits.Syn), Frames.Tcp(To(NatIp), 53, 5000, TcpBits.Ack), Frames.Echo(To(NatIp), 5000, 1),
            Frames.Echo(To(NatIp), 0, 1), Frames.Echo(To(NatIp), 5000, 1, reply: true), Frames.Begin(To(NatIp)).Sctp(1, 5000).Build(),
            Frames.Begin(To(NatIp)).Protocol(47).Payload(8).Build(),
        })
        {
            Assert.Equal("dropped nat-unsolicited", bench.Send("internet", stranger));
        }

        Assert.Equal("dropped spoofed-ip", bench.Send("internet", Frames.Udp(To(NatIp, "10.0.2.12"), 53, 5000)));
        Assert.Equal(4, bench.Switch.ConnectionCount);
    }

    [Fact]
    public void What_a_gateway_does_not_translate_is_named()
    {
        using var bench = new NatBench();
        Assert.Equal("dropped unsupported-protocol", bench.Send("a", Frames.Begin(From("a")).Sctp(1, 2).Build()));
        Assert.Equal("dropped unsupported-protocol", bench.Send("a", Frames.Begin(From("a")).Protocol(47).Payload(8).Build()));
    }

    [Fact]
    public void An_EIP_stays_the_way_in_and_back_for_an_end_that_goes_out_by_the_gateway()
    {
        using var bench = new NatBench();
        Assert.Equal("internet 198.51.100.50:7000 > 203.0.113.5:53", bench.Send("c", Frames.Udp(From("c"), 7000, 53)));
        Assert.Equal("c 203.0.113.5:6000 > 10.0.2.12:80", bench.Send("internet", Frames.Udp(To("198.51.100.52"), 6000, 80)));
        Assert.Equal("internet 198.51.100.52:80 > 203.0.113.5:6000", bench.Send("c", Frames.Udp(From("c"), 80, 6000)));
        Assert.Equal("c 203.0.113.5:53 > 10.0.2.12:7000", bench.Send("internet", Frames.Udp(To(NatIp), 53, 7000)));

        // The same two ends and ports, by the other address: neither is the other's packet.
        Assert.Equal("dropped connection-invalid", bench.Send("internet", Frames.Udp(To("198.51.100.52"), 53, 7000)));
        Assert.Equal("dropped nat-unsolicited", bench.Send("internet", Frames.Udp(To(NatIp), 6000, 80)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_error_about_a_connection_comes_back_with_what_was_sent_in_it(int workers)
    {
        using var bench = new NatBench(TestTopologies.Nat(), workers);
        foreach (Func<string, byte, byte[]> make in new Func<string, byte, byte[]>[]
        {
            (eni, ttl) => Frames.Begin(From(eni), ttl).Udp(5000, 33434).Payload(40).Build(),
            (eni, ttl) => Frames.Begin(From(eni), ttl).Tcp(5000, 80, TcpBits.Syn).Build(),
            (eni, ttl) => Frames.Begin(From(eni), ttl).Echo(reply: false, 5000, 3).Payload(40).Build(),
        })
        {
            foreach (string eni in new[] { "a", "b" })
            {
                bench.Send(eni, make(eni, 9));
                byte[] outside = bench.Frame;
                byte[] error = Frames.Begin(To(NatIp, "203.0.113.99")).IcmpError(11, 0, outside).Build();
                Assert.StartsWith($"{eni} 203.0.113.99", bench.Send("internet", error), StringComparison.Ordinal);
                PacketAssert.Equal(
                    Frames.Begin(new FrameAddresses(new SwitchSettings().GatewayMac, Eni(eni).Mac, TestTopologies.Ip("203.0.113.99"), Eni(eni).PrivateIps[0]), 63)
                        .IcmpError(11, 0, make(eni, 8)).Build(),
                    bench.Frame);
            }
        }

        byte[] stranger = Frames.Begin(To(NatIp)).Udp(53, 9999).Payload(8).Build();
        Assert.Equal("dropped connection-invalid", bench.Send("internet", Frames.Begin(To(NatIp)).IcmpError(3, 3, stranger).Build()));
    }

    [Fact]
    public void An_error_from_inside_speaks_of_the_public_address_and_port()
    {
        using var bench = new NatBench();
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("b", Frames.Udp(From("b"), 5000, 53));
        byte[] reply = Frames.Begin(To(NatIp), 9).Udp(53, 5002).Payload(20).Build();
        bench.Send("internet", reply);
        byte[] error = Frames.Begin(From("b")).IcmpError(3, 3, bench.Frame).Build();
        Assert.StartsWith("internet 198.51.100.50", bench.Send("b", error), StringComparison.Ordinal);
        PacketAssert.Equal(
            Frames.Begin(new FrameAddresses(new InternetConfig().Mac, TestTopologies.GatewayNeighbor, TestTopologies.Ip(NatIp), TestTopologies.Ip(World)), 63)
                .IcmpError(3, 3, Frames.Begin(To(NatIp), 8).Udp(53, 5002).Payload(20).Build()).Build(),
            bench.Frame);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    public void Fragments_without_ports_follow_the_first(int workers, bool isReversed)
    {
        using var bench = new NatBench(TestTopologies.Nat(), workers);
        bench.Send("b", Frames.Udp(From("b"), 5001, 9));
        Exchange("a", Frames.Udp(From("a"), 5001, 53, 3000), Frames.Udp(new FrameAddresses(
            new InternetConfig().Mac, TestTopologies.GatewayNeighbor, TestTopologies.Ip(NatIp), TestTopologies.Ip(World)), 5003, 53, 3000));
        Exchange("internet", Frames.Udp(To(NatIp), 53, 5003, 3000), Frames.Udp(new FrameAddresses(
            new SwitchSettings().GatewayMac, Eni("a").Mac, TestTopologies.Ip(World), Eni("a").PrivateIps[0]), 53, 5001, 3000));

        void Exchange(string port, byte[] datagram, byte[] expected)
        {
            IEnumerable<byte[]> fragments = Frames.Fragments(datagram, 1400, 99);
            var sent = new List<byte[]>();
            foreach (byte[] fragment in isReversed ? fragments.Reverse() : fragments)
            {
                bench.Send(port, fragment);
                sent.AddRange(bench.Sent.Select(s => s.Frame));
            }

            byte[] whole = Reassembler.Join(sent);
            Assert.Equal(Convert.ToHexString(expected.AsSpan(34)), Convert.ToHexString(whole.AsSpan(34)));
            Assert.Equal(Convert.ToHexString(expected.AsSpan(26, 8)), Convert.ToHexString(whole.AsSpan(26, 8)));
        }
    }

    /// <summary>RFC 768: 0 is none, and stays it.</summary>
    [Fact]
    public void A_datagram_without_checksum_gets_none()
    {
        using var bench = new NatBench();
        bench.Send("a", Frames.Udp(From("a"), 5000, 53));
        bench.Send("b", Frames.Begin(From("b")).Udp(5000, 53, udp => udp with { Checksum = 0 }).Payload(8).Build());
        PacketAssert.That(bench.Frame, PacketAssert.Ports(5002, 53), PacketAssert.Field("udp.checksum", "0x0000"));
    }

    [Fact]
    public void A_gateway_that_is_full_says_so_and_takes_the_next_when_a_connection_ends()
    {
        SwitchConfig config = TestTopologies.Nat();
        using var bench = new NatBench(config with { NatGateways = [config.NatGateways[0] with { ConnectionCapacity = 2 }] });
        bench.Send("a", Frames.Udp(From("a"), 1, 53));
        bench.Send("a", Frames.Udp(From("a"), 2, 53), 1000);
        byte[] third = Frames.Udp(From("b"), 3, 53);
        Assert.Equal("dropped nat-connections-exhausted", bench.Send("b", third, 1000));
        PacketAssert.Equal(
            Frames.Begin(new FrameAddresses(new SwitchSettings().GatewayMac, Eni("b").Mac, TestTopologies.Ip("10.0.1.1"), Eni("b").PrivateIps[0]))
                .IcmpError(3, 13, third).Build().AsSpan(34).ToArray(),
            bench.Frame.AsSpan(34).ToArray());
        Assert.Equal("internet 198.51.100.50:1 > 203.0.113.5:53", bench.Send("a", Frames.Udp(From("a"), 1, 53), 1000));
        Assert.Equal("dropped nat-connections-exhausted", bench.Send("b", third, 60_999));
        Assert.Equal("internet 198.51.100.50:3 > 203.0.113.5:53", bench.Send("b", third, 61_200));
    }

    [Fact]
    public void All_ports_of_a_protocol_are_used_and_then_none_is_left()
    {
        using var bench = new NatBench();
        FrameAddresses a = From("a");
        for (int port = 1024; port <= 65_535; port++)
        {
            string public_ = bench.Send("a", Frames.Udp(a, (ushort)port, 53));
            Assert.Equal($"internet 198.51.100.50:{port} > 203.0.113.5:53", public_);
        }

        Assert.Equal("dropped nat-ports-exhausted", bench.Send("b", Frames.Udp(From("b"), 2000, 53)));
        PacketAssert.That(bench.Frame, PacketAssert.Icmp(3, 13));
        Assert.Equal("internet 198.51.100.50:2000 > 203.0.113.5:80", bench.Send("b", Frames.Tcp(From("b"), 2000, 80, TcpBits.Syn)));
        Assert.Equal("internet 198.51.100.50:600 > 203.0.113.5:53", bench.Send("b", Frames.Udp(From("b"), 600, 53)));
        Assert.Equal("a 203.0.113.5:53 > 10.0.1.10:65535", bench.Send("internet", Frames.Udp(To(NatIp), 53, 65_535)));
    }

    private static byte[] Tcp(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint acknowledgment, int payload = 0) =>
        Frames.Begin(ends).Tcp(from, to, flags, t => t with { Sequence = sequence, Acknowledgment = acknowledgment }).Payload(payload).Build();
}
