using System.Globalization;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Plan;

/// <summary>The kinds of things that a configuration has, setting by setting.</summary>
internal static partial class Shapes
{
    private static readonly SwitchSettings Usual = new();

    public static readonly Shape<SwitchSettings> Switch = new(
        "switch", _ => "switch",
        new ValueField<SwitchSettings>("workers", s => Number(s.Workers)),
        new ValueField<SwitchSettings>("rss.key", s => ConfigText.RssKey(s.RssKey), ConfigText.RssKey(Usual.RssKey)),
        new ValueField<SwitchSettings>("rss.indirection", s => Indirection(s.RssIndirection)),
        new ValueField<SwitchSettings>("gatewayMac", s => s.GatewayMac.ToString(), Usual.GatewayMac.ToString()),
        new ValueField<SwitchSettings>("connections.capacity", s => Number(s.ConnectionCapacity), Number(Usual.ConnectionCapacity)),
        Timeout("tcpEstablished", t => t.TcpEstablished),
        Timeout("tcpTransient", t => t.TcpTransient),
        Timeout("tcpClosing", t => t.TcpClosing),
        Timeout("tcpReset", t => t.TcpReset),
        Timeout("udp", t => t.Udp),
        Timeout("udpStream", t => t.UdpStream),
        Timeout("icmp", t => t.Icmp),
        Timeout("other", t => t.Other));

    public static readonly Shape<InternetConfig> Internet = new(
        "internet", _ => "internet",
        new ValueField<InternetConfig>("device", i => Device(i.Device)),
        new ValueField<InternetConfig>("mac", i => i.Mac.ToString(), new InternetConfig().Mac.ToString()),
        new ListField<InternetConfig, IpPrefix>("addresses", i => i.Addresses, a => a.ToString(), orderOf: _ => ""),
        new ListField<InternetConfig, (IpPrefix Destination, IpAddress NextHop)>(
            "routes", i => [.. i.Routes.Select(r => (r.Destination, r.NextHop))], r => $"{r.Destination} by {r.NextHop}",
            orderOf: r => r.Destination.ToString()),
        new ListField<InternetConfig, KeyValuePair<IpAddress, MacAddress>>(
            "neighbors", i => [.. i.Neighbors.OrderBy(n => n.Key)], n => $"{n.Key} at {n.Value}"),
        new ValueField<InternetConfig>("mtu", i => Number(i.Mtu)));

    public static readonly Shape<VpcConfig> Vpc = new(
        "vpc", v => v.Name, [new ListField<VpcConfig, IpPrefix>("cidrs", v => v.Cidrs, c => c.ToString()), .. Dhcp<VpcConfig>(v => v.Dhcp)]);

    public static readonly Shape<SubnetConfig> Subnet = new(
        "subnet", s => s.Name,
        [
            new ListField<SubnetConfig, IpPrefix>("cidrs", s => s.Cidrs, c => c.ToString()),
            new ValueField<SubnetConfig>("routeTable", s => s.RouteTable),
            new ValueField<SubnetConfig>("networkAcl", s => s.NetworkAcl),
            .. Dhcp<SubnetConfig>(s => s.Dhcp),
        ]);

    public static readonly Shape<RouteTableConfig> RouteTable = new(
        "route-table", t => t.Name,
        new ValueField<RouteTableConfig>("main", t => Flag(t.Main), "false"),
        new ListField<RouteTableConfig, (string Destination, string Target)>(
            "routes", t => [.. t.Routes.Select(r => (ConfigText.Destination(r), ConfigText.Target(r)))], r => $"{r.Destination} to {r.Target}",
            orderOf: r => r.Destination));

    public static readonly Shape<PeeringConfig> Peering = new(
        "peering", p => p.Name,
        new ValueField<PeeringConfig>("requester", p => p.Requester),
        new ValueField<PeeringConfig>("accepter", p => p.Accepter),
        new ValueField<PeeringConfig>("accepted", p => Flag(p.Accepted)));

    public static readonly Shape<SecurityGroupConfig> SecurityGroup = new(
        "security-group", g => g.Name,
        new ValueField<SecurityGroupConfig>("vpc", g => g.Vpc),
        new ValueField<SecurityGroupConfig>("liveConnections", g => ConfigText.Word(g.LiveConnections), ConfigText.Word(default(LiveConnectionPolicy))),
        new ListField<SecurityGroupConfig, RuleConfig>("ingress", g => g.Ingress, r => Rule(r, isEgress: false), RuleComparer.AsWritten),
        new ListField<SecurityGroupConfig, RuleConfig>(
            "egress", g => g.Egress, r => Rule(r, isEgress: true), RuleComparer.AsWritten,
            wholeOf: g => g.Egress switch { null => "all allowed", [] => "none allowed", _ => null }));

    public static readonly Shape<NetworkAclConfig> NetworkAcl = new(
        "network-acl", a => a.Name,
        new ValueField<NetworkAclConfig>("vpc", a => a.Vpc),
        new ListField<NetworkAclConfig, NetworkAclRuleConfig>("ingress", a => a.Ingress, r => AclRule(r, isEgress: false), AclRuleComparer.Instance),
        new ListField<NetworkAclConfig, NetworkAclRuleConfig>("egress", a => a.Egress, r => AclRule(r, isEgress: true), AclRuleComparer.Instance));

    public static readonly Shape<PrefixListConfig> PrefixList = new(
        "prefix-list", l => l.Name, new ListField<PrefixListConfig, IpPrefix>("cidrs", l => l.Cidrs, c => c.ToString()));

    public static readonly Shape<InstanceConfig> Instance = new(
        "instance", i => i.Name, new ValueField<InstanceConfig>("vcpus", i => Number(i.Vcpus)));

    public static readonly Shape<EniConfig> Eni = new(
        "eni", e => e.Name,
        new ValueField<EniConfig>("instance", e => e.Instance),
        new ValueField<EniConfig>("primary", e => Flag(e.Primary), "false"),
        new ValueField<EniConfig>("subnet", e => e.Subnet),
        new ValueField<EniConfig>("mac", e => e.Mac.ToString()),
        new ListField<EniConfig, IpAddress>("privateIps", e => e.PrivateIps, a => a.ToString(), orderOf: _ => ""),
        new ListField<EniConfig, string>("securityGroups", e => e.SecurityGroups, g => g, StringComparer.Ordinal),
        new ValueField<EniConfig>("device", e => Device(e.Device)),
        new ValueField<EniConfig>("tcp", e => e.TcpLoose ? "loose" : "strict", "strict"),
        new ValueField<EniConfig>("sourceDestCheck", e => Flag(e.SourceDestCheck), "true"),
        new ValueField<EniConfig>("mtu", e => Number(e.Mtu)),
        new ValueField<EniConfig>("limits.egress", e => Rate(e.Limits.EgressBitsPerSecond)),
        new ValueField<EniConfig>("limits.ingress", e => Rate(e.Limits.IngressBitsPerSecond)),
        new ValueField<EniConfig>("limits.egressPackets", e => Number(e.Limits.EgressPacketsPerSecond)),
        new ValueField<EniConfig>("limits.ingressPackets", e => Number(e.Limits.IngressPacketsPerSecond)),
        new ValueField<EniConfig>("dscp", e => ConfigText.Dscp(e.Dscp), ConfigText.Dscp(null)),
        new ValueField<EniConfig>("detached", e => Flag(e.Detached), "false"),
        new ValueField<EniConfig>("deleteWithInstance", e => e.Primary ? null : Flag(e.DeleteWithInstance), "false"),
        new ValueField<EniConfig>("queues", e => Number(e.Queues)),
        new ValueField<EniConfig>("rss.key", e => e.Rss == null ? null : ConfigText.RssKey(e.Rss.Key)),
        new ValueField<EniConfig>("rss.indirection", e => Indirection(e.Rss?.Indirection)));

    public static readonly Shape<ElasticIpConfig> ElasticIp = new(
        "elastic-ip", e => e.Name,
        [new ValueField<ElasticIpConfig>("address", e => e.Address.ToString()),
        new ValueField<ElasticIpConfig>("eni", e => e.Eni),
        new ValueField<ElasticIpConfig>("privateIp", e => e.PrivateIp?.ToString()),
        new ValueField<ElasticIpConfig>("natGateway", e => e.NatGateway),
        new ValueField<ElasticIpConfig>("loadBalancer", e => e.LoadBalancer),
        new ListField<ElasticIpConfig, EipPlaceConfig>("standby", e => e.Standby, Place, orderOf: _ => ""),
        .. HealthCheck<ElasticIpConfig>(e => e.HealthCheck),
        new ValueField<ElasticIpConfig>("failback", e => Flag(e.Failback), "false"),
        new ValueField<ElasticIpConfig>("home", e => e.Home == null ? null : Place(e.Home)),
        new ValueField<ElasticIpConfig>("drift", e => ConfigText.Word(e.Drift), ConfigText.Word(default(DriftMode))),
        new ValueField<ElasticIpConfig>("bandwidth", e => Rate(e.BandwidthBitsPerSecond)),
        new ValueField<ElasticIpConfig>("bandwidthIn", e => Rate(e.BandwidthInBitsPerSecond)),
        new ValueField<ElasticIpConfig>("billing", e => ConfigText.Word(e.Billing), ConfigText.Word(default(BillingType))),
        new ValueField<ElasticIpConfig>("protection.bits", e => Rate(e.Protection?.BitsPerSecond)),
        new ValueField<ElasticIpConfig>("protection.packets", e => Number(e.Protection?.PacketsPerSecond)),
        new ValueField<ElasticIpConfig>("protection.syns", e => Number(e.Protection?.SynsPerSecond)),
        new ValueField<ElasticIpConfig>("protection.newConnections", e => Number(e.Protection?.NewConnectionsPerSecond)),
        new ValueField<ElasticIpConfig>("protection.calmFor", e => e.Protection == null ? null : ConfigText.Duration(e.Protection.CalmFor)),
        new ValueField<ElasticIpConfig>("singleZone", e => Flag(e.SingleZone), "false")]);

    public static readonly Shape<NatGatewayConfig> NatGateway = new(
        "nat-gateway", g => g.Name,
        new ValueField<NatGatewayConfig>("vpc", g => g.Vpc),
        new ValueField<NatGatewayConfig>("size", g => NatGatewaySizes.Word(g.ConnectionCapacity), NatGatewaySizes.Word(NatGatewaySizes.Small)),
        NatTimeout("tcpEstablished", t => t.TcpEstablished),
        NatTimeout("tcpTransient", t => t.TcpTransient),
        NatTimeout("udp", t => t.Udp),
        NatTimeout("icmp", t => t.Icmp));

    public static readonly Shape<LoadBalancerConfig> LoadBalancer = new(
        "load-balancer", b => b.Name,
        new ValueField<LoadBalancerConfig>("subnet", b => b.Subnet),
        new ValueField<LoadBalancerConfig>("address", b => b.Address.ToString()));

    public static readonly Shape<FlowLogConfig> FlowLog = new(
        "flow-log", l => l.Name,
        new ValueField<FlowLogConfig>("eni", l => l.Eni),
        new ValueField<FlowLogConfig>("subnet", l => l.Subnet),
        new ValueField<FlowLogConfig>("vpc", l => l.Vpc),
        new ValueField<FlowLogConfig>("traffic", l => ConfigText.Word(l.Traffic), ConfigText.Word(default(FlowLogTraffic))),
        new ValueField<FlowLogConfig>("interval", l => ConfigText.Duration(l.Interval), ConfigText.Duration(new FlowLogConfig { Name = "" }.Interval)),
        new ValueField<FlowLogConfig>("format", l => l.Format),
        new ValueField<FlowLogConfig>("to.file", l => l.File),
        new ValueField<FlowLogConfig>("to.ipfix", l => l.Ipfix));

    public static readonly Shape<MirrorConfig> Mirror = new(
        "mirror", m => m.Name,
        new ValueField<MirrorConfig>("port", m => m.Port),
        new ValueField<MirrorConfig>("direction", m => ConfigText.Word(m.Direction), ConfigText.Word(default(MirrorDirection))),
        new ValueField<MirrorConfig>("filter", m => m.Filter),
        new ValueField<MirrorConfig>("to.port", m => m.ToPort),
        new ValueField<MirrorConfig>("to.file", m => m.ToFile));

    /// <summary>The listeners of a load balancer; what makes one the same is its protocol and port.</summary>
    public static Shape<ListenerConfig> ListenerOf(string balancer) => new(
        "listener", l => $"{balancer}/{ConfigText.Protocol(l.Protocol)}-{l.Port}",
        [
            new ValueField<ListenerConfig>("name", l => l.Name),
            new ValueField<ListenerConfig>("algorithm", l => ConfigText.Algorithm(l.Algorithm), ConfigText.Algorithm(default)),
            new ValueField<ListenerConfig>("stickiness", l => l.Stickiness is TimeSpan time ? ConfigText.Duration(time) : null),
            new ValueField<ListenerConfig>("drain", l => ConfigText.Duration(l.Drain), ConfigText.Duration(new ListenerConfig().Drain)),
            .. HealthCheck<ListenerConfig>(l => l.HealthCheck),
            new ListField<ListenerConfig, (string Place, int Port, int Weight, bool Draining)>(
                "backends", l => [.. l.Backends.Select(b => (b.Place, b.Port, b.Weight, b.Draining))],
                b => $"{b.Place}:{b.Port} weight {b.Weight}{(b.Draining ? " draining" : "")}", orderOf: _ => ""),
        ]);

    /// <summary>"web", or "web 10.0.1.11".</summary>
    private static string Place(EipPlaceConfig place) => place.PrivateIp is IpAddress address ? $"{place.Eni} {address}" : place.Eni;

    private static IField<T>[] HealthCheck<T>(Func<T, HealthCheckConfig?> of)
        where T : class
    {
        var usual = new HealthCheckConfig();
        return
        [
            new ValueField<T>("healthCheck.protocol", t => of(t) is HealthCheckConfig c ? ConfigText.Word(c.Protocol) : null),
            new ValueField<T>("healthCheck.port", t => Number(of(t)?.Port)),
            new ValueField<T>("healthCheck.interval", t => of(t) is HealthCheckConfig c ? ConfigText.Duration(c.Interval) : null, ConfigText.Duration(usual.Interval)),
            new ValueField<T>("healthCheck.timeout", t => of(t) is HealthCheckConfig c ? ConfigText.Duration(c.Timeout) : null, ConfigText.Duration(usual.Timeout)),
            new ValueField<T>("healthCheck.healthy", t => Number(of(t)?.Healthy), Number(usual.Healthy)),
            new ValueField<T>("healthCheck.unhealthy", t => Number(of(t)?.Unhealthy), Number(usual.Unhealthy)),
        ];
    }

    /// <summary>"tcp 443 from 0.0.0.0/0", with the remark behind it.</summary>
    private static string Rule(RuleConfig rule, bool isEgress) =>
        RuleText.Of(rule, isEgress) + (rule.Remark is { Length: > 0 } remark ? $" \"{remark}\"" : "");

    private static string AclRule(NetworkAclRuleConfig rule, bool isEgress) =>
        $"{rule.Priority} {(rule.Allows ? "allow" : "deny")} {Rule(rule.Match, isEgress)}";

    private static string? Device(DeviceConfig? device)
    {
        if (device == null)
        {
            return null;
        }

        string attachment = device.Tap != null ? $"tap {device.Tap}"
            : device.Interface != null ? $"interface {device.Interface}"
            : device.SharpPcap != null ? $"sharppcap {device.SharpPcap}"
            : $"pcap{(device.PcapIn != null ? $" in {device.PcapIn}" : "")}{(device.PcapOut != null ? $" out {device.PcapOut}" : "")}";
        return $"{attachment}{(device.Queues is int queues ? $" queues {queues}" : "")}{(device.Offload ? "" : " offload false")}";
    }

    private static ValueField<SwitchSettings> Timeout(string name, Func<TimeoutSettings, TimeSpan> of) =>
        new("timeouts." + name, s => ConfigText.Duration(of(s.Timeouts)), ConfigText.Duration(of(Usual.Timeouts)));

    private static ValueField<NatGatewayConfig> NatTimeout(string name, Func<NatTimeoutSettings, TimeSpan> of) =>
        new("timeouts." + name, g => ConfigText.Duration(of(g.Timeouts)), ConfigText.Duration(of(new NatTimeoutSettings())));

    private static IField<T>[] Dhcp<T>(Func<T, DhcpConfig?> of)
        where T : class =>
    [
        new ValueField<T>("dhcp.enabled", t => of(t)?.Enabled is bool enabled ? Flag(enabled) : null),
        new ListField<T, IpAddress>("dhcp.dns", t => of(t)?.Dns, a => a.ToString(), orderOf: _ => "", wholeOf: t => of(t)?.Dns is [] ? "none" : null),
        new ValueField<T>("dhcp.domainName", t => of(t)?.DomainName),
        new ListField<T, IpAddress>("dhcp.ntp", t => of(t)?.Ntp, a => a.ToString(), orderOf: _ => "", wholeOf: t => of(t)?.Ntp is [] ? "none" : null),
        new ValueField<T>("dhcp.leaseTime", t => of(t)?.LeaseTime is TimeSpan time ? ConfigText.Duration(time) : null),
    ];

    private static string? Rate(long? bitsPerSecond) => bitsPerSecond is long rate ? ConfigText.Rate(rate) : null;

    private static string? Indirection(IReadOnlyList<byte>? table) => table == null ? null : string.Join(' ', table);

    private static string? Number(int? value) => value?.ToString(CultureInfo.InvariantCulture);

    private static string Flag(bool value) => value ? "true" : "false";
}
