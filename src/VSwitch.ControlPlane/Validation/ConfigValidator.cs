using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <summary>What a configuration that reads well must also be: names that exist, addresses that fit, quotas kept. Finds all
/// errors, not the first.</summary>
internal sealed partial class ConfigValidator
{
    private readonly SwitchConfig _config;
    private readonly ConfigErrors _errors;
    private readonly Dictionary<string, VpcConfig> _vpcs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (VpcConfig Vpc, SubnetConfig Subnet)> _subnets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SecurityGroupConfig> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NetworkAclConfig> _acls = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EniConfig> _enis = new(StringComparer.Ordinal);
    private readonly HashSet<string> _prefixLists = new(StringComparer.Ordinal);
    private readonly Dictionary<string, InstanceConfig> _instances = new(StringComparer.Ordinal);

    public ConfigValidator(SwitchConfig config, ConfigErrors errors)
    {
        _config = config;
        _errors = errors;
    }

    public void Validate()
    {
        CollectNames();
        foreach (VpcConfig vpc in _config.Vpcs)
        {
            ValidateVpc(vpc);
        }

        foreach (SecurityGroupConfig group in _config.SecurityGroups)
        {
            ValidateGroup(group);
        }

        if (_config.SecurityGroups.Count > Quotas.Groups)
        {
            _errors.Add(_config.SecurityGroups[Quotas.Groups].Position, $"the switch takes {Quotas.Groups} security groups, this is number {Quotas.Groups + 1}; remove some");
        }

        ValidateNetworkAcls();
        ValidatePrefixLists();
        ValidateEnis();
        ValidateInstances();
        ValidateInternet();
        ValidateElasticIps();
        ValidateDevices();
        ValidateFlowLogs();
        ValidateMirrors();
        ValidateWires();
    }

    private void CollectNames()
    {
        Collect(_config.Vpcs, v => v.Name, v => v.Position, "VPC", _vpcs, v => v);
        foreach (VpcConfig vpc in _config.Vpcs)
        {
            Collect(vpc.Subnets, s => s.Name, s => s.Position, "subnet", _subnets, s => (vpc, s));
            Collect(vpc.RouteTables, t => t.Name, t => t.Position, "route table", new Dictionary<string, RouteTableConfig>(), t => t);
        }

        Collect(_config.SecurityGroups, g => g.Name, g => g.Position, "security group", _groups, g => g);
        Collect(_config.NetworkAcls, a => a.Name, a => a.Position, "network ACL", _acls, a => a);
        Collect(_config.Enis, e => e.Name, e => e.Position, "ENI", _enis, e => e);
        Collect(_config.Instances, i => i.Name, i => i.Position, "instance", _instances, i => i);
        Collect(_config.Mirrors, m => m.Name, m => m.Position, "mirror", new Dictionary<string, MirrorConfig>(), m => m);
        Collect(_config.Wires, w => w.Port, w => w.Position, "wire", new Dictionary<string, WireConfig>(), w => w);
        Collect(_config.ElasticIps, e => e.Name, e => e.Position, "elastic IP", new Dictionary<string, ElasticIpConfig>(), e => e);
        foreach (PrefixListConfig list in _config.PrefixLists)
        {
            if (!_prefixLists.Add(list.Name))
            {
                _errors.Add(list.Position, $"duplicate prefix list name '{list.Name}'; rename one");
            }
        }

        foreach (EniConfig eni in _config.Enis.Where(e => e.Name == "internet"))
        {
            _errors.Add(eni.Position, "an ENI cannot be called 'internet': that is the public side's port; rename it");
        }
    }

    private void Collect<T, TKept>(
        IEnumerable<T> items, Func<T, string> name, Func<T, SourcePosition> place, string what, Dictionary<string, TKept> into,
        Func<T, TKept> keep)
    {
        var first = new Dictionary<string, SourcePosition>(StringComparer.Ordinal);
        foreach (T item in items)
        {
            if (name(item).Length == 0)
            {
                _errors.Add(place(item), $"the {what} has an empty name; give it one");
            }
            else if (!into.TryAdd(name(item), keep(item)))
            {
                string where = first.TryGetValue(name(item), out SourcePosition p) ? _errors.Line(p, "first at ") : "";
                _errors.Add(place(item), $"duplicate {what} name '{name(item)}'{where}; rename one");
            }
            else
            {
                first[name(item)] = place(item);
            }
        }
    }

    private void ValidateVpc(VpcConfig vpc)
    {
        if (vpc.Cidrs.Count == 0)
        {
            _errors.Add(vpc.Position, $"VPC '{vpc.Name}' has no 'cidrs'; add its range, like [10.0.0.0/16]");
        }

        for (int i = 0; i < vpc.Cidrs.Count; i++)
        {
            CheckRange(vpc.Cidrs[i], vpc.Position, $"VPC '{vpc.Name}'");
            if (vpc.Cidrs.Take(i).Any(c => c.Overlaps(vpc.Cidrs[i])))
            {
                _errors.Add(vpc.Position, $"ranges of VPC '{vpc.Name}' overlap at {vpc.Cidrs[i]}; remove one");
            }
        }

        var seen = new List<(IpPrefix Range, string Subnet)>();
        foreach (SubnetConfig subnet in vpc.Subnets)
        {
            ValidateSubnet(vpc, subnet, seen);
        }

        ValidateRoutes(vpc);
    }

    private void ValidateSubnet(VpcConfig vpc, SubnetConfig subnet, List<(IpPrefix Range, string Subnet)> seen)
    {
        if (subnet.Cidrs.Count == 0 || subnet.Cidrs.Count(c => c.IsV6) > 1 || subnet.Cidrs.Count(c => !c.IsV6) > 1)
        {
            _errors.Add(subnet.Position, $"subnet '{subnet.Name}' needs one IPv4 range, one IPv6 range, or one of each in 'cidrs'");
        }

        foreach (IpPrefix range in subnet.Cidrs)
        {
            CheckRange(range, subnet.Position, $"subnet '{subnet.Name}'");
            if (!vpc.Cidrs.Any(c => c.Length <= range.Length && c.Contains(range.Address)))
            {
                _errors.Add(subnet.Position, $"{range} of subnet '{subnet.Name}' is not inside a range of VPC '{vpc.Name}'; add the range to the VPC or move the subnet");
            }

            if (seen.FirstOrDefault(s => s.Range.Overlaps(range)) is { Subnet: not null } other)
            {
                _errors.Add(subnet.Position, $"{range} of subnet '{subnet.Name}' overlaps subnet '{other.Subnet}'; choose another range");
            }

            seen.Add((range, subnet.Name));
        }

        ValidateAclOf(vpc, subnet);
        if (subnet.RouteTable is string table && !vpc.RouteTables.Any(t => t.Name == table))
        {
            _errors.Add(subnet.Position, $"subnet '{subnet.Name}' names route table '{table}', which VPC '{vpc.Name}' does not have; add it or correct the name");
        }
    }

    private void ValidateRoutes(VpcConfig vpc)
    {
        foreach (RouteTableConfig second in vpc.RouteTables.Where(t => t.Main).Skip(1))
        {
            _errors.Add(second.Position, $"VPC '{vpc.Name}' has two main route tables; keep 'main: true' on one");
        }

        bool needsMain = vpc.RouteTables.Count > 0 && vpc.Subnets.Any(s => s.RouteTable == null);
        if (needsMain && !vpc.RouteTables.Any(t => t.Main))
        {
            _errors.Add(vpc.RouteTables[0].Position, $"VPC '{vpc.Name}' has subnets without a route table and no main one; put 'main: true' on one");
        }

        foreach (RouteConfig route in vpc.RouteTables.SelectMany(t => t.Routes))
        {
            if (route.PrefixList is not string list)
            {
                CheckNetwork(route.Destination, route.Position);
            }
            else if (!_prefixLists.Contains(list))
            {
                _errors.Add(route.Position, $"a route names prefixList:{list}, which does not exist; add the list or correct the name");
            }

            bool isEni = route.Target.StartsWith("eni:", StringComparison.Ordinal);
            if (isEni)
            {
                bool known = _enis.TryGetValue(route.Target[4..], out EniConfig? eni) &&
                    _subnets.TryGetValue(eni.Subnet, out (VpcConfig Vpc, SubnetConfig) s) && s.Vpc.Name == vpc.Name;
                if (!known)
                {
                    _errors.Add(route.Position, $"route target '{route.Target}' is not an ENI of VPC '{vpc.Name}'; correct the name");
                }
                else if (eni!.SourceDestCheck)
                {
                    _errors.Add(route.Position, $"route target '{route.Target}' checks source and destination, so it takes only packets for its own addresses; put 'sourceDestCheck: false' on ENI '{eni.Name}'{_errors.Line(eni.Position)} or choose another target");
                }
            }
            else if (route.Target is not ("internet" or "blackhole"))
            {
                _errors.Add(route.Position, $"route target '{route.Target}' is not internet, blackhole or eni:NAME");
            }
            else if (route.Target == "internet" && _config.Internet == null)
            {
                _errors.Add(route.Position, "a route leads to 'internet', but there is no internet section; add one");
            }
        }
    }

    private void ValidateGroup(SecurityGroupConfig group)
    {
        if (!_vpcs.ContainsKey(group.Vpc))
        {
            _errors.Add(group.Position, $"security group '{group.Name}' names VPC '{group.Vpc}', which does not exist; add it or correct the name");
        }

        int count = Math.Max(group.Ingress.Count, group.Egress?.Count ?? 0);
        if (count > Quotas.RulesPerGroup)
        {
            _errors.Add(group.Position, $"security group '{group.Name}' has {count} rules in a direction; it takes {Quotas.RulesPerGroup}: join or remove some");
        }

        foreach (RuleConfig rule in group.Ingress.Concat(group.Egress ?? []))
        {
            if (rule.Peer.Cidr is IpPrefix cidr)
            {
                CheckNetwork(cidr, rule.Position);
            }
            else if (rule.Peer.Group is string name)
            {
                if (!_groups.TryGetValue(name, out SecurityGroupConfig? other))
                {
                    _errors.Add(rule.Position, $"a rule of '{group.Name}' names sg:{name}, which does not exist; add the group or correct the name");
                }
                else if (other.Vpc != group.Vpc)
                {
                    _errors.Add(rule.Position, $"sg:{name} is in VPC '{other.Vpc}', the rule's group in '{group.Vpc}'; name a group of the same VPC");
                }
            }
            else if (rule.Peer.PrefixList is string list && !_prefixLists.Contains(list))
            {
                _errors.Add(rule.Position, $"a rule of '{group.Name}' names prefixList:{list}, which does not exist; add the list or correct the name");
            }
        }
    }

    private void ValidatePrefixLists()
    {
        foreach (PrefixListConfig list in _config.PrefixLists)
        {
            foreach (IpPrefix prefix in list.Cidrs)
            {
                CheckNetwork(prefix, list.Position);
            }
        }
    }

    private void CheckRange(IpPrefix range, SourcePosition place, string what)
    {
        CheckNetwork(range, place);
        if (!range.IsV6 && range.Length is < Quotas.ShortestPrefix4 or > Quotas.LongestPrefix4 && !range.IsV6)
        {
            _errors.Add(place, $"{range} of {what} is not between /{Quotas.ShortestPrefix4} and /{Quotas.LongestPrefix4}; choose another length");
        }
    }

    private void CheckNetwork(IpPrefix prefix, SourcePosition place)
    {
        if (!prefix.IsNetwork)
        {
            _errors.Add(place, $"{prefix} has bits behind its length; write {prefix with { Address = prefix.Network }}");
        }
    }
}
