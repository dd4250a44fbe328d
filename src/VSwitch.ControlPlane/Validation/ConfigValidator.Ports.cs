using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>ENIs, instances, the internet side, EIPs and devices.</content>
internal sealed partial class ConfigValidator
{
    private const int LongestInterfaceName = 15;

    private void ValidateEnis()
    {
        var macs = new Dictionary<MacAddress, string> { [_config.Switch.GatewayMac] = "the gateway" };
        if (_config.Internet != null && !macs.TryAdd(_config.Internet.Mac, "the internet side"))
        {
            _errors.Add(_config.Internet.Position, $"MAC {_config.Internet.Mac} belongs to the gateway; choose another");
        }

        var addresses = new Dictionary<(string Vpc, IpAddress), string>();
        var public6 = new Dictionary<IpAddress, string>();
        foreach (EniConfig eni in _config.Enis)
        {
            if (eni.Mac.IsMulticast || eni.Mac.Value == 0)
            {
                _errors.Add(eni.Position, $"MAC {eni.Mac} of ENI '{eni.Name}' is not a unicast address; the first byte must be even");
            }

            if (!macs.TryAdd(eni.Mac, $"ENI '{eni.Name}'"))
            {
                _errors.Add(eni.Position, $"MAC {eni.Mac} of ENI '{eni.Name}' belongs to {macs[eni.Mac]}; choose another");
            }

            if (!_subnets.TryGetValue(eni.Subnet, out (VpcConfig Vpc, SubnetConfig Subnet) home))
            {
                _errors.Add(eni.Position, $"ENI '{eni.Name}' names subnet '{eni.Subnet}', which does not exist; add it or correct the name");
                continue;
            }

            ValidateAddresses(eni, home.Vpc, home.Subnet, addresses, public6);
            ValidateLife(eni);
            ValidateGroups(eni, home.Vpc);
        }
    }

    private void ValidateAddresses(
        EniConfig eni, VpcConfig vpc, SubnetConfig subnet, Dictionary<(string, IpAddress), string> taken,
        Dictionary<IpAddress, string> public6)
    {
        if (eni.PrivateIps.Count is 0 or > Quotas.AddressesPerEni)
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' has {eni.PrivateIps.Count} addresses; it needs 1 to {Quotas.AddressesPerEni}");
        }

        bool reaches6 = vpc.RouteTables.SelectMany(t => t.Routes).Any(
            r => r.Target == "internet" && _config.DestinationsOf(r).Any(d => d.IsV6));
        foreach (IpAddress address in eni.PrivateIps)
        {
            IpPrefix? range = subnet.Cidrs.Where(c => c.Contains(address)).Select(c => (IpPrefix?)c).FirstOrDefault();
            if (range == null)
            {
                _errors.Add(eni.Position, $"address {address} of ENI '{eni.Name}' is not in subnet '{subnet.Name}'; choose one inside {string.Join(", ", subnet.Cidrs)}");
            }
            else if (ReservedAddresses.Has(range.Value, address))
            {
                _errors.Add(eni.Position, $"address {address} of ENI '{eni.Name}' is reserved in {range} (network, router{(address.IsV6 ? "" : ", .2, broadcast")}); choose another");
            }

            if (!taken.TryAdd((vpc.Name, address), eni.Name))
            {
                _errors.Add(eni.Position, $"address {address} of ENI '{eni.Name}' belongs to ENI '{taken[(vpc.Name, address)]}' of the same VPC; choose another");
            }
            else if (address.IsV6 && reaches6 && !public6.TryAdd(address, eni.Name))
            {
                _errors.Add(eni.Position, $"IPv6 address {address} of ENI '{eni.Name}' is reachable from the internet side and belongs to ENI '{public6[address]}' too; choose another");
            }
        }
    }

    private void ValidateGroups(EniConfig eni, VpcConfig vpc)
    {
        if (eni.SecurityGroups.Count is 0 or > Quotas.GroupsPerEni)
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' has {eni.SecurityGroups.Count} security groups; it needs 1 to {Quotas.GroupsPerEni}");
        }

        foreach (string name in eni.SecurityGroups)
        {
            if (!_groups.TryGetValue(name, out SecurityGroupConfig? group))
            {
                _errors.Add(eni.Position, $"ENI '{eni.Name}' names security group '{name}', which does not exist; add it or correct the name");
            }
            else if (group.Vpc != vpc.Name)
            {
                _errors.Add(eni.Position, $"security group '{name}' is in VPC '{group.Vpc}', ENI '{eni.Name}' in '{vpc.Name}'; use a group of its VPC");
            }
        }

        if (eni.SecurityGroups.Distinct(StringComparer.Ordinal).Count() < eni.SecurityGroups.Count)
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' names a security group twice; remove one");
        }
    }

    private void ValidateInstances()
    {
        foreach (EniConfig eni in _config.Enis.Where(e => e.Instance != null && !_instances.ContainsKey(e.Instance)))
        {
            _errors.Add(eni.Position, $"ENI '{eni.Name}' names instance '{eni.Instance}', which does not exist; add it or correct the name");
        }

        foreach (InstanceConfig instance in _config.Instances)
        {
            EniConfig[] own = [.. _config.Enis.Where(e => e.Instance == instance.Name)];
            int most = Quotas.EnisPerInstance(instance.Vcpus);
            if (own.Length > most)
            {
                _errors.Add(own[most].Position, $"instance '{instance.Name}' with {instance.Vcpus} vCPUs takes {most} ENIs, this is number {most + 1}; remove one or give it more vCPUs");
            }

            foreach (EniConfig second in own.Where(e => e.Primary).Skip(1))
            {
                _errors.Add(second.Position, $"instance '{instance.Name}' has two primary ENIs; keep 'primary: true' on one");
            }

            if (own.Length > 0 && !own.Any(e => e.Primary))
            {
                _errors.Add(own[0].Position, $"instance '{instance.Name}' has no primary ENI; put 'primary: true' on one");
            }

            string?[] vpcs = [.. own.Select(e => _subnets.TryGetValue(e.Subnet, out (VpcConfig Vpc, SubnetConfig) s) ? s.Vpc.Name : null).Distinct()];
            if (vpcs.Length > 1)
            {
                _errors.Add(own[^1].Position, $"the ENIs of instance '{instance.Name}' are in several VPCs; all must be in one");
            }
        }
    }

    private void ValidateInternet()
    {
        if (_config.Internet is not InternetConfig internet)
        {
            return;
        }

        if (internet.Mac.IsMulticast)
        {
            _errors.Add(internet.Position, $"MAC {internet.Mac} of the internet side is not a unicast address; the first byte must be even");
        }

        foreach (InternetRouteConfig route in internet.Routes)
        {
            CheckNetwork(route.Destination, route.Position);
            if (route.NextHop.IsV6 != route.Destination.IsV6)
            {
                _errors.Add(route.Position, $"next hop {route.NextHop} is of another family than {route.Destination}");
            }
            else if (!internet.Addresses.Any(a => a.Contains(route.NextHop)))
            {
                _errors.Add(route.Position, $"next hop {route.NextHop} is on none of the internet side's prefixes; add an address there");
            }
        }

        foreach (IpAddress address in internet.Neighbors.Keys.Where(n => !internet.Addresses.Any(a => a.Contains(n))))
        {
            _errors.Add(internet.Position, $"neighbour {address} is on none of the internet side's prefixes; add an address there or remove it");
        }
    }

    private void ValidateElasticIps()
    {
        var addresses = new Dictionary<IpAddress, string>();
        var targets = new Dictionary<(string Eni, IpAddress Address), string>();
        foreach (ElasticIpConfig eip in _config.ElasticIps)
        {
            if (eip.Address.IsV6)
            {
                _errors.Add(eip.Position, $"elastic IP '{eip.Name}' must be IPv4 (IPv6 needs no translation)");
                continue;
            }

            if (!addresses.TryAdd(eip.Address, eip.Name))
            {
                _errors.Add(eip.Position, $"address {eip.Address} belongs to elastic IP '{addresses[eip.Address]}' too; choose another");
            }

            if (_config.Vpcs.FirstOrDefault(v => v.Cidrs.Any(c => c.Contains(eip.Address))) is VpcConfig vpc)
            {
                _errors.Add(eip.Position, $"elastic IP {eip.Address} is inside VPC '{vpc.Name}'; a public address must be outside all VPCs");
            }

            if (_config.Internet?.Addresses.Any(a => a.Address == eip.Address) == true)
            {
                _errors.Add(eip.Position, $"elastic IP {eip.Address} is the switch's own address on the internet side; choose another");
            }

            ValidateAssociation(eip, targets);
        }

        foreach (ElasticIpConfig eip in _config.ElasticIps)
        {
            ValidateStandbys(eip, targets);
        }
    }

    private void ValidateDevices()
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string port, DeviceConfig device) in _config.PortDevices().OrderBy(d => d.Port != InternetPort))
        {
            if (device.InterfaceName is not string name)
            {
                continue;
            }

            bool isSystems = device.SharpPcap == null;
            if (name.Length == 0 ||
                (isSystems && (name.Length > LongestInterfaceName || name.AsSpan().ContainsAny("/ :\t") || name is "." or "..")))
            {
                _errors.Add(device.Position, $"'{name}' is not an interface name; use 1 to {LongestInterfaceName} characters without '/', ':' or spaces");
            }

            if (!names.TryAdd(name, port))
            {
                _errors.Add(device.Position, $"interface '{name}' is the device of port '{names[name]}' too; choose another");
            }
        }
    }
}
