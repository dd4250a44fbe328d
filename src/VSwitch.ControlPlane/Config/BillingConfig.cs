namespace VSwitch.ControlPlane.Config;

/// <summary>What elastic IPs cost and how their usage is written down: the <c>billing</c> section. Without prices usage is metered all
/// the same, and a bill has quantities without amounts.</summary>
public sealed record BillingConfig
{
    /// <summary>ISO 4217 code of the prices' currency.</summary>
    public string Currency { get; init; } = "CNY";

    /// <summary>Digits of an amount behind the point: the currency's minor unit.</summary>
    public int Decimals { get; init; } = 2;

    /// <summary>The zone in which days and months begin: an IANA name, UTC, or an offset like +08:00.</summary>
    public string TimeZone { get; init; } = "UTC";

    /// <summary>How often the counters are written to the ledger; what a killed process loses at most. It divides an hour.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Prices of EIPs that are billed by the month; null = not priced.</summary>
    public MonthlyPrices? Monthly { get; init; }

    /// <summary>Prices of pay by configuration; null = not priced.</summary>
    public BandwidthPrices? Bandwidth { get; init; }

    /// <summary>Prices of pay by consumption; null = not priced.</summary>
    public TrafficPrices? Traffic { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>Prices of a monthly package, paid in advance.</summary>
/// <param name="PerEip">A month of an EIP, whatever its bandwidth.</param>
/// <param name="PerMbps">A month of bandwidth.</param>
public sealed record MonthlyPrices(decimal PerEip, IReadOnlyList<PriceTier> PerMbps);

/// <summary>Prices of pay by configuration.</summary>
/// <param name="PerMbpsHour">An hour of bandwidth.</param>
public sealed record BandwidthPrices(IReadOnlyList<PriceTier> PerMbpsHour);

/// <summary>Prices of pay by consumption.</summary>
/// <param name="PerUnit">Outbound traffic, a gigabyte.</param>
/// <param name="IsBinary">True when a gigabyte is 2^30 bytes (<c>perGiB</c>), false when it is 10^9 (<c>perGB</c>).</param>
/// <param name="RetentionPerDay">The address itself, each calendar day begun; null = by the hour, or nothing.</param>
/// <param name="RetentionPerHour">The address itself, an hour, to the second; null = by the day, or nothing.</param>
public sealed record TrafficPrices(decimal PerUnit, bool IsBinary, decimal? RetentionPerDay, decimal? RetentionPerHour);

/// <summary>A part of a bandwidth and its price. Each Mbps costs what its own tier says, as with income tax.</summary>
/// <param name="UpToBitsPerSecond">Where the tier ends; null for the last one.</param>
/// <param name="Price">A Mbps of this tier.</param>
public readonly record struct PriceTier(long? UpToBitsPerSecond, decimal Price);
