using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>What DHCP and router advertisements say, of a VPC or of a subnet. What a subnet leaves out is its VPC's; what both
/// leave out has a default. null = left out.</summary>
public sealed record DhcpConfig
{
    /// <summary>How long an address is leased where nothing is said.</summary>
    public static readonly TimeSpan DefaultLeaseTime = TimeSpan.FromHours(1);

    /// <summary>Whether requests are answered; default true.</summary>
    public bool? Enabled { get; init; }

    /// <summary>Name servers, IPv4 and IPv6; default none.</summary>
    public IReadOnlyList<IpAddress>? Dns { get; init; }

    /// <summary>Domain that guests search; default none.</summary>
    public string? DomainName { get; init; }

    /// <summary>Time servers, IPv4 and IPv6; default none.</summary>
    public IReadOnlyList<IpAddress>? Ntp { get; init; }

    /// <summary>How long an address is leased; default <see cref="DefaultLeaseTime"/>.</summary>
    public TimeSpan? LeaseTime { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }

    /// <summary>A subnet's part over its VPC's, key by key.</summary>
    public static DhcpConfig Merge(DhcpConfig? vpc, DhcpConfig? subnet) => new()
    {
        Enabled = subnet?.Enabled ?? vpc?.Enabled,
        Dns = subnet?.Dns ?? vpc?.Dns,
        DomainName = subnet?.DomainName ?? vpc?.DomainName,
        Ntp = subnet?.Ntp ?? vpc?.Ntp,
        LeaseTime = subnet?.LeaseTime ?? vpc?.LeaseTime,
        Position = subnet?.Position ?? vpc?.Position ?? default,
    };
}
