using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>The rules of bills beyond the worked examples: changes in the middle, packages, days, open periods, what has no price.</summary>
public class BillTests
{
    private static EipTerms Eip(BillingType billing, long? mbps, string? target = "eni vm") => LedgerScript.Eip(billing, mbps, target: target);

    [Fact]
    public void A_change_of_the_billing_type_counts_from_its_second_and_parts_the_bytes()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-10 08:00:00", Eip(BillingType.Bandwidth, 2))
            .Carry(3_000_000_000).Set("2026-11-10 20:00:00", Eip(BillingType.Traffic, 2))
            .Carry(2_000_000_000).Sample("2026-11-11 10:00:00").Set("2026-11-11 12:00:00", Eip(BillingType.Bandwidth, 2))
            .Carry(1_000_000_000).Release("2026-11-11 12:00:01");
        Assert.Equal(
            [
                "11-10 08:00:00 11-10 20:00:00 Bandwidth 12 h x 0.1 = 1.20",
                "11-10 20:00:00 11-11 12:00:00 Retention 2 day x 0.48 = 0.96",
                "11-10 20:00:00 11-11 12:00:00 Traffic 2 GB x 0.8 = 1.60",
                "11-11 12:00:00 11-11 12:00:01 Bandwidth 0.000278 h x 0.1 = 0.00",
            ],
            LedgerScript.Lines(script.Bill("2026-11", "2026-12-01")));
        Assert.Equal(6_000_000_000, script.Bill("2026-11", "2026-12-01").Eips[0].Usage.Sent.Bytes);
    }

    [Fact]
    public void A_day_costs_its_retention_once_however_often_the_type_changes()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-10 08:00:00", Eip(BillingType.Traffic, 2))
            .Set("2026-11-10 09:00:00", Eip(BillingType.Bandwidth, 2)).Set("2026-11-10 10:00:00", Eip(BillingType.Traffic, 2)).Release("2026-11-11 00:00:00");
        Assert.Equal(1, script.Bill("2026-11", "2026-12-01").Eips[0].Lines.Count(l => l.Item == BillItem.Retention));
    }

    [Fact]
    public void Retention_by_the_hour_is_exact_to_the_second()
    {
        string prices = LedgerScript.JdPrices.Replace("retentionPerDay: 0.48", "retentionPerHour: 0.02", StringComparison.Ordinal);
        LedgerScript script = new LedgerScript().Begin("2026-11-10 08:00:00", Eip(BillingType.Traffic, 2, target: null)).Release("2026-11-11 08:30:00");
        Assert.Equal("11-10 08:00:00 11-11 08:30:00 Retention 24.5 h x 0.02 = 0.49", LedgerScript.Lines(script.Bill("2026-11", "2026-12-01", prices)).First());
    }

    [Fact]
    public void A_gigabyte_of_1024_cubed_bytes_where_the_price_says_so()
    {
        string prices = LedgerScript.JdPrices.Replace("perGB", "perGiB", StringComparison.Ordinal);
        LedgerScript script = new LedgerScript().Begin("2026-11-10", Eip(BillingType.Traffic, 2)).Carry(1L << 30).Release("2026-11-10 08:00:00");
        Assert.Equal("11-10 00:00:00 11-10 08:00:00 Traffic 1 GiB x 0.8 = 0.80", LedgerScript.Lines(script.Bill("2026-11", "2026-12-01", prices)).Last());
    }

    [Fact]
    public void Packages_follow_each_other_on_the_day_of_the_first_or_the_last_one_of_a_short_month()
    {
        LedgerScript script = new LedgerScript().Begin("2026-01-31 12:00:00", Eip(BillingType.Monthly, 1)).Close("2026-01-31 13:00:00");
        string[] all = [.. new[] { "2026-01", "2026-02", "2026-03", "2026-04" }.SelectMany(m => LedgerScript.Lines(script.Bill(m, "2026-04-20")))];
        Assert.Equal(
            [
                "01-31 12:00:00 03-01 00:00:00 Package 1 month x 23 = 23.00",
                "03-01 00:00:00 04-01 00:00:00 Package 1 month x 23 = 23.00",
                "04-01 00:00:00 05-01 00:00:00* Package 1 month x 23 = 23.00",
            ],
            all);
    }

    [Fact]
    public void A_package_runs_to_its_end_whatever_is_configured_and_what_is_configured_is_billed_from_then_on()
    {
        LedgerScript script = new LedgerScript().Begin("2026-10-20 00:00:00", Eip(BillingType.Monthly, 1)).Carry(5_000_000_000)
            .Set("2026-11-10 00:00:00", Eip(BillingType.Traffic, 1)).Carry(4_000_000_000).Sample("2026-11-15 00:00:00")
            .Sample("2026-11-21 12:00:00").Carry(1_000_000_000).Sample("2026-11-22 00:00:00").Release("2026-11-22 12:00:00");
        Assert.Equal(["10-20 00:00:00 11-21 00:00:00 Package 1 month x 23 = 23.00"], LedgerScript.Lines(script.Bill("2026-10", "2026-12-01")));
        Assert.Equal(
            ["11-21 00:00:00 11-22 12:00:00 Retention 2 day x 0.48 = 0.96", "11-21 00:00:00 11-22 12:00:00 Traffic 1 GB x 0.8 = 0.80"],
            LedgerScript.Lines(script.Bill("2026-11", "2026-12-01")));
    }

    [Fact]
    public void More_bandwidth_in_a_package_costs_the_difference_for_its_rest_and_less_gives_nothing_back()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 00:00:00", Eip(BillingType.Monthly, 1))
            .Set("2026-11-17 00:00:00", Eip(BillingType.Monthly, 5)).Set("2026-11-18 00:00:00", Eip(BillingType.Monthly, 2));

        // 31 days, from 1 November to the end of 1 December; 15 of them are left.
        Assert.Equal(
            ["11-01 00:00:00 12-02 00:00:00* Package 1 month x 23 = 23.00", "11-17 00:00:00 12-02 00:00:00 Raise 0.483871 month x 102 = 49.35"],
            LedgerScript.Lines(script.Bill("2026-11", "2026-11-20")));
        Assert.Equal(["12-02 00:00:00 01-02 00:00:00* Package 1 month x 46 = 46.00"], LedgerScript.Lines(script.Bill("2026-12", "2026-12-20")));
    }

    [Fact]
    public void A_running_month_is_billed_until_now_and_what_goes_on_is_marked()
    {
        LedgerScript script = new LedgerScript().Begin("2026-10-30 00:00:00", Eip(BillingType.Bandwidth, 1, target: null)).Close("2026-11-02 00:00:00");
        Bill bill = script.Bill("2026-11", "2026-11-03 00:00:00");
        Assert.Equal(["11-01 00:00:00 11-03 00:00:00* Bandwidth 48 h x 0.06 = 2.88"], LedgerScript.Lines(bill));
        Assert.Equal(LedgerScript.At("2026-11-03 00:00:00"), bill.AsOf.ToUnixTimeSeconds());
        Bill whole = script.Bill("2026-10", "2026-11-03 00:00:00");
        Assert.Equal("10-30 00:00:00 11-01 00:00:00 Bandwidth 48 h x 0.06 = 2.88", LedgerScript.Lines(whole).Single());
        Assert.Empty(script.Bill("2026-12", "2026-11-03").Eips);
    }

    [Fact]
    public void What_has_no_price_is_named_and_not_in_the_total()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01", Eip(BillingType.Bandwidth, null)).Release("2026-11-02");
        Bill bill = script.Bill("2026-11", "2026-12-01");
        Assert.Equal((1, 0.00m, null), (bill.Unpriced, bill.Total, bill.Eips[0].Lines[0].Amount));
        Assert.Contains("no bandwidth", Assert.Single(bill.Notes), StringComparison.Ordinal);
        Assert.Equal(1, script.Bill("2026-11", "2026-12-01", "billing: { timeZone: Asia/Shanghai }").Unpriced);
    }

    [Fact]
    public void An_eip_that_is_released_and_allocated_again_is_two_of_one_name()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01", Eip(BillingType.Traffic, 1)).Carry(1_000_000_000).Release("2026-11-02")
            .Set("2026-11-03", Eip(BillingType.Traffic, 1)).Carry(500_000_000).Release("2026-11-04");
        Bill bill = script.Bill("2026-11", "2026-12-01");
        Assert.Equal([1_000_000_000, 500_000_000], bill.Eips.Select(e => e.Usage.Sent.Bytes));
        Assert.Equal([1.28m, 0.88m], bill.Eips.Select(e => e.Subtotal));
        Assert.Equal(2.16m, bill.Total);
    }

    [Fact]
    public void An_amount_is_rounded_once_and_half_a_fen_upward()
    {
        // 5 minutes and 50 minutes of 0.06 an hour: 0.005 and 0.05.
        LedgerScript script = new LedgerScript().Begin("2026-11-01 00:00:00", Eip(BillingType.Bandwidth, 1))
            .Set("2026-11-01 00:05:00", Eip(BillingType.Bandwidth, 2)).Release("2026-11-01 00:05:01");
        Assert.Equal([0.01m, 0.00m], script.Bill("2026-11", "2026-12-01").Eips[0].Lines.Select(l => l.Amount!.Value));
        string yen = LedgerScript.JdPrices.Replace("billing:", "billing:\n  currency: JPY\n  decimals: 0", StringComparison.Ordinal);
        Assert.Equal("0", script.Bill("2026-11", "2026-12-01", yen).Total.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("America/New_York", "2026-11-01", 25)]
    [InlineData("America/New_York", "2026-03-08", 23)]
    [InlineData("+05:45", "2026-03-08", 24)]
    [InlineData("America/Sao_Paulo", "2018-11-04", 23)]
    public void Days_are_those_of_the_zone(string zone, string day, int hours)
    {
        BillingCalendar calendar = BillingCalendar.TryFind(zone)!;
        var date = DateOnly.Parse(day, System.Globalization.CultureInfo.InvariantCulture);
        long start = calendar.StartOf(date);
        Assert.Equal(hours * 3600, calendar.StartOf(date.AddDays(1)) - start);
        Assert.Equal(date, calendar.DayOf(start));
        Assert.Equal(date.AddDays(-1), calendar.DayOf(start - 1));
        Assert.Equal(start, calendar.HourOf(start + 59));
    }

    [Theory]
    [InlineData("Mars/Olympus")]
    [InlineData("+25:00")]
    [InlineData("+8")]
    [InlineData("")]
    public void A_zone_that_is_not_known_is_none(string zone) => Assert.Null(BillingCalendar.TryFind(zone));

    [Fact]
    public void Usage_is_summed_by_hour_day_and_month_of_the_zone()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 23:58:00", Eip(BillingType.Traffic, 1))
            .Carry(100).Sample("2026-11-01 23:59:00").Carry(200).Sample("2026-11-02 00:00:00").Carry(400).Sample("2026-11-02 00:01:00");
        UsageHistory history = script.History();
        (long from, long to) = (LedgerScript.At("2026-11-01"), LedgerScript.At("2026-12-01"));
        long[] Sums(UsagePeriod period) => [.. UsageReport.Rows(history, LedgerScript.Calendar, period, from, to, null).Select(r => r.Counts.Sent.Bytes)];
        Assert.Equal([300, 400], Sums(UsagePeriod.Hour));
        Assert.Equal([300, 400], Sums(UsagePeriod.Day));
        Assert.Equal([700], Sums(UsagePeriod.Month));
        Assert.Empty(UsageReport.Rows(history, LedgerScript.Calendar, UsagePeriod.Hour, from, to, "other"));
    }
}
