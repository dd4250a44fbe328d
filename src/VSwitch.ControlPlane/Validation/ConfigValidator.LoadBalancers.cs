using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>Load balancers.</content>
internal sealed partial class ConfigValidator
{
    private readonly Dictionary<string, LoadBalancerConfig> _balancers = new(StringComparer.Ordinal);

    private void ValidateLoadBalancers()
    {
        var taken = new Dictionary<(string Vpc, IpAddress), string>();
        foreach (EniConfig eni in _config.Enis)
        {
            if (_subnets.TryGetValue(eni.Subnet, out (VpcConfig Vpc, SubnetConfig) home))
            {
                foreach (IpAddress address in eni.PrivateIps)
                {
                    taken.TryAdd((home.Vpc.Name, address), $"ENI '{eni.Name}'");
                }
            }
        }

        var perVpc = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (LoadBalancerConfig balancer in _config.LoadBalancers)
        {
            if (!_subnets.TryGetValue(balancer.Subnet, out (VpcConfig Vpc, SubnetConfig Subnet) home))
            {
                _errors.Add(balancer.Position, $"load balancer '{balancer.Name}' names subnet '{balancer.Subnet}', which does not exist; add it or correct the name");
                continue;
            }

            int count = perVpc[home.Vpc.Name] = perVpc.GetValueOrDefault(home.Vpc.Name) + 1;
            if (count == Quotas.LoadBalancersPerVpc + 1)
            {
                _errors.Add(balancer.Position, $"VPC '{home.Vpc.Name}' takes {Quotas.LoadBalancersPerVpc} load balancers, this is number {count}; remove one");
            }

            ValidateBalancerAddress(balancer, home.Vpc, home.Subnet, taken);
            ValidateListeners(balancer, home.Vpc);
        }

        foreach (ElasticIpConfig eip in _config.ElasticIps.Where(e => e.LoadBalancer != null && !_balancers.ContainsKey(e.LoadBalancer)))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' names load balancer '{eip.LoadBalancer}', which does not exist; add it or correct the name");
        }
    }

    private void ValidateBalancerAddress(
        LoadBalancerConfig balancer, VpcConfig vpc, SubnetConfig subnet, Dictionary<(string, IpAddress), string> taken)
    {
        IpAddress address = balancer.Address;
        if (address.IsV6)
        {
            _errors.Add(balancer.Position, $"address {address} of load balancer '{balancer.Name}' is IPv6; a load balancer is for IPv4: give it an IPv4 address");
            return;
        }

        IpPrefix? range = subnet.Cidrs.Where(c => c.Contains(address)).Select(c => (IpPrefix?)c).FirstOrDefault();
        if (range == null)
        {
            _errors.Add(balancer.Position, $"address {address} of load balancer '{balancer.Name}' is not in subnet '{subnet.Name}'; choose one inside {string.Join(", ", subnet.Cidrs)}");
        }
        else if (ReservedAddresses.Has(range.Value, address))
        {
            _errors.Add(balancer.Position, $"address {address} of load balancer '{balancer.Name}' is reserved in {range} (network, router, .2, broadcast); choose another");
        }

        if (!taken.TryAdd((vpc.Name, address), $"load balancer '{balancer.Name}'"))
        {
            _errors.Add(balancer.Position, $"address {address} of load balancer '{balancer.Name}' belongs to {taken[(vpc.Name, address)]} of the same VPC; choose another");
        }
    }

    private void ValidateListeners(LoadBalancerConfig balancer, VpcConfig vpc)
    {
        if (balancer.Listeners.Count > Quotas.ListenersPerLoadBalancer)
        {
            _errors.Add(balancer.Listeners[Quotas.ListenersPerLoadBalancer].Position, $"load balancer '{balancer.Name}' takes {Quotas.ListenersPerLoadBalancer} listeners, this is number {Quotas.ListenersPerLoadBalancer + 1}; remove one");
        }

        var ports = new HashSet<(byte, int)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (ListenerConfig listener in balancer.Listeners)
        {
            string what = $"listener '{listener.NameOrDefault}' of load balancer '{balancer.Name}'";
            if (!ports.Add((listener.Protocol, listener.Port)))
            {
                _errors.Add(listener.Position, $"load balancer '{balancer.Name}' has two listeners for {ConfigText.Protocol(listener.Protocol)} {listener.Port}; keep one");
            }
            else if (!names.Add(listener.NameOrDefault))
            {
                _errors.Add(listener.Position, $"load balancer '{balancer.Name}' has two listeners called '{listener.NameOrDefault}'; rename one");
            }

            if (listener.HealthCheck is HealthCheckConfig { Protocol: ProbeKind.Tcp, Port: null } check && listener.Protocol != 6)
            {
                _errors.Add(check.Position, $"the health check of {what} asks by TCP, and its backends serve UDP; add the 'port', or check by icmp or arp");
            }

            ValidateBackends(listener, what, vpc);
        }
    }

    private void ValidateBackends(ListenerConfig listener, string what, VpcConfig vpc)
    {
        if (listener.Backends.Count > Quotas.BackendsPerListener)
        {
            _errors.Add(listener.Backends[Quotas.BackendsPerListener].Position, $"{what} takes {Quotas.BackendsPerListener} backends, this is number {Quotas.BackendsPerListener + 1}; remove one");
        }

        var places = new HashSet<(string, IpAddress, int)>();
        foreach (BackendConfig backend in listener.Backends)
        {
            if (!_enis.TryGetValue(backend.Eni, out EniConfig? eni))
            {
                _errors.Add(backend.Position, $"backend '{backend.Eni}' of {what} is no ENI; add it or correct the name");
                continue;
            }

            IpAddress address = backend.AddressOn(eni);
            if (!_subnets.TryGetValue(eni.Subnet, out (VpcConfig Vpc, SubnetConfig) home) || home.Vpc.Name != vpc.Name)
            {
                _errors.Add(backend.Position, $"backend '{backend.Eni}' of {what} is not in VPC '{vpc.Name}'; a load balancer's backends are in its own VPC");
            }
            else if (address == default || address.IsV6 || !eni.PrivateIps.Contains(address))
            {
                _errors.Add(backend.Position, $"backend '{backend.Eni}' of {what} needs an IPv4 address of that ENI as privateIp");
            }
            else if (!places.Add((backend.Eni, address, backend.Port)))
            {
                _errors.Add(backend.Position, $"{what} names backend '{backend.Eni}' {address}:{backend.Port} twice; remove one");
            }
        }
    }
}
