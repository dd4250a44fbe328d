using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>Every worked example of JD Cloud's documents on elastic IPs ("Billing Rules", "Price List"), with its own prices of
/// cn-north-1.</summary>
public class JdCloudExampleTests
{
    [Fact]
    public void A_month_of_1_Mbps_costs_23_and_lasts_until_the_second_before_midnight_of_its_day()
    {
        LedgerScript script = new LedgerScript().Begin("2017-08-02 10:00:00", LedgerScript.Eip(BillingType.Monthly, 1)).Close("2017-08-20 00:00:00");
        Bill bill = script.Bill("2017-08", "2017-09-01");
        Assert.Equal(["08-02 10:00:00 09-03 00:00:00 Package 1 month x 23 = 23.00"], LedgerScript.Lines(bill));
        Assert.Equal(23.00m, bill.Total);
    }

    [Fact]
    public void Half_an_hour_of_1_Mbps_by_configuration_costs_3_fen()
    {
        LedgerScript script = new LedgerScript().Begin("2017-08-02 10:30:00", LedgerScript.Eip(BillingType.Bandwidth, 1)).Release("2017-08-02 11:00:00");
        Bill bill = script.Bill("2017-08", "2017-09-01");
        Assert.Equal(["08-02 10:30:00 08-02 11:00:00 Bandwidth 0.5 h x 0.06 = 0.03"], LedgerScript.Lines(bill));
    }

    [Fact]
    public void A_day_by_consumption_with_1_GB_costs_1_28()
    {
        LedgerScript script = new LedgerScript().Begin("2017-08-02 10:30:00", LedgerScript.Eip(BillingType.Traffic, 5))
            .Carry(1_000_000_000, received: 7_000_000_000, dropped: 5_000_000).Sample("2017-08-02 23:00:00").Release("2017-08-03 00:00:00");
        Bill bill = script.Bill("2017-08", "2017-09-01");
        Assert.Equal(
            ["08-02 10:30:00 08-03 00:00:00 Retention 1 day x 0.48 = 0.48", "08-02 10:30:00 08-03 00:00:00 Traffic 1 GB x 0.8 = 0.80"], LedgerScript.Lines(bill));
        Assert.Equal(1.28m, bill.Total);
        Assert.Equal((7_000_000_000, 5_000_000), (bill.Eips[0].Usage.Received.Bytes, bill.Eips[0].Usage.Sent.DroppedBytes));
    }

    [Theory]
    [InlineData(1, 23, 0.06)]
    [InlineData(2, 46, 0.10)]
    [InlineData(3, 71, 0.14)]
    [InlineData(4, 96, 0.18)]
    [InlineData(5, 125, 0.22)]
    [InlineData(6, 205, 0.36)]
    [InlineData(50, 3725, 6.52)]
    public void The_tiers_give_the_price_list(long mbps, double month, double hour)
    {
        var prices = new PriceList(LedgerScript.Prices(LedgerScript.JdPrices));
        Assert.Equal((decimal)month, prices.MonthOf(mbps * 1_000_000));
        Assert.Equal((decimal)hour, prices.HourOf(mbps * 1_000_000));
    }

    [Fact]
    public void A_day_of_50_Mbps_by_configuration_costs_156_48_and_with_10_GB_by_consumption_8_48()
    {
        LedgerScript fixedRate = new LedgerScript().Begin("2017-08-02", LedgerScript.Eip(BillingType.Bandwidth, 50)).Release("2017-08-03");
        Assert.Equal(156.48m, fixedRate.Bill("2017-08", "2017-09-01").Total);
        LedgerScript byBytes = new LedgerScript().Begin("2017-08-02", LedgerScript.Eip(BillingType.Traffic, 50))
            .Carry(10_000_000_000).Sample("2017-08-02 12:00:00").Release("2017-08-03");
        Assert.Equal(8.48m, byBytes.Bill("2017-08", "2017-09-01").Total);
    }

    [Fact]
    public void A_package_from_the_first_of_January_lasts_through_the_first_of_February()
    {
        LedgerScript script = new LedgerScript().Begin("2016-01-01 15:00:00", LedgerScript.Eip(BillingType.Monthly, 1));
        BillLine line = Assert.Single(script.Bill("2016-01", "2016-01-20").Eips[0].Lines);
        Assert.Equal("2016-02-01T23:59:59+08:00", line.To.AddSeconds(-1).ToString("yyyy-MM-ddTHH:mm:sszzz", System.Globalization.CultureInfo.InvariantCulture));
    }
}
