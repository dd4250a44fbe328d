using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Billing;

/// <summary>A stretch of time of one EIP as it is billed.</summary>
/// <param name="Billing">By what.</param>
/// <param name="BandwidthBitsPerSecond">The bandwidth that is paid for; null = none is configured.</param>
/// <param name="From">Begin, second.</param>
/// <param name="To">End, second; of a package the paid one.</param>
/// <param name="IsOpen">True when it goes on behind <paramref name="To"/>.</param>
/// <param name="Segment">What was counted in it.</param>
/// <param name="Raise">Of more bandwidth in a package: what that was; null else.</param>
internal sealed record BilledSpan(
    BillingType Billing, long? BandwidthBitsPerSecond, long From, long To, bool IsOpen, UsageSegment Segment, RaisedPackage? Raise = null);

/// <summary>A package whose bandwidth is raised.</summary>
/// <param name="BandwidthBitsPerSecond">What was paid for before.</param>
/// <param name="Seconds">How long the whole package is.</param>
internal sealed record RaisedPackage(long BandwidthBitsPerSecond, long Seconds);

/// <summary>By what is an EIP billed, second by second? By what is configured; but a monthly package that was begun is paid and runs to its
/// end, 23:59:59 of its month's day, and until then nothing else is billed.</summary>
/// <param name="calendar">Days and months.</param>
internal sealed class MonthlyPackages(BillingCalendar calendar)
{
    private long _anchor;
    private int _number;
    private long? _end;
    private long? _paid;
    private long _begun;
    private bool _isRunning;

    /// <summary>The spans of an EIP until a second, in the order of time.</summary>
    /// <param name="eip">The EIP.</param>
    /// <param name="asOf">The second.</param>
    /// <param name="isRunning">True when time goes on behind it: what does so too is open.</param>
    public List<BilledSpan> SpansOf(EipUsage eip, long asOf, bool isRunning)
    {
        _isRunning = isRunning;
        (_end, _number) = (null, 0);
        var spans = new List<BilledSpan>();
        for (int i = 0; i < eip.Segments.Count; i++)
        {
            UsageSegment segment = eip.Segments[i];

            // The first package may have begun before what the history tells.
            bool isEarlier = i == 0 && segment.Terms.Billing == BillingType.Monthly && segment.BillingSince < segment.From;
            Split(segment, isEarlier ? segment.BillingSince : segment.From, Math.Max(segment.From, Math.Min(segment.To ?? asOf, asOf)), asOf, spans);
        }

        return spans;
    }

    private void Split(UsageSegment segment, long from, long to, long asOf, List<BilledSpan> spans)
    {
        EipTerms terms = segment.Terms;
        long cursor = from;
        do
        {
            if (_end is long end && cursor < end)
            {
                Raise(segment, cursor, end, spans);
                cursor = Math.Min(to, end);
            }
            else if (terms.Billing == BillingType.Monthly)
            {
                Begin(cursor);
                _paid = terms.BandwidthBitsPerSecond;
                spans.Add(new BilledSpan(BillingType.Monthly, _paid, cursor, _end!.Value, _isRunning && _end > asOf, segment));
                cursor = Math.Min(to, _end.Value);
            }
            else
            {
                _end = null;
                bool isOpen = _isRunning && to == asOf && (segment.To == null || segment.To > asOf);
                spans.Add(new BilledSpan(terms.Billing, terms.BandwidthBitsPerSecond, cursor, to, isOpen, segment));
                cursor = to;
            }
        }
        while (cursor < to);
    }

    /// <summary>Packages one after the other end on the same day of the month, that of the first one's begin; where a month has no such day,
    /// on its last.</summary>
    private void Begin(long at)
    {
        if (_end != at)
        {
            (_anchor, _number) = (at, 0);
        }

        _number++;
        _begun = at;
        _end = calendar.StartOf(calendar.DayOf(_anchor).AddMonths(_number).AddDays(1));
    }

    /// <summary>More bandwidth than was paid for costs the difference for the rest of the package; less gives nothing back.</summary>
    private void Raise(UsageSegment segment, long at, long end, List<BilledSpan> spans)
    {
        long? now = segment.Terms.BandwidthBitsPerSecond;
        if (now > _paid)
        {
            spans.Add(new BilledSpan(BillingType.Monthly, now, at, end, false, segment, new RaisedPackage(_paid.Value, end - _begun)));
            _paid = now;
        }
    }
}
