using System.Globalization;
using System.Text;

namespace VSwitch.Bench.Reporting;

/// <summary>A table in Markdown.</summary>
internal sealed class MarkdownTable(params string[] columns)
{
    private readonly List<string[]> _rows = [];

    /// <summary>Adds a row.</summary>
    /// <exception cref="ArgumentException">It has not a cell for each column.</exception>
    public void Add(params string[] cells) =>
        _rows.Add(cells.Length == columns.Length ? cells : throw new ArgumentException($"{cells.Length} cells for {columns.Length} columns", nameof(cells)));

    /// <summary>A number, with as many decimals as it needs to be told from its neighbours.</summary>
    public static string Number(double value)
    {
        double size = Math.Abs(value);
        return value.ToString(size >= 100 ? "0" : size >= 10 ? "0.#" : size >= 1 ? "0.0#" : "0.0##", CultureInfo.InvariantCulture);
    }

    /// <summary>A number in bold when it misses.</summary>
    public static string Judged(double value, bool isMiss) => isMiss ? $"**{Number(value)}**" : Number(value);

    /// <summary>A count as people say it: 1, 1 k, 100 k, 1 M.</summary>
    public static string Count(int count) =>
        count >= 1_000_000 && count % 1_000_000 == 0 ? $"{count / 1_000_000} M"
        : count >= 1000 && count % 1000 == 0 ? $"{count / 1000} k"
        : count.ToString(CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        Append(text, columns);
        Append(text, [.. columns.Select(_ => "---")]);
        _rows.ForEach(row => Append(text, row));
        return text.ToString();
    }

    private static void Append(StringBuilder text, string[] cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
}
