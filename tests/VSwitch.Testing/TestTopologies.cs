using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Configurations for tests, as the configuration reader would give them.</summary>
public static partial class TestTopologies
{
    /// <summary>The neighbour that routes for the rest of the world in all of them.</summary>
    public static readonly IpAddress Gateway4 = Ip("198.51.100.254");

    /// <summary>MAC of <see cref="Gateway4"/> and of the IPv6 gateway.</summary>
    public static readonly MacAddress GatewayNeighbor = Mac("02:00:00:00:99:01");

    /// <summary>Two ENIs in one subnet, everything allowed, no public side.</summary>
    public static SwitchConfig Small() => new()
    {
        Vpcs = [Vpc("blue", ["10.0.0.0/16", "fd00:b::/48"], [Subnet("blue-a", "10.0.1.0/24", "fd00:b:0:1::/64")], [])],
        SecurityGroups = [new SecurityGroupConfig { Name = "open", Vpc = "blue", Ingress = [From("0.0.0.0/0"), From("::/0")] }],
        Enis =
        [
            Eni("a", "blue-a", 0x0A, ["open"], "10.0.1.10", "fd00:b:0:1::10"),
            Eni("b", "blue-a", 0x0B, ["open"], "10.0.1.11", "fd00:b:0:1::11"),
        ],
    };

    /// <summary>Two VPCs with the same IPv4 range, three subnets, rules of all kinds, EIPs bound and not, a public side with
    /// on-link and routed next hops.</summary>
    public static SwitchConfig Rich() => new()
    {
        Internet = Internet(),
        Vpcs =
        [
            Vpc("blue", ["10.0.0.0/16", "fd00:b::/48"],
                [Subnet("blue-a", "10.0.1.0/24", "fd00:b:0:1::/64"), Subnet("blue-b", "10.0.2.0/24", "fd00:b:0:2::/64")],
                [Out("0.0.0.0/0"), Out("::/0"), new RouteConfig(Net("203.0.113.128/25"), "blackhole", default)]),
            Vpc("green", ["10.0.0.0/16", "172.16.0.0/16", "fd00:9::/48"], [Subnet("green-a", "10.0.1.0/24", "fd00:9:0:1::/64")],
                [Out("0.0.0.0/0"), Out("::/0")]),
        ],
        SecurityGroups = RichGroups(),
        PrefixLists = [new PrefixListConfig("friends", [Net("203.0.113.0/26"), Net("2001:db8:f::/48")], default)],
        Enis =
        [
            Eni("web", "blue-a", 0x11, ["web", "inside"], "10.0.1.10", "10.0.1.20", "fd00:b:0:1::10"),
            Eni("app", "blue-a", 0x12, ["app", "inside"], "10.0.1.11", "fd00:b:0:1::11"),
            Eni("db", "blue-b", 0x13, ["db"], "10.0.2.10", "fd00:b:0:2::10"),
            Eni("loose", "blue-b", 0x14, ["open"], "10.0.2.11", "fd00:b:0:2::11") with { TcpLoose = true, Mtu = 1400 },
            Eni("green", "green-a", 0x21, ["green-open"], "10.0.1.10", "fd00:9:0:1::10"),
            Eni("twin", "green-a", 0x22, ["green-open"], "10.0.1.11", "fd00:9:0:1::11"),
        ],
        ElasticIps =
        [
            Eip("web-ip", "198.51.100.10", "web") with { BandwidthBitsPerSecond = 200_000_000 },
            Eip("web-second", "198.51.100.14", "web") with { PrivateIp = Ip("10.0.1.20") },
            Eip("app-ip", "198.51.100.11", "app") with { BandwidthBitsPerSecond = 1_000_000, BandwidthInBitsPerSecond = 1_000_000 },
            Eip("loose-ip", "198.51.100.12", "loose"),
            Eip("green-ip", "198.51.100.20", "green"),
            Eip("spare", "198.51.100.30", null),
        ],
    };

    /// <summary>As <see cref="Rich"/>, with timeouts of one to three seconds and room for 64 connections.</summary>
    public static SwitchConfig Tight()
    {
        SwitchConfig rich = Rich();
        return rich with
        {
            Switch = rich.Switch with
            {
                ConnectionCapacity = 64,
                Timeouts = new TimeoutSettings
                {
                    TcpEstablished = TimeSpan.FromSeconds(3),
                    TcpTransient = TimeSpan.FromSeconds(2),
                    TcpClosing = TimeSpan.FromSeconds(2),
                    TcpReset = TimeSpan.FromSeconds(1),
                    Udp = TimeSpan.FromSeconds(1),
                    UdpStream = TimeSpan.FromSeconds(2),
                    Icmp = TimeSpan.FromSeconds(1),
                    Other = TimeSpan.FromSeconds(3),
                },
            },
        };
    }

    /// <summary>As <see cref="Rich"/>, with rates so low that ENIs come to each of them, and marks.</summary>
    public static SwitchConfig Limited()
    {
        SwitchConfig rich = Rich();
        return rich with
        {
            Enis = [.. rich.Enis.Select(eni => eni.Name switch
            {
                "web" => eni with { Limits = new EniLimitsConfig { IngressBitsPerSecond = 20_000, IngressPacketsPerSecond = 5 }, Dscp = 46 },
                "app" => eni with { Limits = new EniLimitsConfig { EgressBitsPerSecond = 20_000, EgressPacketsPerSecond = 20 } },
                "db" => eni with { Limits = new EniLimitsConfig { EgressPacketsPerSecond = 5, IngressPacketsPerSecond = 5 }, Dscp = 10 },
                "green" => eni with { Limits = new EniLimitsConfig { EgressBitsPerSecond = 40_000, IngressBitsPerSecond = 40_000 }, Dscp = 0 },
                _ => eni,
            })],
        };
    }

    /// <summary>As <see cref="Rich"/> with other rules: the next generation in tests of live policy changes. The web port, the
    /// prefix list and one EIP are gone, and db lets out what it did not.</summary>
    public static SwitchConfig RichChanged()
    {
        SwitchConfig rich = Rich();
        return rich with
        {
            SecurityGroups = [.. rich.SecurityGroups.Select(group => group.Name switch
            {
                "web" => group with { Ingress = [Rule("0.0.0.0/0", 6, 443, 443), From("::/0")] },
                "db" => group with { Egress = [From("10.0.0.0/16")] },
                _ => group,
            })],
            PrefixLists = [new PrefixListConfig("friends", [Net("203.0.113.64/26")], default)],
            ElasticIps = [.. rich.ElasticIps.Select(eip => eip.Name == "loose-ip" ? eip with { Eni = null } : eip)],
        };
    }

    /// <summary>Parses an address.</summary>
    public static IpAddress Ip(string text) => IpAddress.Parse(text);

    /// <summary>Parses a MAC.</summary>
    public static MacAddress Mac(string text) => MacAddress.Parse(text);

    /// <summary>Parses a prefix.</summary>
    public static IpPrefix Net(string text) => IpPrefix.Parse(text);

    /// <summary>An ENI with the MAC 02:00:00:00:00:XX.</summary>
    public static EniConfig Eni(string name, string subnet, byte mac, string[] groups, params string[] addresses) => new()
    {
        Name = name,
        Subnet = subnet,
        Mac = new MacAddress(0x0200_0000_0000UL | mac),
        SecurityGroups = groups,
        PrivateIps = [.. addresses.Select(Ip)],
    };

    /// <summary>A rule that allows everything from (or to) a prefix.</summary>
    public static RuleConfig From(string cidr) => new() { Peer = new PeerConfig(Net(cidr), null, null) };

    /// <summary>A rule for a protocol and, if given, destination ports.</summary>
    public static RuleConfig Rule(string cidr, byte protocol, int firstPort = -1, int lastPort = -1) => From(cidr) with
    {
        Protocol = protocol,
        Ports = firstPort < 0 ? [] : [new PortRange((ushort)firstPort, (ushort)lastPort)],
    };

    /// <summary>A rule for the members of a group.</summary>
    public static RuleConfig FromGroup(string group) => new() { Peer = new PeerConfig(null, group, null) };

    /// <summary>An EIP; unbound when the ENI is null.</summary>
    public static ElasticIpConfig Eip(string name, string address, string? eni) =>
        new() { Name = name, Address = Ip(address), Eni = eni };

    private static IReadOnlyList<SecurityGroupConfig> RichGroups() =>
    [
        new SecurityGroupConfig
        {
            Name = "web",
            Vpc = "blue",
            Ingress =
            [
                Rule("0.0.0.0/0", 6, 80, 80), Rule("0.0.0.0/0", 6, 443, 445), Rule("::/0", 6, 80, 90),
                Rule("0.0.0.0/0", 17, 1000, 1015), Rule("0.0.0.0/0", 132),
                Rule("0.0.0.0/0", 1) with { IcmpType = 8, IcmpCode = 0 }, Rule("::/0", 58) with { IcmpType = 128 },
            ],
        },
        new SecurityGroupConfig
        {
            Name = "inside",
            Vpc = "blue",
            Ingress = [FromGroup("inside"), FromGroup("db")],
            Egress = [FromGroup("inside")],
        },
        new SecurityGroupConfig
        {
            Name = "app",
            Vpc = "blue",
            Ingress =
            [
                new RuleConfig { Peer = new PeerConfig(null, null, "friends") }, Rule("198.51.100.0/24", 6),
                Rule("198.51.100.0/24", 1),
            ],
            Egress =
            [
                From("10.0.0.0/8"), Rule("0.0.0.0/0", 6), Rule("0.0.0.0/0", 17, 53, 1015), Rule("0.0.0.0/0", 1),
                From("fd00::/8"),
            ],
        },
        new SecurityGroupConfig
        {
            Name = "db",
            Vpc = "blue",
            Ingress = [FromGroup("app"), Rule("10.0.1.0/28", 6, 80, 80), Rule("fd00:b::/48", 6)],
            Egress = [],
        },
        new SecurityGroupConfig { Name = "open", Vpc = "blue", Ingress = [From("0.0.0.0/0"), From("::/0")] },
        new SecurityGroupConfig { Name = "green-open", Vpc = "green", Ingress = [From("0.0.0.0/0"), From("::/0")] },
    ];

    private static InternetConfig Internet() => new()
    {
        Addresses = [Net("198.51.100.1/24"), Net("2001:db8:100::1/64")],
        Routes =
        [
            new InternetRouteConfig(Net("0.0.0.0/1"), Gateway4, default),
            new InternetRouteConfig(Net("192.0.2.0/24"), Ip("198.51.100.253"), default),
            new InternetRouteConfig(Net("203.0.113.0/24"), Gateway4, default),
            new InternetRouteConfig(Net("2001:db8::/32"), Ip("2001:db8:100::fe"), default),
        ],
        Neighbors = new Dictionary<IpAddress, MacAddress>
        {
            [Gateway4] = GatewayNeighbor,
            [Ip("198.51.100.253")] = Mac("02:00:00:00:99:02"),
            [Ip("198.51.100.77")] = Mac("02:00:00:00:99:77"),
            [Ip("2001:db8:100::fe")] = GatewayNeighbor,
        },
    };

    private static VpcConfig Vpc(string name, string[] cidrs, SubnetConfig[] subnets, RouteConfig[] routes) => new()
    {
        Name = name,
        Cidrs = [.. cidrs.Select(Net)],
        Subnets = subnets,
        RouteTables = [new RouteTableConfig { Name = name + "-main", Main = true, Routes = routes }],
    };

    private static SubnetConfig Subnet(string name, params string[] cidrs) => new() { Name = name, Cidrs = [.. cidrs.Select(Net)] };

    private static RouteConfig Out(string cidr) => new(Net(cidr), "internet", default);
}
