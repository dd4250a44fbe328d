using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Where something stands in the configuration text. Line and column count from 1; 0 when it has no place.</summary>
public readonly record struct SourcePosition(int Line, int Column);

/// <summary>The whole configuration as its author wrote it, with defaults filled in (interface.md section 2).</summary>
public sealed record SwitchConfig
{
    /// <summary>Settings of the switch itself.</summary>
    public SwitchSettings Switch { get; init; } = new();

    /// <summary>The public side; null when there is none.</summary>
    public InternetConfig? Internet { get; init; }

    /// <summary>Virtual networks.</summary>
    public IReadOnlyList<VpcConfig> Vpcs { get; init; } = [];

    /// <summary>Peerings of two VPCs.</summary>
    public IReadOnlyList<PeeringConfig> Peerings { get; init; } = [];

    /// <summary>Security groups.</summary>
    public IReadOnlyList<SecurityGroupConfig> SecurityGroups { get; init; } = [];

    /// <summary>Network ACLs.</summary>
    public IReadOnlyList<NetworkAclConfig> NetworkAcls { get; init; } = [];

    /// <summary>Prefix lists that rules and routes may name.</summary>
    public IReadOnlyList<PrefixListConfig> PrefixLists { get; init; } = [];

    /// <summary>Instances that ENIs belong to.</summary>
    public IReadOnlyList<InstanceConfig> Instances { get; init; } = [];

    /// <summary>Elastic network interfaces: the ports.</summary>
    public IReadOnlyList<EniConfig> Enis { get; init; } = [];

    /// <summary>Elastic IPs.</summary>
    public IReadOnlyList<ElasticIpConfig> ElasticIps { get; init; } = [];

    /// <summary>NAT gateways.</summary>
    public IReadOnlyList<NatGatewayConfig> NatGateways { get; init; } = [];

    /// <summary>Load balancers.</summary>
    public IReadOnlyList<LoadBalancerConfig> LoadBalancers { get; init; } = [];

    /// <summary>Ways out of VPCs: private lines and tunnels.</summary>
    public IReadOnlyList<GatewayConfig> Gateways { get; init; } = [];

    /// <summary>Records of traffic (AWS VPC flow logs, IPFIX).</summary>
    public IReadOnlyList<FlowLogConfig> FlowLogs { get; init; } = [];

    /// <summary>Copies of traffic to a port or a file.</summary>
    public IReadOnlyList<MirrorConfig> Mirrors { get; init; } = [];

    /// <summary>Faults of ports' wires; at most one a port.</summary>
    public IReadOnlyList<WireConfig> Wires { get; init; } = [];

    /// <summary>What elastic IPs cost, and how their usage is metered.</summary>
    public BillingConfig Billing { get; init; } = new();

    /// <summary>The prefixes of a list; none when there is no such list.</summary>
    public IReadOnlyList<IpPrefix> PrefixesOf(string prefixList) =>
        PrefixLists.FirstOrDefault(list => list.Name == prefixList)?.Cidrs ?? [];

    /// <summary>Every device with the port that it feeds. One that gateways share by VLAN feeds a port of its own, with the interface's name.
    /// </summary>
    public IEnumerable<(string Port, DeviceConfig Device)> PortDevices() => Enis.Where(e => !e.Detached).Select(e => (e.Name, e.Device))
        .Concat(Gateways.Select(g => (IsShared(g) ? g.InterfaceName! : g.Name, g.Device)).DistinctBy(g => g.Item1))
        .Append(("internet", Internet?.Device)).Where(d => d.Device != null).Select(d => (d.Item1, d.Device!));

    /// <summary>Names of the interfaces that gateways share by VLAN.</summary>
    public IEnumerable<string> Trunks => Gateways.Where(IsShared).Select(g => g.InterfaceName!).Distinct(StringComparer.Ordinal);

    /// <summary>True when the gateway's frames come by an interface on which there are VLANs.</summary>
    public bool IsShared(GatewayConfig gateway) => gateway.InterfaceName is string name &&
        Gateways.Any(g => g.Vlan != null && g.InterfaceName == name);

    /// <summary>What a route is for: its prefix, or those of the list that it names.</summary>
    public IReadOnlyList<IpPrefix> DestinationsOf(RouteConfig route) =>
        route.PrefixList == null ? [route.Destination] : PrefixesOf(route.PrefixList);
}

/// <summary>Settings of the switch itself.</summary>
public sealed record SwitchSettings
{
    /// <summary>Worker threads; null = the processors this process may use.</summary>
    public int? Workers { get; init; }

    /// <summary>The 40 bytes of the Toeplitz key (default: 6d5a repeated, symmetric).</summary>
    public byte[] RssKey { get; init; } = Toeplitz.SymmetricKey();

    /// <summary>By the low 7 bits of the hash the worker that owns the connection (modulo the workers there are); null = all in turn.</summary>
    public IReadOnlyList<byte>? RssIndirection { get; init; }

    /// <summary>What every subnet's router answers with.</summary>
    public MacAddress GatewayMac { get; init; } = new(0x0276_7300_0001);

    /// <summary>Connections tracked at most, over all workers.</summary>
    public int ConnectionCapacity { get; init; } = 1_000_000;

    /// <summary>Idle times.</summary>
    public TimeoutSettings Timeouts { get; init; } = new();
}

/// <summary>Idle times of connections (semantics.md decision 5).</summary>
public sealed record TimeoutSettings
{
    /// <summary>TCP after the handshake.</summary>
    public TimeSpan TcpEstablished { get; init; } = TimeSpan.FromDays(5);

    /// <summary>TCP half open (SYN seen, SYN+ACK seen).</summary>
    public TimeSpan TcpTransient { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>TCP after a FIN.</summary>
    public TimeSpan TcpClosing { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>TCP after a RST.</summary>
    public TimeSpan TcpReset { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>UDP seen one way.</summary>
    public TimeSpan Udp { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>UDP seen both ways.</summary>
    public TimeSpan UdpStream { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>ICMP and ICMPv6 queries.</summary>
    public TimeSpan Icmp { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Any other IP protocol.</summary>
    public TimeSpan Other { get; init; } = TimeSpan.FromSeconds(600);
}

/// <summary>The public side of the switch.</summary>
public sealed record InternetConfig
{
    /// <summary>What it is attached to; null = nothing (replay feeds it).</summary>
    public DeviceConfig? Device { get; init; }

    /// <summary>The switch's own MAC there.</summary>
    public MacAddress Mac { get; init; } = new(0x0276_7300_0002);

    /// <summary>The switch's own addresses there, each with its on-link prefix.</summary>
    public IReadOnlyList<IpPrefix> Addresses { get; init; } = [];

    /// <summary>Routes beyond the on-link prefixes.</summary>
    public IReadOnlyList<InternetRouteConfig> Routes { get; init; } = [];

    /// <summary>Static neighbours.</summary>
    public IReadOnlyDictionary<IpAddress, MacAddress> Neighbors { get; init; } = new Dictionary<IpAddress, MacAddress>();

    /// <summary>Largest IP packet, bytes; null = the device's, else 1500.</summary>
    public int? Mtu { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>A route of the public side.</summary>
public sealed record InternetRouteConfig(IpPrefix Destination, IpAddress NextHop, SourcePosition Position);

/// <summary>What a port is attached to: exactly one of Tap, Interface, Pcap and SharpPcap.</summary>
public sealed record DeviceConfig
{
    /// <summary>Name of a TAP device to make.</summary>
    public string? Tap { get; init; }

    /// <summary>Name of an existing interface.</summary>
    public string? Interface { get; init; }

    /// <summary>Capture file to read from; null = none.</summary>
    public string? PcapIn { get; init; }

    /// <summary>Capture file to write to; null = none.</summary>
    public string? PcapOut { get; init; }

    /// <summary>Name of a capture device, as SharpPcap calls it; null = none.</summary>
    public string? SharpPcap { get; init; }

    /// <summary>Queues of a TAP or a live interface; null = one a worker.</summary>
    public int? Queues { get; init; }

    /// <summary>Checksum and segmentation offload of a TAP (IFF_VNET_HDR).</summary>
    public bool Offload { get; init; } = true;

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }

    /// <summary>Name of the interface that it stands on; null for captures. (SharpPcap's name is, on Linux, the interface's.)</summary>
    public string? InterfaceName => Tap ?? Interface ?? SharpPcap;
}

/// <summary>A virtual network: an address space of its own.</summary>
public sealed record VpcConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its address ranges.</summary>
    public IReadOnlyList<IpPrefix> Cidrs { get; init; } = [];

    /// <summary>Its subnets.</summary>
    public IReadOnlyList<SubnetConfig> Subnets { get; init; } = [];

    /// <summary>Its route tables.</summary>
    public IReadOnlyList<RouteTableConfig> RouteTables { get; init; } = [];

    /// <summary>What its guests are told by DHCP; null = the defaults.</summary>
    public DhcpConfig? Dhcp { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>A subnet: the ENIs of one switch segment.</summary>
public sealed record SubnetConfig
{
    /// <summary>Its name, unique over all VPCs.</summary>
    public required string Name { get; init; }

    /// <summary>Its ranges: at most one IPv4 and one IPv6.</summary>
    public IReadOnlyList<IpPrefix> Cidrs { get; init; } = [];

    /// <summary>Its route table; null = the VPC's main one.</summary>
    public string? RouteTable { get; init; }

    /// <summary>What its guests are told by DHCP; null = as the VPC says.</summary>
    public DhcpConfig? Dhcp { get; init; }

    /// <summary>Its network ACL; null = none, all may cross its border.</summary>
    public string? NetworkAcl { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>A route table of a VPC. Local routes to the VPC's ranges are implied and beat all others.</summary>
public sealed record RouteTableConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>True for the table of subnets that name none.</summary>
    public bool Main { get; init; }

    /// <summary>Its routes.</summary>
    public IReadOnlyList<RouteConfig> Routes { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>A route. Target is "internet", "blackhole", "eni:NAME", "nat:NAME", "peering:NAME" or "gateway:NAME".</summary>
public sealed record RouteConfig(IpPrefix Destination, string Target, SourcePosition Position)
{
    /// <summary>Begins the target of a route to a gateway.</summary>
    public const string GatewayPrefix = "gateway:";

    /// <summary>What a route weighs whose author says nothing.</summary>
    public const int UsualWeight = 1;

    /// <summary>Its place among routes of the same prefix.</summary>
    public RoutePreference Preference { get; init; }

    /// <summary>Its part of the connections among propagated routes of the same prefix, 1 to 256.</summary>
    public int Weight { get; init; } = UsualWeight;

    /// <summary>The gateway that it leads to; null when it leads elsewhere.</summary>
    public string? Gateway => Target.StartsWith(GatewayPrefix, StringComparison.Ordinal) ? Target[GatewayPrefix.Length..] : null;

    /// <summary>The prefix list whose prefixes are the destinations; then <see cref="Destination"/> does not count.</summary>
    public string? PrefixList { get; init; }
}

/// <summary>What happens to live connections when a group's rules change (semantics.md decision 3).</summary>
public enum LiveConnectionPolicy
{
    /// <summary>What the new rules still allow goes on, anything else stops with its next packet.</summary>
    Recheck,

    /// <summary>They live on (AWS).</summary>
    Keep,

    /// <summary>They all end.</summary>
    Cut,
}

/// <summary>A security group.</summary>
public sealed record SecurityGroupConfig
{
    /// <summary>Its name, unique over all VPCs.</summary>
    public required string Name { get; init; }

    /// <summary>The VPC it belongs to.</summary>
    public required string Vpc { get; init; }

    /// <summary>Rules for packets to the ENI; a template's rules are already in it.</summary>
    public IReadOnlyList<RuleConfig> Ingress { get; init; } = [];

    /// <summary>Rules for packets from the ENI; null = all egress is allowed, empty = none.</summary>
    public IReadOnlyList<RuleConfig>? Egress { get; init; }

    /// <summary>What happens to live connections when rules change.</summary>
    public LiveConnectionPolicy LiveConnections { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>One allow rule.</summary>
public sealed record RuleConfig
{
    /// <summary>IP protocol number; null = all.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Destination ports; empty = all. Only for tcp, udp and sctp.</summary>
    public IReadOnlyList<PortRange> Ports { get; init; } = [];

    /// <summary>ICMP type; null = all.</summary>
    public byte? IcmpType { get; init; }

    /// <summary>ICMP code; null = all.</summary>
    public byte? IcmpCode { get; init; }

    /// <summary>The other end.</summary>
    public required PeerConfig Peer { get; init; }

    /// <summary>Free text, at most 256 characters.</summary>
    public string? Remark { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>Ports from first to last, both included.</summary>
public readonly record struct PortRange(ushort First, ushort Last);

/// <summary>The other end of a rule: exactly one of the three.</summary>
/// <param name="Cidr">Addresses.</param>
/// <param name="Group">The private addresses of that group's ENIs.</param>
/// <param name="PrefixList">The prefixes of that list.</param>
public sealed record PeerConfig(IpPrefix? Cidr, string? Group, string? PrefixList)
{
    /// <summary>The peering by which <see cref="Group"/>, one of another VPC, is reached. A rule that names it stays when the peering or the
    /// group goes, as a stale one; null = by whatever peering there is.</summary>
    public string? Peering { get; init; }
}

/// <summary>A network ACL: stateless rules at the border of subnets (semantics.md section 1).</summary>
public sealed record NetworkAclConfig
{
    /// <summary>Its name, unique over all VPCs.</summary>
    public required string Name { get; init; }

    /// <summary>The VPC it belongs to.</summary>
    public required string Vpc { get; init; }

    /// <summary>Rules for packets into the subnet, as written. What none names is denied.</summary>
    public IReadOnlyList<NetworkAclRuleConfig> Ingress { get; init; } = [];

    /// <summary>Rules for packets out of the subnet.</summary>
    public IReadOnlyList<NetworkAclRuleConfig> Egress { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>One rule of a network ACL.</summary>
/// <param name="Priority">1 to 32768; the smallest that names a packet decides.</param>
/// <param name="Allows">True for <c>allow</c>, false for <c>deny</c>.</param>
/// <param name="Match">Which packets it names; the peer is never a group.</param>
public sealed record NetworkAclRuleConfig(int Priority, bool Allows, RuleConfig Match);

/// <summary>A named list of prefixes.</summary>
public sealed record PrefixListConfig(string Name, IReadOnlyList<IpPrefix> Cidrs, SourcePosition Position);

/// <summary>An instance (virtual machine, container).</summary>
public sealed record InstanceConfig(string Name, int Vcpus, SourcePosition Position);

/// <summary>An elastic network interface as asked for.</summary>
public sealed record EniConfig
{
    /// <summary>Its name: the port's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its instance; null = attached to none.</summary>
    public string? Instance { get; init; }

    /// <summary>True for the instance's first interface.</summary>
    public bool Primary { get; init; }

    /// <summary>Its subnet.</summary>
    public required string Subnet { get; init; }

    /// <summary>Its MAC.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Its addresses, IPv4 and IPv6; the first is the primary one.</summary>
    public IReadOnlyList<IpAddress> PrivateIps { get; init; } = [];

    /// <summary>Its security groups, 1 to 5.</summary>
    public IReadOnlyList<string> SecurityGroups { get; init; } = [];

    /// <summary>What it is attached to; null = nothing.</summary>
    public DeviceConfig? Device { get; init; }

    /// <summary>Admits connections in mid-stream (semantics.md decision 4: <c>tcp: loose</c>).</summary>
    public bool TcpLoose { get; init; }

    /// <summary>False for an ENI that routes: it may send from, and is sent packets for, addresses that are not its own.</summary>
    public bool SourceDestCheck { get; init; } = true;

    /// <summary>Largest IP packet, bytes; null = the device's, else 1500.</summary>
    public int? Mtu { get; init; }

    /// <summary>What it may send and get a second.</summary>
    public EniLimitsConfig Limits { get; init; } = new();

    /// <summary>DSCP of what it sends, 0 to 63; null = as its guest wrote it.</summary>
    public byte? Dscp { get; init; }

    /// <summary>True for an ENI that is plugged into nothing: no instance, its device closed, its port down.</summary>
    public bool Detached { get; init; }

    /// <summary>Goes when its instance is deleted; a primary one always does (semantics.md section 9).</summary>
    public bool DeleteWithInstance
    {
        get => Primary || field;
        init;
    }

    /// <summary>Queues in use; null = by its device or its instance's vCPUs (<see cref="EniQueues"/>).</summary>
    public int? Queues { get; init; }

    /// <summary>How the switch spreads the frames for its guest over the queues; null = each worker has a queue of its own.</summary>
    public EniRssConfig? Rss { get; init; }

    /// <summary>How many addresses the system is to choose; null = they are given, or chosen and settled.</summary>
    public int? ChosenIps { get; init; }

    /// <summary>True when the system is to choose the MAC.</summary>
    public bool IsMacChosen { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>How an EIP is billed.</summary>
public enum BillingType
{
    /// <summary>Pay by configuration.</summary>
    Bandwidth,

    /// <summary>Pay by consumption.</summary>
    Traffic,

    /// <summary>By the month.</summary>
    Monthly,
}

/// <summary>An elastic IP. Associated when one of <see cref="Eni"/>, <see cref="NatGateway"/> and <see cref="LoadBalancer"/> is given.
/// </summary>
public sealed partial record ElasticIpConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The public IPv4 address.</summary>
    public required IpAddress Address { get; init; }

    /// <summary>The ENI it is bound to; null = unbound.</summary>
    public string? Eni { get; init; }

    /// <summary>The private address it maps to; null = the ENI's primary IPv4 address.</summary>
    public IpAddress? PrivateIp { get; init; }

    /// <summary>Outbound cap, bits per second; null = no cap.</summary>
    public long? BandwidthBitsPerSecond { get; init; }

    /// <summary>Inbound cap, bits per second; null = by the rule of semantics.md decision 11.</summary>
    public long? BandwidthInBitsPerSecond { get; init; }

    /// <summary>How it is billed.</summary>
    public BillingType Billing { get; init; }

    /// <summary>From which rates on it counts as attacked; null = never.</summary>
    public ProtectionConfig? Protection { get; init; }

    /// <summary>True for one that serves a single availability zone: never for a secondary ENI (semantics.md section 9).</summary>
    public bool SingleZone { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}
