using System.Globalization;

namespace VSwitch.ControlPlane.Billing;

/// <summary>Hours, days and months of the zone that is billed in. Instants are whole seconds since 1970, UTC.</summary>
/// <param name="zone">The zone.</param>
public sealed class BillingCalendar(TimeZoneInfo zone)
{
    private const long SecondsPerHour = 3600;
    private const string MonthFormat = "yyyy-MM";

    /// <summary>UTC.</summary>
    public static BillingCalendar Utc { get; } = new(TimeZoneInfo.Utc);

    /// <summary>The zone.</summary>
    public TimeZoneInfo Zone => zone;

    /// <summary>A calendar by the name of its zone: UTC, an offset like +08:00, or an IANA name that this machine knows.</summary>
    /// <returns>Null when the zone is not known.</returns>
    public static BillingCalendar? TryFind(string name)
    {
        if (name == "UTC")
        {
            return Utc;
        }

        if (name.Length > 0 && name[0] is '+' or '-')
        {
            return TimeSpan.TryParseExact(name[1..], @"hh\:mm", CultureInfo.InvariantCulture, out TimeSpan offset) && offset <= TimeSpan.FromHours(14)
                ? new BillingCalendar(TimeZoneInfo.CreateCustomTimeZone(name, name[0] == '-' ? -offset : offset, name, name)) : null;
        }

        return TimeZoneInfo.TryFindSystemTimeZoneById(name, out TimeZoneInfo? found) ? new BillingCalendar(found) : null;
    }

    /// <summary>The first day of a month: 2026-11.</summary>
    /// <returns>Null when the text is no month.</returns>
    public static DateOnly? ParseMonth(string text) =>
        DateOnly.TryParseExact(text, MonthFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day) ? day : null;

    /// <summary>2026-11.</summary>
    public static string MonthText(DateOnly day) => day.ToString(MonthFormat, CultureInfo.InvariantCulture);

    /// <summary>The day that an instant lies in.</summary>
    public DateOnly DayOf(long second) => DateOnly.FromDateTime(LocalOf(second).DateTime);

    /// <summary>The first day of the month that an instant lies in.</summary>
    public DateOnly MonthOf(long second)
    {
        DateOnly day = DayOf(second);
        return new DateOnly(day.Year, day.Month, 1);
    }

    /// <summary>When a day begins. Where clocks are set forward at midnight it is the first instant that the day has.</summary>
    public long StartOf(DateOnly day)
    {
        DateTime start = day.ToDateTime(TimeOnly.MinValue);
        while (zone.IsInvalidTime(start))
        {
            start = start.AddMinutes(15);
        }

        // Of a midnight that comes twice the day has both.
        TimeSpan offset = zone.IsAmbiguousTime(start) ? zone.GetAmbiguousTimeOffsets(start).Max() : zone.GetUtcOffset(start);
        return new DateTimeOffset(start, offset).ToUnixTimeSeconds();
    }

    /// <summary>When the hour of an instant began.</summary>
    public long HourOf(long second)
    {
        long offset = (long)LocalOf(second).Offset.TotalSeconds;
        return second - Modulo(second + offset, SecondsPerHour);
    }

    /// <summary>An instant as people of the zone write it.</summary>
    public DateTimeOffset LocalOf(long second) => TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(second), zone);

    private static long Modulo(long value, long divisor) => ((value % divisor) + divisor) % divisor;
}
