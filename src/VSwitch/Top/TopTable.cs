namespace VSwitch.Top;

/// <summary>A column of a section.</summary>
/// <param name="Title">Its title.</param>
/// <param name="Cells">Its width; of the one that takes what is left, the least.</param>
/// <param name="Text">Its text for a row.</param>
internal sealed record TopColumn<T>(string Title, int Cells, Func<T, string> Text)
{
    /// <summary>Takes what the others leave, up to <see cref="MostCells"/>.</summary>
    public bool IsFlexible { get; init; }

    /// <summary>Narrowest that a flexible one gets before columns of rank 1 and 2 go; those of higher rank go before it is narrower than
    /// <see cref="Cells"/>.</summary>
    public int? LeastCells { get; init; }

    /// <summary>Widest that a flexible one gets.</summary>
    public int MostCells { get; init; } = int.MaxValue;

    /// <summary>Stands at the right: numbers.</summary>
    public bool IsNumber { get; init; }

    /// <summary>When cells are few, the column with the highest goes first; 0 stays.</summary>
    public int Rank { get; init; }

    /// <summary>Its look for a row.</summary>
    public Func<T, TopStyle> Style { get; init; } = _ => TopStyle.Normal;
}

/// <summary>Lays rows out in columns: what does not fit goes by rank, one column takes what is left.</summary>
internal sealed class TopTable<T>
{
    /// <summary>Columns up to this rank are dearer than the last letters of the flexible one.</summary>
    private const int DearRank = 2;

    private readonly List<(TopColumn<T> Column, int Cells)> _columns = [];

    /// <summary>Lays the columns out.</summary>
    /// <param name="columns">One of them flexible.</param>
    /// <param name="cells">Cells of a line.</param>
    public TopTable(IReadOnlyList<TopColumn<T>> columns, int cells)
    {
        List<TopColumn<T>> kept = [.. columns];
        while (Needed(kept) > cells && kept.Any(c => c.Rank > 0))
        {
            kept.Remove(kept.MaxBy(c => c.Rank)!);
        }

        // Needed counts a flexible one at its least once the others of a low rank are all that could go.
        int spare = Math.Max(0, cells - Needed(kept));
        foreach (TopColumn<T> column in kept)
        {
            _columns.Add((column, column.IsFlexible ? Math.Min(LeastOf(column, kept) + spare, column.MostCells) : column.Cells));
        }
    }

    /// <summary>The titles; the section's own stands over the first column.</summary>
    public TopLine Head(string section, TopStyle style)
    {
        var line = new TopLine();
        for (int i = 0; i < _columns.Count; i++)
        {
            (TopColumn<T> column, int cells) = _columns[i];
            line.Add((i > 0 ? " " : "") + CellText.Fit(i == 0 ? section : column.Title, cells, column.IsNumber && i > 0), style);
        }

        return line;
    }

    /// <summary>A row.</summary>
    public TopLine Row(T row)
    {
        var line = new TopLine();
        for (int i = 0; i < _columns.Count; i++)
        {
            (TopColumn<T> column, int cells) = _columns[i];
            line.Add((i > 0 ? " " : "") + CellText.Fit(CellText.Clean(column.Text(row)), cells, column.IsNumber), column.Style(row));
        }

        return line;
    }

    private static int Needed(List<TopColumn<T>> columns) => columns.Sum(c => LeastOf(c, columns)) + columns.Count - 1;

    private static int LeastOf(TopColumn<T> column, List<TopColumn<T>> columns) =>
        column.LeastCells is int least && columns.All(c => c.Rank <= DearRank) ? least : column.Cells;
}
