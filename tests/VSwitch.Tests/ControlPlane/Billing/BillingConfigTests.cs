using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>The billing section: what it says, each error with its place, and what changes look like.</summary>
public class BillingConfigTests
{
    [Fact]
    public void A_price_list_is_read_and_written_back()
    {
        BillingConfig billing = LedgerScript.Prices(LedgerScript.JdPrices);
        Assert.Equal(("CNY", 2, "Asia/Shanghai", 60.0), (billing.Currency, billing.Decimals, billing.TimeZone, billing.Interval.TotalSeconds));
        Assert.Equal([new PriceTier(1_000_000, 0.06m), new PriceTier(5_000_000, 0.04m), new PriceTier(null, 0.14m)], billing.Bandwidth!.PerMbpsHour);
        Assert.Equal(new TrafficPrices(0.80m, false, 0.48m, null), billing.Traffic);
        SwitchConfig config = ConfigReader.Parse("test", LedgerScript.JdPrices).Config!;
        Assert.Null(VSwitch.Testing.ConfigEquality.Difference(config, ConfigReader.Parse("test", ConfigWriter.ToJson(config)).Config));
    }

    [Fact]
    public void Without_the_section_usage_is_metered_each_minute_and_nothing_has_a_price()
    {
        SwitchConfig config = ConfigReader.Parse("test", "vpcs: []").Config!;
        Assert.Equal(new BillingConfig(), config.Billing);
        Assert.DoesNotContain("billing", ConfigWriter.ToJson(config), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ currency: yuan }", 1, 22, "is not a currency")]
    [InlineData("{ decimals: 9 }", 1, 22, "from 0 to 8")]
    [InlineData("{ timeZone: Mars }", 1, 22, "is not known here")]
    [InlineData("{ interval: 7s }", 1, 22, "divides an hour")]
    [InlineData("{ interval: 2h }", 1, 22, "divides an hour")]
    [InlineData("{ interval: 500ms }", 1, 22, "divides an hour")]
    [InlineData("{ price: {} }", 1, 12, "did you mean 'prices'?")]
    [InlineData("{ prices: { monthly: {} } }", 1, 31, "neither 'perEip' nor 'perMbps'")]
    [InlineData("{ prices: { bandwidth: {} } }", 1, 33, "has no 'perMbpsHour'")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: -1 } } }", 1, 48, "is not a price")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: 1e3 } } }", 1, 48, "is not a price")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: 0.123456789 } } }", 1, 48, "is not a price")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [] } } }", 1, 48, "last tier")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [{ upTo: 1Mbps, price: 1 }] } } }", 1, 48, "last tier")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [{ upTo: 5, price: 1 }] } } }", 1, 57, "is not a bandwidth")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [{ price: 1 }, { price: 2 }] } } }", 1, 63, "without 'upTo'")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [{ upTo: 5Mbps, price: 1 }, { upTo: 5Mbps, price: 2 }, { price: 1 }] } } }", 1, 76, "tiers go upward")]
    [InlineData("{ prices: { bandwidth: { perMbpsHour: [{ upTo: 5Mbps }, { price: 1 }] } } }", 1, 49, "has no 'price'")]
    [InlineData("{ prices: { traffic: {} } }", 1, 31, "exactly one of 'perGB'")]
    [InlineData("{ prices: { traffic: { perGB: 1, perGiB: 1 } } }", 1, 31, "exactly one of 'perGB'")]
    [InlineData("{ prices: { traffic: { perGB: 1, retentionPerDay: 1, retentionPerHour: 1 } } }", 1, 81, "by the day or by the hour")]
    public void Errors_have_their_place_and_the_mend(string billing, int line, int column, string message)
    {
        ConfigError error = Assert.Single(ConfigReader.Parse("test", "billing: " + billing).Errors);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (error.Position.Line, error.Position.Column));
    }

    [Fact]
    public void A_change_of_prices_is_said_tier_by_tier()
    {
        SwitchConfig before = ConfigReader.Parse("test", LedgerScript.JdPrices).Config!;
        SwitchConfig after = ConfigReader.Parse("test", LedgerScript.JdPrices.Replace("0.14", "0.15", StringComparison.Ordinal)).Config!;
        ConfigChange change = Assert.Single(ConfigDiff.Between(before, after).Changes);
        FieldChange field = Assert.Single(change.Fields);
        Assert.Equal(("billing", "prices.bandwidth.perMbpsHour"), (change.Kind, field.Name));
        Assert.Equal("0.06 up to 1Mbps, 0.04 up to 5Mbps, 0.15", field.To);
        Assert.True(ConfigDiff.Between(before, ConfigReader.Parse("test", LedgerScript.JdPrices.Replace("0.80", "0.8", StringComparison.Ordinal)).Config!).IsEmpty);
    }
}
