using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Billing;

/// <summary>What a line of a bill is about.</summary>
public enum BillItem
{
    /// <summary>A monthly package, paid when it begins.</summary>
    Package,

    /// <summary>More bandwidth for the rest of a package.</summary>
    Raise,

    /// <summary>Bandwidth by the hour (pay by configuration).</summary>
    Bandwidth,

    /// <summary>The address itself (pay by consumption).</summary>
    Retention,

    /// <summary>Outbound traffic (pay by consumption).</summary>
    Traffic,
}

/// <summary>A line of a bill: quantity times unit price, rounded once.</summary>
/// <param name="From">Begin.</param>
/// <param name="To">End, itself not included.</param>
/// <param name="IsOpen">True when it goes on: the amount is that until now.</param>
/// <param name="Billing">The billing type.</param>
/// <param name="Item">What it is about.</param>
/// <param name="BandwidthBitsPerSecond">The bandwidth that has this price; null where that does not matter, or there is none.</param>
/// <param name="Measured">What was measured: seconds, days, packages or bytes.</param>
/// <param name="Quantity">The same in the unit of the price.</param>
/// <param name="Unit">h, day, month, GB or GiB.</param>
/// <param name="UnitPrice">Price of a unit; null when the price list has none.</param>
/// <param name="Amount">The amount, rounded; null when the price list has no price.</param>
public sealed record BillLine(
    DateTimeOffset From, DateTimeOffset To, bool IsOpen, BillingType Billing, BillItem Item, long? BandwidthBitsPerSecond,
    long Measured, decimal Quantity, string Unit, decimal? UnitPrice, decimal? Amount);

/// <summary>An EIP on a bill.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">The public address, the last one.</param>
/// <param name="AllocatedAt">Since when it exists.</param>
/// <param name="ReleasedAt">When it was released; null while it exists.</param>
/// <param name="Lines">What it costs, in the order of time.</param>
/// <param name="Subtotal">Sum of its amounts.</param>
/// <param name="Usage">All that it counted in the time of the bill, billed or not.</param>
public sealed record BillEip(
    string Name, string Address, DateTimeOffset AllocatedAt, DateTimeOffset? ReleasedAt, IReadOnlyList<BillLine> Lines, decimal Subtotal, UsageCounts Usage);

/// <summary>An itemised bill of a month.</summary>
/// <param name="Month">2026-11.</param>
/// <param name="TimeZone">The zone that the month is of.</param>
/// <param name="Currency">Of the amounts.</param>
/// <param name="From">The month's begin.</param>
/// <param name="To">The month's end, itself not included.</param>
/// <param name="AsOf">Until when it is known; before <paramref name="To"/> while the month lasts.</param>
/// <param name="Eips">The EIPs that existed in it.</param>
/// <param name="Total">Sum of the subtotals.</param>
/// <param name="Unpriced">Lines without a price.</param>
/// <param name="Notes">What the reader should know, a sentence each.</param>
public sealed record Bill(
    string Month, string TimeZone, string Currency, DateTimeOffset From, DateTimeOffset To, DateTimeOffset AsOf,
    IReadOnlyList<BillEip> Eips, decimal Total, int Unpriced, IReadOnlyList<string> Notes);
