using System.Globalization;
using System.Xml.Linq;
using VSwitch.Bench;
using VSwitch.Bench.Reporting;
using Xunit;

namespace VSwitch.Tests.Benches;

/// <summary>Tables and plots of a run.</summary>
public class ReportingTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void A_missed_must_is_bold_and_the_worst_cell_is_named()
    {
        string grid = ReportTables.All(BenchReportTests.Sample())["grid"];
        Assert.Contains("| eip | 1 | **60.5** | 60 | 40 |", grid, StringComparison.Ordinal);
        Assert.Contains("| eip | 1 k | 49 | 70 | 50 |", grid, StringComparison.Ordinal);
        Assert.Contains("2 of 3 cells hold their must, 1 their target. Worst cell: eip at 1 flows, 101% of its must.", grid, StringComparison.Ordinal);
    }

    [Fact]
    public void The_shape_is_judged()
    {
        string grid = ReportTables.All(BenchReportTests.Sample())["grid"];
        Assert.Contains("| eip: cost(1 M) - cost(1 k), in M(1 M) | **5.05** | 2.5 |", grid, StringComparison.Ordinal);
        Assert.Contains("| eip, 1 k flows: cost with 10 000 rules to cost with 1 | **1.041** | 1 +/- 0.02 |", grid, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_row_has_its_place()
    {
        IReadOnlyDictionary<string, string> parts = ReportTables.All(BenchReportTests.Sample());
        Assert.Contains("| eip: first packet | 50 | 0 | **700** | 600 | 350 |", parts["connections"], StringComparison.Ordinal);
        Assert.Contains("| sg | 1 k | any worker | 40 | 80 | 2.0 | 1.9 |", parts["workers"], StringComparison.Ordinal);
        Assert.Contains("| change one rule | 10 k rules | **2.0** | ms | 1.0 | 0.05 |", parts["rest"], StringComparison.Ordinal);
        Assert.Contains("| replace a group | 10 k rules | 20 | ms | 50 | 10 |", parts["rest"], StringComparison.Ordinal);
        Assert.Contains("| latency at half load, p99.9 | sg, 20 Mpps | **11** | us | 10 |", parts["rest"], StringComparison.Ordinal);
        Assert.Contains("| eip | 1 k | 10 k | 64 | random | 51 |", parts["away"], StringComparison.Ordinal);
        Assert.Contains("commit 0123456789ab.", parts["machine"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_without_figures_makes_empty_tables() =>
        Assert.All(ReportTables.All(BenchReport.OfThisMachine()).Values, part => Assert.DoesNotContain("**", part, StringComparison.Ordinal));

    [Fact]
    public void Only_the_marked_part_of_a_text_is_replaced()
    {
        const string Text = "before\n<!-- begin a -->\nold\n<!-- end a -->\nafter\n";
        string once = MarkedText.Replace(Text, "a", "new\n");
        Assert.Equal("before\n<!-- begin a -->\nnew\n<!-- end a -->\nafter\n", once);
        Assert.Equal(once, MarkedText.Replace(once, "a", "new\n"));
        Assert.Throws<IOException>(() => MarkedText.Replace(Text, "b", "new"));
        Assert.Throws<IOException>(() => MarkedText.Replace("<!-- begin a -->", "a", "new"));
    }

    [Fact]
    public void A_row_has_a_cell_for_each_column()
    {
        var table = new MarkdownTable("one", "two");
        table.Add("1", "2");
        Assert.Equal("| one | two |\n| --- | --- |\n| 1 | 2 |\n", table.ToString());
        Assert.Throws<ArgumentException>(() => table.Add("1"));
    }

    [Theory]
    [InlineData(123.4, "123")]
    [InlineData(12.34, "12.3")]
    [InlineData(1.234, "1.23")]
    [InlineData(0.1234, "0.123")]
    [InlineData(60, "60")]
    public void A_number_has_the_decimals_it_needs(double value, string expected) => Assert.Equal(expected, MarkdownTable.Number(value));

    [Fact]
    public void Plots_are_well_formed_and_lie_inside_their_frame()
    {
        foreach (string plot in (string[])[ClocksPlot.Draw(BenchReportTests.Sample()), ConnectionsPlot.Draw(BenchReportTests.Sample())])
        {
            XElement root = XDocument.Parse(plot).Root!;
            double width = Number(root, "width");
            double height = Number(root, "height");
            List<XElement> texts = [.. root.Elements(Svg + "text")];
            Assert.NotEmpty(texts);
            Assert.All(texts, t => Assert.True(Number(t, "x") >= 0 && Number(t, "x") <= width && Number(t, "y") > 0 && Number(t, "y") < height, t.ToString()));
        }
    }

    [Fact]
    public void The_plot_of_clocks_has_every_figure_and_both_goals()
    {
        XElement root = XDocument.Parse(ClocksPlot.Draw(BenchReportTests.Sample())).Root!;
        List<string> texts = [.. root.Elements(Svg + "text").Select(t => t.Value)];
        Assert.Contains("eip", texts);
        Assert.Contains("must", texts);
        Assert.Contains("target", texts);
        Assert.Contains("150", texts);
        Assert.Contains("1 M", texts);
    }

    [Fact]
    public void A_text_that_looks_like_markup_stays_a_text()
    {
        var svg = new SvgCanvas(10, 10, "a & b");
        svg.Text(1, 1, "<x>");
        Assert.Equal("<x>", XDocument.Parse(svg.ToString()).Root!.Element(Svg + "text")!.Value);
    }

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
