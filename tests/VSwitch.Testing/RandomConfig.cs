using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Valid configurations at random, with every section and every setting now and then, names that are hard to write down
/// included.</summary>
public sealed class RandomConfig(Random random)
{
    private static readonly string[] Hard =
        ["a b", "\"quoted\"", "back\\slash", "line\nfeed", "tab\t", "ünïcode", "漢字", "😀", "null", "~", "true", "12", "- item", "key: value", "#no", "{}", "\u0085\u2028\uFEFF", "\u0001", "/slash"];

    private static readonly byte?[] Protocols = [null, 1, 6, 17, 47, 50, 51, 58, 132, 0, 89, 255];
    private int _number;

    /// <summary>The next one.</summary>
    public SwitchConfig Next()
    {
        _number = 0;
        PrefixListConfig[] lists = [.. Some(3, () => new PrefixListConfig(Name("list"), [.. Some(4, AnyPrefix)], default))];
        InternetConfig? internet = Chance(80) ? Internet() : null;
        VpcConfig[] vpcs = [.. Enumerable.Range(1, random.Next(1, 4)).Select(i => Vpc(i, internet != null, lists))];
        SecurityGroupConfig[] bare = [.. vpcs.SelectMany(v => Enumerable.Range(0, random.Next(1, 4)).Select(_ => new SecurityGroupConfig { Name = Name("group"), Vpc = v.Name }))];
        SecurityGroupConfig[] groups = [.. bare.Select(g => Rules(g, bare, lists))];
        NetworkAclConfig[] acls = [.. vpcs.SelectMany(v => Some(2, () => Acl(v.Name, lists)))];
        vpcs = [.. vpcs.Select(v => v with { Subnets = [.. v.Subnets.Select(s => s with { NetworkAcl = Pick(acls.Where(a => a.Vpc == v.Name))?.Name })] })];
        EniConfig[] enis = [.. vpcs.SelectMany(v => v.Subnets.SelectMany(s => Some(3, () => Eni(s, groups.Where(g => g.Vpc == v.Name)))))];
        var instances = new List<InstanceConfig>();
        for (int i = 0; i < enis.Length; i++)
        {
            if (Chance(50))
            {
                instances.Add(new InstanceConfig(Name("vm"), random.Next(1, 9), default));
                enis[i] = enis[i] with { Instance = instances[^1].Name, Primary = true };
            }
        }

        GatewayConfig[] gateways = [.. vpcs.SelectMany(v => Some(2, () => Gateway(v.Name, internet != null)))];
        vpcs = [.. vpcs.Select(v => v with { RouteTables = [.. v.RouteTables.Select(t => WithGateway(t, Pick(gateways.Where(g => g.Vpc == v.Name))))] })];
        return new SwitchConfig
        {
            Switch = Chance(50) ? new SwitchSettings() : Settings(),
            Internet = internet,
            Vpcs = vpcs,
            SecurityGroups = groups,
            NetworkAcls = acls,
            PrefixLists = lists,
            Instances = instances,
            Enis = enis,
            ElasticIps = [.. ElasticIps(enis, internet != null)],
            Gateways = gateways,
            FlowLogs = [.. Some(2, () => FlowLog(enis, vpcs))],
            Mirrors = enis.Length == 0 ? [] : [.. Some(2, () => Mirror(enis))],
        };
    }

    private SwitchSettings Settings() => new()
    {
        Workers = Chance(50) ? random.Next(1, 65) : null,
        RssKey = random.Next(3) switch { 0 => Toeplitz.SymmetricKey(), 1 => Toeplitz.MicrosoftKey(), _ => Bytes(Toeplitz.KeyBytes) },
        GatewayMac = Chance(50) ? Mac() : new SwitchSettings().GatewayMac,
        ConnectionCapacity = Chance(50) ? random.Next(1, 100_000_000) : new SwitchSettings().ConnectionCapacity,
        Timeouts = Chance(50) ? new TimeoutSettings() : new TimeoutSettings
        {
            TcpEstablished = Time(),
            TcpTransient = Time(),
            TcpClosing = Time(),
            TcpReset = Time(),
            Udp = Time(),
            UdpStream = Time(),
            Icmp = Time(),
            Other = Time(),
        },
    };

    private InternetConfig Internet() => new()
    {
        Device = Chance(50) ? Device() : null,
        Mac = Chance(50) ? Mac() : new InternetConfig().Mac,
        Addresses = [TestTopologies.Net("198.51.100.1/24"), TestTopologies.Net("2001:db8::1/64")],
        Routes = [.. Some(2, () => new InternetRouteConfig(AnyPrefix(isV6: false), TestTopologies.Ip("198.51.100.254"), default))],
        Neighbors = Some(3, () => IpAddress.V4(0xC6336400 | (uint)(2 + random.Next(200)))).Distinct().ToDictionary(a => a, _ => Mac()),
        Mtu = Mtu(),
    };

    private VpcConfig Vpc(int number, bool isOnline, PrefixListConfig[] lists)
    {
        RouteTableConfig[] tables = [.. Enumerable.Range(0, random.Next(3)).Select(i => new RouteTableConfig
        {
            Name = Name("table"),
            Main = i == 0,
            Routes = [.. Some(3, () => new RouteConfig(AnyPrefix(), isOnline && Chance(50) ? "internet" : "blackhole", default))],
        })];
        if (tables.Length > 0 && Pick(lists) is PrefixListConfig list)
        {
            tables[0] = tables[0] with { Routes = [.. tables[0].Routes, new RouteConfig(default, "blackhole", default) { PrefixList = list.Name }] };
        }

        return new VpcConfig
        {
            Name = Name("vpc"),
            Cidrs = [new IpPrefix(IpAddress.V4(0x0A000000 | (uint)(number << 16)), 16), new IpPrefix(IpAddress.V6(((UInt128)0xFD00 << 112) | ((UInt128)(uint)number << 80)), 48)],
            Subnets = [.. Enumerable.Range(1, random.Next(1, 4)).Select(i => new SubnetConfig
            {
                Name = Name("subnet"),
                Cidrs = [new IpPrefix(IpAddress.V4(0x0A000000 | (uint)(number << 16) | (uint)(i << 8)), 24)],
                RouteTable = Chance(50) ? Pick(tables)?.Name : null,
                Dhcp = Chance(30) ? Dhcp() : null,
            })],
            RouteTables = tables,
            Dhcp = Chance(30) ? Dhcp() : null,
        };
    }

    private DhcpConfig Dhcp() => new()
    {
        Enabled = Chance(50) ? Chance(50) : null,
        Dns = Chance(50) ? Servers() : null,
        DomainName = Chance(50) ? $"lab{random.Next(100)}.example" : null,
        Ntp = Chance(50) ? Servers() : null,
        LeaseTime = Chance(50) ? TimeSpan.FromSeconds(random.Next(60, 1_000_000)) : null,
    };

    private SecurityGroupConfig Rules(SecurityGroupConfig group, SecurityGroupConfig[] all, PrefixListConfig[] lists)
    {
        RuleConfig Next() => Rule(Pick(all.Where(g => g.Vpc == group.Vpc)), lists);
        return group with
        {
            Ingress = [.. Some(5, Next)],
            Egress = Chance(30) ? null : [.. Some(3, Next)],
            LiveConnections = (LiveConnectionPolicy)random.Next(3),
        };
    }

    private NetworkAclConfig Acl(string vpc, PrefixListConfig[] lists)
    {
        NetworkAclRuleConfig[] Rules() => [.. Some(4, () => Rule(null, lists)).Select((rule, i) => new NetworkAclRuleConfig((i * 10) + random.Next(1, 10), Chance(50), rule))];
        return new NetworkAclConfig { Name = Name("acl"), Vpc = vpc, Ingress = Rules(), Egress = Rules() };
    }

    private RuleConfig Rule(SecurityGroupConfig? group, PrefixListConfig[] lists)
    {
        byte? protocol = Protocols[random.Next(Protocols.Length)];
        byte? type = protocol is 1 or 58 && Chance(50) ? (byte)random.Next(256) : null;
        PeerConfig peer = group != null && Chance(20) ? new PeerConfig(null, group.Name, null)
            : Chance(20) && Pick(lists) is PrefixListConfig list ? new PeerConfig(null, null, list.Name)
            : new PeerConfig(AnyPrefix(), null, null);
        return new RuleConfig
        {
            Protocol = protocol,
            Ports = protocol is 6 or 17 or 132 ? [.. Some(4, Ports)] : [],
            IcmpType = type,
            IcmpCode = type != null && Chance(50) ? (byte)random.Next(256) : null,
            Peer = peer,
            Remark = Chance(20) ? Name("") : null,
        };
    }

    private EniConfig Eni(SubnetConfig subnet, IEnumerable<SecurityGroupConfig> groups)
    {
        string[] own = [.. groups.Select(g => g.Name)];
        random.Shuffle(own);
        _number += 2;
        return new EniConfig
        {
            Name = Name("eni"),
            Subnet = subnet.Name,
            Mac = Mac(),
            PrivateIps = [.. Enumerable.Range(0, random.Next(1, 3)).Select(i => subnet.Cidrs[0].Address with { Bits = subnet.Cidrs[0].Address.Bits + (uint)(3 + ((_number + i) % 250)) })],
            SecurityGroups = [.. own.Take(random.Next(1, 4))],
            Device = Chance(50) ? Device() : null,
            TcpLoose = Chance(30),
            SourceDestCheck = Chance(70),
            Mtu = Mtu(),
        };
    }

    private IEnumerable<ElasticIpConfig> ElasticIps(EniConfig[] enis, bool isOnline)
    {
        foreach (EniConfig? eni in enis.Where(_ => isOnline && Chance(50)).Append(null))
        {
            yield return new ElasticIpConfig
            {
                Name = Name("eip"),
                Address = IpAddress.V4(0xCB007100 | (uint)(++_number & 0xFF)),
                Eni = eni?.Name,
                PrivateIp = Chance(50) ? eni?.PrivateIps[0] : null,
                BandwidthBitsPerSecond = Chance(50) ? Rate() : null,
                BandwidthInBitsPerSecond = Chance(30) ? Rate() : null,
                Billing = (BillingType)random.Next(3),
            };
        }
    }

    private GatewayConfig Gateway(string vpc, bool isOnline)
    {
        int kind = random.Next(isOnline ? 5 : 3);
        var remote = IpAddress.V4(0xC0000200 | (uint)(++_number & 0xFF));
        var local = TestTopologies.Ip("198.51.100.1");
        return new GatewayConfig
        {
            Name = Name("gateway"),
            Vpc = vpc,
            Device = kind is 1 or 2 ? new DeviceConfig { Tap = $"vg{_number}", Offload = Chance(50) } : null,
            Vlan = kind == 2 ? random.Next(1, 4095) : null,
            Vxlan = kind == 3 ? new VxlanConfig(random.Next(1 << 24), local, remote, Chance(50) ? VxlanConfig.UsualPort : random.Next(1, 65536)) : null,
            Gre = kind == 4 ? new GreConfig(local, remote, Chance(50) ? (uint)random.NextInt64(1L << 32) : null, Ethernet: true) : null,
            Mac = Chance(50) ? Mac() : GatewayConfig.UsualMac,
            Addresses = [TestTopologies.Net("169.254.1.1/24"), TestTopologies.Net("fe80:1::1/64")],
            Routes = [.. Some(2, () => new InternetRouteConfig(AnyPrefix(isV6: false), TestTopologies.Ip("169.254.1.254"), default))],
            Neighbors = Some(2, () => IpAddress.V4(0xA9FE0100 | (uint)(2 + random.Next(200)))).Distinct().ToDictionary(a => a, _ => Mac()),
            Mtu = Mtu(),
        };
    }

    private RouteTableConfig WithGateway(RouteTableConfig table, GatewayConfig? gateway) => gateway == null ? table : table with
    {
        Routes =
        [
            .. table.Routes,
            new RouteConfig(TestTopologies.Net("192.168.0.0/23"), "gateway:" + gateway.Name, default)
            {
                Preference = RoutePreference.Propagated,
                Weight = random.Next(1, 257),
            },
        ],
    };

    private FlowLogConfig FlowLog(EniConfig[] enis, VpcConfig[] vpcs)
    {
        VpcConfig vpc = vpcs[random.Next(vpcs.Length)];
        int kind = random.Next(3);
        bool isText = Chance(50);
        return new FlowLogConfig
        {
            Name = Name("log"),
            Eni = kind == 0 ? Pick(enis)?.Name : null,
            Subnet = kind == 1 ? vpc.Subnets[0].Name : null,
            Vpc = kind == 2 || (kind == 0 && enis.Length == 0) ? vpc.Name : null,
            Traffic = (FlowLogTraffic)random.Next(3),
            Interval = Chance(50) ? TimeSpan.FromSeconds(60) : TimeSpan.FromSeconds(random.Next(1, 600)),
            Format = isText && Chance(50) ? "${version} ${srcaddr} ${dstaddr}" : null,
            File = isText ? $"logs/{random.Next(1000)}.log" : null,
            Ipfix = isText ? null : $"127.0.0.1:{random.Next(1, 65536)}",
        };
    }

    private MirrorConfig Mirror(EniConfig[] enis)
    {
        bool isFile = enis.Length == 1 || enis[^1].Device == null || Chance(50);
        return new MirrorConfig
        {
            Name = Name("mirror"),
            Port = enis[0].Name,
            Direction = (MirrorDirection)random.Next(3),
            Filter = Chance(50) ? "tcp and dport 443" : null,
            ToPort = isFile ? null : enis[^1].Name,
            ToFile = isFile ? $"mirror-{++_number}.pcapng" : null,
        };
    }

    private DeviceConfig Device() => random.Next(3) switch
    {
        0 => new DeviceConfig { Tap = $"vt{_number++}", Queues = Chance(50) ? random.Next(1, 65) : null, Offload = Chance(50) },
        1 => new DeviceConfig { Interface = $"ve{_number++}" },
        _ => new DeviceConfig { PcapIn = Chance(50) ? $"in {_number}.pcap" : null, PcapOut = $"out{_number}.pcap" },
    };

    private string Name(string what) => $"{what}{++_number}{(Chance(30) ? Hard[random.Next(Hard.Length)] : "")}";

    private IpPrefix AnyPrefix() => AnyPrefix(Chance(40));

    private IpPrefix AnyPrefix(bool isV6)
    {
        UInt128 bits = isV6 ? new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()) : (uint)random.NextInt64();
        var any = new IpPrefix(new IpAddress(isV6, bits), random.Next(isV6 ? 129 : 33));
        return any with { Address = any.Network };
    }

    private PortRange Ports()
    {
        int first = random.Next(65536);
        return new PortRange((ushort)first, (ushort)(Chance(50) ? first : random.Next(first, 65536)));
    }

    private IpAddress[] Servers() => [.. Enumerable.Range(1, random.Next(4)).Select(i => IpAddress.V4(0x0A000000u + (uint)((i << 8) + random.Next(200))))];

    private TimeSpan Time() => TimeSpan.FromMilliseconds(Chance(50) ? random.Next(1, 1000) * 1000 : random.Next(1000, 1_000_000_000));

    private long Rate() => Chance(50) ? random.Next(1, 1000) * 1_000_000L : random.NextInt64(1, 1_000_000_000_000);

    private int? Mtu() => Chance(30) ? random.Next(576, 65536) : null;

    private MacAddress Mac() => new((0x0200UL << 32) | ((ulong)++_number << 16) | (uint)random.Next(65536));

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private bool Chance(int percent) => random.Next(100) < percent;

    private T? Pick<T>(IEnumerable<T> items)
        where T : class => items.OrderBy(_ => random.Next()).FirstOrDefault();

    private T[] Some<T>(int most, Func<T> make) => [.. Enumerable.Range(0, random.Next(most + 1)).Select(_ => make())];
}
