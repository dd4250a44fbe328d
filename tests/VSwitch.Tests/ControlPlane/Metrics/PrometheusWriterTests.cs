using System.Buffers;
using System.Globalization;
using System.Text;
using VSwitch.ControlPlane.Metrics;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane.Metrics;

/// <summary>The text is what the formats' pages say, letter by letter, and reads back as what was written.</summary>
public class PrometheusWriterTests(ITestOutputHelper output)
{
    [Fact]
    public void Each_kind_of_family_is_written_as_the_page_says()
    {
        string text = Write(MetricsFormat.Prometheus, Sample);
        Assert.Equal("""
            # HELP a_total One\nline, a \\ and a "mark".
            # TYPE a_total counter
            a_total 12
            a_total{port="x\\y\"z\n",kind="é"} -1
            # HELP b A gauge.
            # TYPE b gauge
            b 0.25
            b{q="1"} +Inf
            b{q="2"} 1.7E+300
            # HELP h A histogram.
            # TYPE h histogram
            h_bucket{w="0",le="2.56E-07"} 1
            h_bucket{w="0",le="1.0"} 1
            h_bucket{w="0",le="+Inf"} 4
            h_sum{w="0"} 7.5
            h_count{w="0"} 4
            # HELP s A summary.
            # TYPE s summary
            s_sum 3.0
            s_count 2

            """.ReplaceLineEndings("\n"), text);
        PrometheusText read = PrometheusText.Parse(text);
        Assert.Equal(-1, read.Samples["a_total{kind=\"é\",port=\"x\\y\"z\n\"}"]);
        Assert.Equal(1.7e300, read.Samples["b{q=\"2\"}"]);
    }

    [Fact]
    public void OpenMetrics_names_a_counter_without_its_ending_and_has_an_end()
    {
        string text = Write(MetricsFormat.OpenMetrics, Sample);
        Assert.StartsWith("# HELP a One\\nline, a \\\\ and a \\\"mark\\\".\n# TYPE a counter\na_total 12\n", text, StringComparison.Ordinal);
        Assert.EndsWith("s_count 2\n# EOF\n", text, StringComparison.Ordinal);
        Assert.Equal(4, PrometheusText.Parse(text, isOpen: true).Types.Count);
    }

    [Theory]
    [InlineData("a", MetricType.Counter)]
    [InlineData("a_total", MetricType.Gauge)]
    public void A_counter_and_nothing_else_ends_in_total(string name, MetricType type) =>
        Assert.Throws<ArgumentException>(() => new PrometheusWriter(new ArrayBufferWriter<byte>(), MetricsFormat.Prometheus).Begin(name, type, "x"));

    [Fact]
    public void A_histogram_has_one_count_more_than_limits() => Assert.Throws<ArgumentException>(() =>
        new PrometheusWriter(new ArrayBufferWriter<byte>(), MetricsFormat.Prometheus).Histogram(MetricLabels.None, [1, 2], [1, 2], 0));

    [Fact]
    public void An_empty_label_is_none() => Assert.Equal(
        "# HELP b x\n# TYPE b gauge\nb{a=\"1\"} 2\nb 3\n",
        Write(MetricsFormat.Prometheus, writer =>
        {
            writer.Begin("b", MetricType.Gauge, "x");
            writer.Sample(MetricLabels.Of(("none", ""), ("a", "1")), 2);
            writer.Sample(MetricLabels.Of(("none", "")), 3);
        }));

    [Theory]
    [InlineData("b 1\n", "a sample of the family")]
    [InlineData("# HELP b x\n# TYPE b counter\nb 1\n", "name of a counter")]
    [InlineData("# HELP b x\n# TYPE b gauge\nb 1", "line feed")]
    [InlineData("# HELP b x\n# TYPE b gauge\nb 1\nb 1\n", "same key")]
    [InlineData("# HELP b x\n# TYPE b gauge\nb{a=\"\\x\"} 1\n", "an escape")]
    [InlineData("# HELP b x\n# TYPE b gauge\n# HELP c x\n# TYPE c gauge\nb 1\n", "family at hand")]
    [InlineData("# HELP b x\n# TYPE b histogram\nb_bucket{le=\"1\"} 2\nb_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 1\n", "rise")]
    [InlineData("# HELP b x\n# TYPE b histogram\nb_bucket{le=\"+Inf\"} 1\nb_sum 1\nb_count 2\n", "the count")]
    public void What_is_wrong_is_refused_by_the_tests_own_reader(string text, string why) =>
        Assert.Contains(why, Assert.Throws<FormatException>(() => PrometheusText.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Any_label_and_any_number_reads_back()
    {
        var random = new Random(Seeded.Take("labels and numbers", output.WriteLine));
        var expected = new Dictionary<string, double>();
        string text = Write(MetricsFormat.Prometheus, writer =>
        {
            writer.Begin("g", MetricType.Gauge, "x");
            for (int i = 0; i < 2_000; i++)
            {
                string label = string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => "ab\\\"\n{},= #é"[random.Next(12)])) + i.ToString(CultureInfo.InvariantCulture);
                double value = random.Next(2) == 0 ? random.NextInt64() : BitConverter.Int64BitsToDouble(random.NextInt64() & 0x7FDF_FFFF_FFFF_FFFF);
                expected.Add($"g{{l=\"{label}\"}}", value);
                writer.Sample(MetricLabels.Of(("l", label)), value);
            }
        });
        Assert.Equal(expected, PrometheusText.Parse(text).Samples);
    }

    private static void Sample(PrometheusWriter writer)
    {
        writer.Begin("a_total", MetricType.Counter, "One\nline, a \\ and a \"mark\".");
        writer.Sample(MetricLabels.None, 12);
        writer.Sample(MetricLabels.Of(("port", "x\\y\"z\n"), ("kind", "é")), -1);
        writer.Begin("b", MetricType.Gauge, "A gauge.");
        writer.Sample(MetricLabels.None, 0.25);
        writer.Sample(MetricLabels.Of(("q", "1")), double.PositiveInfinity);
        writer.Sample(MetricLabels.Of(("q", "2")), 1.7e300);
        writer.Begin("h", MetricType.Histogram, "A histogram.");
        writer.Histogram(MetricLabels.Of(("w", "0")), [2.56e-7, 1], [1, 0, 3], 7.5);
        writer.Begin("s", MetricType.Summary, "A summary.");
        writer.Summary(MetricLabels.None, 3, 2);
    }

    private static string Write(MetricsFormat format, Action<PrometheusWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new PrometheusWriter(buffer, format);
        write(writer);
        writer.End();
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
