using System.Globalization;
using VSwitch.ControlPlane.Billing;

namespace VSwitch.ControlPlane.Config;

/// <content>Billing: <c>{ currency, decimals, timeZone, interval, prices: { monthly, bandwidth, traffic } }</c>.</content>
public static partial class ConfigReader
{
    private const int CurrencyLetters = 3;
    private const int MaxDecimals = 8;
    private const decimal LargestPrice = 1_000_000_000m;

    private static BillingConfig ReadBilling(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "billing", errors);
        var defaults = new BillingConfig();
        string currency = map.Text("currency") ?? defaults.Currency;
        if (currency.Length != CurrencyLetters || !currency.All(char.IsAsciiLetterUpper))
        {
            errors.Add(map.PlaceOf("currency"), $"'currency: {currency}' is not a currency; write its three letters, like CNY, EUR or USD");
        }

        string zone = map.Text("timeZone") ?? defaults.TimeZone;
        if (BillingCalendar.TryFind(zone) == null)
        {
            errors.Add(map.PlaceOf("timeZone"), $"'timeZone: {zone}' is not known here; write UTC, an offset like +08:00, or a name like Asia/Shanghai (which needs the package tzdata)");
        }

        TimeSpan? interval = map.Value<TimeSpan>("interval", Interval, "a time from 1s to 1h that divides an hour, like 10s, 60s or 5m");
        var billing = new BillingConfig
        {
            Currency = currency,
            Decimals = map.Integer("decimals", 0, MaxDecimals) ?? defaults.Decimals,
            TimeZone = zone,
            Interval = interval ?? defaults.Interval,
            Position = node.Position,
        };
        if (map.Node("prices") is ConfigNode prices)
        {
            var inner = new ConfigMap(prices, "prices", errors);
            billing = billing with
            {
                Monthly = inner.Node("monthly") is ConfigNode monthly ? ReadMonthly(monthly, errors) : null,
                Bandwidth = inner.Node("bandwidth") is ConfigNode bandwidth ? ReadBandwidth(bandwidth, errors) : null,
                Traffic = inner.Node("traffic") is ConfigNode traffic ? ReadTraffic(traffic, errors) : null,
            };
            inner.Finish();
        }

        map.Finish();
        return billing;
    }

    private static TimeSpan? Interval(string text) =>
        ConfigValues.Duration(text) is TimeSpan time && time.Ticks % TimeSpan.TicksPerSecond == 0 &&
            time >= TimeSpan.FromSeconds(1) && time <= TimeSpan.FromHours(1) && TimeSpan.TicksPerHour % time.Ticks == 0 ? time : null;

    private static MonthlyPrices ReadMonthly(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "monthly", errors);
        var prices = new MonthlyPrices(ReadPrice(map, "perEip") ?? 0, ReadTiers(map, "perMbps", errors));
        if (!map.Has("perEip") && !map.Has("perMbps"))
        {
            errors.Add(node.Position, "monthly has neither 'perEip' nor 'perMbps'; add one or both");
        }

        map.Finish();
        return prices;
    }

    private static BandwidthPrices ReadBandwidth(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "bandwidth", errors);
        if (!map.Has("perMbpsHour"))
        {
            errors.Add(node.Position, "bandwidth has no 'perMbpsHour'; add it");
        }

        var prices = new BandwidthPrices(ReadTiers(map, "perMbpsHour", errors));
        map.Finish();
        return prices;
    }

    private static TrafficPrices ReadTraffic(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "traffic", errors);
        decimal? perGB = ReadPrice(map, "perGB");
        decimal? perGiB = ReadPrice(map, "perGiB");
        if (map.Has("perGB") == map.Has("perGiB"))
        {
            errors.Add(node.Position, "traffic has a price of exactly one of 'perGB' (1 000 000 000 bytes) and 'perGiB' (1 073 741 824 bytes)");
        }

        var prices = new TrafficPrices(perGB ?? perGiB ?? 0, map.Has("perGiB"), ReadPrice(map, "retentionPerDay"), ReadPrice(map, "retentionPerHour"));
        if (map.Has("retentionPerDay") && map.Has("retentionPerHour"))
        {
            errors.Add(map.PlaceOf("retentionPerHour"), "retention costs by the day or by the hour, not both; remove 'retentionPerDay' or 'retentionPerHour'");
        }

        map.Finish();
        return prices;
    }

    /// <summary>One price for every Mbps, or tiers that go upward; the last one has no end.</summary>
    private static List<PriceTier> ReadTiers(ConfigMap map, string key, ConfigErrors errors)
    {
        if (map.Node(key) is not ListNode)
        {
            return ReadPrice(map, key) is decimal price ? [new PriceTier(null, price)] : [];
        }

        var tiers = new List<PriceTier>();
        foreach (ConfigNode item in map.List(key))
        {
            var inner = new ConfigMap(item, "a tier", errors);
            inner.Required("price");
            var tier = new PriceTier(inner.Value<long>("upTo", ConfigValues.Rate, "a bandwidth, like 5Mbps"), ReadPrice(inner, "price") ?? 0);
            inner.Finish();
            if (tiers.Count > 0 && tiers[^1].UpToBitsPerSecond is not long before)
            {
                errors.Add(item.Position, "a tier follows one without 'upTo', which has no end; give that one its 'upTo', or put it last");
            }
            else if (tiers.Count > 0 && tier.UpToBitsPerSecond <= tiers[^1].UpToBitsPerSecond)
            {
                errors.Add(item.Position, "tiers go upward; this one ends before the one in front of it");
            }

            tiers.Add(tier);
        }

        if (tiers.Count == 0 || tiers[^1].UpToBitsPerSecond != null)
        {
            errors.Add(map.PlaceOf(key), $"the last tier of '{key}' has no 'upTo', so that every bandwidth has a price: {{ price: 0.14 }}");
        }

        return tiers;
    }

    private static decimal? ReadPrice(ConfigMap map, string key) =>
        map.Value<decimal>(key, Price, "a price: digits with a decimal point, not negative, like 0.48");

    private static decimal? Price(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal price) && price <= LargestPrice &&
            price.Scale <= MaxDecimals ? price : null;
}
