using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Api;

/// <summary>What an EIP carried one way.</summary>
/// <param name="Packets">IP packets forwarded.</param>
/// <param name="Bytes">Bytes of them, IP header included.</param>
/// <param name="DroppedPackets">IP packets over the bandwidth, dropped and not billed.</param>
/// <param name="DroppedBytes">Bytes of them.</param>
internal sealed record UsageWayDocument(long Packets, long Bytes, long DroppedPackets, long DroppedBytes)
{
    public static UsageWayDocument Of(UsageWay way) => new(way.Packets, way.Bytes, way.DroppedPackets, way.DroppedBytes);
}

/// <summary>What an EIP carried in one period.</summary>
/// <param name="Eip">Its name.</param>
/// <param name="From">The period's begin, with the billing zone's offset.</param>
/// <param name="Sent">From its holder to the outside.</param>
/// <param name="Received">From the outside to its holder.</param>
internal sealed record UsageRowDocument(string Eip, DateTimeOffset From, UsageWayDocument Sent, UsageWayDocument Received);

/// <summary>What EIPs carried in a month.</summary>
/// <param name="Month">2026-11.</param>
/// <param name="TimeZone">The zone of hours and days.</param>
/// <param name="Per">hour, day or month.</param>
/// <param name="Usage">By period, then by name.</param>
/// <param name="Notes">What the reader should know.</param>
internal sealed record UsageDocument(string Month, string TimeZone, UsagePeriod Per, IReadOnlyList<UsageRowDocument> Usage, IReadOnlyList<string> Notes)
{
    public static UsageDocument Of(string month, string zone, UsagePeriod per, IEnumerable<UsageRow> rows, IReadOnlyList<string> notes) => new(
        month, zone, per, [.. rows.Select(r => new UsageRowDocument(r.Eip, r.From, UsageWayDocument.Of(r.Counts.Sent), UsageWayDocument.Of(r.Counts.Received)))], notes);
}

/// <summary>A line of a bill.</summary>
/// <param name="From">Begin, with the billing zone's offset.</param>
/// <param name="To">End, itself not included.</param>
/// <param name="Open">True when it goes on: the amount is that until now.</param>
/// <param name="Billing">monthly, bandwidth or traffic.</param>
/// <param name="Item">package, raise, bandwidth, retention or traffic.</param>
/// <param name="Bandwidth">The bandwidth that has this price, bits per second; left out where it does not matter or is not limited.</param>
/// <param name="Measured">Seconds, days, packages or bytes, exact.</param>
/// <param name="Quantity">The same in units, to nine digits; the amount is made of what was measured.</param>
/// <param name="Unit">h, day, month, GB or GiB.</param>
/// <param name="UnitPrice">Price of a unit; left out when there is none.</param>
/// <param name="Amount">Rounded; left out when there is no price.</param>
internal sealed record BillLineDocument(
    DateTimeOffset From, DateTimeOffset To, bool Open, BillingType Billing, BillItem Item, long? Bandwidth, long Measured, decimal Quantity,
    string Unit, decimal? UnitPrice, decimal? Amount);

/// <summary>An EIP on a bill.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">The public address.</param>
/// <param name="AllocatedAt">Since when it exists.</param>
/// <param name="ReleasedAt">When it was released; left out while it exists.</param>
/// <param name="Lines">What it costs, in the order of time.</param>
/// <param name="Subtotal">Sum of the amounts.</param>
/// <param name="Sent">All that it sent in the month, billed by bytes or not.</param>
/// <param name="Received">All that it received.</param>
internal sealed record BillEipDocument(
    string Name, string Address, DateTimeOffset AllocatedAt, DateTimeOffset? ReleasedAt, IReadOnlyList<BillLineDocument> Lines, decimal Subtotal,
    UsageWayDocument Sent, UsageWayDocument Received);

/// <summary>An itemised bill of a month.</summary>
/// <param name="Month">2026-11.</param>
/// <param name="TimeZone">The zone that the month is of.</param>
/// <param name="Currency">Of the amounts.</param>
/// <param name="From">The month's begin.</param>
/// <param name="To">The month's end, itself not included.</param>
/// <param name="AsOf">Until when it is known.</param>
/// <param name="Eips">The EIPs that existed in it, by name.</param>
/// <param name="Total">Sum of the subtotals.</param>
/// <param name="Unpriced">Lines without a price, which are not in the total.</param>
/// <param name="Notes">What the reader should know.</param>
internal sealed record BillDocument(
    string Month, string TimeZone, string Currency, DateTimeOffset From, DateTimeOffset To, DateTimeOffset AsOf,
    IReadOnlyList<BillEipDocument> Eips, decimal Total, int Unpriced, IReadOnlyList<string> Notes)
{
    public static BillDocument Of(Bill bill) => new(
        bill.Month, bill.TimeZone, bill.Currency, bill.From, bill.To, bill.AsOf, [.. bill.Eips.Select(Of)], bill.Total, bill.Unpriced, bill.Notes);

    private static BillEipDocument Of(BillEip eip) => new(
        eip.Name, eip.Address, eip.AllocatedAt, eip.ReleasedAt,
        [
            .. eip.Lines.Select(l => new BillLineDocument(
                l.From, l.To, l.IsOpen, l.Billing, l.Item, l.BandwidthBitsPerSecond, l.Measured, l.Quantity, l.Unit, l.UnitPrice, l.Amount)),
        ],
        eip.Subtotal, UsageWayDocument.Of(eip.Usage.Sent), UsageWayDocument.Of(eip.Usage.Received));
}
