using System.Text;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>The ledger from run to run: totals go on, nothing counts twice, damage is named and survived, files stay short.</summary>
public class UsageLedgerTests
{
    private static readonly EipTerms Eip = LedgerScript.Eip(BillingType.Traffic, 5);

    [Fact]
    public void Totals_go_on_over_restarts_whose_counters_begin_at_0()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip).Carry(1000, 10).Sample("2026-11-01 10:01:00").Carry(500).Close("2026-11-01 10:01:30")
            .Begin("2026-11-01 12:00:00").Carry(7000, 70).Close("2026-11-01 12:00:10");
        Assert.Empty(script.Ledger.Findings);
        EipUsage usage = Assert.Single(script.History().Eips);
        Assert.Equal((8500, 80), Sum(usage));
        Assert.Null(usage.ReleasedAt);
        Assert.Single(usage.Segments);
    }

    [Fact]
    public void A_killed_process_loses_what_it_had_not_written_and_says_so()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip).Carry(1000).Sample("2026-11-01 10:01:00").Carry(500).Kill()
            .Begin("2026-11-01 10:02:00").Carry(7).Close("2026-11-01 10:03:00");
        Assert.Equal((1007, 0), Sum(script.History().Eips[0]));
        Assert.Contains("at most one interval", Assert.Single(script.Ledger.Findings), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_configured_when_a_process_begins_is_compared_with_what_was()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip, LedgerScript.Eip(BillingType.Bandwidth, 1, "gone")).Close("2026-11-01 11:00:00");
        using (UsageLedger ledger = UsageLedger.Open(script.Files, LedgerScript.Calendar))
        {
            ledger.Begin(LedgerScript.At("2026-11-01 12:00:00"), "test", [Eip with { BandwidthBitsPerSecond = 9 }], LedgerScript.At("2026-11-01 11:30:00"));
        }

        UsageHistory history = script.History();
        Assert.Equal([LedgerScript.At("2026-11-01 10:00:00"), LedgerScript.At("2026-11-01 11:30:00")], history.Eips[0].Segments.Select(s => s.From));
        Assert.Equal(LedgerScript.At("2026-11-01 11:30:00"), history.Eips[1].ReleasedAt);
    }

    [Fact]
    public void Of_two_changes_in_one_second_the_last_one_holds_and_has_the_bytes()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip)
            .Set("2026-11-01 11:00:00", Eip with { Billing = BillingType.Monthly }).Carry(300).Set("2026-11-01 11:00:00", Eip with { Billing = BillingType.Bandwidth })
            .Close("2026-11-01 12:00:00");
        List<UsageSegment> segments = script.History().Eips[0].Segments;
        Assert.Equal([BillingType.Traffic, BillingType.Bandwidth], segments.Select(s => s.Terms.Billing));
        Assert.Equal(300, segments[1].Deltas.Sum(d => d.Counts.Sent.Bytes));
    }

    [Fact]
    public void Time_never_falls_when_the_clock_is_set_back_and_the_step_is_written()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip).Carry(10).Sample("2026-11-01 10:01:00");
        script.Ledger.NoteClock(LedgerScript.At("2026-11-01 09:01:00"), -3600);
        script.Carry(20).Sample("2026-11-01 09:02:00").Carry(30).Sample("2026-11-01 10:02:00").Close("2026-11-01 10:02:00");
        UsageHistory history = script.History();
        Assert.Equal([10, 20, 30], history.Eips[0].Segments[0].Deltas.Select(d => d.Counts.Sent.Bytes));
        Assert.All(history.Eips[0].Segments[0].Deltas, d => Assert.True(d.To >= d.From));
        Assert.Equal(-3600, Assert.Single(history.ClockSteps).Seconds);
        Assert.Contains("back by 3600 s", Assert.Single(script.Bill("2026-11", "2026-11-02").Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_that_begins_before_the_last_entry_says_by_how_much()
    {
        LedgerScript script = new LedgerScript().Begin("2026-11-01 10:00:00", Eip).Close("2026-11-01 11:00:00").Begin("2026-11-01 10:59:00");
        Assert.Contains("60 seconds behind", Assert.Single(script.Ledger.Findings), StringComparison.Ordinal);
        Assert.Equal(LedgerScript.At("2026-11-01 11:00:00"), script.Ledger.LastAt);
    }

    [Fact]
    public void A_new_month_begins_a_file_that_can_be_read_alone_and_old_ones_are_deleted()
    {
        LedgerScript script = new LedgerScript(limits: new LedgerLimits(Months: 3)).Begin("2026-01-15 00:00:00", Eip, LedgerScript.Eip(BillingType.Monthly, 1, "m"));
        for (int month = 1; month <= 6; month++)
        {
            script.Carry(1000).Sample($"2026-0{month}-20 00:00:00").Carry(100).Sample($"2026-0{month}-21 00:00:00");
        }

        Assert.Equal(["usage-2026-04.jsonl", "usage-2026-05.jsonl", "usage-2026-06.jsonl"], script.Files.Names.Order(StringComparer.Ordinal));
        Bill bill = script.Bill("2026-06", "2026-06-30");
        Assert.Equal([1100, 0], bill.Eips.Select(e => e.Usage.Sent.Bytes));
        Assert.Equal("06-16 00:00:00 07-16 00:00:00* Package 1 month x 23 = 23.00", LedgerScript.Lines(bill).Last());
        Assert.Equal(LedgerScript.At("2026-01-15"), bill.Eips[0].AllocatedAt.ToUnixTimeSeconds());
    }

    [Fact]
    public void A_long_file_is_folded_to_hours_and_then_to_days_and_no_byte_is_lost()
    {
        LedgerScript script = new LedgerScript(limits: new LedgerLimits(FoldBytes: 6000)).Begin("2026-11-01 00:00:00", Eip);
        long end = LedgerScript.At("2026-11-11 00:00:00");
        int samples = 0;
        for (long at = LedgerScript.At("2026-11-01 00:10:00"); at <= end; at += 600, samples++)
        {
            script.Carry(1000).Sample(DateTimeOffset.FromUnixTimeSeconds(at).ToOffset(TimeSpan.FromHours(8)).ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture));
        }

        Assert.True(script.Ledger.FileBytes < 12_500, $"{script.Ledger.FileBytes} bytes");
        UsageHistory history = script.History();
        Assert.Equal((samples * 1000L, 0), Sum(history.Eips[0]));
        long[] days = [.. UsageReport.Rows(history, LedgerScript.Calendar, UsagePeriod.Day, 0, long.MaxValue, null).Select(r => r.Counts.Sent.Bytes)];
        Assert.Equal(Enumerable.Repeat(144_000L, 10), days);
    }

    [Fact]
    public void A_torn_end_is_cut_off_and_named()
    {
        var files = new MemoryLedgerFiles();
        new LedgerScript(files).Begin("2026-11-01 10:00:00", Eip).Carry(1000).Close("2026-11-01 10:01:00");
        files.Append("usage-2026-11.jsonl", "{\"format\":1,\"n\":9"u8);
        LedgerScript after = new LedgerScript(files).Begin("2026-11-01 10:02:00", Eip).Carry(5).Close("2026-11-01 10:03:00");
        Assert.Contains("cut short (1 line): cut off", Assert.Single(after.Ledger.Findings), StringComparison.Ordinal);
        Assert.Equal((1005, 0), Sum(after.History().Eips[0]));
        Assert.DoesNotContain("\"n\":9{", Encoding.UTF8.GetString(files.Read("usage-2026-11.jsonl")!), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_lines_in_the_middle_falsify_no_total_and_the_file_is_kept()
    {
        var files = new MemoryLedgerFiles();
        new LedgerScript(files).Begin("2026-11-01 10:00:00", Eip).Carry(1000).Sample("2026-11-01 10:01:00").Carry(100).Sample("2026-11-01 10:02:00")
            .Carry(10).Close("2026-11-01 10:03:00");
        string[] lines = Encoding.UTF8.GetString(files.Read("usage-2026-11.jsonl")!).Split('\n');
        lines[2] = lines[2].Replace("1000", "9999", StringComparison.Ordinal);
        files.Write("usage-2026-11.jsonl", Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        LedgerScript after = new LedgerScript(files).Begin("2026-11-01 10:04:00", Eip);
        Assert.Contains("1 damaged lines between whole ones", Assert.Single(after.Ledger.Findings), StringComparison.Ordinal);
        Assert.Equal((1110, 0), Sum(after.History().Eips[0]));
        Assert.Contains("usage-2026-11.jsonl.damaged", files.Names);
    }

    [Fact]
    public void A_file_without_a_whole_line_is_set_aside_and_named()
    {
        var files = new MemoryLedgerFiles();
        files.Write("usage-2026-11.jsonl", [0, 1, 2, (byte)'\n', 3]);
        LedgerScript script = new LedgerScript(files).Begin("2026-11-02 10:00:00", Eip).Carry(5).Close("2026-11-02 10:03:00");
        Assert.Contains("set aside", Assert.Single(script.Ledger.Findings), StringComparison.Ordinal);
        Assert.Equal((5, 0), Sum(script.History().Eips[0]));
    }

    [Fact]
    public void A_newer_format_is_refused_and_left_alone()
    {
        var files = new MemoryLedgerFiles();
        byte[] line = CheckedLine.Seal("{\"format\":2,\"n\":1,\"at\":\"2026-11-01T00:00:00.000Z\",\"kind\":\"new\"}"u8.ToArray());
        files.Write("usage-2026-11.jsonl", line);
        StateException e = Assert.Throws<StateException>(() => UsageLedger.Open(files, LedgerScript.Calendar));
        Assert.Contains("newer version", e.Message, StringComparison.Ordinal);
        Assert.Equal(line, files.Read("usage-2026-11.jsonl"));
    }

    [Fact]
    public void Counters_of_many_eips_stand_in_lines_of_bounded_length()
    {
        EipTerms[] many = [.. Enumerable.Range(0, 1000).Select(i => LedgerScript.Eip(BillingType.Traffic, 1, $"e{i}"))];
        LedgerScript script = new LedgerScript().Begin("2026-11-01 00:00:00", many);
        foreach (EipTerms terms in many)
        {
            script.Carry(1000, name: terms.Name);
        }

        script.Close("2026-11-01 00:01:00");
        UsageHistory history = script.History();
        Assert.Equal(1000, history.Eips.Count);
        Assert.All(history.Eips, e => Assert.Equal((1000, 0), Sum(e)));
        Assert.All(Encoding.UTF8.GetString(script.Files.Read(script.Files.Names.Single())!).Split('\n'), l => Assert.True(l.Length < 16_000));
    }

    internal static (long Sent, long Received) Sum(EipUsage usage) => (
        usage.Segments.Sum(s => s.Deltas.Sum(d => d.Counts.Sent.Bytes)), usage.Segments.Sum(s => s.Deltas.Sum(d => d.Counts.Received.Bytes)));
}
