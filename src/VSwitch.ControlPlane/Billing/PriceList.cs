using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Billing;

/// <summary>Prices by exact decimal arithmetic. An amount is rounded once, at the end of its line, to the currency's minor unit; half a
/// unit away from zero.</summary>
/// <param name="billing">The configuration's price list.</param>
public sealed class PriceList(BillingConfig billing)
{
    private const decimal BitsPerMegabit = 1_000_000m;
    private const decimal SecondsPerHour = 3600m;
    private const long DecimalGigabyte = 1_000_000_000;
    private const long BinaryGigabyte = 1L << 30;
    private const int QuantityDigits = 9;

    /// <summary>Bytes of a gigabyte: 10^9, or 2^30 where the price is one <c>perGiB</c>.</summary>
    public long GigabyteBytes => billing.Traffic?.IsBinary == true ? BinaryGigabyte : DecimalGigabyte;

    /// <summary>GB or GiB.</summary>
    public string GigabyteUnit => billing.Traffic?.IsBinary == true ? "GiB" : "GB";

    /// <summary>A month of an EIP; null when there is no price, or none for a bandwidth without a limit.</summary>
    public decimal? MonthOf(long? bitsPerSecond) => billing.Monthly is not MonthlyPrices prices ? null
        : prices.PerMbps.Count == 0 ? prices.PerEip
        : bitsPerSecond is long rate ? prices.PerEip + PriceOf(prices.PerMbps, rate) : null;

    /// <summary>An hour of bandwidth; null when there is no price, or none for a bandwidth without a limit.</summary>
    public decimal? HourOf(long? bitsPerSecond) =>
        billing.Bandwidth is BandwidthPrices prices && bitsPerSecond is long rate ? PriceOf(prices.PerMbpsHour, rate) : null;

    /// <summary>Nothing, with the digits of an amount: 0.00.</summary>
    public decimal Zero => new(0, 0, 0, isNegative: false, (byte)billing.Decimals);

    /// <summary>A gigabyte out.</summary>
    public decimal? Gigabyte => billing.Traffic?.PerUnit;

    /// <summary>A day of an address; null when it costs nothing by the day.</summary>
    public decimal? RetentionPerDay => billing.Traffic?.RetentionPerDay;

    /// <summary>An hour of an address; null when it costs nothing by the hour.</summary>
    public decimal? RetentionPerHour => billing.Traffic?.RetentionPerHour;

    /// <summary>True when traffic has a price list.</summary>
    public bool HasTraffic => billing.Traffic != null;

    /// <summary>Units times price, rounded.</summary>
    /// <param name="measured">What was measured.</param>
    /// <param name="perUnit">How much of that makes a unit.</param>
    /// <param name="price">Price of a unit.</param>
    public decimal? Amount(long measured, decimal perUnit, decimal? price) =>
        price is decimal known ? Zero + Math.Round(measured * known / perUnit, billing.Decimals, MidpointRounding.AwayFromZero) : null;

    /// <summary>What was measured in units, for people: the amount is made of what was measured.</summary>
    public static decimal Quantity(long measured, decimal perUnit) => Math.Round(measured / perUnit, QuantityDigits, MidpointRounding.AwayFromZero);

    /// <summary>Seconds of an hour.</summary>
    public static decimal HourSeconds => SecondsPerHour;

    /// <summary>Each Mbps by the price of its own tier.</summary>
    private static decimal PriceOf(IReadOnlyList<PriceTier> tiers, long bitsPerSecond)
    {
        decimal price = 0;
        long from = 0;
        foreach (PriceTier tier in tiers)
        {
            long to = Math.Min(bitsPerSecond, tier.UpToBitsPerSecond ?? long.MaxValue);
            price += Math.Max(0, to - from) / BitsPerMegabit * tier.Price;
            from = Math.Max(from, to);
        }

        return price;
    }
}
