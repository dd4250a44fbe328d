using System.Globalization;

namespace VSwitch.Bench.Reporting;

/// <summary>Clocks a new connection, a bar for each row, with marks for what must be reached and what is aimed at.</summary>
internal static class ConnectionsPlot
{
    private const double Left = 330;
    private const double BarRoom = 480;
    private const double RowHeight = 34;
    private const double Top = 66;
    private const string Ours = "#1f6fb4";
    private const string Must = "#c0392b";
    private const string Target = "#2e8b57";

    /// <summary>Draws it.</summary>
    public static string Draw(BenchReport report)
    {
        IReadOnlyList<NewConnectionRow> rows = report.NewConnections ?? [];
        double most = rows.Select(r => Math.Max(r.ClocksPerConnection, Goals.ClocksPerConnection(r)?.Must ?? 0)).DefaultIfEmpty(1).Max();
        double scale = BarRoom / most;
        var svg = new SvgCanvas(Left + BarRoom + 90, Top + (rows.Count * RowHeight) + 16, "Clocks a new connection");
        svg.Text(16, 24, "Clocks a new connection, one worker", isBold: true);
        Mark(svg, 20, 44, Must);
        svg.Text(30, 48, "must");
        Mark(svg, 100, 44, Target);
        svg.Text(110, 48, "target");
        for (int i = 0; i < rows.Count; i++)
        {
            NewConnectionRow row = rows[i];
            double y = Top + (i * RowHeight) + (RowHeight / 2);
            string label = $"{row.Scenario}, {MarkdownTable.Count(row.Rules)} rules, {MarkdownTable.Count(row.TableSize)} others";
            svg.Text(Left - 10, y + 4, label, TextAnchor.End);
            svg.Box(Left, y - 9, row.ClocksPerConnection * scale, 18, Ours);
            double end = row.ClocksPerConnection;
            if (Goals.ClocksPerConnection(row) is Goal goal)
            {
                Mark(svg, Left + (goal.Must * scale), y, Must);
                Mark(svg, Left + (goal.Target * scale), y, Target);
                end = Math.Max(end, goal.Must);
            }

            svg.Text(Left + (end * scale) + 10, y + 4, row.ClocksPerConnection.ToString("0", CultureInfo.InvariantCulture), isBold: true, color: Ours);
        }

        return svg.ToString();
    }

    private static void Mark(SvgCanvas svg, double x, double y, string color) => svg.Line(x, y - 13, x, y + 13, color, 3);
}
