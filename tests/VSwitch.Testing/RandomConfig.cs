using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
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
        PeeringConfig[] peerings = [.. Peerings(vpcs)];
        vpcs = [.. vpcs.Select(v => WithPeeringRoutes(v, peerings))];
        SecurityGroupConfig[] groups = [.. bare.Select(g => Rules(g, bare, lists, peerings))];
        NetworkAclConfig[] acls = [.. vpcs.SelectMany(v => Some(2, () => Acl(v.Name, lists)))];
        vpcs = [.. vpcs.Select(v => v with { Subnets = [.. v.Subnets.Select(s => s with { NetworkAcl = Pick(acls.Where(a => a.Vpc == v.Name))?.Name })] })];
        EniConfig[] enis = [.. vpcs.SelectMany(v => v.Subnets.SelectMany(s => Some(3, () => Eni(s, groups.Where(g => g.Vpc == v.Name)))))];
        var instances = new List<InstanceConfig>();
        for (int i = 0; i < enis.Length; i++)
        {
            if (Chance(50))
            {
                instances.Add(new InstanceConfig(Name("vm"), random.Next(1, 9), default));
                enis[i] = enis[i] with { Instance = instances[^1].Name, Primary = true, Detached = false };
            }
        }

        NatGatewayConfig[] natGateways = [.. vpcs.SelectMany(v => Some(2, () => NatGateway(v)))];
        vpcs = [.. vpcs.Select(v => v with { RouteTables = [.. v.RouteTables.Select(t => ToNat(t, natGateways.Where(g => g.Vpc == v.Name)))] })];
        LoadBalancerConfig[] balancers = [.. vpcs.SelectMany(v => v.Subnets.Take(1).Where(s => !s.Cidrs[0].IsV6 && s.Cidrs[0].Length <= 24 && Chance(50))
            .Select(s => Balancer(s, [.. enis.Where(e => !e.PrivateIps[0].IsV6 && v.Subnets.Any(own => own.Name == e.Subnet))])))];
        GatewayConfig[] gateways = [.. vpcs.SelectMany(v => Some(2, () => Gateway(v.Name, internet != null)))];
        vpcs = [.. vpcs.Select(v => v with { RouteTables = [.. v.RouteTables.Select(t => WithGateway(t, Pick(gateways.Where(g => g.Vpc == v.Name))))] })];
        return new SwitchConfig
        {
            Switch = Chance(50) ? new SwitchSettings() : Settings(),
            Internet = internet,
            Vpcs = vpcs,
            Peerings = peerings,
            SecurityGroups = groups,
            NetworkAcls = acls,
            PrefixLists = lists,
            Instances = instances,
            Enis = enis,
            ElasticIps = [.. ElasticIps(enis, internet != null), .. NatIps(natGateways, internet != null), .. BalancerIps(balancers, internet != null)],
            NatGateways = natGateways,
            LoadBalancers = balancers,
            Gateways = gateways,
            FlowLogs = [.. Some(2, () => FlowLog(enis, vpcs))],
            Mirrors = enis.Length == 0 ? [] : [.. Some(2, () => Mirror(enis))],
            Wires = [.. enis.Where(_ => Chance(30)).Select(Wire)],
            Billing = Chance(50) ? new BillingConfig() : Billing(),
        };
    }

    private BillingConfig Billing() => new()
    {
        Currency = Chance(50) ? "EUR" : "CNY",
        Decimals = random.Next(0, 5),
        TimeZone = random.Next(3) switch { 0 => "UTC", 1 => "+08:00", _ => "-03:30" },
        Interval = Chance(50) ? TimeSpan.FromSeconds(60) : TimeSpan.FromMinutes(5),
        Monthly = Chance(50) ? new MonthlyPrices(Price(), Chance(50) ? [] : Tiers()) : null,
        Bandwidth = Chance(50) ? new BandwidthPrices(Tiers()) : null,
        Traffic = Chance(50) ? new TrafficPrices(Price(), Chance(50), Chance(50) ? Price() : null, null)
            : Chance(50) ? new TrafficPrices(Price(), Chance(50), null, Price()) : null,
    };

    private PriceTier[] Tiers() => Chance(50) ? [new PriceTier(null, Price())]
        : [new PriceTier(random.Next(1, 1_000_000), Price()), new PriceTier(random.Next(1_000_001, int.MaxValue), Price()), new PriceTier(null, Price())];

    private decimal Price() => new decimal(random.Next(0, 1_000_000)) / (Chance(50) ? 100 : 10_000);

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

    /// <summary>Between one VPC and the next, whose ranges are apart.</summary>
    private IEnumerable<PeeringConfig> Peerings(VpcConfig[] vpcs)
    {
        for (int i = 1; i < vpcs.Length; i++)
        {
            if (Chance(60))
            {
                (VpcConfig a, VpcConfig b) = Chance(50) ? (vpcs[i - 1], vpcs[i]) : (vpcs[i], vpcs[i - 1]);
                yield return new PeeringConfig { Name = Name("peering"), Requester = a.Name, Accepter = b.Name, Accepted = Chance(70) };
            }
        }
    }

    /// <summary>Into a peering of the VPC, or into one that is gone.</summary>
    private VpcConfig WithPeeringRoutes(VpcConfig vpc, PeeringConfig[] peerings)
    {
        if (vpc.RouteTables.Count == 0 || Chance(50))
        {
            return vpc;
        }

        string name = Pick(peerings.Where(p => p.Joins(vpc.Name)))?.Name ?? Name("gone");
        RouteConfig route = new(new IpPrefix(IpAddress.V4(0xAC10_0000 | (uint)(random.Next(16) << 16)), 16), PeeringConfig.TargetPrefix + name, default);
        return vpc with { RouteTables = [vpc.RouteTables[0] with { Routes = [.. vpc.RouteTables[0].Routes, route] }, .. vpc.RouteTables.Skip(1)] };
    }

    private DhcpConfig Dhcp() => new()
    {
        Enabled = Chance(50) ? Chance(50) : null,
        Dns = Chance(50) ? Servers() : null,
        DomainName = Chance(50) ? $"lab{random.Next(100)}.example" : null,
        Ntp = Chance(50) ? Servers() : null,
        LeaseTime = Chance(50) ? TimeSpan.FromSeconds(random.Next(60, 1_000_000)) : null,
    };

    private SecurityGroupConfig Rules(SecurityGroupConfig group, SecurityGroupConfig[] all, PrefixListConfig[] lists, PeeringConfig[] peerings)
    {
        RuleConfig Next()
        {
            SecurityGroupConfig? named = Pick(all.Where(g => g.Vpc == group.Vpc || peerings.Any(p => p.Joins(g.Vpc, group.Vpc))));
            RuleConfig rule = Rule(named, lists);
            bool isMarked = rule.Peer.Group != null && named!.Vpc != group.Vpc && Chance(50);
            return !isMarked ? rule : rule with
            {
                Peer = Chance(50) ? rule.Peer with { Peering = Name("gone") } : new PeerConfig(null, Name("gone"), null) { Peering = peerings[0].Name },
            };
        }

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
            Detached = Chance(10),
            DeleteWithInstance = Chance(20),
            Rss = Chance(20) ? Rss() : null,
            Limits = Chance(30) ? Limits() : new EniLimitsConfig(),
            Dscp = Chance(30) ? (byte)random.Next(64) : null,
        };
    }

    private EniRssConfig Rss() => new()
    {
        Key = Chance(50) ? Toeplitz.MicrosoftKey() : Toeplitz.SymmetricKey(),
        Indirection = Chance(50) ? [.. Enumerable.Range(0, 128).Select(_ => (byte)random.Next(64))] : null,
    };

    private EniLimitsConfig Limits() => new()
    {
        EgressBitsPerSecond = Chance(50) ? Rate() : null,
        IngressBitsPerSecond = Chance(50) ? Rate() : null,
        EgressPacketsPerSecond = Chance(50) ? random.Next(1, 10_000_000) : null,
        IngressPacketsPerSecond = Chance(50) ? random.Next(1, 10_000_000) : null,
    };

    private ProtectionConfig Protection() => new()
    {
        BitsPerSecond = Chance(50) ? Rate() : null,
        PacketsPerSecond = Chance(50) ? random.Next(1, int.MaxValue) : null,
        SynsPerSecond = Chance(50) ? random.Next(1, int.MaxValue) : null,
        NewConnectionsPerSecond = random.Next(1, int.MaxValue),
        CalmFor = Chance(50) ? TimeSpan.FromSeconds(10) : TimeSpan.FromMilliseconds(random.Next(1000, 3_600_000)),
    };

    private IEnumerable<ElasticIpConfig> ElasticIps(EniConfig[] enis, bool isOnline)
    {
        foreach (EniConfig? eni in enis.Where(_ => isOnline && Chance(50)).Append(null))
        {
            var eip = new ElasticIpConfig
            {
                Name = Name("eip"),
                Address = IpAddress.V4(0xCB007100 | (uint)(++_number & 0xFF)),
                Eni = eni?.Name,
                PrivateIp = Chance(50) ? eni?.PrivateIps[0] : null,
                BandwidthBitsPerSecond = Chance(50) ? Rate() : null,
                BandwidthInBitsPerSecond = Chance(30) ? Rate() : null,
                Billing = (BillingType)random.Next(3),
                Drift = (DriftMode)random.Next(3),
                HealthCheck = Chance(50) ? HealthCheck() : null,
                Protection = Chance(30) ? Protection() : null,
            };
            yield return Chance(50) ? Redundant(eip, enis) : eip;
        }
    }

    private NatGatewayConfig NatGateway(VpcConfig vpc) => new()
    {
        Name = Name("nat"),
        Vpc = vpc.Name,
        ConnectionCapacity = random.Next(4) switch { 0 => NatGatewaySizes.Small, 1 => NatGatewaySizes.Medium, 2 => NatGatewaySizes.Large, _ => random.Next(1, NatGatewaySizes.Large) },
        Timeouts = Chance(50) ? new NatTimeoutSettings() : new NatTimeoutSettings { TcpEstablished = Time(), TcpTransient = Time(), Udp = Time(), Icmp = Time() },
    };

    private RouteTableConfig ToNat(RouteTableConfig table, IEnumerable<NatGatewayConfig> gateways) => Pick(gateways) is NatGatewayConfig gateway
        ? table with { Routes = [.. table.Routes, new RouteConfig(AnyPrefix(isV6: false), $"nat:{gateway.Name}", default)] } : table;

    private IEnumerable<ElasticIpConfig> NatIps(NatGatewayConfig[] gateways, bool isOnline) => gateways.Where(_ => isOnline && Chance(70))
        .Select(g => new ElasticIpConfig { Name = Name("natip"), Address = IpAddress.V4(0xC6120000 | (uint)++_number), NatGateway = g.Name });

    /// <summary>With standbys at second addresses, which no EIP is bound to.</summary>
    private ElasticIpConfig Redundant(ElasticIpConfig eip, EniConfig[] enis)
    {
        EipPlaceConfig[] places = [.. enis.Where(e => e.PrivateIps.Count > 1 && !e.PrivateIps[1].IsV6 && Chance(50))
            .Select(e => new EipPlaceConfig(e.Name, e.PrivateIps[1])).Take(8)];
        return eip with
        {
            Standby = places,
            Failback = places.Length > 0 && eip.HealthCheck != null && Chance(50),
            Home = Chance(50) ? Pick(places) : null,
        };
    }

    private HealthCheckConfig HealthCheck()
    {
        var protocol = (ProbeKind)random.Next(3);
        int interval = random.Next(100, 300_000);
        return new HealthCheckConfig
        {
            Protocol = protocol,
            Port = protocol == ProbeKind.Tcp ? random.Next(1, 65536) : null,
            Interval = TimeSpan.FromMilliseconds(interval),
            Timeout = TimeSpan.FromMilliseconds(random.Next(10, interval)),
            Healthy = random.Next(1, 101),
            Unhealthy = random.Next(1, 101),
        };
    }

    private LoadBalancerConfig Balancer(SubnetConfig subnet, EniConfig[] enis) => new()
    {
        Name = Name("lb"),
        Subnet = subnet.Name,
        Address = subnet.Cidrs[0].Address with { Bits = subnet.Cidrs[0].Address.Bits + 254 },
        Listeners = [.. Some(3, () => Listener(enis))],
    };

    private ListenerConfig Listener(EniConfig[] enis) => new()
    {
        Name = Chance(50) ? Name("listener") : null,
        Protocol = Chance(50) ? (byte)6 : (byte)17,
        Port = 1000 + ++_number,
        Algorithm = (BalancerAlgorithm)random.Next(3),
        Stickiness = Chance(50) ? TimeSpan.FromSeconds(random.Next(1, 3600)) : null,
        Drain = Chance(50) ? new ListenerConfig().Drain : TimeSpan.FromSeconds(random.Next(3600)),
        HealthCheck = Chance(50) ? HealthCheck() : null,
        Backends = [.. enis.Where(_ => Chance(70)).Select(e => new BackendConfig(
            e.Name, Chance(50) ? e.PrivateIps[0] : null, random.Next(1, 65536), Chance(50) ? BackendConfig.UsualWeight : random.Next(101), Chance(30), default))],
    };

    private IEnumerable<ElasticIpConfig> BalancerIps(LoadBalancerConfig[] balancers, bool isOnline) => balancers.Where(_ => isOnline && Chance(70))
        .Select(b => new ElasticIpConfig { Name = Name("lbip"), Address = IpAddress.V4(0xC6130000 | (uint)++_number), LoadBalancer = b.Name });


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

    private WireConfig Wire(EniConfig eni)
    {
        WireFaultConfig both = Faults();
        return new WireConfig { Port = eni.Name, Seed = Chance(50) ? 1 : random.Next(), In = both, Out = Chance(50) ? both : Faults() };
    }

    private WireFaultConfig Faults() => new()
    {
        Delay = Chance(50) ? TimeSpan.FromMilliseconds(random.Next(1000, 5000)) : TimeSpan.FromMilliseconds(1),
        Jitter = TimeSpan.FromMilliseconds(random.Next(2)),
        Loss = Part(),
        Reorder = Part(),
        Duplicate = Part(),
        Corrupt = Part(),
        RateBitsPerSecond = Chance(50) ? random.Next(1000, 1_000_000_000) : null,
        Limit = Chance(50) ? random.Next(1, 4096) : null,
    };

    private double Part() => Chance(50) ? 0 : random.Next(1, 10_001) / 10_000.0;

    private DeviceConfig Device() => random.Next(4) switch
    {
        0 => new DeviceConfig { Tap = $"vt{_number++}", Queues = Chance(50) ? random.Next(1, 65) : null, Offload = Chance(50) },
        1 => new DeviceConfig { Interface = $"ve{_number++}" },
        2 => new DeviceConfig { SharpPcap = $"sp {_number++}" },
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
