using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Validation;

/// <content>NAT gateways: their VPC, their elastic IPs, the routes to them.</content>
internal sealed partial class ConfigValidator
{
    private const string NatPrefix = "nat:";
    private readonly Dictionary<string, NatGatewayConfig> _natGateways = new(StringComparer.Ordinal);

    private void ValidateNatGateways()
    {
        foreach (NatGatewayConfig gateway in _config.NatGateways)
        {
            if (!_vpcs.ContainsKey(gateway.Vpc))
            {
                _errors.Add(gateway.Position, $"NAT gateway '{gateway.Name}' names VPC '{gateway.Vpc}', which does not exist; add it or correct the name");
            }

            ElasticIpConfig[] own = [.. _config.ElasticIps.Where(e => e.NatGateway == gateway.Name)];
            if (own.Length > Quotas.ElasticIpsPerNatGateway)
            {
                _errors.Add(own[Quotas.ElasticIpsPerNatGateway].Position, $"NAT gateway '{gateway.Name}' takes {Quotas.ElasticIpsPerNatGateway} elastic IPs, this is number {Quotas.ElasticIpsPerNatGateway + 1}; add another gateway");
            }
        }

        foreach (IGrouping<string, NatGatewayConfig> vpc in _config.NatGateways.GroupBy(g => g.Vpc, StringComparer.Ordinal))
        {
            foreach (NatGatewayConfig gateway in vpc.Skip(Quotas.NatGatewaysPerVpc).Take(1))
            {
                _errors.Add(gateway.Position, $"VPC '{vpc.Key}' takes {Quotas.NatGatewaysPerVpc} NAT gateways, this is number {Quotas.NatGatewaysPerVpc + 1}; remove one");
            }
        }
    }

    /// <summary>A route to a NAT gateway: one of the VPC, for IPv4 only.</summary>
    private void ValidateNatRoute(VpcConfig vpc, RouteConfig route)
    {
        string name = route.Target[NatPrefix.Length..];
        if (!_natGateways.TryGetValue(name, out NatGatewayConfig? gateway))
        {
            _errors.Add(route.Position, $"route target '{route.Target}' names a NAT gateway that does not exist; add it or correct the name");
        }
        else if (gateway.Vpc != vpc.Name)
        {
            _errors.Add(route.Position, $"NAT gateway '{name}' is in VPC '{gateway.Vpc}', the route in '{vpc.Name}'; use a gateway of the same VPC");
        }

        if (_config.DestinationsOf(route).Any(d => d.IsV6))
        {
            _errors.Add(route.Position, $"route target '{route.Target}' has an IPv6 destination, and a NAT gateway translates IPv4 only; let IPv6 go to 'internet'");
        }
    }

    private void ValidateNatBinding(ElasticIpConfig eip)
    {
        if (eip.PrivateIp != null)
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' has a privateIp, but NAT gateway '{eip.NatGateway}' stands for many; remove the address");
        }

        if (!_natGateways.ContainsKey(eip.NatGateway!))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' names NAT gateway '{eip.NatGateway}', which does not exist; add it or correct the name");
        }
    }
}
