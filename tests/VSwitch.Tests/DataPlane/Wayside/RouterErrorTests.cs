using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>What the router tells senders, when, and how often (order of checks, section 4, last paragraphs).</summary>
public class RouterErrorTests
{
    [Theory]
    [InlineData("between subnets", "10.0.1.1", 11, 0)]
    [InlineData("between subnets, IPv6", "fd00:b:0:1::1", 3, 0)]
    [InlineData("in by an EIP", "198.51.100.1", 11, 0)]
    [InlineData("in, IPv6", "2001:db8:100::1", 3, 0)]
    [InlineData("hairpin", "10.0.2.1", 11, 0)]
    public void Time_exceeded_comes_from_the_senders_router(string name, string router, int type, int code)
    {
        var way = Way.Named(name);
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = way.Udp(900, ttl: 1);
        IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, packet, Way.Start);
        AssertTold(way, packet, ends, DropReason.TtlExpired, router, type, code);
        Assert.Equal(1, real.Workers.Sum(real.PortOf(way.InPort)).Generated);
    }

    [Theory]
    [InlineData("10.0.1.10", "10.0.9.9", 3, 0)]
    [InlineData("10.0.1.10", "203.0.113.200", 3, 0)]
    [InlineData("fd00:b:0:1::10", "fd00:b:0:9::9", 1, 0)]
    [InlineData("fd00:b:0:1::10", "2400::1", 1, 0)]
    public void Where_no_route_leads_the_sender_is_told(string source, string destination, int type, int code)
    {
        var way = new Way("no route", "web", "", Way.Between("web", "", source, destination, routed: true));
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = way.Udp(100);
        AssertTold(
            way, packet, real.Receive("web", packet, Way.Start), DropReason.NoRoute, way.IsV6 ? "fd00:b:0:1::1" : "10.0.1.1", type, code);
    }

    [Fact]
    public void Nobody_is_told_outside_within_the_subnet_or_about_what_may_not_open()
    {
        using var real = new RecordedSwitch(Way.Config);
        var fromOutside = new Way("from outside", "internet", "", Way.FromOutside("2001:db8:7::9", "2001:db8:55::1"));
        Assert.Equal(DropReason.NoRoute, Assert.Single(real.Receive("internet", fromOutside.Udp(10), Way.Start)).Reason);
        var switched = new Way("switched", "green", "", Way.Between("green", "twin", "10.0.1.10", "10.0.1.77", routed: false));
        Assert.Equal(DropReason.NoRoute, Assert.Single(real.Receive("green", switched.Udp(10), Way.Start)).Reason);
        byte[] ack = Frames.Tcp(Way.Between("web", "", "10.0.1.10", "10.0.9.9", routed: true), 1, 2, TcpBits.Ack);
        Assert.Equal(DropReason.ConnectionInvalid, Assert.Single(real.Receive("web", ack, Way.Start)).Reason);
    }

    [Fact]
    public void Never_about_an_error()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        byte[] opener = way.Udp(10);
        real.Receive("web", opener, Way.Start);
        byte[] arrived = Assert.Single(real.Receive("web", opener, Way.Start)).Frame;
        FrameAddresses back = Way.Between("loose", "", "10.0.2.11", "10.0.1.10", routed: true);
        byte[] dying = PacketBuilder.Eth(back.SourceMac, back.DestinationMac).Ip(back.Source, back.Destination, 1)
            .IcmpError(3, 3, arrived).Build();
        Assert.Equal(DropReason.TtlExpired, Assert.Single(real.Receive("loose", dying, Way.Start)).Reason);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_port_is_told_a_hundred_times_and_then_a_hundred_times_a_second(int workers)
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config, workers);
        int Told(int packets, long nowNs)
        {
            int told = 0;
            for (int i = 0; i < packets; i++)
            {
                IReadOnlyList<FrameEnd> ends = real.Receive(way.InPort, way.Udp(10, port: (ushort)i, ttl: 1), nowNs);
                Assert.Equal(1, ends.Count(e => e.Reason == DropReason.TtlExpired));
                told += ends.Count(e => e.Reason == DropReason.None);
            }

            return told;
        }

        Assert.Equal(100, Told(150, Way.Start));
        Assert.Equal(1, Told(5, Way.Start + (Way.Second / 100)));
        Assert.Equal(49, Told(60, Way.Start + (Way.Second / 2)));
        Assert.Equal(100, Told(150, Way.Start + (10 * Way.Second)));

        // Another port has a bucket of its own, and an echo to the router needs none.
        var other = Way.Named("in by an EIP");
        Assert.Equal(2, real.Receive(other.InPort, other.Udp(10, ttl: 1), Way.Start + (10 * Way.Second)).Count);
        byte[] echo = Frames.Echo(Way.Between("web", "", "10.0.1.10", "10.0.1.1", routed: true), 1, 1);
        for (int i = 0; i < 300; i++)
        {
            Assert.Equal("web", Assert.Single(real.Receive("web", echo, Way.Start + (10 * Way.Second))).Port);
        }
    }

    [Fact]
    public void The_limiter_gives_its_burst_to_every_port_and_no_more()
    {
        using var limiter = new ErrorLimiter();
        foreach (int port in new[] { 0, 65535 })
        {
            for (int i = 0; i < ErrorLimiter.Burst; i++)
            {
                Assert.True(limiter.TryTake(port, Way.Start));
            }

            Assert.False(limiter.TryTake(port, Way.Start));
            Assert.True(limiter.TryTake(port, Way.Start + (Way.Second / ErrorLimiter.Burst)));
        }
    }

    private static void AssertTold(
        Way way, byte[] packet, IReadOnlyList<FrameEnd> ends, DropReason reason, string router, int type, int code)
    {
        Assert.Equal(packet, ends.Single(e => e.Reason == reason).Frame);
        FrameEnd told = ends.Single(e => e.Reason == DropReason.None);
        Assert.Equal(way.InPort, told.Port);
        PacketAssert.That(
            told.Frame, PacketAssert.Icmp(type, code), PacketAssert.Field("icmp.rest", "00000000"), PacketAssert.Ttl(64),
            PacketAssert.Macs(way.InPort == "internet" ? Way.Config.Internet!.Mac : Way.Gateway, way.Ends.SourceMac),
            PacketAssert.Addresses(IpAddress.Parse(router), way.Ends.Source));
        int header = way.IsV6 ? 62 : 42;
        int most = way.IsV6 ? 1280 : 576;
        Assert.Equal(Math.Min(most + 14, packet.Length - 14 + header), told.Frame.Length);
        Assert.Equal(packet[14..(14 + told.Frame.Length - header)], told.Frame[header..]);
    }
}
