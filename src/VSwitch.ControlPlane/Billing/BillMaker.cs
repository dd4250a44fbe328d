using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Billing;

/// <summary>Makes the bill of a month from what the ledger says and a price list. README.md beside this file has the rules.</summary>
/// <param name="billing">Prices, currency and zone.</param>
public sealed class BillMaker(BillingConfig billing)
{
    private readonly PriceList _prices = new(billing);
    private readonly BillingCalendar _calendar = BillingCalendar.TryFind(billing.TimeZone) ?? BillingCalendar.Utc;

    /// <summary>Begin and end of a month, seconds.</summary>
    public (long From, long To) RangeOf(DateOnly month) => (_calendar.StartOf(month), _calendar.StartOf(month.AddMonths(1)));

    /// <summary>The zone's calendar.</summary>
    public BillingCalendar Calendar => _calendar;

    /// <summary>Makes a bill.</summary>
    /// <param name="history">What the ledger says.</param>
    /// <param name="month">Its first day.</param>
    /// <param name="now">Until when it is known, second.</param>
    /// <param name="eip">Only the EIPs of this name; null = all.</param>
    /// <param name="notes">What the reader should know.</param>
    public Bill Make(UsageHistory history, DateOnly month, long now, string? eip = null, IEnumerable<string>? notes = null)
    {
        (long from, long to) = RangeOf(month);
        long asOf = Math.Clamp(Math.Max(now, history.LastAt), from, to);
        BillEip[] eips =
        [
            .. history.Eips.Where(e => asOf > from && (eip == null || e.Name == eip) && e.Segments[0].From < asOf && (e.ReleasedAt ?? long.MaxValue) > from)
                .OrderBy(e => e.Name, StringComparer.Ordinal).ThenBy(e => e.Allocation).Select(e => BillOf(e, from, to, asOf)),
        ];
        int unpriced = eips.Sum(e => e.Lines.Count(l => l.Amount == null));
        string[] steps =
        [
            .. history.ClockSteps.Where(s => s.At >= from && s.At < to)
                .Select(s => $"the clock was set {(s.Seconds < 0 ? "back" : "forward")} by {Math.Abs(s.Seconds)} s at {_calendar.LocalOf(s.At):yyyy-MM-dd HH:mm:ss}"),
        ];
        return new Bill(
            BillingCalendar.MonthText(month), billing.TimeZone, billing.Currency, _calendar.LocalOf(from), _calendar.LocalOf(to), _calendar.LocalOf(asOf),
            eips, _prices.Zero + eips.Sum(e => e.Subtotal), unpriced,
            [.. notes ?? [], .. steps, .. unpriced > 0 ? (string[])["lines without a price are not in the total: the price list has none for them, or there is no bandwidth"] : []]);
    }

    private BillEip BillOf(EipUsage eip, long from, long to, long asOf)
    {
        var lines = new List<BillLine>();
        var traffic = new List<BilledSpan>();
        long chargedDay = long.MinValue;
        foreach (BilledSpan span in new MonthlyPackages(_calendar).SpansOf(eip, asOf, asOf < to))
        {
            if (span.Billing == BillingType.Traffic)
            {
                traffic.Add(span);
                continue;
            }

            AddTraffic(lines, traffic, (from, to), asOf, ref chargedDay);
            if (span.Billing == BillingType.Monthly)
            {
                AddPackage(lines, span, from, to);
            }
            else
            {
                AddBandwidth(lines, span, from, to);
            }
        }

        AddTraffic(lines, traffic, (from, to), asOf, ref chargedDay);
        UsageCounts usage = default;
        foreach (UsageSegment segment in eip.Segments)
        {
            usage += segment.Between(from, to);
        }

        return new BillEip(
            eip.Name, eip.Segments[^1].Terms.Address, _calendar.LocalOf(eip.AllocatedAt), eip.ReleasedAt is long end ? _calendar.LocalOf(end) : null,
            lines, _prices.Zero + lines.Sum(l => l.Amount ?? 0), usage);
    }

    /// <summary>A package is paid in the month in which it begins.</summary>
    private void AddPackage(List<BillLine> lines, BilledSpan span, long from, long to)
    {
        if (span.From < from || span.From >= to)
        {
            return;
        }

        decimal? price = _prices.MonthOf(span.BandwidthBitsPerSecond);
        if (span.Raise is RaisedPackage raised)
        {
            price -= _prices.MonthOf(raised.BandwidthBitsPerSecond);
            lines.Add(Line(span, span.From, span.To, BillItem.Raise, span.To - span.From, raised.Seconds, "month", price));
        }
        else
        {
            lines.Add(Line(span, span.From, span.To, BillItem.Package, 1, 1, "month", price));
        }
    }

    private void AddBandwidth(List<BillLine> lines, BilledSpan span, long from, long to)
    {
        long first = Math.Max(span.From, from);
        long end = Math.Min(span.To, to);
        if (end > first)
        {
            lines.Add(Line(
                span with { IsOpen = span.IsOpen && end == span.To }, first, end, BillItem.Bandwidth, end - first, PriceList.HourSeconds, "h", _prices.HourOf(span.BandwidthBitsPerSecond)));
        }
    }

    /// <summary>Spans one behind the other are one: bandwidth does not matter to them. A day that was begun costs its retention once.
    /// </summary>
    private void AddTraffic(List<BillLine> lines, List<BilledSpan> spans, (long From, long To) month, long asOf, ref long chargedDay)
    {
        if (spans.Count == 0)
        {
            return;
        }

        long first = Math.Max(spans[0].From, month.From);
        long end = Math.Min(spans[^1].To, month.To);
        var all = default(UsageCounts);
        foreach (BilledSpan span in spans)
        {
            all += span.Segment.Between(Math.Max(span.From, month.From), span.To >= asOf ? month.To : Math.Min(span.To, month.To));
        }

        BilledSpan whole = spans[^1] with { BandwidthBitsPerSecond = null, IsOpen = spans[^1].IsOpen && end == spans[^1].To };
        spans.Clear();
        if (end > first)
        {
            AddRetention(lines, whole, first, end, ref chargedDay);
            lines.Add(Line(whole, first, end, BillItem.Traffic, all.Sent.Bytes, _prices.GigabyteBytes, _prices.GigabyteUnit, _prices.Gigabyte));
        }
    }

    private void AddRetention(List<BillLine> lines, BilledSpan span, long first, long end, ref long chargedDay)
    {
        if (_prices.RetentionPerHour is decimal perHour)
        {
            lines.Add(Line(span, first, end, BillItem.Retention, end - first, PriceList.HourSeconds, "h", perHour));
        }
        else if (!_prices.HasTraffic || _prices.RetentionPerDay != null)
        {
            long firstDay = Math.Max(_calendar.DayOf(first).DayNumber, chargedDay + 1);
            long lastDay = _calendar.DayOf(end - 1).DayNumber;
            chargedDay = Math.Max(chargedDay, lastDay);
            if (lastDay >= firstDay)
            {
                lines.Add(Line(span, first, end, BillItem.Retention, lastDay - firstDay + 1, 1, "day", _prices.RetentionPerDay));
            }
        }
    }

    private BillLine Line(
        BilledSpan span, long from, long to, BillItem item, long measured, decimal perUnit, string unit, decimal? price) => new(
        _calendar.LocalOf(from), _calendar.LocalOf(to), span.IsOpen, span.Billing, item, span.BandwidthBitsPerSecond, measured,
        PriceList.Quantity(measured, perUnit), unit, price, _prices.Amount(measured, perUnit, price));
}
