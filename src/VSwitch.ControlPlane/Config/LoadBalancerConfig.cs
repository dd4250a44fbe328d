using VSwitch.DataPlane.Balancing;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>A load balancer (layer 4): a private address in a subnet, behind whose ports backends serve. Elastic IPs may bring
/// connections from outside to it (<see cref="ElasticIpConfig.LoadBalancer"/>).</summary>
public sealed record LoadBalancerConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The subnet of its address; its VPC is the VPC of all its backends.</summary>
    public required string Subnet { get; init; }

    /// <summary>Its private IPv4 address, which no ENI has.</summary>
    public required IpAddress Address { get; init; }

    /// <summary>Its ports.</summary>
    public IReadOnlyList<ListenerConfig> Listeners { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>A port of a load balancer.</summary>
public sealed record ListenerConfig
{
    /// <summary>Its name; null = its protocol and port, "tcp-80".</summary>
    public string? Name { get; init; }

    /// <summary>IP protocol: 6 (TCP) or 17 (UDP).</summary>
    public byte Protocol { get; init; }

    /// <summary>Its port.</summary>
    public int Port { get; init; }

    /// <summary>How new connections are spread.</summary>
    public BalancerAlgorithm Algorithm { get; init; }

    /// <summary>How long after its last new connection a source address stays with its backend; null = it need not.</summary>
    public TimeSpan? Stickiness { get; init; }

    /// <summary>How long a backend that drains or was removed keeps its connections.</summary>
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How its backends are checked; null = they are not, and all count as healthy.</summary>
    public HealthCheckConfig? HealthCheck { get; init; }

    /// <summary>Who serves it.</summary>
    public IReadOnlyList<BackendConfig> Backends { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }

    /// <summary>Its name, or what stands for it.</summary>
    public string NameOrDefault => Name ?? $"{ConfigText.Protocol(Protocol)}-{Port}";
}

/// <summary>A backend of a listener.</summary>
/// <param name="Eni">The ENI.</param>
/// <param name="PrivateIp">One of its IPv4 addresses; null = its primary one.</param>
/// <param name="Port">Where it listens.</param>
/// <param name="Weight">Its share of new connections, 0 to 100; 0 = none.</param>
/// <param name="Draining">True when it gets no new connections and loses the live ones after the listener's drain time.</param>
/// <param name="Position">Where it stands.</param>
public sealed record BackendConfig(
    string Eni, IpAddress? PrivateIp, int Port, int Weight, bool Draining, SourcePosition Position)
{
    /// <summary>The weight of a backend that names none.</summary>
    public const int UsualWeight = 10;

    /// <summary>"web", "web 10.0.1.11" where the address is not the primary one.</summary>
    public string Place => PrivateIp is IpAddress address ? $"{Eni} {address}" : Eni;

    /// <summary>Its address.</summary>
    /// <param name="eni">Its ENI.</param>
    public IpAddress AddressOn(EniConfig eni) => PrivateIp ?? eni.PrivateIps.FirstOrDefault(ip => !ip.IsV6);
}
