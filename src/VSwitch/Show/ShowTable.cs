using System.Text.Json;
using Spectre.Console;

namespace VSwitch.Show;

/// <summary>A document of the API as a table; looked at again and again, with rates.</summary>
internal sealed class ShowTable(ShowSubject subject, TimeProvider time)
{
    private Dictionary<string, JsonElement> _before = [];
    private long _lookedAt;

    /// <summary>Makes what is to be printed.</summary>
    /// <param name="document">The document.</param>
    /// <param name="isOne">True when it is one of a list, asked for by name.</param>
    /// <param name="isWatched">True when there will be another look.</param>
    public Spectre.Console.Rendering.IRenderable Render(JsonElement document, bool isOne, bool isWatched)
    {
        if (isOne || subject.List == null)
        {
            return new Text(document.Describe());
        }

        JsonElement[] rows = [.. document.ValueKind == JsonValueKind.Array ? document.EnumerateArray() : document.List(subject.List)];
        long now = time.GetTimestamp();
        double seconds = time.GetElapsedTime(_lookedAt, now).TotalSeconds;
        Column[] columns = [.. subject.Columns.Where(c => isWatched ? !c.OnlyOnce : !c.OnlyWatched)];
        Sample[] samples = [.. rows.Select(r => new Sample(r, _before.TryGetValue(ShowSubject.KeyOf(r), out JsonElement b) ? b : null, seconds))];
        string[][] texts = [.. samples.Select(s => columns.Select(c => c.Text(s)).ToArray())];
        _before = rows.DistinctBy(ShowSubject.KeyOf).ToDictionary(ShowSubject.KeyOf, StringComparer.Ordinal);
        _lookedAt = now;
        if (rows.Length == 0)
        {
            return new Text($"no {subject.Name}");
        }

        var table = new Table().Border(TableBorder.Simple);
        // A column that is empty in every row says nothing and takes room.
        int[] shown = [.. Enumerable.Range(0, columns.Length).Where(i => isWatched || texts.Any(t => t[i].Length > 0))];
        foreach (int i in shown)
        {
            var column = new TableColumn(columns[i].Title) { NoWrap = i == 0 || columns[i].IsNumber, Padding = new Padding(0, 0, 1, 0) };
            table.AddColumn(columns[i].IsNumber ? column.RightAligned() : column);
        }

        foreach (string[] row in texts)
        {
            table.AddRow([.. shown.Select(i => Markup.Escape(row[i]))]);
        }

        return document.At("next") == null ? table : new Rows(table, new Text("There are more: raise --limit, or narrow with --filter."));
    }
}
