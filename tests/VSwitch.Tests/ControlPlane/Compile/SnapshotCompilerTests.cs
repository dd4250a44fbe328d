using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>Every look-up of a compiled configuration gives what its text says.</summary>
public unsafe class SnapshotCompilerTests
{
    private static readonly ForwardingSnapshot Bench = SnapshotCompiler.Compile(BlackBoxBench.Config(), new NumberDirectory());

    [Fact]
    public void Ports_have_their_names_macs_and_flags()
    {
        Assert.Equal(["internet", "A", "B", "C", "D", "E"], Bench.PortNames);
        Assert.Equal(6, Bench.PortCount);
        Assert.Equal(EniFlags.Exists | EniFlags.Internet, Bench.Enis[0].Flags);
        Assert.Equal(0x0200_0073_7602UL, Bench.Enis[0].Mac);
        Assert.Equal(0x0A01_0000_0002UL, Bench.Enis[1].Mac);
        Assert.Equal(EniFlags.Exists, Bench.Enis[1].Flags);
        Assert.Equal(EniFlags.Exists | EniFlags.TcpLoose | EniFlags.Transit, Bench.Enis[2].Flags);
        Assert.Equal([1500, 1500, 1500, 9000, 1500, 1500], Enumerable.Range(0, 6).Select(p => (int)Bench.Enis[p].MtuBytes));
        Assert.Equal([0, 1, 1, 1, 2, 2], Enumerable.Range(0, 6).Select(p => (int)Bench.Enis[p].Vpc));
        Assert.Equal(
            ["one", "one", "two", "three", "three"],
            Enumerable.Range(1, 5).Select(p => Bench.Subnets[Bench.Enis[p].Subnet].Name));
        Assert.Equal(5, Bench.MacToPort.Count);
        for (int port = 1; port < 6; port++)
        {
            Assert.Equal(port, Bench.MacToPort.Lookup(Bench.Enis[port].Mac, -1));
        }
    }

    [Fact]
    public void Link_local_addresses_are_eui_64()
    {
        Assert.Equal(Raw.Ip6(IpAddress.Parse("fe80::76:73ff:fe00:1")).Second, Bench.GatewayLinkLocalLow);
        Assert.Equal(Raw.Ip6(IpAddress.Parse("fe80::ff:fe00:10a")).Second, Bench.Enis[1].LinkLocalLow);
        Assert.Equal(0x0100_0073_7602UL, Bench.GatewayMac);
    }

    [Theory]
    [InlineData(1, "10.1.0.10", 1)]
    [InlineData(1, "10.1.0.110", 1)]
    [InlineData(1, "10.1.0.11", 2)]
    [InlineData(1, "10.1.1.10", 3)]
    [InlineData(2, "10.1.0.10", 4)]
    [InlineData(2, "10.1.0.11", 5)]
    [InlineData(2, "10.1.1.10", 0)]
    [InlineData(0, "10.1.0.10", 0)]
    [InlineData(1, "10.1.0.12", 0)]
    [InlineData(1, "fd00:1:0:1::a", 1)]
    [InlineData(1, "fd00:1:0:1::b", 2)]
    [InlineData(2, "fd00:1:0:1::a", 0)]
    [InlineData(1, "fd00:1:0:1::c", 0)]
    public void An_address_belongs_to_the_port_of_its_own_vpc(int vpc, string address, int port)
    {
        var ip = IpAddress.Parse(address);
        Assert.Equal(port, ip.IsV6 ? Bench.PortOf(vpc, Raw.Ip6(ip)) : Bench.PortOf(vpc, Raw.Ip4(ip)));
    }

    [Fact]
    public void An_eni_holds_its_addresses_in_order()
    {
        Eni* a = Bench.Enis + 1;
        Assert.Equal((2, 1), (a->Ip4Count, a->Ip6Count));
        Assert.Equal(0x0A00_010Au, a->Ip4[0]);
        Assert.Equal(0x6E00_010Au, a->Ip4[1]);
        Assert.Equal((0, 1, -1), (Bench.SlotOf(1, a->Ip4[0]), Bench.SlotOf(1, a->Ip4[1]), Bench.SlotOf(2, a->Ip4[1])));
        Assert.True(Bench.Holds(1, Raw.Ip6(IpAddress.Parse("fd00:1:0:1::a"))));
        Assert.False(Bench.Holds(2, Raw.Ip6(IpAddress.Parse("fd00:1:0:1::a"))));
        Assert.True(Bench.Holds(2, Raw.Ip6(IpAddress.Parse("fd00:1:0:1::b"))));
    }

    [Fact]
    public void Subnets_have_their_router_and_vpcs_their_ranges()
    {
        Assert.Equal(["one", "two", "three"], Bench.Subnets.Select(s => s.Name));
        Assert.Equal([1, 1, 2], Bench.Subnets.Select(s => (int)s.Vpc));
        Assert.Equal([0x0100_010Au, 0x0101_010Au, 0x0100_010Au], Bench.Subnets.Select(s => s.Router4));
        Assert.Equal(Raw.Ip6(IpAddress.Parse("fd00:1:0:1::1")), Bench.Subnets[0].Router6);
        Assert.Equal(default, Bench.Subnets[1].Router6);
        Assert.Equal(["", "vpc1", "vpc2"], Bench.Vpcs.Select(v => v.Name));
        Assert.True(Bench.Vpcs[1].Contains(Raw.Ip4(IpAddress.Parse("10.1.255.255"))));
        Assert.False(Bench.Vpcs[1].Contains(Raw.Ip4(IpAddress.Parse("10.2.0.0"))));
        Assert.True(Bench.Vpcs[1].Contains(Raw.Ip6(IpAddress.Parse("fd00:1:0:ffff::"))));
        Assert.False(Bench.Vpcs[2].Contains(Raw.Ip6(IpAddress.Parse("fd00:1::"))));
        Assert.False(Bench.Vpcs[0].Contains(Raw.Ip4(IpAddress.Parse("10.1.0.10"))));
    }

    [Theory]
    [InlineData(0, "8.8.8.8", RouteTarget.Internet, 0)]
    [InlineData(0, "172.16.0.1", RouteTarget.Eni, 3)]
    [InlineData(0, "172.16.9.1", RouteTarget.Blackhole, 0)]
    [InlineData(0, "172.32.0.1", RouteTarget.Internet, 0)]
    [InlineData(0, "2001:db8:9::1", RouteTarget.Eni, 2)]
    [InlineData(0, "2001:db8:a::1", RouteTarget.Internet, 0)]
    [InlineData(1, "8.8.8.8", RouteTarget.None, 0)]
    [InlineData(2, "8.8.8.8", RouteTarget.None, 0)]
    [InlineData(2, "2001:db8::1", RouteTarget.None, 0)]
    public void The_longest_prefix_of_the_subnets_table_decides(int subnet, string destination, RouteTarget target, ushort port)
    {
        var ip = IpAddress.Parse(destination);
        RouteTable routes = Bench.Subnets[subnet].Routes;
        Assert.Equal(target, ip.IsV6 ? routes.Lookup(Raw.Ip6(ip), out ushort seen) : routes.Lookup(Raw.Ip4(ip), out seen));
        Assert.Equal(port, seen);
    }

    [Theory]
    [InlineData("198.51.100.77", "198.51.100.77")]
    [InlineData("192.0.2.5", "198.51.100.20")]
    [InlineData("8.8.8.8", "198.51.100.10")]
    [InlineData("2001:db8:100::77", "2001:db8:100::77")]
    [InlineData("2001:db8:101::77", "2001:db8:100::10")]
    public void The_public_side_knows_the_next_hop(string destination, string nextHop)
    {
        (IpAddress to, IpAddress hop) = (IpAddress.Parse(destination), IpAddress.Parse(nextHop));
        if (to.IsV6)
        {
            Assert.True(Bench.Internet.TryNextHop(Raw.Ip6(to), out RawIp6 seen6));
            Assert.Equal(Raw.Ip6(hop), seen6);
        }
        else
        {
            Assert.True(Bench.Internet.TryNextHop(Raw.Ip4(to), out uint seen));
            Assert.Equal(Raw.Ip4(hop), seen);
        }
    }

    [Fact]
    public void The_public_side_has_its_addresses_and_neighbours()
    {
        InternetSide side = Bench.Internet;
        Assert.Equal([Raw.Ip4(IpAddress.Parse("198.51.100.1"))], side.Own4);
        Assert.Equal([Raw.Ip6(IpAddress.Parse("2001:db8:100::1"))], side.Own6);
        Assert.Equal([Raw.Prefix4(IpPrefix.Parse("198.51.100.0/24"))], side.OnLink4);
        Assert.Equal([Raw.Prefix6(IpPrefix.Parse("2001:db8:100::/64"))], side.OnLink6);
        Assert.Equal([KeyValuePair.Create(0x0A64_33C6u, 0x01FF_0000_0002UL)], side.Neighbors4);
        Assert.Equal([KeyValuePair.Create(Raw.Ip6(IpAddress.Parse("2001:db8:100::10")), 0x01FF_0000_0002UL)], side.Neighbors6);
    }

    [Fact]
    public void Eips_map_both_ways()
    {
        Assert.Equal((6, 5), (Bench.EipCount, Bench.EipByAddress.Count));
        Assert.Equal((0xCB00_710Au, 0xCB00_7163u), (Bench.LowestEip, Bench.HighestEip));
        string[] seen = [.. Enumerable.Range(1, 5).Select(i => Words(Bench, i))];
        Assert.Equal(
            [
                "203.0.113.10 port 1 vpc 1 10.1.0.10", "203.0.113.12 port 1 vpc 1 10.1.0.110", "203.0.113.11 port 2 vpc 1 10.1.0.11",
                "203.0.113.20 port 4 vpc 2 10.1.0.10", "203.0.113.99 port 0 vpc 0 0.0.0.0",
            ],
            seen);
        Assert.Equal((1, 2), (Bench.Enis[1].Eip[0], Bench.Enis[1].Eip[1]));
        Assert.Equal((3, 0, 4, 0), (Bench.Enis[2].Eip[0], Bench.Enis[3].Eip[0], Bench.Enis[4].Eip[0], Bench.Enis[5].Eip[0]));
        Assert.Equal([true, true, true, true, false], Enumerable.Range(1, 5).Select(i => Bench.Eips[i].IsBound));
        for (int i = 1; i <= 5; i++)
        {
            EipMap.Slot slot = *Bench.EipByAddress.Find(Bench.Eips[i].Address);
            Assert.Equal((i, Bench.Eips[i].Private, Bench.Eips[i].Vpc), (slot.Number, slot.Private, slot.Vpc));
        }

        for (uint last = 0; last < 256; last++)
        {
            uint address = 0xCB00_7100u | last;
            bool isEip = Enumerable.Range(1, 5).Any(i => Bench.Eips[i].Address == Raw.Ip4(IpAddress.V4(address)));
            EipMap.Slot slot = *Bench.EipByAddress.Find(Raw.Ip4(IpAddress.V4(address)));
            Assert.Equal(isEip, slot.Number != 0);
            Assert.True(isEip || (slot.Vpc == 0 && slot.Private == 0), "no EIP, no VPC");
        }
    }

    [Fact]
    public void Without_eips_no_address_is_in_their_range()
    {
        ForwardingSnapshot bare = SnapshotCompiler.Compile(BlackBoxBench.Config() with { ElasticIps = [] }, new NumberDirectory());
        Assert.True(bare.LowestEip > bare.HighestEip);
        Assert.Equal(1, bare.EipCount);
        Assert.Equal(0, bare.Enis[1].Eip[0]);
        Assert.Empty(bare.BucketRates);
    }

    [Fact]
    public void Bandwidth_caps_outbound_and_inbound_by_its_own_rule()
    {
        Assert.Equal(
            [
                ("out", 5_000_000L), ("in", 100_000_000L), ("out", 150_000_000L), ("in", 150_000_000L), ("out", 100_000_000L),
                ("in", 1_000_000L), ("out", 0L), ("in", 0L), ("out", 0L), ("in", 0L),
            ],
            Enumerable.Range(1, 5).SelectMany(i => new[]
            {
                ("out", RateOf(Bench, Bench.Eips[i].OutMeter)), ("in", RateOf(Bench, Bench.Eips[i].InMeter)),
            }));
        Assert.Equal(
            [(true, true), (true, true), (true, true), (false, false), (false, false)],
            Enumerable.Range(1, 5).Select(i => (Bench.Eips[i].IsOutCapped, Bench.Eips[i].IsInCapped)));
        Assert.Equal(Bench.BucketRates.Length, Bench.BucketRates.Select(r => r.Bucket).Distinct().Count());
    }

    [Fact]
    public void An_inbound_cap_alone_caps_nothing_outbound()
    {
        SwitchConfig config = BlackBoxBench.Config();
        ElasticIpConfig eip = config.ElasticIps[3] with { BandwidthInBitsPerSecond = 2_000_000 };
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config with { ElasticIps = [eip] }, new NumberDirectory());
        Assert.Equal((0L, 2_000_000L), (RateOf(snapshot, snapshot.Eips[1].OutMeter), RateOf(snapshot, snapshot.Eips[1].InMeter)));
        Assert.Equal((false, true), (snapshot.Eips[1].IsOutCapped, snapshot.Eips[1].IsInCapped));
    }

    [Fact]
    public void Timeouts_are_milliseconds()
    {
        Assert.Equal(
            new ConnectionTimeouts
            {
                TcpEstablishedMs = 10_000,
                TcpTransientMs = 2000,
                TcpClosingMs = 3000,
                TcpResetMs = 4000,
                UdpMs = 5000,
                UdpStreamMs = 6000,
                IcmpMs = 7000,
                OtherMs = 8000,
            },
            Bench.Timeouts);
        SwitchConfig defaults = BlackBoxBench.Config() with { Switch = new SwitchSettings() };
        Assert.Equal(new ConnectionTimeouts(), SnapshotCompiler.Compile(defaults, new NumberDirectory()).Timeouts);
    }

    [Fact]
    public void A_device_gives_its_mtu_where_the_configuration_has_none()
    {
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(BlackBoxBench.Config(), new NumberDirectory(), port => port switch
        {
            "internet" => 1400,
            "A" => 1300,
            "C" => 1200,
            "D" => 70_000,
            _ => null,
        });
        Assert.Equal([1400, 1300, 1500, 9000, 65_535, 1500], Enumerable.Range(0, 6).Select(p => (int)snapshot.Enis[p].MtuBytes));
    }

    [Fact]
    public void Without_a_public_side_port_0_is_not_there()
    {
        SwitchConfig config = BlackBoxBench.Config();
        VpcConfig[] bare = [.. config.Vpcs.Select(v => v with { RouteTables = [] })];
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(
            config with { Internet = null, ElasticIps = [], Vpcs = bare }, new NumberDirectory());
        Assert.Equal(EniFlags.None, snapshot.Enis[0].Flags);
        Assert.Equal("internet", snapshot.PortNames[0]);
        Assert.False(snapshot.Internet.TryNextHop(Raw.Ip4(IpAddress.Parse("8.8.8.8")), out _));
        Assert.Equal(RouteTarget.None, snapshot.Subnets[1].Routes.Lookup(Raw.Ip4(IpAddress.Parse("8.8.8.8")), out _));
    }

    [Fact]
    public void Ipv6_addresses_that_share_a_hash_are_told_apart()
    {
        // The hash multiplies by the first half xor this constant: in the /64 where that is 0 all hosts of a VPC share it.
        const string Crowded = "157c:4a7f:b979:379e::";
        Assert.Equal(
            ForwardingSnapshot.Ip6Key(1, Raw.Ip6(IpAddress.Parse(Crowded + "2"))),
            ForwardingSnapshot.Ip6Key(1, Raw.Ip6(IpAddress.Parse(Crowded + "3"))));
        SwitchConfig config = BlackBoxBench.Config();
        SwitchConfig crowded = config with
        {
            Enis = [.. config.Enis.Select((e, i) => e with { PrivateIps = [.. e.PrivateIps, IpAddress.Parse(Crowded + (2 + i))] })],
        };
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(crowded, new NumberDirectory());
        int[] ports1 = [.. Enumerable.Range(2, 6).Select(i => snapshot.PortOf(1, Raw.Ip6(IpAddress.Parse(Crowded + i))))];
        int[] ports2 = [.. Enumerable.Range(2, 6).Select(i => snapshot.PortOf(2, Raw.Ip6(IpAddress.Parse(Crowded + i))))];
        Assert.Equal([1, 2, 3, 0, 0, 0], ports1);
        Assert.Equal([0, 0, 0, 4, 5, 0], ports2);
    }

    private static long RateOf(ForwardingSnapshot snapshot, int bucket) =>
        snapshot.BucketRates.Single(r => r.Bucket == bucket).PerSecond;

    private static string Words(ForwardingSnapshot snapshot, int index)
    {
        Eip eip = snapshot.Eips[index];
        return $"{Back(eip.Address)} port {eip.Port} vpc {eip.Vpc} {Back(eip.Private)}";
    }

    private static IpAddress Back(uint raw) => IpAddress.Read(BitConverter.GetBytes(raw), isV6: false);
}
