using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>Elastic IPs: what they are associated with, and where they may go.</content>
internal sealed partial class ConfigValidator
{
    private void ValidateAssociation(ElasticIpConfig eip, Dictionary<(string Eni, IpAddress Address), string> targets)
    {
        (string Key, string? Name)[] kinds = [("eni", eip.Eni), ("natGateway", eip.NatGateway), ("loadBalancer", eip.LoadBalancer)];
        if (kinds.Count(k => k.Name != null) > 1)
        {
            string names = string.Join(" and ", kinds.Where(k => k.Name != null).Select(k => k.Key));
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' names {names}; it is associated with one thing at a time: keep one of them");
        }

        if (eip.IsAssociated && _config.Internet == null)
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' is bound, but there is no internet section; add one");
        }

        if (eip.NatGateway != null)
        {
            ValidateNatBinding(eip);
        }

        if (eip.Eni == null)
        {
            if (eip.PrivateIp != null && eip.NatGateway == null)
            {
                _errors.Add(eip.Position, $"elastic IP '{eip.Name}' has a privateIp but no eni; add the ENI or remove the address");
            }

            return;
        }

        if (!_enis.TryGetValue(eip.Eni, out EniConfig? eni))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' names ENI '{eip.Eni}', which does not exist; add it or correct the name");
            return;
        }

        ValidateZone(eip, eni);
        if (AddressOf(eni, eip.PrivateIp) is not IpAddress target)
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' needs an IPv4 address of ENI '{eip.Eni}' as privateIp");
        }
        else if (!targets.TryAdd((eip.Eni, target), eip.Name))
        {
            _errors.Add(eip.Position, $"address {target} of ENI '{eip.Eni}' has elastic IP '{targets[(eip.Eni, target)]}' already; one EIP an address");
        }
    }

    /// <param name="eip">The elastic IP.</param>
    /// <param name="targets">Addresses that have an EIP.</param>
    private void ValidateStandbys(ElasticIpConfig eip, Dictionary<(string Eni, IpAddress Address), string> targets)
    {
        if (eip.Standby.Count > Quotas.StandbysPerEip)
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' has {eip.Standby.Count} standbys; it takes {Quotas.StandbysPerEip}: remove some");
        }

        bool isOfEni = eip.NatGateway == null && eip.LoadBalancer == null;
        if (!isOfEni && (eip.Standby.Count > 0 || eip.HealthCheck != null))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' of {eip.Holder} has {(eip.Standby.Count > 0 ? "standbys" : "a health check")}; only one of an ENI drifts: remove {(eip.Standby.Count > 0 ? "them" : "it")}");
        }

        if (eip.HealthCheck is { Protocol: ProbeKind.Tcp, Port: null } check)
        {
            _errors.Add(check.Position, $"the health check of elastic IP '{eip.Name}' asks by TCP; add the 'port'");
        }

        if (eip.Failback && (eip.Standby.Count == 0 || eip.HealthCheck == null))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' shall fail back, which needs 'standby' and 'healthCheck'; add them or remove 'failback'");
        }

        var places = new HashSet<(string, IpAddress)>();
        foreach (EipPlaceConfig place in eip.Standby)
        {
            if (!_enis.TryGetValue(place.Eni, out EniConfig? eni))
            {
                _errors.Add(eip.Position, $"standby '{place.Eni}' of elastic IP '{eip.Name}' is no ENI; add it or correct the name");
            }
            else if (AddressOf(eni, place.PrivateIp) is not IpAddress address)
            {
                _errors.Add(eip.Position, $"standby '{place.Eni}' of elastic IP '{eip.Name}' needs an IPv4 address of that ENI as privateIp");
            }
            else if (targets.GetValueOrDefault((place.Eni, address)) is string other)
            {
                _errors.Add(eip.Position, other == eip.Name
                    ? $"elastic IP '{eip.Name}' is at address {address} of ENI '{place.Eni}' already, which is also its standby; name another"
                    : $"standby address {address} of ENI '{place.Eni}' has elastic IP '{other}' already; one EIP an address");
            }
            else if (!places.Add((place.Eni, address)))
            {
                _errors.Add(eip.Position, $"elastic IP '{eip.Name}' names standby address {address} of ENI '{place.Eni}' twice; remove one");
            }
        }

        if (eip.Home is EipPlaceConfig home && !eip.Standby.Contains(home))
        {
            _errors.Add(eip.Position, $"elastic IP '{eip.Name}' has its home at '{home.Eni}', which is none of its standbys; add it there or remove 'home'");
        }
    }

    /// <summary>The IPv4 address that an EIP maps to there; null when the ENI does not have it.</summary>
    private static IpAddress? AddressOf(EniConfig eni, IpAddress? asked)
    {
        IpAddress target = asked ?? eni.PrivateIps.FirstOrDefault(ip => !ip.IsV6);
        return target == default || target.IsV6 || !eni.PrivateIps.Contains(target) ? null : target;
    }
}
