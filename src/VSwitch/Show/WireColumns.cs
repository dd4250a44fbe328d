using System.Globalization;
using System.Text.Json;

namespace VSwitch.Show;

/// <summary>The words for a wire's faults.</summary>
internal static class WireColumns
{
    /// <summary>The table's columns.</summary>
    public static Column[] All() =>
    [
        Column.Of("port", "port"), new("in", s => Faults(s.Now, "in")), new("out", s => Faults(s.Now, "out")),
        new("lost in", s => Lost(s.Now, "in"), IsNumber: true), new("lost out", s => Lost(s.Now, "out"), IsNumber: true),
    ];

    /// <summary>"delay 20 ms +- 5 ms, loss 1 %", or "none".</summary>
    private static string Faults(JsonElement wire, string direction)
    {
        var words = new List<string>();
        double delay = wire.Number($"{direction}.delayMs");
        double jitter = wire.Number($"{direction}.jitterMs");
        if (delay > 0)
        {
            words.Add(string.Create(CultureInfo.InvariantCulture, $"delay {delay} ms{(jitter > 0 ? $" +- {jitter} ms" : "")}"));
        }

        foreach (string fault in (string[])["loss", "reorder", "duplicate", "corrupt"])
        {
            double part = wire.Number($"{direction}.{fault}");
            if (part > 0)
            {
                words.Add(string.Create(CultureInfo.InvariantCulture, $"{fault} {100 * part:0.####} %"));
            }
        }

        if (wire.At($"{direction}.rate") is JsonElement rate)
        {
            words.Add(HumanText.Rate(rate.GetDouble()));
        }

        return words.Count == 0 ? "none" : string.Join(", ", words);
    }

    private static string Lost(JsonElement wire, string direction) => wire.At($"{direction}.counts") == null ? "-" : string.Create(
        CultureInfo.InvariantCulture, $"{wire.Number($"{direction}.counts.lost") + wire.Number($"{direction}.counts.overflowed"):0}");
}
