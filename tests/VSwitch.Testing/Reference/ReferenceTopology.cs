using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>A bound EIP: the ENI and the private address that it maps to.</summary>
internal sealed record BoundEip(ElasticIpConfig Eip, EniConfig Eni, IpAddress Private);

/// <summary>Questions to the configuration, answered by looking through its lists; what every packet asks is looked up
/// once.</summary>
internal sealed class ReferenceTopology
{
    /// <summary>Name of the public port.</summary>
    public const string InternetPort = "internet";

    private const int DefaultMtuBytes = 1500;

    private readonly Dictionary<string, EniConfig> _enis;
    private readonly Dictionary<MacAddress, EniConfig> _macs = [];
    private readonly Dictionary<string, (VpcConfig Vpc, SubnetConfig Subnet)> _subnets = [];
    private readonly List<BoundEip> _bound;

    public ReferenceTopology(SwitchConfig config)
    {
        Config = config;
        Internet = config.Internet ?? new InternetConfig();
        _enis = config.Enis.ToDictionary(eni => eni.Name);
        foreach (EniConfig eni in config.Enis)
        {
            _macs.TryAdd(eni.Mac, eni);
        }

        foreach (VpcConfig vpc in config.Vpcs)
        {
            foreach (SubnetConfig subnet in vpc.Subnets)
            {
                _subnets[subnet.Name] = (vpc, subnet);
            }
        }

        _bound = [.. AllBound()];
    }

    public SwitchConfig Config { get; }

    public InternetConfig Internet { get; }

    public MacAddress GatewayMac => Config.Switch.GatewayMac;

    public EniConfig? Eni(string name) => _enis.GetValueOrDefault(name);

    public EniConfig? EniByMac(MacAddress mac) => _macs.GetValueOrDefault(mac);

    public SubnetConfig SubnetOf(EniConfig eni) => _subnets[eni.Subnet].Subnet;

    public VpcConfig VpcOf(EniConfig eni) => _subnets[eni.Subnet].Vpc;

    public bool AreInOneVpc(EniConfig a, EniConfig b) => VpcOf(a).Name == VpcOf(b).Name;

    /// <summary>The ENI of a VPC that has the address.</summary>
    public EniConfig? Holder(VpcConfig vpc, IpAddress address) =>
        Config.Enis.FirstOrDefault(eni => VpcOf(eni).Name == vpc.Name && eni.PrivateIps.Contains(address));

    /// <summary>Another ENI of the same subnet that has the address, unless it is detached.</summary>
    public EniConfig? Peer(EniConfig of, IpAddress address) =>
        Config.Enis.FirstOrDefault(eni => eni.Name != of.Name && !eni.Detached && eni.Subnet == of.Subnet && eni.PrivateIps.Contains(address));

    /// <summary>One of its addresses, or its EUI-64 link-local one.</summary>
    public static bool Owns(EniConfig eni, IpAddress address) =>
        eni.PrivateIps.Contains(address) || address == Frames.LinkLocal(eni.Mac);

    /// <summary>True when an ENI may send from an address (section 2.6).</summary>
    public bool MaySend(EniConfig eni, IpAddress source) =>
        Owns(eni, source) || (ForwardsForOthers(eni) && !IsEip(source) && !IsOwnOutside(source));

    /// <summary>True for an ENI with <c>sourceDestCheck: false</c>.</summary>
    public static bool ForwardsForOthers(EniConfig eni) => !eni.SourceDestCheck;

    /// <summary>True when an address lies in one of the subnet's ranges.</summary>
    public static bool IsInside(SubnetConfig subnet, IpAddress address) => subnet.Cidrs.Any(cidr => cidr.Contains(address));

    public static bool IsInside(VpcConfig vpc, IpAddress address) => vpc.Cidrs.Any(cidr => cidr.Contains(address));

    /// <summary>First host address of the subnet's range of a family.</summary>
    public static IpAddress? Router(SubnetConfig subnet, bool isV6) => subnet.Cidrs
        .Where(cidr => cidr.IsV6 == isV6)
        .Select(cidr => (IpAddress?)(cidr.Network with { Bits = cidr.Network.Bits + 1 }))
        .FirstOrDefault();

    public IpAddress GatewayLinkLocal => Frames.LinkLocal(GatewayMac);

    public bool IsRouterAddress(VpcConfig vpc, IpAddress address) =>
        address == GatewayLinkLocal || vpc.Subnets.Any(subnet => Router(subnet, address.IsV6) == address);

    public bool IsOwnOutside(IpAddress address) => Internet.Addresses.Any(own => own.Address == address);

    public IpAddress? FirstOutside(bool isV6) =>
        Internet.Addresses.Where(own => own.IsV6 == isV6).Select(own => (IpAddress?)own.Address).FirstOrDefault();

    public bool IsOnLink(IpAddress address) => Internet.Addresses.Any(own => own.Contains(address));

    public bool IsEip(IpAddress address) => Config.ElasticIps.Any(eip => eip.Address == address);

    /// <summary>The EIP with this address, if it is bound.</summary>
    public BoundEip? Bound(IpAddress publicAddress) => _bound.Find(bound => bound.Eip.Address == publicAddress);

    /// <summary>The EIP that is bound to an ENI's private address.</summary>
    public BoundEip? EipOf(EniConfig eni, IpAddress privateAddress) =>
        _bound.Find(bound => bound.Eni.Name == eni.Name && bound.Private == privateAddress);

    /// <summary>Largest IP packet of a port; null is the public port.</summary>
    public int MtuBytes(EniConfig? eni) => (eni is null ? Internet.Mtu : eni.Mtu) ?? DefaultMtuBytes;

    /// <summary>The target of the longest matching route in the table of the ENI's subnet, null without one.</summary>
    public string? RouteTarget(EniConfig eni, IpAddress destination)
    {
        VpcConfig vpc = VpcOf(eni);
        string? name = SubnetOf(eni).RouteTable;
        RouteTableConfig? table = vpc.RouteTables.FirstOrDefault(t => name is null ? t.Main : t.Name == name);
        return table?.Routes
            .SelectMany(route => Config.DestinationsOf(route), (route, prefix) => (route.Target, Prefix: prefix))
            .Where(way => way.Prefix.Contains(destination))
            .OrderByDescending(way => way.Prefix.Length)
            .Select(way => way.Target)
            .FirstOrDefault();
    }

    /// <summary>Next hop on the public side: the destination itself when it is on-link.</summary>
    public IpAddress? NextHop(IpAddress destination)
    {
        IEnumerable<(IpPrefix Prefix, IpAddress Hop)> ways =
        [
            .. Internet.Addresses.Select(own => (own, destination)),
            .. Internet.Routes.Select(route => (route.Destination, route.NextHop)),
        ];
        return ways.Where(way => way.Prefix.Contains(destination))
            .OrderByDescending(way => way.Prefix.Length)
            .Select(way => (IpAddress?)way.Hop)
            .FirstOrDefault();
    }

    /// <summary>The ENI that an IPv6 packet from outside reaches: one whose route table sends the answers there.</summary>
    public EniConfig? PublicHolder(IpAddress destination, IpAddress source) => Config.Enis
        .FirstOrDefault(eni => eni.PrivateIps.Contains(destination) && RouteTarget(eni, source) == InternetPort);

    private IEnumerable<BoundEip> AllBound()
    {
        foreach (ElasticIpConfig eip in Config.ElasticIps.Where(eip => eip.Eni is not null))
        {
            if (Eni(eip.Eni!) is { } eni && eni.PrivateIps.Any(ip => !ip.IsV6))
            {
                yield return new BoundEip(eip, eni, eip.PrivateIp ?? eni.PrivateIps.First(ip => !ip.IsV6));
            }
        }
    }
}
