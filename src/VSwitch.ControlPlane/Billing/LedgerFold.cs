namespace VSwitch.ControlPlane.Billing;

/// <summary>Makes a ledger's lines fewer: the samples of one hour (or day) that nothing else stands between become one. Totals stay exact;
/// what is lost is when within the hour they came.</summary>
internal static class LedgerFold
{
    /// <summary>Folds samples whose middle lies in the same period.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="periodOf">The period that an instant lies in.</param>
    public static List<LedgerLine> Fold(IReadOnlyList<LedgerLine> lines, Func<long, long> periodOf)
    {
        var folded = new List<LedgerLine>();
        LedgerLine? run = null;
        foreach (LedgerLine line in lines)
        {
            if (run?.Entry is UsageSampled before && line.Entry is UsageSampled next && periodOf(MiddleOf(before)) == periodOf(MiddleOf(next)))
            {
                run = new LedgerLine(line.Number, Join(before, next));
                continue;
            }

            if (run != null)
            {
                folded.Add(run);
            }

            run = line;
        }

        if (run != null)
        {
            folded.Add(run);
        }

        return folded;
    }

    /// <summary>The middle of the time that a sample is about: what is counted belongs to the hour that it lies in.</summary>
    public static long MiddleOf(UsageSampled sample) => sample.From + ((sample.At - sample.From) / 2);

    private static UsageSampled Join(UsageSampled before, UsageSampled next)
    {
        var totals = new Dictionary<long, UsageCounts>(before.Totals);
        foreach ((long allocation, UsageCounts total) in next.Totals)
        {
            totals[allocation] = total;
        }

        return new UsageSampled(next.At, Math.Min(before.From, next.From), totals);
    }
}
