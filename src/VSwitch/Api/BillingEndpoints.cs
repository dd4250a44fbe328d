using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.State;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What did the elastic IPs carry, and what do they cost?</summary>
internal static class BillingEndpoints
{
    private const string MonthWords = "is no month; write it like 2026-11";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        routes.MapGet("/v1/bill", Results<Ok<BillDocument>, ProblemHttpResult> (string? month, string? eip) => Answer(() =>
        {
            var maker = new BillMaker(control.Current.Config.Billing);
            DateOnly first = MonthOf(maker.Calendar, month, Metering(control));
            var notes = new List<string>();
            UsageHistory history = Metering(control).Read(maker.RangeOf(first).From, notes);
            RequireKnown(history, control, eip);
            return BillDocument.Of(maker.Make(history, first, Metering(control).Now, eip, notes));
        })).Describe(
            "billing", "The itemised bill of a month by the price list in force.",
            StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound, StatusCodes.Status503ServiceUnavailable);

        routes.MapGet("/v1/usage", Results<Ok<UsageDocument>, ProblemHttpResult> (string? month, string? per, string? eip) => Answer(() =>
        {
            var maker = new BillMaker(control.Current.Config.Billing);
            UsagePeriod period = PeriodOf(per);
            DateOnly first = MonthOf(maker.Calendar, month, Metering(control));
            (long from, long to) = maker.RangeOf(first);
            var notes = new List<string>();
            UsageHistory history = Metering(control).Read(from, notes);
            RequireKnown(history, control, eip);
            return UsageDocument.Of(
                BillingCalendar.MonthText(first), control.Current.Config.Billing.TimeZone, period,
                UsageReport.Rows(history, maker.Calendar, period, from, to, eip), notes);
        })).Describe(
            "billing", "What each elastic IP carried in a month, by hour, day or in all; periods without traffic are left out.",
            StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound, StatusCodes.Status503ServiceUnavailable);
    }

    private static Results<Ok<T>, ProblemHttpResult> Answer<T>(Func<T> make)
    {
        try
        {
            return TypedResults.Ok(make());
        }
        catch (ArgumentException e)
        {
            return Problems.BadRequest(e.Message);
        }
        catch (StateException e)
        {
            return Problems.Unavailable(e.Message);
        }
    }

    private static UsageService Metering(SwitchControl control) =>
        control.Usage ?? throw new StateException("this switch meters nothing: only vswitch run does");

    private static DateOnly MonthOf(BillingCalendar calendar, string? text, UsageService usage) =>
        text == null ? calendar.MonthOf(usage.Now)
            : BillingCalendar.ParseMonth(text) ?? throw new ArgumentException($"month '{text}' {MonthWords}");

    private static UsagePeriod PeriodOf(string? text) => text switch
    {
        null or "hour" => UsagePeriod.Hour,
        "day" => UsagePeriod.Day,
        "month" => UsagePeriod.Month,
        _ => throw new ArgumentException($"per '{text}' is not hour, day or month"),
    };

    private static void RequireKnown(UsageHistory history, SwitchControl control, string? eip)
    {
        if (eip != null && history.Eips.All(e => e.Name != eip) && control.Current.Config.ElasticIps.All(e => e.Name != eip))
        {
            throw new ProblemException(Problems.NotFound("elastic IP", eip));
        }
    }
}
