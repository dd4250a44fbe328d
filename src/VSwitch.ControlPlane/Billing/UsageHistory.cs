namespace VSwitch.ControlPlane.Billing;

/// <summary>What an EIP counted in a stretch of time.</summary>
/// <param name="From">Begin, second.</param>
/// <param name="To">End, second.</param>
/// <param name="Counts">What it counted.</param>
public readonly record struct UsageDelta(long From, long To, UsageCounts Counts)
{
    /// <summary>The hour, day or month that this lies in has all of it.</summary>
    public long Middle => From + ((To - From) / 2);
}

/// <summary>A stretch of time in which an EIP had the same terms.</summary>
/// <param name="terms">The terms.</param>
/// <param name="from">Begin, second.</param>
/// <param name="billingSince">Since when the billing type holds.</param>
public sealed class UsageSegment(EipTerms terms, long from, long billingSince)
{
    /// <summary>The terms.</summary>
    public EipTerms Terms => terms;

    /// <summary>Begin, second.</summary>
    public long From => from;

    /// <summary>End, second, itself not included; null while it lasts.</summary>
    public long? To { get; internal set; }

    /// <summary>Since when the billing type holds.</summary>
    public long BillingSince => billingSince;

    /// <summary>What was counted in it, in the order of time.</summary>
    public List<UsageDelta> Deltas { get; } = [];

    /// <summary>What was counted from one second to another, itself not included. A delta belongs to where its middle lies, and always to
    /// its segment.</summary>
    /// <param name="first">Begin.</param>
    /// <param name="end">End.</param>
    public UsageCounts Between(long first, long end)
    {
        var sum = default(UsageCounts);
        foreach (UsageDelta delta in Deltas)
        {
            long at = MomentOf(delta);
            sum = at >= first && at < end ? sum + delta.Counts : sum;
        }

        return sum;
    }

    /// <summary>The second that a delta is billed in.</summary>
    public long MomentOf(UsageDelta delta) => Math.Clamp(delta.Middle, from, Math.Max(from, (To ?? long.MaxValue) - 1));
}

/// <summary>An EIP from its allocation to its release.</summary>
/// <param name="allocation">Which.</param>
/// <param name="allocatedAt">Since when it exists.</param>
public sealed class EipUsage(long allocation, long allocatedAt)
{
    /// <summary>A number that no other one has, also of the same name.</summary>
    public long Allocation => allocation;

    /// <summary>Since when it exists.</summary>
    public long AllocatedAt => allocatedAt;

    /// <summary>When it was released; null while it exists.</summary>
    public long? ReleasedAt { get; internal set; }

    /// <summary>Its segments, in the order of time, without gaps.</summary>
    public List<UsageSegment> Segments { get; } = [];

    /// <summary>Its name.</summary>
    public string Name => Segments[^1].Terms.Name;
}

/// <summary>What a ledger's entries say, EIP by EIP.</summary>
public sealed class UsageHistory
{
    private readonly Dictionary<long, EipUsage> _byAllocation = [];
    private readonly Dictionary<long, UsageCounts> _totals = [];
    private readonly List<EipUsage> _eips = [];
    private readonly List<ClockStepped> _steps = [];

    /// <summary>The EIPs, in the order of their allocation.</summary>
    public IReadOnlyList<EipUsage> Eips => _eips;

    /// <summary>When the clock was set.</summary>
    public IReadOnlyList<ClockStepped> ClockSteps => _steps;

    /// <summary>Time of the last entry; 0 without one.</summary>
    public long LastAt { get; private set; }

    /// <summary>Follows entries in their order.</summary>
    public static UsageHistory Of(IEnumerable<LedgerEntry> entries)
    {
        var history = new UsageHistory();
        foreach (LedgerEntry entry in entries)
        {
            history.Follow(entry);
        }

        return history;
    }

    private void Follow(LedgerEntry entry)
    {
        LastAt = Math.Max(LastAt, entry.At);
        switch (entry)
        {
            case EipRecorded eip:
                Follow(eip);
                break;
            case EipReleased released when _byAllocation.Remove(released.Allocation, out EipUsage? gone):
                gone.ReleasedAt = Math.Max(released.At, gone.Segments[^1].From);
                Close(gone, released.At);
                break;
            case UsageSampled sample:
                foreach ((long allocation, UsageCounts total) in sample.Totals)
                {
                    Count(allocation, sample.From, sample.At, total);
                }

                break;
            case ClockStepped step:
                _steps.Add(step);
                break;
        }
    }

    private void Follow(EipRecorded eip)
    {
        if (!_byAllocation.TryGetValue(eip.Allocation, out EipUsage? usage))
        {
            usage = new EipUsage(eip.Allocation, eip.AllocatedAt);
            _byAllocation[eip.Allocation] = usage;
            _eips.Add(usage);
            usage.Segments.Add(new UsageSegment(eip.Terms, eip.Since, eip.BillingSince));
            _totals[eip.Allocation] = eip.Counted;
            return;
        }

        // What was counted without a sample of its own; between two files nothing is.
        Count(eip.Allocation, eip.At, eip.At, eip.Counted);
        if (usage.Segments[^1].Terms != eip.Terms)
        {
            Close(usage, eip.Since);
            List<UsageDelta> left = TakeEmpty(usage);
            usage.Segments.Add(new UsageSegment(eip.Terms, Math.Max(eip.Since, usage.Segments.Count == 0 ? eip.Since : usage.Segments[^1].To!.Value), eip.BillingSince));
            usage.Segments[^1].Deltas.AddRange(left);
        }
    }

    private void Count(long allocation, long from, long at, UsageCounts total)
    {
        UsageCounts before = _totals.GetValueOrDefault(allocation);
        UsageCounts now = UsageCounts.Max(before, total);
        if (now != before && _byAllocation.TryGetValue(allocation, out EipUsage? usage))
        {
            _totals[allocation] = now;
            usage.Segments[^1].Deltas.Add(new UsageDelta(from, at, now - before));
        }
    }

    private static void Close(EipUsage usage, long at) => usage.Segments[^1].To = Math.Max(at, usage.Segments[^1].From);

    /// <summary>Of two changes in one second the first one lasted no time; what was counted meanwhile is the second one's.</summary>
    private static List<UsageDelta> TakeEmpty(EipUsage usage)
    {
        UsageSegment last = usage.Segments[^1];
        if (last.To > last.From)
        {
            return [];
        }

        usage.Segments.RemoveAt(usage.Segments.Count - 1);
        return last.Deltas;
    }
}

/// <summary>Reads a ledger without taking its folder: also while a switch writes to it.</summary>
public static class UsageReader
{
    /// <summary>A package that began before a month may still run in it.</summary>
    private const int MonthsBefore = 2;

    /// <summary>Reads what is needed to tell of a time.</summary>
    /// <param name="files">The folder.</param>
    /// <param name="from">Begin of the time, second.</param>
    /// <param name="findings">Gets what is damaged, a sentence each.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="State.StateException">A file is of a newer format.</exception>
    public static IReadOnlyList<LedgerEntry> Read(State.IStateFiles files, long from, ICollection<string> findings)
    {
        string first = LedgerFiles.NameOf(DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeSeconds(from).UtcDateTime).AddMonths(-MonthsBefore));
        IReadOnlyList<string> names = LedgerFiles.In(files);

        // A file holds on until the next one begins.
        string? start = names.LastOrDefault(n => string.CompareOrdinal(n, first) <= 0);
        var read = new List<LedgerFile>();
        foreach (string name in names.Where(n => start == null || string.CompareOrdinal(n, start) >= 0))
        {
            LedgerFile file = LedgerFiles.Read(files, name);
            read.Add(file);
            if (file.Damaged > 0 || (file.Bytes > 0 && file.Lines.Count == 0))
            {
                findings.Add($"{name} is damaged: {file.Lines.Count} lines are whole, {file.Damaged + file.DamagedAtEnd} are not");
            }
        }

        return [.. LedgerFiles.InOrder(read).Select(l => l.Entry)];
    }
}
