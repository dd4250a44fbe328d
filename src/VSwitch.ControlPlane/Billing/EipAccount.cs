namespace VSwitch.ControlPlane.Billing;

/// <summary>An EIP as the ledger knows it now.</summary>
internal sealed class EipAccount(EipRecorded recorded)
{
    /// <summary>What was written of it last; its counts are the totals written last.</summary>
    public EipRecorded Recorded { get; set; } = recorded;

    /// <summary>What it had counted when this process began, or when it was allocated.</summary>
    public UsageCounts Base { get; set; } = recorded.Counted;

    /// <summary>What it has counted in all.</summary>
    /// <param name="counted">What this process counted of it.</param>
    public UsageCounts TotalWith(UsageCounts counted) => UsageCounts.Max(Recorded.Counted, Base + counted);
}

/// <summary>The EIPs that entries leave, by allocation.</summary>
internal static class EipAccounts
{
    /// <summary>Follows entries in their order.</summary>
    public static void Follow(Dictionary<long, EipAccount> accounts, IEnumerable<LedgerEntry> entries)
    {
        foreach (LedgerEntry entry in entries)
        {
            switch (entry)
            {
                case EipRecorded eip:
                    accounts[eip.Allocation] = new EipAccount(eip);
                    break;
                case EipReleased released:
                    accounts.Remove(released.Allocation);
                    break;
                case UsageSampled sample:
                    foreach ((long allocation, UsageCounts total) in sample.Totals)
                    {
                        if (accounts.TryGetValue(allocation, out EipAccount? account))
                        {
                            account.Recorded = account.Recorded with { Counted = UsageCounts.Max(account.Recorded.Counted, total) };
                        }
                    }

                    break;
            }
        }

        foreach (EipAccount account in accounts.Values)
        {
            account.Base = account.Recorded.Counted;
        }
    }
}
