namespace VSwitch.Testing;

/// <summary>A table of the shared specification: tab-separated, the first line names the columns, <c>#</c> begins a
/// comment line.</summary>
public sealed class TsvFile
{
    private readonly string[] _columns;

    private TsvFile(string[] columns, IReadOnlyList<TsvRow> rows)
    {
        _columns = columns;
        Rows = rows;
    }

    /// <summary>Names of the columns.</summary>
    public IReadOnlyList<string> Columns => _columns;

    /// <summary>Rows in the file's order.</summary>
    public IReadOnlyList<TsvRow> Rows { get; }

    /// <summary>Reads lines.</summary>
    public static TsvFile Parse(IEnumerable<string> lines)
    {
        string[][] cells = [.. lines.Where(line => line.Length > 0 && line[0] != '#').Select(line => line.Split('\t'))];
        if (cells.Length == 0)
        {
            throw new FormatException("a TSV file needs a line of column names");
        }

        string[] columns = cells[0];
        return new TsvFile(columns, [.. cells.Skip(1).Select(row => new TsvRow(columns, row))]);
    }

    /// <summary>Reads a file.</summary>
    public static TsvFile Read(string path) => Parse(File.ReadLines(path));

    /// <summary>Path of a file of the shared folder that stands beside the repository, or null where there is none: then
    /// a test is skipped with one line.</summary>
    /// <param name="relativePath">For example vectors/checksum.tsv.</param>
    public static string? FindShared(string relativePath)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "VSwitch.sln")))
            {
                string? found = SharedBeside(folder, relativePath);
                return found;
            }
        }

        return null;
    }

    /// <summary>Looks beside the repository; a worktree of it may lie one folder deeper.</summary>
    private static string? SharedBeside(DirectoryInfo repository, string relativePath)
    {
        string?[] places = [repository.Parent?.FullName, repository.Parent?.Parent?.FullName];
        return places.OfType<string>().Select(place => Path.Combine(place, "shared", relativePath)).FirstOrDefault(File.Exists);
    }
}

/// <summary>One row; a cell is asked for by its column's name.</summary>
public sealed class TsvRow(string[] columns, string[] cells)
{
    /// <summary>The cell, empty when the row is shorter.</summary>
    public string this[string column]
    {
        get
        {
            int i = Array.IndexOf(columns, column);
            if (i < 0)
            {
                throw new KeyNotFoundException($"no column '{column}'; there are {string.Join(", ", columns)}");
            }

            return i < cells.Length ? cells[i] : "";
        }
    }

    /// <summary>The row as it stood.</summary>
    public override string ToString() => string.Join('\t', cells);
}
