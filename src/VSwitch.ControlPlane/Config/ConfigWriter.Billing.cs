using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>The <c>billing</c> section.</content>
public static partial class ConfigWriter
{
    private static readonly BillingConfig UsualBilling = new();

    private static void WriteBilling(Document document, BillingConfig billing)
    {
        Utf8JsonWriter json = document.Json;
        if (billing with { Position = default } == UsualBilling)
        {
            return;
        }

        json.WriteStartObject("billing");
        WriteIfSet(json, "currency", billing.Currency == UsualBilling.Currency ? null : billing.Currency);
        WriteIfSet(json, "decimals", billing.Decimals == UsualBilling.Decimals ? null : billing.Decimals);
        WriteIfSet(json, "timeZone", billing.TimeZone == UsualBilling.TimeZone ? null : billing.TimeZone);
        WriteIfSet(json, "interval", billing.Interval == UsualBilling.Interval ? null : ConfigText.Duration(billing.Interval));
        if (billing.Monthly != null || billing.Bandwidth != null || billing.Traffic != null)
        {
            json.WriteStartObject("prices");
            if (billing.Monthly is MonthlyPrices monthly)
            {
                document.Entry("monthly", monthly, WriteMonthly);
            }

            if (billing.Bandwidth is BandwidthPrices bandwidth)
            {
                document.Entry("bandwidth", bandwidth, (line, b) => WriteTiers(line, "perMbpsHour", b.PerMbpsHour));
            }

            if (billing.Traffic is TrafficPrices traffic)
            {
                document.Entry("traffic", traffic, WriteTraffic);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteMonthly(Utf8JsonWriter json, MonthlyPrices monthly)
    {
        // Without either key there would be no price at all.
        if (monthly.PerEip != 0 || monthly.PerMbps.Count == 0)
        {
            json.WriteNumber("perEip", monthly.PerEip);
        }

        WriteTiers(json, "perMbps", monthly.PerMbps);
    }

    private static void WriteTraffic(Utf8JsonWriter json, TrafficPrices traffic)
    {
        json.WriteNumber(traffic.IsBinary ? "perGiB" : "perGB", traffic.PerUnit);
        WriteIfSet(json, "retentionPerDay", traffic.RetentionPerDay);
        WriteIfSet(json, "retentionPerHour", traffic.RetentionPerHour);
    }

    private static void WriteTiers(Utf8JsonWriter json, string key, IReadOnlyList<PriceTier> tiers)
    {
        if (tiers.Count == 1)
        {
            json.WriteNumber(key, tiers[0].Price);
        }
        else if (tiers.Count > 1)
        {
            json.WriteStartArray(key);
            foreach (PriceTier tier in tiers)
            {
                json.WriteStartObject();
                WriteIfSet(json, "upTo", tier.UpToBitsPerSecond is long end ? ConfigText.Rate(end) : null);
                json.WriteNumber("price", tier.Price);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
    }

    private static void WriteIfSet(Utf8JsonWriter json, string key, decimal? value)
    {
        if (value is decimal number)
        {
            json.WriteNumber(key, number);
        }
    }
}
