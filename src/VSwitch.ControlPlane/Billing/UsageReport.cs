namespace VSwitch.ControlPlane.Billing;

/// <summary>The stretch of time that usage is summed over.</summary>
public enum UsagePeriod
{
    /// <summary>An hour of the zone's clock.</summary>
    Hour,

    /// <summary>A calendar day of the zone.</summary>
    Day,

    /// <summary>A calendar month of the zone.</summary>
    Month,
}

/// <summary>What an EIP counted in one period.</summary>
/// <param name="Eip">Its name.</param>
/// <param name="From">The period's begin.</param>
/// <param name="Counts">What it counted.</param>
public sealed record UsageRow(string Eip, DateTimeOffset From, UsageCounts Counts);

/// <summary>Sums usage by EIP and period.</summary>
public static class UsageReport
{
    /// <summary>The rows of a time, by period, then by name; periods without traffic are left out.</summary>
    /// <param name="history">What the ledger says.</param>
    /// <param name="calendar">Hours, days and months.</param>
    /// <param name="period">What to sum over.</param>
    /// <param name="from">Begin of the time, second.</param>
    /// <param name="to">End, itself not included.</param>
    /// <param name="eip">Only EIPs of this name; null = all.</param>
    public static IReadOnlyList<UsageRow> Rows(UsageHistory history, BillingCalendar calendar, UsagePeriod period, long from, long to, string? eip)
    {
        var sums = new SortedDictionary<(long Begin, string Eip), UsageCounts>();
        foreach (EipUsage usage in history.Eips.Where(e => eip == null || e.Name == eip))
        {
            foreach (UsageSegment segment in usage.Segments)
            {
                foreach (UsageDelta delta in segment.Deltas)
                {
                    long at = segment.MomentOf(delta);
                    if (at >= from && at < to)
                    {
                        (long, string) key = (BeginOf(calendar, period, at), usage.Name);
                        sums[key] = sums.GetValueOrDefault(key) + delta.Counts;
                    }
                }
            }
        }

        return [.. sums.Select(s => new UsageRow(s.Key.Eip, calendar.LocalOf(s.Key.Begin), s.Value))];
    }

    private static long BeginOf(BillingCalendar calendar, UsagePeriod period, long at) => period switch
    {
        UsagePeriod.Hour => calendar.HourOf(at),
        UsagePeriod.Day => calendar.StartOf(calendar.DayOf(at)),
        _ => calendar.StartOf(calendar.MonthOf(at)),
    };
}
