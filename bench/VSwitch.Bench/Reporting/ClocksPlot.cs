using System.Globalization;

namespace VSwitch.Bench.Reporting;

/// <summary>Clocks a packet over connections, a panel for each scenario, with what must be reached and what is aimed at.</summary>
internal static class ClocksPlot
{
    private const double PanelWidth = 280;
    private const double PanelHeight = 240;
    private const double Left = 56;
    private const double Top = 74;
    private const double Bottom = 48;
    private const double Gap = 24;
    private const string Ours = "#1f6fb4";
    private const string Must = "#c0392b";
    private const string Target = "#2e8b57";
    private const string Grid = "#e3e3e3";
    private const string Grey = "#555555";

    /// <summary>Draws it.</summary>
    public static string Draw(BenchReport report)
    {
        var panels = (report.Cells ?? []).Where(ReportTables.IsPlain).GroupBy(c => c.Scenario).ToList();
        List<int> flows = [.. panels.SelectMany(p => p).Select(c => c.Flows).Distinct().Order()];
        double top = NiceTop(panels.SelectMany(p => p).SelectMany(c => (double[])[c.ClocksPerPacket, Goals.ClocksPerPacket(c.Flows)?.Must ?? 0]));
        double width = Left + (panels.Count * (PanelWidth + Gap));
        var svg = new SvgCanvas(width, Top + PanelHeight + Bottom, "Clocks a packet over connections");
        svg.Text(Left, 24, "Clocks a packet, full pipeline, one worker, 64-byte frames, random order, 50 rules", isBold: true);
        Legend(svg);
        for (int i = 0; i < panels.Count; i++)
        {
            Panel(svg, Left + (i * (PanelWidth + Gap)), panels[i], flows, top, hasScale: i == 0);
        }

        return svg.ToString();
    }

    private static double NiceTop(IEnumerable<double> values) => Math.Ceiling(values.DefaultIfEmpty(1).Max() * 1.1 / 50) * 50;

    private static void Legend(SvgCanvas svg)
    {
        double x = Left;
        foreach ((string name, string color, string dash) in ((string, string, string)[])[("measured", Ours, ""), ("must", Must, "6 4"), ("target", Target, "2 3")])
        {
            svg.Line(x, 44, x + 30, 44, color, 2, dash);
            svg.Text(x + 36, 48, name);
            x += 130;
        }
    }

    private static void Panel(SvgCanvas svg, double left, IGrouping<BenchScenario, BenchCell> cells, List<int> flows, double top, bool hasScale)
    {
        double Y(double clocks) => Top + PanelHeight - (clocks / top * PanelHeight);
        double X(int count) => left + 24 + (flows.Count < 2 ? 0 : flows.IndexOf(count) * (PanelWidth - 48) / (flows.Count - 1));
        for (double clocks = 0; clocks <= top; clocks += 50)
        {
            svg.Line(left, Y(clocks), left + PanelWidth, Y(clocks), Grid);
            if (hasScale)
            {
                svg.Text(left - 8, Y(clocks) + 4, clocks.ToString("0", CultureInfo.InvariantCulture), TextAnchor.End, Grey);
            }
        }

        svg.Text(left + (PanelWidth / 2), Top - 6, cells.Key.ToString().ToLowerInvariant(), TextAnchor.Middle, isBold: true);
        flows.ForEach(count => svg.Text(X(count), Top + PanelHeight + 18, MarkdownTable.Count(count), TextAnchor.Middle, Grey));
        svg.Text(left + (PanelWidth / 2), Top + PanelHeight + 38, "connections", TextAnchor.Middle, Grey);
        List<BenchCell> sorted = [.. cells.OrderBy(c => c.Flows)];
        List<(int Flows, Goal Goal)> goals = [.. sorted.Where(c => Goals.ClocksPerPacket(c.Flows) != null).Select(c => (c.Flows, Goals.ClocksPerPacket(c.Flows)!))];
        svg.Polyline(goals.Select(g => (X(g.Flows), Y(g.Goal.Must))), Must, 2, "6 4");
        svg.Polyline(goals.Select(g => (X(g.Flows), Y(g.Goal.Target))), Target, 2, "2 3");
        svg.Polyline(sorted.Select(c => (X(c.Flows), Y(c.ClocksPerPacket))), Ours);
        foreach (BenchCell c in sorted)
        {
            svg.Dot(X(c.Flows), Y(c.ClocksPerPacket), 4, Ours);
            svg.Text(X(c.Flows), LabelY(c, Y), c.ClocksPerPacket.ToString("0", CultureInfo.InvariantCulture), TextAnchor.Middle, Ours, isBold: true);
        }
    }

    /// <summary>A figure stands on the side of its point where the next line is farther away.</summary>
    private static double LabelY(BenchCell cell, Func<double, double> yOf)
    {
        const double Above = -10;
        const double Below = 20;
        double y = yOf(cell.ClocksPerPacket);
        double[] lines = Goals.ClocksPerPacket(cell.Flows) is Goal goal ? [yOf(goal.Must), yOf(goal.Target)] : [];
        double roomAbove = lines.Where(l => l < y).Select(l => y - l).DefaultIfEmpty(double.MaxValue).Min();
        double roomBelow = lines.Where(l => l >= y).Select(l => l - y).DefaultIfEmpty(double.MaxValue).Min();
        return y + (roomAbove >= roomBelow ? Above : Below);
    }
}
