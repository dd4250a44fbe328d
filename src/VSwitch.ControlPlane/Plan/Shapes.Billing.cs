using System.Globalization;
using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Plan;

/// <content>Billing: settings and the price list.</content>
internal static partial class Shapes
{
    private static readonly BillingConfig UsualBilling = new();

    public static readonly Shape<BillingConfig> Billing = new(
        "billing", _ => "billing",
        new ValueField<BillingConfig>("currency", b => b.Currency, UsualBilling.Currency),
        new ValueField<BillingConfig>("decimals", b => Number(b.Decimals), Number(UsualBilling.Decimals)),
        new ValueField<BillingConfig>("timeZone", b => b.TimeZone, UsualBilling.TimeZone),
        new ValueField<BillingConfig>("interval", b => ConfigText.Duration(b.Interval), ConfigText.Duration(UsualBilling.Interval)),
        new ValueField<BillingConfig>("prices.monthly.perEip", b => Price(b.Monthly?.PerEip)),
        new ValueField<BillingConfig>("prices.monthly.perMbps", b => Tiers(b.Monthly?.PerMbps)),
        new ValueField<BillingConfig>("prices.bandwidth.perMbpsHour", b => Tiers(b.Bandwidth?.PerMbpsHour)),
        new ValueField<BillingConfig>("prices.traffic.perGB", b => b.Traffic is { IsBinary: false } t ? Price(t.PerUnit) : null),
        new ValueField<BillingConfig>("prices.traffic.perGiB", b => b.Traffic is { IsBinary: true } t ? Price(t.PerUnit) : null),
        new ValueField<BillingConfig>("prices.traffic.retentionPerDay", b => Price(b.Traffic?.RetentionPerDay)),
        new ValueField<BillingConfig>("prices.traffic.retentionPerHour", b => Price(b.Traffic?.RetentionPerHour)));

    private static string? Tiers(IReadOnlyList<PriceTier>? tiers) => tiers is not { Count: > 0 } ? null
        : string.Join(", ", tiers.Select(t => Price(t.Price) + (t.UpToBitsPerSecond is long end ? $" up to {ConfigText.Rate(end)}" : "")));

    /// <summary>0.50 is 0.5.</summary>
    private static string? Price(decimal? price) => price?.ToString("0.########", CultureInfo.InvariantCulture);
}
