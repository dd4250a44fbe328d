using System.Buffers;
using System.Globalization;
using System.Text;

namespace VSwitch.ControlPlane.Metrics;

/// <summary>What kind of metric a family is.</summary>
public enum MetricType
{
    /// <summary>Only grows; its samples end in <c>_total</c>.</summary>
    Counter,

    /// <summary>Goes up and down.</summary>
    Gauge,

    /// <summary>Counts by upper limit.</summary>
    Histogram,

    /// <summary>Sum and count.</summary>
    Summary,
}

/// <summary>Which text a <see cref="PrometheusWriter"/> writes.</summary>
public enum MetricsFormat
{
    /// <summary>Prometheus text exposition format 0.0.4.</summary>
    Prometheus,

    /// <summary>OpenMetrics 1.0.</summary>
    OpenMetrics,
}

/// <summary>Writes metrics as text that Prometheus reads: one family after another, each in one block. Straight into the given buffer:
/// no string is made of a sample.</summary>
/// <param name="output">Where it goes, UTF-8.</param>
/// <param name="format">Which text.</param>
public sealed class PrometheusWriter(IBufferWriter<byte> output, MetricsFormat format)
{
    /// <summary>The longest decimal of a 64-bit number, shortest round-trip of a double included.</summary>
    private const int LongestNumber = 32;

    private const string CounterSuffix = "_total";
    private byte[] _name = [];

    /// <summary>Begins a family; its samples follow.</summary>
    /// <param name="name">As its samples have it, <c>_total</c> of a counter included, but not what a histogram or summary adds.</param>
    /// <param name="type">Its kind.</param>
    /// <param name="help">One sentence.</param>
    /// <exception cref="ArgumentException">A counter whose name does not end in <c>_total</c>.</exception>
    public void Begin(string name, MetricType type, string help)
    {
        bool isCounter = type == MetricType.Counter;
        if (isCounter != name.EndsWith(CounterSuffix, StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{name}' is a {type}: counters, and nothing else, end in {CounterSuffix}", nameof(name));
        }

        // OpenMetrics names the family of a counter without the ending of its sample.
        string family = isCounter && format == MetricsFormat.OpenMetrics ? name[..^CounterSuffix.Length] : name;
        _name = Encoding.UTF8.GetBytes(name);
        Text(string.Create(
            CultureInfo.InvariantCulture, $"# HELP {family} {EscapeHelp(help)}\n# TYPE {family} {type.ToString().ToLowerInvariant()}\n"));
    }

    /// <summary>A sample of the family.</summary>
    public void Sample(MetricLabels labels, long value) => Sample(""u8, labels, ""u8, value);

    /// <summary>A sample of the family whose labels stand in two parts, each made once for many samples.</summary>
    public void Sample(MetricLabels labels, MetricLabels more, long value) => Sample(""u8, labels, more.Text, value);

    /// <inheritdoc cref="Sample(MetricLabels, long)"/>
    public void Sample(MetricLabels labels, double value) => Sample(""u8, labels, ""u8, value);

    /// <summary>Sum and count of a summary.</summary>
    public void Summary(MetricLabels labels, double sum, long count)
    {
        Sample("_sum"u8, labels, ""u8, sum);
        Sample("_count"u8, labels, ""u8, count);
    }

    /// <summary>A histogram.</summary>
    /// <param name="labels">Its labels.</param>
    /// <param name="limits">Upper limits, rising; above the last one comes infinity.</param>
    /// <param name="counts">What was counted up to each limit and above the one before, and last what is above all.</param>
    /// <param name="sum">Sum of what was counted.</param>
    /// <exception cref="ArgumentException">Not one count more than limits.</exception>
    public void Histogram(MetricLabels labels, ReadOnlySpan<double> limits, ReadOnlySpan<long> counts, double sum)
    {
        if (counts.Length != limits.Length + 1)
        {
            throw new ArgumentException("a histogram has one count more than limits", nameof(counts));
        }

        Span<byte> limit = stackalloc byte[LongestNumber + 5];
        "le=\""u8.CopyTo(limit);
        long count = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            count += counts[i];
            int length = i < limits.Length ? Format(limits[i], limit[4..]) : Copy("+Inf"u8, limit[4..]);
            limit[4 + length] = (byte)'"';
            Sample("_bucket"u8, labels, limit[..(5 + length)], count);
        }

        Sample("_sum"u8, labels, ""u8, sum);
        Sample("_count"u8, labels, ""u8, count);
    }

    /// <summary>Ends the text; OpenMetrics asks for it.</summary>
    public void End()
    {
        if (format == MetricsFormat.OpenMetrics)
        {
            Raw("# EOF\n"u8);
        }
    }

    private void Sample(ReadOnlySpan<byte> suffix, MetricLabels labels, ReadOnlySpan<byte> more, long value)
    {
        Head(suffix, labels, more);
        Span<byte> number = output.GetSpan(LongestNumber);
        value.TryFormat(number, out int length, default, CultureInfo.InvariantCulture);
        number[length] = (byte)'\n';
        output.Advance(length + 1);
    }

    private void Sample(ReadOnlySpan<byte> suffix, MetricLabels labels, ReadOnlySpan<byte> more, double value)
    {
        Head(suffix, labels, more);
        Span<byte> number = output.GetSpan(LongestNumber);
        int length = Format(value, number);
        number[length] = (byte)'\n';
        output.Advance(length + 1);
    }

    private void Head(ReadOnlySpan<byte> suffix, MetricLabels labels, ReadOnlySpan<byte> more)
    {
        Raw(_name);
        Raw(suffix);
        if (labels.Text.Length + more.Length > 0)
        {
            Raw("{"u8);
            Raw(labels.Text);
            Raw(labels.Text.Length > 0 && more.Length > 0 ? ","u8 : ""u8);
            Raw(more);
            Raw("}"u8);
        }

        Raw(" "u8);
    }

    private void Text(string text) => Encoding.UTF8.GetBytes(text, output);

    private void Raw(ReadOnlySpan<byte> bytes) => output.Write(bytes);

    /// <summary>Shortest text that reads back as the same number, with a point or an exponent, as OpenMetrics has it.</summary>
    private static int Format(double value, Span<byte> text)
    {
        if (!double.IsFinite(value))
        {
            return Copy(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "+Inf"u8 : "-Inf"u8, text);
        }

        value.TryFormat(text, out int length, default, CultureInfo.InvariantCulture);
        return text[..length].IndexOfAny(".E"u8) >= 0 ? length : length + Copy(".0"u8, text[length..]);
    }

    private static int Copy(ReadOnlySpan<byte> from, Span<byte> to)
    {
        from.CopyTo(to);
        return from.Length;
    }

    private string EscapeHelp(string help)
    {
        string escaped = help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return format == MetricsFormat.OpenMetrics ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }
}
