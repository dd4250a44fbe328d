using System.Text;
using VSwitch.ControlPlane.Validation;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Reads a configuration: YAML (so JSON too) to records, with all errors, each with its place and the mend
/// (interface.md section 2).</summary>
public static partial class ConfigReader
{
    private const long MaxFileBytes = 64 << 20;

    /// <summary>Reads and validates a file.</summary>
    public static ConfigResult Read(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: > MaxFileBytes }
                ? Failed(path, $"the file is larger than {MaxFileBytes >> 20} MiB; is it a configuration?")
                : Parse(path, File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Failed(path, $"cannot be read: {e.Message}");
        }
    }

    /// <summary>Parses and validates text; <paramref name="fileName"/> stands in the errors.</summary>
    public static ConfigResult Parse(string fileName, string text) => Parse(fileName, Encoding.UTF8.GetBytes(text));

    /// <summary>Parses and validates UTF-8 text.</summary>
    /// <param name="fileName">Stands in the errors.</param>
    /// <param name="utf8">The text.</param>
    /// <param name="isJson">True when it must be JSON; else it may be YAML too.</param>
    public static ConfigResult Parse(string fileName, ReadOnlySpan<byte> utf8, bool isJson = false)
    {
        var errors = new ConfigErrors(fileName);
        ConfigNode? root = ConfigNode.Parse(utf8, errors.Add, isJson);
        SwitchConfig? config = null;
        if (root != null)
        {
            config = ReadRoot(root, errors);
            if (errors.Count == 0)
            {
                config = SystemChoices.Fill(config, inForce: null, errors);
            }

            if (errors.Count == 0)
            {
                new ConfigValidator(config, errors).Validate();
            }
        }

        return errors.Count == 0 ? new ConfigResult(config, []) { Warnings = errors.Warnings() }
            : new ConfigResult(null, errors.Sorted()) { IsUnreadable = root == null };
    }

    private static ConfigResult Failed(string path, string message) =>
        new(null, [new ConfigError(path, new SourcePosition(1, 1), message)]);

    private static SwitchConfig ReadRoot(ConfigNode root, ConfigErrors errors)
    {
        var map = new ConfigMap(root, "the configuration", errors);
        var config = new SwitchConfig
        {
            Switch = map.Node("switch") is ConfigNode s ? ReadSwitch(s, errors) : new SwitchSettings(),
            Internet = map.Node("internet") is ConfigNode i ? ReadInternet(i, errors) : null,
            Vpcs = ReadAll(map, "vpcs", n => ReadVpc(n, errors)),
            Peerings = ReadAll(map, "peerings", n => ReadPeering(n, errors)),
            SecurityGroups = ReadAll(map, "securityGroups", n => ReadGroup(n, errors)),
            NetworkAcls = ReadAll(map, "networkAcls", n => ReadNetworkAcl(n, errors)),
            PrefixLists = ReadAll(map, "prefixLists", n => ReadPrefixList(n, errors)),
            Instances = ReadAll(map, "instances", n => ReadInstance(n, errors)),
            Enis = ReadAll(map, "enis", n => ReadEni(n, errors)),
            ElasticIps = ReadAll(map, "elasticIps", n => ReadElasticIp(n, errors)),
            NatGateways = ReadAll(map, "natGateways", n => ReadNatGateway(n, errors)),
            LoadBalancers = ReadAll(map, "loadBalancers", n => ReadLoadBalancer(n, errors)),
            Gateways = ReadAll(map, "gateways", n => ReadGateway(n, errors)),
            FlowLogs = ReadAll(map, "flowLogs", n => ReadFlowLog(n, errors)),
            Mirrors = ReadAll(map, "mirrors", n => ReadMirror(n, errors)),
            Wires = ReadAll(map, "wires", n => ReadWire(n, errors)),
            Billing = map.Node("billing") is ConfigNode b ? ReadBilling(b, errors) : new BillingConfig(),
        };
        map.Finish();
        return config;
    }

    private static List<T> ReadAll<T>(ConfigMap map, string key, Func<ConfigNode, T> read) =>
        [.. map.List(key).Select(read)];

    private static SwitchSettings ReadSwitch(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "switch", errors);
        var defaults = new SwitchSettings();
        int? capacity = null;
        if (map.Node("connections") is ConfigNode connections)
        {
            var inner = new ConfigMap(connections, "connections", errors);
            capacity = inner.Integer("capacity", 1, 100_000_000);
            inner.Finish();
        }

        EniRssConfig? rss = map.Node("rss") is ConfigNode spread ? ReadRss(spread, errors) : null;

        var settings = new SwitchSettings
        {
            Workers = map.Integer("workers", 1, 64),
            RssKey = rss?.Key ?? defaults.RssKey,
            RssIndirection = rss?.Indirection,
            GatewayMac = map.Mac("gatewayMac") ?? defaults.GatewayMac,
            ConnectionCapacity = capacity ?? defaults.ConnectionCapacity,
            Timeouts = map.Node("timeouts") is ConfigNode t ? ReadTimeouts(t, errors) : defaults.Timeouts,
        };
        map.Finish();
        return settings;
    }

    private static TimeoutSettings ReadTimeouts(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "timeouts", errors);
        var d = new TimeoutSettings();
        TimeSpan Read(string key, TimeSpan otherwise) => ReadTimeout(map, key) ?? otherwise;

        var timeouts = new TimeoutSettings
        {
            TcpEstablished = Read("tcpEstablished", d.TcpEstablished),
            TcpTransient = Read("tcpTransient", d.TcpTransient),
            TcpClosing = Read("tcpClosing", d.TcpClosing),
            TcpReset = Read("tcpReset", d.TcpReset),
            Udp = Read("udp", d.Udp),
            UdpStream = Read("udpStream", d.UdpStream),
            Icmp = Read("icmp", d.Icmp),
            Other = Read("other", d.Other),
        };
        map.Finish();
        return timeouts;
    }

    private static TimeSpan? ReadTimeout(ConfigMap map, string key) => map.Value<TimeSpan>(
        key, t => ConfigValues.Duration(t) is TimeSpan v && v >= TimeSpan.FromSeconds(1) && v <= TimeSpan.FromDays(20) ? v : null,
        "a time from 1s to 20d, like 350s, 5m or 5d");

    private static InternetConfig ReadInternet(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "internet", errors);
        var internet = new InternetConfig
        {
            Device = map.Node("device") is ConfigNode d ? ReadDevice(d, errors) : null,
            Mac = map.Mac("mac") ?? new InternetConfig().Mac,
            Addresses = map.Values<IpPrefix>("addresses", ConfigValues.Prefix, "an address with its prefix length, like 198.51.100.1/24"),
            Routes = ReadAll(map, "routes", n => ReadInternetRoute(n, errors)),
            Neighbors = ReadNeighbors(map, errors),
            Mtu = map.Integer("mtu", 576, 65535),
            Position = node.Position,
        };
        map.Finish();
        return internet;
    }

    private static InternetRouteConfig ReadInternetRoute(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a route", errors);
        map.Required("destination");
        map.Required("nextHop");
        IpPrefix destination = map.Value<IpPrefix>("destination", ConfigValues.Prefix, "a prefix, like 0.0.0.0/0") ?? default;
        var route = new InternetRouteConfig(destination, map.Address("nextHop") ?? default, node.Position);
        map.Finish();
        return route;
    }

    private static DeviceConfig ReadDevice(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "device", errors);
        string? pcapIn = null;
        string? pcapOut = null;
        if (map.Node("pcap") is ConfigNode pcap)
        {
            var inner = new ConfigMap(pcap, "pcap", errors);
            pcapIn = inner.Text("in");
            pcapOut = inner.Text("out");
            inner.Finish();
            if (pcapIn == null && pcapOut == null)
            {
                errors.Add(pcap.Position, "a pcap device needs 'in', 'out' or both");
            }
        }

        var device = new DeviceConfig
        {
            Tap = map.Text("tap"),
            Interface = map.Text("interface"),
            PcapIn = pcapIn,
            PcapOut = pcapOut,
            SharpPcap = map.Text("sharppcap"),
            Queues = map.Integer("queues", 1, 64),
            Offload = map.Flag("offload", otherwise: true),
            Position = node.Position,
        };
        int kinds = (device.Tap != null ? 1 : 0) + (device.Interface != null ? 1 : 0) + (map.Has("pcap") ? 1 : 0) + (device.SharpPcap != null ? 1 : 0);
        if (kinds != 1)
        {
            errors.Add(node.Position, "a device is exactly one of tap: NAME, interface: NAME, pcap: { in: FILE, out: FILE }, sharppcap: NAME");
        }

        map.Finish();
        return device;
    }
}
