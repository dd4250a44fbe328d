using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From a validated configuration to the snapshot that workers read.</summary>
public sealed unsafe partial class SnapshotCompiler
{
    private const int DefaultMtuBytes = 1500;
    private const long FullInboundBitsPerSecond = 100_000_000;
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly Func<string, int?>? _deviceMtu;
    private readonly Dictionary<string, int> _subnetNumbers = new(StringComparer.Ordinal);
    private readonly List<Subnet> _subnets = [];
    private readonly NetworkAclCompiler _acls;
    private readonly GatewayCompiler _gateways;
    private PeeringCompiler? _peerings;

    private SnapshotCompiler(SwitchConfig config, NumberDirectory numbers, Func<string, int?>? deviceMtu)
    {
        _config = config;
        _numbers = numbers;
        _deviceMtu = deviceMtu;
        _acls = new NetworkAclCompiler(config);
        _numbers.BeginVersion();
        foreach (EniConfig eni in config.Enis)
        {
            _numbers.PortOf(eni.Name);
        }

        _gateways = new GatewayCompiler(config, numbers);
    }

    /// <summary>Compiles a validated configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="numbers">Numbers that must stay the same over reconfigurations.</param>
    /// <param name="deviceMtu">MTU of a port's device by the port's name, bytes; null where there is none.</param>
    /// <exception cref="InvalidOperationException">More ports, VPCs or subnets than 16-bit numbers.</exception>
    public static ForwardingSnapshot Compile(SwitchConfig config, NumberDirectory numbers, Func<string, int?>? deviceMtu = null) =>
        new SnapshotCompiler(config, numbers, deviceMtu).Compile();

    private ForwardingSnapshot Compile()
    {
        Vpc[] vpcs = CompileVpcs();
        var groups = new SecurityGroupCompiler(_config, _numbers);
        var sets = _config.Enis.Select(eni => groups.SetsOf(eni.SecurityGroups)).ToArray();
        string[] names = new string[_numbers.PortCount];
        byte[][] hostNames = new byte[_numbers.PortCount][];
        Array.Fill(names, "(removed)");
        Array.Fill(hostNames, []);
        names[0] = "internet";
        foreach (EniConfig eni in _config.Enis)
        {
            names[_numbers.PortOf(eni.Name)] = eni.Name;
            hostNames[_numbers.PortOf(eni.Name)] = DhcpCompiler.HostNameOf(eni);
        }

        ProbeTarget[] probes = ProbeCompiler.Compile(_config, _numbers);
        foreach (string port in _gateways.PortNames)
        {
            names[_numbers.PortOf(port)] = port;
        }

        Gateway?[] gateways = _gateways.CompileGateways();
        var snapshot = new ForwardingSnapshot(
            _numbers.PortCount, _config.Enis.Sum(e => e.PrivateIps.Count(ip => ip.IsV6)), _config.ElasticIps.Count + 1)
        {
            Version = _numbers.Version,
            PortNames = names,
            HostNames = hostNames,
            EipNames = ["", .. _config.ElasticIps.Select(eip => eip.Name)],
            MacToPort = new NativeMap(_config.Enis.Select(e => Pair(Raw.Mac(e.Mac), _numbers.PortOf(e.Name))).ToArray()),
            Ip4ToPort = new NativeMap(Addresses(isV6: false)
                .Select(a => Pair(ForwardingSnapshot.Ip4Key(a.Vpc, Raw.Ip4(a.Address)), a.Port)).ToArray()),
            Ip6ToPort = new NativeMap(HashAddresses6()),
            LowestEip = _config.ElasticIps.Count == 0 ? uint.MaxValue : _config.ElasticIps.Min(e => e.Address.V4Value),
            HighestEip = _config.ElasticIps.Count == 0 ? 0 : _config.ElasticIps.Max(e => e.Address.V4Value),
            Subnets = [.. _subnets],
            Vpcs = vpcs,
            Peerings = _peerings!.Peerings,
            SecurityGroups = groups.Build(),
            NetworkAcls = _acls.Build(),
            Balancers = BalancerCompiler.Compile(_config, _numbers, subnet => _subnets[_subnetNumbers[subnet]].Vpc),
            Internet = CompileInternet(_config.Internet ?? new InternetConfig()),
            Gateways = gateways,
            Trunks = _gateways.CompileTrunks(),
            GatewayGroups = _gateways.Groups,
            Tunnels = GatewayCompiler.TunnelsOf(gateways),
            GatewayMac = Raw.Mac(_config.Switch.GatewayMac),
            GatewayLinkLocalLow = Raw.LinkLocalLow(_config.Switch.GatewayMac),
            Timeouts = CompileTimeouts(_config.Switch.Timeouts) with { ShortestOfOthersMs = ShortestNatTimeoutMs() },
            NatGateways = CompileNatGateways(),
            NatByEip = NatByEip(),
            BucketRates = CompileRates(),
            PortRates = QosCompiler.PortRates(_config, _numbers),
            Protections = QosCompiler.Protections(_config),
            Probes = probes,
            ProbeNames = ProbeCompiler.NamesOf(_config, _numbers, probes.Length),
            ArpProbes = ProbeCompiler.ArpMapOf(probes),
            Spreads = CompileSpreads(),
        };
        FillPorts(snapshot, sets);
        _gateways.FillPorts(snapshot, _deviceMtu);
        FillEips(snapshot);
        return snapshot;
    }

    /// <summary>By port; empty when no ENI has an RSS of its own.</summary>
    private EniSpread?[] CompileSpreads()
    {
        if (!_config.Enis.Any(e => e.Rss != null))
        {
            return [];
        }

        var spreads = new EniSpread?[_numbers.PortCount];
        foreach (EniConfig eni in _config.Enis)
        {
            spreads[_numbers.PortOf(eni.Name)] = eni.Rss is EniRssConfig rss ? new EniSpread(rss.Key, rss.Indirection) : null;
        }

        return spreads;
    }

    private Vpc[] CompileVpcs()
    {
        foreach (VpcConfig vpc in _config.Vpcs)
        {
            _numbers.VpcOf(vpc.Name);
        }

        _peerings = new PeeringCompiler(_config, _numbers);
        var none = new Vpc { Name = "", Ranges4 = [], Ranges6 = [] };
        var vpcs = new Vpc[_numbers.VpcCount];
        Array.Fill(vpcs, none);
        foreach (Peering peering in _peerings.Peerings)
        {
            vpcs[peering.Space] = new Vpc { Name = "", Since = peering.Since, Ranges4 = [], Ranges6 = [], Peering = peering };
        }

        foreach (VpcConfig vpc in _config.Vpcs)
        {
            ushort number = (ushort)_numbers.VpcOf(vpc.Name);
            vpcs[number] = new Vpc
            {
                Name = vpc.Name,
                Since = _numbers.VpcSince(vpc.Name),
                Ranges4 = [.. vpc.Cidrs.Where(c => !c.IsV6).Select(Raw.Prefix4)],
                Ranges6 = [.. vpc.Cidrs.Where(c => c.IsV6).Select(Raw.Prefix6)],
                Peers = _peerings.LinksOf(vpc),
            };
            foreach (SubnetConfig subnet in vpc.Subnets)
            {
                if (_subnets.Count > ushort.MaxValue)
                {
                    throw new InvalidOperationException($"the switch takes {ushort.MaxValue + 1} subnets; remove some");
                }

                _subnetNumbers.Add(subnet.Name, _subnets.Count);
                _subnets.Add(CompileSubnet(vpc, subnet, number));
            }
        }

        return vpcs;
    }

    private Subnet CompileSubnet(VpcConfig vpc, SubnetConfig subnet, ushort vpcNumber)
    {
        RouteTableConfig? table = vpc.RouteTables.FirstOrDefault(t => subnet.RouteTable == null ? t.Main : t.Name == subnet.RouteTable);
        IReadOnlyList<RouteConfig> routes = table?.Routes ?? [];
        IpPrefix? range4 = subnet.Cidrs.Where(c => !c.IsV6).Select(c => (IpPrefix?)c).FirstOrDefault();
        IpPrefix? range6 = subnet.Cidrs.Where(c => c.IsV6).Select(c => (IpPrefix?)c).FirstOrDefault();
        (int aclEgress, int aclIngress) = _acls.ListsOf(subnet);
        return new Subnet
        {
            Name = subnet.Name,
            Vpc = vpcNumber,
            Router4 = range4 is IpPrefix p4 ? Raw.Ip4(FirstHost(p4)) : 0,
            Router6 = range6 is IpPrefix p6 ? Raw.Ip6(FirstHost(p6)) : default,
            Dhcp = DhcpCompiler.Compile(vpc, subnet),
            Range4 = range4 is IpPrefix own4 ? Raw.Prefix4(own4) : null,
            Range6 = range6 is IpPrefix own6 ? Raw.Prefix6(own6) : null,
            AclEgress = aclEgress,
            AclIngress = aclIngress,
            Routes = CompileRoutes(routes),
        };
    }

    /// <summary>Longest prefix first; of one prefix static routes before propagated ones, and what leads to gateways as one.</summary>
    private RouteTable CompileRoutes(IReadOnlyList<RouteConfig> routes)
    {
        var routes4 = new List<Route4>();
        var routes6 = new List<Route6>();
        var prefixes = routes.SelectMany(r => _config.DestinationsOf(r).Select(d => (Prefix: d, Route: r)))
            .GroupBy(r => r.Prefix, r => r.Route).OrderByDescending(g => g.Key.Length);
        foreach (IGrouping<IpPrefix, RouteConfig> group in prefixes)
        {
            RouteConfig[] ordered = [.. group.OrderBy(r => r.Preference)];
            RouteTarget target = Target(ordered, out ushort port);
            if (group.Key.IsV6)
            {
                routes6.Add(new Route6(Raw.Prefix6(group.Key), target, port));
            }
            else
            {
                routes4.Add(new Route4(Raw.Prefix4(group.Key), target, port));
            }
        }

        return new RouteTable([.. routes4], [.. routes6]);
    }

    private RouteTarget Target(RouteConfig[] routes, out ushort port)
    {
        if (routes[0].Gateway != null)
        {
            port = _gateways.NumberOf(routes.Where(r => r.Gateway != null));
            return RouteTarget.Gateway;
        }

        return Target(routes[0].Target, out port);
    }

    private RouteTarget Target(string target, out ushort port)
    {
        const string EniPrefix = "eni:";
        if (PeeringConfig.NameOf(target) is string peering)
        {
            port = (ushort)_peerings!.IndexOf(peering);
            return RouteTarget.Peering;
        }

        bool isEni = target.StartsWith(EniPrefix, StringComparison.Ordinal);
        port = isEni ? (ushort)_numbers.PortOf(target[EniPrefix.Length..]) : NatOf(target);
        return isEni ? RouteTarget.Eni : port != 0 ? RouteTarget.Nat : target == "internet" ? RouteTarget.Internet : RouteTarget.Blackhole;
    }

    private static InternetSide CompileInternet(InternetConfig internet) =>
        SideCompiler.Compile(0, internet.Addresses, internet.Routes, internet.Neighbors);

    private static ConnectionTimeouts CompileTimeouts(TimeoutSettings t) => new()
    {
        TcpEstablishedMs = (uint)t.TcpEstablished.TotalMilliseconds,
        TcpTransientMs = (uint)t.TcpTransient.TotalMilliseconds,
        TcpClosingMs = (uint)t.TcpClosing.TotalMilliseconds,
        TcpResetMs = (uint)t.TcpReset.TotalMilliseconds,
        UdpMs = (uint)t.Udp.TotalMilliseconds,
        UdpStreamMs = (uint)t.UdpStream.TotalMilliseconds,
        IcmpMs = (uint)t.Icmp.TotalMilliseconds,
        OtherMs = (uint)t.Other.TotalMilliseconds,
    };

    /// <summary>Inbound: 100 Mbit/s where the bandwidth is 100 or less, else the bandwidth (semantics.md decision 11). 0 = no cap.</summary>
    private static (long Out, long In) RatesOf(ElasticIpConfig eip)
    {
        long outbound = eip.BandwidthBitsPerSecond ?? 0;
        return (outbound, eip.BandwidthInBitsPerSecond ?? (outbound == 0 ? 0 : Math.Max(outbound, FullInboundBitsPerSecond)));
    }

    private BucketRate[] CompileRates() =>
    [
        .. _config.ElasticIps.SelectMany(eip => new[]
        {
            new BucketRate(Eip.OutMeterOf(_numbers.EipOf(eip.Name)), RatesOf(eip).Out),
            new BucketRate(Eip.InMeterOf(_numbers.EipOf(eip.Name)), RatesOf(eip).In),
        }),
    ];

    private void FillPorts(ForwardingSnapshot snapshot, (int Egress, int Ingress)[] sets)
    {
        if (_config.Internet is InternetConfig internet)
        {
            snapshot.Enis[0] = new Eni
            {
                Mac = Raw.Mac(internet.Mac),
                Flags = EniFlags.Exists | EniFlags.Internet,
                MtuBytes = MtuOf("internet", internet.Mtu),
            };
        }

        // To know a packet's connection there takes more than its own addresses.
        HashSet<ushort> slowVpcs = [.. _config.LoadBalancers.Select(b => _subnets[_subnetNumbers[b.Subnet]].Vpc)];
        int next6 = 0;
        for (int i = 0; i < _config.Enis.Count; i++)
        {
            EniConfig config = _config.Enis[i];
            int subnet = _subnetNumbers[config.Subnet];
            Debug.Assert(config.PrivateIps.Count <= Eni.MaxAddresses, "the validator holds the quota");
            Eni* eni = snapshot.Enis + _numbers.PortOf(config.Name);
            eni->Mac = Raw.Mac(config.Mac);
            eni->Vpc = _subnets[subnet].Vpc;
            eni->Subnet = (ushort)subnet;
            eni->MtuBytes = MtuOf(config.Name, config.Mtu);
            eni->Flags = EniFlags.Exists | (config.TcpLoose ? EniFlags.TcpLoose : EniFlags.None) |
                (config.SourceDestCheck ? EniFlags.None : EniFlags.Transit) | (config.Detached ? EniFlags.Detached : EniFlags.None) |
                (snapshot.Vpcs[eni->Vpc].Peers.Length > 0 || slowVpcs.Contains(_subnets[subnet].Vpc) ? EniFlags.KeyedSlowly : EniFlags.None);
            eni->Since = _numbers.NoteAttachment(config.Name, config.Detached ? "detached" : $"instance {config.Instance}");
            eni->Limits = QosCompiler.LimitsOf(config);
            eni->Dscp = config.Dscp ?? 0;
            (eni->EgressRules, eni->IngressRules) = sets[i];
            eni->LinkLocalLow = Raw.LinkLocalLow(config.Mac);
            eni->Ip6First = next6;
            foreach (IpAddress address in config.PrivateIps)
            {
                if (address.IsV6)
                {
                    snapshot.Ip6Addresses[next6++] = Raw.Ip6(address);
                    eni->Ip6Count++;
                }
                else
                {
                    eni->Ip4[eni->Ip4Count++] = Raw.Ip4(address);
                }
            }
        }
    }

    private ushort MtuOf(string port, int? configured) =>
        (ushort)Math.Clamp(configured ?? _deviceMtu?.Invoke(port) ?? DefaultMtuBytes, 0, ushort.MaxValue);

    private void FillEips(ForwardingSnapshot snapshot)
    {
        var enis = _config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        for (int i = 0; i < _config.ElasticIps.Count; i++)
        {
            FillEip(snapshot, _config.ElasticIps[i], i + 1, enis);
            snapshot.EipByAddress.Add(snapshot.Eips[i + 1], i + 1);
        }
    }

    private void FillEip(ForwardingSnapshot snapshot, ElasticIpConfig config, int number, Dictionary<string, EniConfig> enis)
    {
        Eip* eip = snapshot.Eips + number;
        eip->Address = Raw.Ip4(config.Address);
        eip->Number = _numbers.EipOf(config.Name);
        eip->Since = _numbers.EipSince(config.Name);
        (long outbound, long inbound) = RatesOf(config);
        eip->IsOutCapped = outbound > 0;
        eip->IsInCapped = inbound > 0;
        eip->Nat = NatNumber(config.NatGateway);
        eip->Balancer = BalancerCompiler.NumberOf(_config, config.LoadBalancer);
        if (eip->Balancer != 0)
        {
            LoadBalancerConfig balancer = _config.LoadBalancers[eip->Balancer - 1];
            eip->Vpc = _subnets[_subnetNumbers[balancer.Subnet]].Vpc;
        }

        (eip->PlacedIn, eip->HasMoved) = _numbers.NotePlace(config.Name, PlaceOf(config, enis));
        eip->Drift = config.Drift;
        if (config.Eni == null)
        {
            return;
        }

        EniConfig eni = enis[config.Eni];
        IpAddress address = new EipPlaceConfig(config.Eni, config.PrivateIp).On(enis).Address;
        int port = _numbers.PortOf(eni.Name);
        eip->Private = Raw.Ip4(address);
        eip->Port = (ushort)port;
        eip->Vpc = snapshot.Enis[port].Vpc;
        snapshot.Enis[port].Eip[snapshot.SlotOf(port, eip->Private)] = number;
    }

    /// <summary>Where an EIP is, as text that is the same as long as it stays there; null when it is nowhere.</summary>
    private static string? PlaceOf(ElasticIpConfig eip, Dictionary<string, EniConfig> enis) =>
        eip.Eni != null ? new EipPlaceConfig(eip.Eni, eip.PrivateIp).On(enis).ToString() : eip.Holder;

    private IEnumerable<(int Vpc, IpAddress Address, int Port)> Addresses(bool isV6) => _config.Enis.SelectMany(eni =>
        eni.PrivateIps.Where(ip => ip.IsV6 == isV6)
            .Select(ip => ((int)_subnets[_subnetNumbers[eni.Subnet]].Vpc, ip, _numbers.PortOf(eni.Name))));

    /// <summary>The k-th address with the same hash goes under hash + k, as <see cref="ForwardingSnapshot"/> looks for it.</summary>
    private KeyValuePair<ulong, int>[] HashAddresses6()
    {
        var entries = new Dictionary<ulong, int>();
        foreach ((int vpc, IpAddress address, int port) in Addresses(isV6: true))
        {
            ulong key = ForwardingSnapshot.Ip6Key(vpc, Raw.Ip6(address));
            while (!entries.TryAdd(key, port))
            {
                key++;
            }
        }

        return [.. entries];
    }

    private static IpAddress FirstHost(IpPrefix range) => range.Network with { Bits = range.Network.Bits + 1 };

    private static KeyValuePair<ulong, int> Pair(ulong key, int value) => KeyValuePair.Create(key, value);
}
