using System.Text;

namespace VSwitch.ControlPlane.Metrics;

/// <summary>Labels of a metric, escaped and encoded once for all families that have them.</summary>
public readonly struct MetricLabels
{
    private readonly byte[]? _text;

    private MetricLabels(byte[] text) => _text = text;

    /// <summary>No label.</summary>
    public static MetricLabels None => default;

    /// <summary>As it stands between the braces, UTF-8; empty without labels.</summary>
    internal ReadOnlySpan<byte> Text => _text;

    /// <summary>Makes labels; one with an empty value is the same as none, and left out.</summary>
    /// <param name="labels">Names, by the rules of Prometheus, each once, and values: any text.</param>
    public static MetricLabels Of(params ReadOnlySpan<(string Name, string Value)> labels) => default(MetricLabels).With(labels);

    /// <summary>These labels and more behind them.</summary>
    public MetricLabels With(params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder(Encoding.UTF8.GetString(Text));
        foreach ((string name, string value) in labels)
        {
            if (value.Length > 0)
            {
                text.Append(text.Length > 0 ? "," : "").Append(name).Append("=\"").Append(Escape(value)).Append('"');
            }
        }

        return new MetricLabels(Encoding.UTF8.GetBytes(text.ToString()));
    }

    private static string Escape(string value) => value.AsSpan().IndexOfAny('\\', '"', '\n') < 0 ? value
        : value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}
