using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>What it is associated with, and where it drifts.</content>
public sealed partial record ElasticIpConfig
{
    /// <summary>The NAT gateway it is associated with; null = none.</summary>
    public string? NatGateway { get; init; }

    /// <summary>The load balancer it is associated with; null = none.</summary>
    public string? LoadBalancer { get; init; }

    /// <summary>Where it goes when its holder fails, the first healthy one first.</summary>
    public IReadOnlyList<EipPlaceConfig> Standby { get; init; } = [];

    /// <summary>How its holder and the standbys are checked; null = they are not.</summary>
    public HealthCheckConfig? HealthCheck { get; init; }

    /// <summary>True when it goes back to where it was once that is healthy again.</summary>
    public bool Failback { get; init; }

    /// <summary>Where it goes back to: the ENI of the standby that it left because it failed; null while it is there. Written by the
    /// switch itself.</summary>
    public EipPlaceConfig? Home { get; init; }

    /// <summary>What becomes of packets of connections that its former holder had.</summary>
    public DriftMode Drift { get; init; }

    /// <summary>True when it is associated with anything.</summary>
    public bool IsAssociated => Eni != null || NatGateway != null || LoadBalancer != null;

    /// <summary>"ENI 'web'", "NAT gateway 'out'", "load balancer 'front'"; null when it is associated with nothing.</summary>
    public string? Holder => Eni != null ? $"ENI '{Eni}'" : NatGateway != null ? $"NAT gateway '{NatGateway}'"
        : LoadBalancer != null ? $"load balancer '{LoadBalancer}'" : null;

    /// <summary>The same EIP, associated with nothing.</summary>
    public ElasticIpConfig Disassociated() => this with { Eni = null, PrivateIp = null, NatGateway = null, LoadBalancer = null, Home = null };

    /// <summary>Where it is, if an ENI has it, and then its standbys, as addresses.</summary>
    /// <param name="enis">The ENIs by name; all that it names are among them.</param>
    public IEnumerable<EipPlace> Places(IReadOnlyDictionary<string, EniConfig> enis)
    {
        if (Eni != null)
        {
            yield return new EipPlaceConfig(Eni, PrivateIp).On(enis);
        }

        foreach (EipPlaceConfig place in Standby)
        {
            yield return place.On(enis);
        }
    }
}

/// <summary>An address of an ENI that an EIP can map to.</summary>
/// <param name="Eni">The ENI.</param>
/// <param name="PrivateIp">One of its IPv4 addresses; null = its primary one.</param>
public sealed record EipPlaceConfig(string Eni, IpAddress? PrivateIp)
{
    /// <summary>The same with its address.</summary>
    public EipPlace On(IReadOnlyDictionary<string, EniConfig> enis) =>
        new(Eni, PrivateIp ?? enis[Eni].PrivateIps.First(ip => !ip.IsV6));
}

/// <summary>An address of an ENI.</summary>
public readonly record struct EipPlace(string Eni, IpAddress Address);
