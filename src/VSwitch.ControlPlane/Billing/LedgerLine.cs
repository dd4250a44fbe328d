using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;

namespace VSwitch.ControlPlane.Billing;

/// <summary>An entry as a line of the ledger: one JSON object with its checksum; README.md beside this file has the format.</summary>
/// <param name="Number">Grows from line to line over all files. A line that was written twice has the same number twice.</param>
/// <param name="Entry">What it says.</param>
internal sealed record LedgerLine(long Number, LedgerEntry Entry)
{
    /// <summary>The version that this program writes, and the newest that it reads.</summary>
    public const int Format = 1;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>The line, its end included.</summary>
    public byte[] ToUtf8() => CheckedLine.Seal(JsonSerializer.SerializeToUtf8Bytes(ToFields(), Json));

    /// <summary>Reads a line without its end.</summary>
    /// <returns>Null when it is damaged.</returns>
    /// <exception cref="StateException">It is whole, and of a newer format.</exception>
    public static LedgerLine? Parse(string file, ReadOnlySpan<byte> line)
    {
        if (!CheckedLine.IsWhole(line))
        {
            return null;
        }

        try
        {
            Fields? fields = JsonSerializer.Deserialize<Fields>(line, Json);
            if (fields?.Format > Format)
            {
                throw StateText.Newer(file, fields.Format);
            }

            return fields?.At != null && EntryOf(fields, Second(fields.At)) is LedgerEntry entry ? new LedgerLine(fields.N, entry) : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException)
        {
            return null;
        }
    }

    private Fields ToFields()
    {
        var fields = new Fields { Format = Format, N = Number, At = Text(Entry.At) };
        switch (Entry)
        {
            case ProcessOpened opened:
                fields.Kind = "opened";
                fields.Origin = opened.Origin;
                break;
            case ProcessClosed:
                fields.Kind = "closed";
                break;
            case ClockStepped stepped:
                fields.Kind = "clock";
                fields.Seconds = stepped.Seconds;
                break;
            case EipReleased released:
                fields.Kind = "released";
                fields.Allocation = released.Allocation;
                break;
            case EipRecorded eip:
                fields.Kind = "eip";
                PutTerms(fields, eip);
                break;
            case UsageSampled sample:
                fields.Kind = "sample";
                fields.From = Text(sample.From);
                fields.Totals = sample.Totals.ToDictionary(t => t.Key.ToString(CultureInfo.InvariantCulture), t => t.Value.ToArray(), StringComparer.Ordinal);
                break;
        }

        return fields;
    }

    private static void PutTerms(Fields fields, EipRecorded eip)
    {
        fields.Allocation = eip.Allocation;
        fields.Eip = eip.Terms.Name;
        fields.Address = eip.Terms.Address;
        fields.Target = eip.Terms.Target;
        fields.Bandwidth = eip.Terms.BandwidthBitsPerSecond;
        fields.Billing = ConfigText.Word(eip.Terms.Billing);
        fields.Since = Text(eip.Since);
        fields.BillingSince = Text(eip.BillingSince);
        fields.AllocatedAt = Text(eip.AllocatedAt);
        fields.Total = eip.Counted.ToArray();
    }

    private static LedgerEntry? EntryOf(Fields fields, long at) => fields.Kind switch
    {
        "opened" => new ProcessOpened(at, fields.Origin ?? ""),
        "closed" => new ProcessClosed(at),
        "clock" => new ClockStepped(at, fields.Seconds ?? 0),
        "released" => fields.Allocation is long gone ? new EipReleased(at, gone) : null,
        "eip" => TermsOf(fields, at),
        "sample" => SampleOf(fields, at),
        _ => null,
    };

    private static EipRecorded? TermsOf(Fields fields, long at) =>
        fields is { Eip: string name, Address: string address, Allocation: long allocation, Since: string since, BillingSince: string billed, AllocatedAt: string begun } &&
        Enum.TryParse(fields.Billing, ignoreCase: true, out BillingType billing) && UsageCounts.Of(fields.Total) is UsageCounts counted
            ? new EipRecorded(
                at, allocation, new EipTerms(name, address, fields.Target, fields.Bandwidth, billing), Second(since), Second(billed), Second(begun), counted)
            : null;

    private static UsageSampled? SampleOf(Fields fields, long at)
    {
        if (fields.From == null || fields.Totals == null)
        {
            return null;
        }

        var totals = new Dictionary<long, UsageCounts>(fields.Totals.Count);
        foreach ((string allocation, long[] numbers) in fields.Totals)
        {
            if (UsageCounts.Of(numbers) is not UsageCounts counted)
            {
                return null;
            }

            totals[long.Parse(allocation, CultureInfo.InvariantCulture)] = counted;
        }

        return new UsageSampled(at, Second(fields.From), totals);
    }

    private static string Text(long second) => StateText.Time(DateTimeOffset.FromUnixTimeSeconds(second));

    private static long Second(string text) => StateText.Time(text).ToUnixTimeSeconds();

    /// <summary>The members of a line, in their order.</summary>
    private sealed class Fields
    {
        public int Format { get; set; }

        public long N { get; set; }

        public string? At { get; set; }

        public string? Kind { get; set; }

        public string? Origin { get; set; }

        public long? Seconds { get; set; }

        public long? Allocation { get; set; }

        public string? Eip { get; set; }

        public string? Address { get; set; }

        public string? Target { get; set; }

        public long? Bandwidth { get; set; }

        public string? Billing { get; set; }

        public string? Since { get; set; }

        public string? BillingSince { get; set; }

        public string? AllocatedAt { get; set; }

        public long[]? Total { get; set; }

        public string? From { get; set; }

        public Dictionary<string, long[]>? Totals { get; set; }
    }
}
