namespace VSwitch.ControlPlane.Config;

/// <summary>A NAT gateway: private addresses of a VPC go out by its elastic IPs (those whose <see cref="ElasticIpConfig.NatGateway"/>
/// names it) where a route says <c>nat:NAME</c>.</summary>
public sealed record NatGatewayConfig
{
    /// <summary>Its name, unique over all VPCs.</summary>
    public required string Name { get; init; }

    /// <summary>The VPC it belongs to.</summary>
    public required string Vpc { get; init; }

    /// <summary>Connections at most: of a size class (<see cref="NatGatewaySizes"/>), or a count.</summary>
    public int ConnectionCapacity { get; init; } = NatGatewaySizes.Small;

    /// <summary>Idle times of its connections, instead of the switch's.</summary>
    public NatTimeoutSettings Timeouts { get; init; } = new();

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>Idle times of a NAT gateway's connections (semantics.md section 2.1, JD NAT GW).</summary>
public sealed record NatTimeoutSettings
{
    /// <summary>TCP after the handshake.</summary>
    public TimeSpan TcpEstablished { get; init; } = TimeSpan.FromSeconds(1800);

    /// <summary>TCP half open, after a FIN and after a RST.</summary>
    public TimeSpan TcpTransient { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>UDP, one way and both ways.</summary>
    public TimeSpan Udp { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>ICMP queries.</summary>
    public TimeSpan Icmp { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>Size classes of NAT gateways: connections at most (semantics.md section 9).</summary>
public static class NatGatewaySizes
{
    /// <summary>small.</summary>
    public const int Small = 1_000_000;

    /// <summary>medium.</summary>
    public const int Medium = 3_000_000;

    /// <summary>large; no gateway takes more.</summary>
    public const int Large = 10_000_000;

    /// <summary>The word of a size, or the count.</summary>
    public static string Word(int connections) => connections switch
    {
        Small => "small",
        Medium => "medium",
        Large => "large",
        _ => ConfigText.Count(connections),
    };

    /// <summary>small, medium, large, or a count of connections from 1 to <see cref="Large"/>.</summary>
    internal static int? Parse(string text) => text switch
    {
        "small" => Small,
        "medium" => Medium,
        "large" => Large,
        _ => ConfigValues.Integer(text) is long count and >= 1 and <= Large ? (int)count : null,
    };
}
