using System.Globalization;
using VSwitch.ControlPlane.State;

namespace VSwitch.ControlPlane.Billing;

/// <summary>A file of the ledger as it was read.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Lines">Its whole lines, in their order, each once.</param>
/// <param name="Damaged">Damaged lines between whole ones.</param>
/// <param name="DamagedAtEnd">Damaged lines behind the last whole one: what a crash cut short.</param>
internal sealed record LedgerFile(string Name, long Bytes, IReadOnlyList<LedgerLine> Lines, int Damaged, int DamagedAtEnd);

/// <summary>The files of a ledger: one a month of UTC, <c>usage-2026-11.jsonl</c>. Each begins with the terms and totals of every EIP,
/// so it can be read without those before it.</summary>
internal static class LedgerFiles
{
    private const string Prefix = "usage-";
    private const string Suffix = ".jsonl";

    /// <summary>The file of the month that an instant lies in.</summary>
    public static string NameOf(long second) => NameOf(DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeSeconds(second).UtcDateTime));

    /// <summary>The file of a day's month.</summary>
    public static string NameOf(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{day:yyyy-MM}{Suffix}");

    /// <summary>Names of a ledger's files, oldest first.</summary>
    public static IReadOnlyList<string> In(IStateFiles files) =>
        [.. files.Names.Where(n => MonthOf(n) != null).Order(StringComparer.Ordinal)];

    /// <summary>The month that a file is of; null when it is none of the ledger's.</summary>
    public static DateOnly? MonthOf(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal) && name.Length > Prefix.Length + Suffix.Length
            ? BillingCalendar.ParseMonth(name[Prefix.Length..^Suffix.Length]) : null;

    /// <summary>The lines of files in the order in which they were written: a file that could not be begun may have been written behind
    /// the first lines of the next one.</summary>
    public static IReadOnlyList<LedgerLine> InOrder(IEnumerable<LedgerFile> files) =>
        [.. files.SelectMany(f => f.Lines).DistinctBy(l => l.Number).OrderBy(l => l.Number)];

    /// <summary>Deletes files until so many are left.</summary>
    public static void DeleteOldest(IStateFiles files, int left)
    {
        IReadOnlyList<string> names = In(files);
        foreach (string name in names.Take(names.Count - left))
        {
            files.Delete(name);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <param name="files">The folder.</param>
    /// <param name="name">The file.</param>
    /// <exception cref="StateException">It is of a newer format.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static LedgerFile Read(IStateFiles files, string name)
    {
        byte[] content = files.Read(name) ?? [];
        string path = Path.Combine(files.Folder, name);
        var lines = new List<LedgerLine>();
        int damaged = 0;
        int damagedAtEnd = 0;
        ReadOnlySpan<byte> rest = content;
        while (rest.Length > 0)
        {
            int end = rest.IndexOf(StateText.LineFeed);
            ReadOnlySpan<byte> text = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (end == 0)
            {
                continue;
            }

            if (end > 0 && LedgerLine.Parse(path, text) is LedgerLine line)
            {
                if (lines.Count == 0 || line.Number > lines[^1].Number)
                {
                    lines.Add(line);
                }

                damaged += damagedAtEnd;
                damagedAtEnd = 0;
            }
            else
            {
                damagedAtEnd++;
            }
        }

        return new LedgerFile(name, content.Length, lines, damaged, damagedAtEnd);
    }
}
