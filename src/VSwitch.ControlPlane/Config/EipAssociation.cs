using VSwitch.ControlPlane.Drift;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>What an elastic IP is to be associated with: exactly one of ENI, NAT gateway and load balancer.</summary>
/// <param name="Eni">An ENI.</param>
/// <param name="PrivateIp">One of the ENI's IPv4 addresses; null = its primary one.</param>
/// <param name="NatGateway">A NAT gateway.</param>
/// <param name="LoadBalancer">A load balancer.</param>
public sealed record EipAssociation(string? Eni, IpAddress? PrivateIp, string? NatGateway, string? LoadBalancer)
{
    /// <summary>True when an EIP that is associated already may be moved.</summary>
    public bool AllowReassociation { get; init; }

    /// <summary>The EIP with this association.</summary>
    public ElasticIpConfig Of(ElasticIpConfig eip, SwitchConfig config)
    {
        if (Eni == null)
        {
            return eip.Disassociated() with { PrivateIp = PrivateIp, NatGateway = NatGateway, LoadBalancer = LoadBalancer };
        }

        // A standby that says its address and one that leaves it out may be the same place.
        EipPlaceConfig? standby = eip.Standby.FirstOrDefault(s => s.Eni == Eni && AddressOf(config, s.Eni, s.PrivateIp) == AddressOf(config, Eni, PrivateIp));
        return EipDrift.Move(eip, standby ?? new EipPlaceConfig(Eni, PrivateIp));
    }

    /// <summary>True when the EIP has this association already.</summary>
    public bool IsOf(ElasticIpConfig eip, SwitchConfig config) =>
        eip.NatGateway == NatGateway && eip.LoadBalancer == LoadBalancer && eip.Eni == Eni &&
        (Eni == null || AddressOf(config, Eni, eip.PrivateIp) == AddressOf(config, Eni, PrivateIp));

    private static IpAddress? AddressOf(SwitchConfig config, string eni, IpAddress? address) =>
        address ?? config.Enis.FirstOrDefault(e => e.Name == eni)?.PrivateIps.Where(ip => !ip.IsV6).Select(ip => (IpAddress?)ip).FirstOrDefault();
}
