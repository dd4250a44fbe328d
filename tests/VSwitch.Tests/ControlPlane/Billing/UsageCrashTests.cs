using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.Testing;
using VSwitch.Tests.ControlPlane.State;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>The power goes at every single step of a ledger's life (samples, changes, folding, a new month, recovery), and every single step
/// fails: what was written counts, once; at most the sample in flight is lost.</summary>
public class UsageCrashTests(ITestOutputHelper output)
{
    private const int Minutes = 12;
    private const long BytesAMinute = 1000;
    private static readonly LedgerLimits Small = new(FoldBytes: 1500, Months: 2);
    private static readonly EipTerms ByBytes = LedgerScript.Eip(BillingType.Traffic, 5);
    private static readonly EipTerms ByHour = LedgerScript.Eip(BillingType.Bandwidth, 5);

    /// <summary>Six minutes before a new month of UTC.</summary>
    private static readonly long Start = LedgerScript.At("2026-12-01 07:54:00");

    private sealed record Written(long Acknowledged, long InFlight);

    [Fact]
    public void A_power_cut_at_any_step_loses_at_most_the_sample_in_flight_and_counts_nothing_twice()
    {
        var random = new Random(Seeded.Take("usage power cuts", output.WriteLine));
        int outcomes = 0;
        int powerCuts = 0;
        for (int step = 1; Live(step, _ => false, out SimulatedDisk disk, out Written written); step++)
        {
            powerCuts++;
            foreach (SimulatedDisk after in disk.AfterPowerCut(random).Prepend(disk.AfterKill()))
            {
                outcomes++;
                Judge(after, written);
            }
        }

        output.WriteLine($"{powerCuts} power cuts, {outcomes} outcomes");
        Assert.True(powerCuts > 80 && outcomes > 300, "next to nothing was open at a power cut, so it showed nothing");
    }

    [Fact]
    public void Steps_that_fail_are_made_up_for_once_the_disk_is_well_again()
    {
        int failures = 0;
        foreach (int length in new[] { 1, 2, 5, 20 })
        {
            for (int first = FirstStep(); first < FirstStep() + 60; first++)
            {
                int from = first;
                Assert.False(Live(0, step => step >= from && step < from + length, out SimulatedDisk disk, out _, out long errors));
                failures += errors > 0 ? 1 : 0;
                UsageHistory history = UsageHistory.Of(UsageReader.Read(disk, Start, []));
                Assert.Equal((Minutes * BytesAMinute, 0), UsageLedgerTests.Sum(history.Eips[0]));
                Assert.Equal([BillingType.Traffic, BillingType.Bandwidth], history.Eips[0].Segments.Select(s => s.Terms.Billing));
                Assert.Equal(Minutes / 2 * BytesAMinute, history.Eips[0].Segments[0].Deltas.Sum(d => d.Counts.Sent.Bytes));
            }
        }

        output.WriteLine($"{failures} lives with failed writes");
        Assert.True(failures > 100, "next to nothing failed, so it showed nothing");
    }

    [Fact]
    public void A_disk_that_stays_full_is_named_and_counted_and_the_switch_goes_on()
    {
        var disk = new SimulatedDisk();
        using UsageLedger ledger = UsageLedger.Open(disk, LedgerScript.Calendar, Small);
        ledger.Begin(Start, "test", [ByBytes]);
        disk.IsFailing = _ => true;
        for (int i = 1; i <= 5; i++)
        {
            Assert.False(ledger.Sample(Start + (60 * i), Counted(i)));
        }

        Assert.Equal(5, ledger.Errors);
        Assert.Contains("Input/output error", ledger.Problem, StringComparison.Ordinal);
        for (int i = 0; i < 12_000; i++)
        {
            ledger.Change(Start + 400 + i, [i % 2 == 0 ? ByHour : ByBytes], Counted(6));
        }

        Assert.True(ledger.LostChanges >= 10_000, $"{ledger.LostChanges}");
        disk.IsFailing = _ => false;
        Assert.True(ledger.Close(Start + 20_000, Counted(7)));
        Assert.Null(ledger.Problem);
        EipUsage usage = UsageHistory.Of(UsageReader.Read(disk, Start, [])).Eips[0];
        Assert.Equal((7 * BytesAMinute, 0), UsageLedgerTests.Sum(usage));
        Assert.Equal(BillingType.Traffic, usage.Segments[^1].Terms.Billing);
    }

    /// <summary>Steps before the first sample: those of opening and of the first entries, which a switch tries again.</summary>
    private static int FirstStep()
    {
        var disk = new SimulatedDisk();
        using UsageLedger ledger = UsageLedger.Open(disk, LedgerScript.Calendar, Small);
        return disk.Steps + 1;
    }

    private static bool Live(int powerCutAt, Func<int, bool> isFailing, out SimulatedDisk disk, out Written written) =>
        Live(powerCutAt, isFailing, out disk, out written, out _);

    /// <summary>A switch's ledger over a month's end, with a change of the billing type in the middle. True when the power went.</summary>
    private static bool Live(int powerCutAt, Func<int, bool> isFailing, out SimulatedDisk disk, out Written written, out long errors)
    {
        disk = new SimulatedDisk { PowerCutAt = powerCutAt, IsFailing = isFailing };
        written = new Written(0, 0);
        errors = 0;
        try
        {
            using UsageLedger ledger = UsageLedger.Open(disk, LedgerScript.Calendar, Small);
            ledger.Begin(Start, "test", [ByBytes]);
            for (int i = 1; i <= Minutes; i++)
            {
                written = written with { InFlight = i * BytesAMinute };
                long at = Start + (60 * i);
                bool isWritten = ledger.Sample(at, Counted(i));
                written = isWritten ? new Written(i * BytesAMinute, i * BytesAMinute) : written;
                if (i == Minutes / 2)
                {
                    ledger.Change(at, [ByHour], Counted(i));
                }
            }

            disk.IsFailing = _ => false;
            ledger.Close(Start + (60 * Minutes) + 1, Counted(Minutes));
            errors = ledger.Errors;
            return false;
        }
        catch (PowerCutException)
        {
            return true;
        }
    }

    private static Dictionary<string, UsageCounts> Counted(int minutes) =>
        new(StringComparer.Ordinal) { ["eip"] = new UsageCounts(new UsageWay(minutes, minutes * BytesAMinute, 0, 0), default) };

    /// <summary>The next process goes on from what is there, and adds its own.</summary>
    private static void Judge(SimulatedDisk disk, Written written)
    {
        using (UsageLedger next = UsageLedger.Open(disk, LedgerScript.Calendar, Small))
        {
            next.Begin(Start + 3600, "next", [ByHour]);
            Assert.True(next.Close(Start + 3660, Counted(3)));
        }

        var findings = new List<string>();
        UsageHistory history = UsageHistory.Of(UsageReader.Read(disk, Start, findings));
        (long sent, _) = UsageLedgerTests.Sum(Assert.Single(history.Eips));
        long before = sent - (3 * BytesAMinute);
        Assert.InRange(before, written.Acknowledged, written.InFlight);
        Assert.Empty(findings);
        Assert.All(disk.Names, n => Assert.DoesNotContain(".tmp", n, StringComparison.Ordinal));
    }
}
