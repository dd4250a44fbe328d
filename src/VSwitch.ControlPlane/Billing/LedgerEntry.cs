using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Billing;

/// <summary>What is written down of an EIP's configuration: all that a bill may ask about.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">The public address.</param>
/// <param name="Target">What it leads to, in words; null = unbound.</param>
/// <param name="BandwidthBitsPerSecond">Outbound cap; null = none.</param>
/// <param name="Billing">How it is billed.</param>
public sealed record EipTerms(string Name, string Address, string? Target, long? BandwidthBitsPerSecond, BillingType Billing)
{
    /// <summary>The terms of every EIP of a configuration.</summary>
    public static IReadOnlyList<EipTerms> Of(SwitchConfig config) => [.. config.ElasticIps.Select(Of)];

    private static EipTerms Of(ElasticIpConfig eip) => new(
        eip.Name, eip.Address.ToString(),
        eip.Eni != null ? $"eni {eip.Eni}{(eip.PrivateIp == null ? "" : $" {eip.PrivateIp}")}"
            : eip.NatGateway != null ? $"nat {eip.NatGateway}" : eip.LoadBalancer != null ? $"load-balancer {eip.LoadBalancer}" : null,
        eip.BandwidthBitsPerSecond, eip.Billing);
}

/// <summary>An entry of the usage ledger. Times are whole seconds since 1970, UTC, and never fall from entry to entry.</summary>
/// <param name="At">When.</param>
public abstract record LedgerEntry(long At);

/// <summary>A process began; its counters are from 0.</summary>
/// <param name="At">When.</param>
/// <param name="Origin">Which, for people.</param>
public sealed record ProcessOpened(long At, string Origin) : LedgerEntry(At);

/// <summary>A process ended cleanly, its last counts written.</summary>
/// <param name="At">When.</param>
public sealed record ProcessClosed(long At) : LedgerEntry(At);

/// <summary>The clock was set.</summary>
/// <param name="At">When, by the ledger's time.</param>
/// <param name="Seconds">By how much; below 0 backwards.</param>
public sealed record ClockStepped(long At, long Seconds) : LedgerEntry(At);

/// <summary>From here on an EIP has these terms. Written when one is allocated or changed, and for every EIP at the begin of a file.
/// </summary>
/// <param name="At">When it was written.</param>
/// <param name="Allocation">Which EIP: a number that no other one ever has, also of the same name.</param>
/// <param name="Terms">The terms.</param>
/// <param name="Since">Since when they hold.</param>
/// <param name="BillingSince">Since when its billing type holds: monthly packages begin there.</param>
/// <param name="AllocatedAt">Since when it exists.</param>
/// <param name="Counted">What it had counted then, since it exists.</param>
public sealed record EipRecorded(
    long At, long Allocation, EipTerms Terms, long Since, long BillingSince, long AllocatedAt, UsageCounts Counted) : LedgerEntry(At);

/// <summary>An EIP exists no longer.</summary>
/// <param name="At">Since when.</param>
/// <param name="Allocation">Which.</param>
public sealed record EipReleased(long At, long Allocation) : LedgerEntry(At);

/// <summary>What EIPs had counted since they exist: totals, so that an entry that is lost or there twice falsifies nothing. EIPs that
/// counted nothing since <see cref="From"/> are left out.</summary>
/// <param name="At">When.</param>
/// <param name="From">When counters were read before: the difference to the total before came between the two.</param>
/// <param name="Totals">By allocation.</param>
public sealed record UsageSampled(long At, long From, IReadOnlyDictionary<long, UsageCounts> Totals) : LedgerEntry(At);
