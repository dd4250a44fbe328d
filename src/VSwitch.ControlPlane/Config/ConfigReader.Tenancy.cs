using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>VPCs, groups, instances, ENIs and EIPs.</content>
public static partial class ConfigReader
{
    private static VpcConfig ReadVpc(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a VPC", errors);
        var vpc = new VpcConfig
        {
            Name = map.Required("name"),
            Cidrs = map.Values<IpPrefix>("cidrs", ConfigValues.Prefix, "a range, like 10.0.0.0/16"),
            Subnets = ReadAll(map, "subnets", n => ReadSubnet(n, errors)),
            RouteTables = ReadAll(map, "routeTables", n => ReadRouteTable(n, errors)),
            Dhcp = ReadDhcp(map, errors),
            Position = node.Position,
        };
        map.Finish();
        return vpc;
    }

    private static SubnetConfig ReadSubnet(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a subnet", errors);
        var subnet = new SubnetConfig
        {
            Name = map.Required("name"),
            Cidrs = map.Values<IpPrefix>("cidrs", ConfigValues.Prefix, "a range, like 10.0.1.0/24"),
            RouteTable = map.Text("routeTable"),
            Dhcp = ReadDhcp(map, errors),
            NetworkAcl = map.Text("networkAcl"),
            Position = node.Position,
        };
        map.Finish();
        return subnet;
    }

    private static RouteTableConfig ReadRouteTable(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a route table", errors);
        var table = new RouteTableConfig
        {
            Name = map.Required("name"),
            Main = map.Flag("main", otherwise: false),
            Routes = ReadAll(map, "routes", n => ReadRoute(n, errors)),
            Position = node.Position,
        };
        map.Finish();
        return table;
    }

    private static RouteConfig ReadRoute(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a route", errors);
        string text = map.Required("destination");
        bool isList = text.StartsWith(ListPrefix, StringComparison.Ordinal);
        IpPrefix? destination = isList ? default(IpPrefix)
            : map.Value<IpPrefix>("destination", ConfigValues.Prefix, "a prefix, like 0.0.0.0/0, or prefixList:NAME");
        var route = new RouteConfig(destination ?? default, map.Required("target"), node.Position)
        {
            PrefixList = isList ? text[ListPrefix.Length..] : null,
            Preference = ReadPreference(map),
            Weight = map.Integer("weight", 1, 256) ?? RouteConfig.UsualWeight,
        };
        map.Finish();
        return route;
    }

    private static SecurityGroupConfig ReadGroup(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a security group", errors);
        List<RuleConfig> ingress = ReadAll(map, "ingress", n => ReadRule(n, "source", errors));
        List<RuleConfig>? egress = map.Has("egress") ? ReadAll(map, "egress", n => ReadRule(n, "destination", errors)) : null;
        ApplyTemplate(map, errors, ingress, ref egress);
        LiveConnectionPolicy live = map.Value<LiveConnectionPolicy>(
            "liveConnections", t => t switch
            {
                "recheck" => LiveConnectionPolicy.Recheck,
                "keep" => LiveConnectionPolicy.Keep,
                "cut" => LiveConnectionPolicy.Cut,
                _ => null,
            }, "recheck, keep or cut") ?? LiveConnectionPolicy.Recheck;
        var group = new SecurityGroupConfig
        {
            Name = map.Required("name"),
            Vpc = map.Required("vpc"),
            Ingress = ingress,
            Egress = egress,
            LiveConnections = live,
            Position = node.Position,
        };
        map.Finish();
        return group;
    }

    /// <summary>The documented presets (semantics.md section 1); explicit rules come on top.</summary>
    private static void ApplyTemplate(ConfigMap map, ConfigErrors errors, List<RuleConfig> ingress, ref List<RuleConfig>? egress)
    {
        switch (map.Text("template"))
        {
            case null:
                break;
            case "aws-default":
                egress = [.. egress ?? [], .. Everywhere(null)];
                break;
            case "open":
                ingress.AddRange(Everywhere(null));
                egress = [.. egress ?? [], .. Everywhere(null)];
                break;
            case "jd-default":
                egress = [.. egress ?? [], .. Everywhere(6, 80), .. Everywhere(17, 67, 68, 161)];
                break;
            default:
                errors.Add(map.PlaceOf("template"), "'template' is not jd-default, aws-default or open");
                break;
        }
    }

    private static IEnumerable<RuleConfig> Everywhere(byte? protocol, params ushort[] ports) =>
        new[] { new IpPrefix(IpAddress.V4(0), 0), new IpPrefix(IpAddress.V6(0), 0) }.Select(prefix => new RuleConfig
        {
            Protocol = protocol,
            Ports = [.. ports.Select(p => new PortRange(p, p))],
            Peer = new PeerConfig(prefix, null, null),
        });

    private static PrefixListConfig ReadPrefixList(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a prefix list", errors);
        var list = new PrefixListConfig(
            map.Required("name"), map.Values<IpPrefix>("cidrs", ConfigValues.Prefix, "a prefix, like 10.0.0.0/8"), node.Position);
        map.Finish();
        return list;
    }

    private static InstanceConfig ReadInstance(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "an instance", errors);
        var instance = new InstanceConfig(map.Required("name"), map.Integer("vcpus", 1, 1024) ?? 1, node.Position);
        map.Finish();
        return instance;
    }

    private static EniConfig ReadEni(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "an ENI", errors);
        string tcp = map.Text("tcp") ?? "strict";
        if (tcp is not ("strict" or "loose"))
        {
            errors.Add(map.PlaceOf("tcp"), $"'tcp: {tcp}' is not strict or loose");
        }

        var groups = new List<string>();
        foreach (ConfigNode item in map.List("securityGroups"))
        {
            groups.Add((item as ScalarNode)?.Value ?? "");
        }

        (List<IpAddress> privateIps, int? chosenIps) = ReadPrivateIps(map);
        var eni = new EniConfig
        {
            Name = map.Required("name"),
            Instance = map.Text("instance"),
            Primary = map.Flag("primary", otherwise: false),
            Subnet = map.Required("subnet"),
            Mac = map.Mac("mac") ?? default,
            PrivateIps = privateIps,
            ChosenIps = chosenIps,
            SecurityGroups = groups,
            Device = map.Node("device") is ConfigNode d ? ReadDevice(d, errors) : null,
            TcpLoose = tcp == "loose",
            SourceDestCheck = map.Flag("sourceDestCheck", otherwise: true),
            Mtu = map.Integer("mtu", 576, 65535),
            Limits = map.Node("limits") is ConfigNode limits ? ReadLimits(limits, errors) : new EniLimitsConfig(),
            Dscp = ReadDscp(map),
            Position = node.Position,
        };
        eni = ReadEniLife(map, eni, errors);
        map.Finish();
        return eni;
    }

    private static ElasticIpConfig ReadElasticIp(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "an elastic IP", errors);
        map.Required("address");
        var eip = new ElasticIpConfig
        {
            Name = map.Required("name"),
            Address = map.Address("address") ?? default,
            Eni = map.Text("eni"),
            PrivateIp = map.Address("privateIp"),
            NatGateway = map.Text("natGateway"),
            LoadBalancer = map.Text("loadBalancer"),
            Standby = ReadAll(map, "standby", n => ReadPlace(n, "a standby", errors)),
            HealthCheck = ReadHealthCheck(map, errors),
            Failback = map.Flag("failback", otherwise: false),
            Home = map.Node("home") is ConfigNode home ? ReadPlace(home, "a home", errors) : null,
            Drift = ReadDrift(map),
            BandwidthBitsPerSecond = map.Value<long>("bandwidth", ConfigValues.Rate, RateForm),
            BandwidthInBitsPerSecond = map.Value<long>("bandwidthIn", ConfigValues.Rate, RateForm),
            Billing = map.Value<BillingType>("billing", t => t switch
            {
                "bandwidth" => BillingType.Bandwidth,
                "traffic" => BillingType.Traffic,
                "monthly" => BillingType.Monthly,
                _ => null,
            }, "bandwidth, traffic or monthly") ?? BillingType.Bandwidth,
            Protection = map.Node("protection") is ConfigNode protection ? ReadProtection(protection, errors) : null,
            SingleZone = map.Flag("singleZone", otherwise: false),
            Position = node.Position,
        };
        map.Finish();
        return eip;
    }
}
