using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Spectre.Console.Rendering;

namespace VSwitch.Top;

/// <summary>Text measured in cells of a terminal: wide characters take two, combining ones none, and control characters, which could
/// steer the terminal, are shown as a dot.</summary>
internal static class CellText
{
    private const string Cut = "…";
    private static readonly ConcurrentDictionary<int, int> Widths = new();

    /// <summary>The text, each control character replaced.</summary>
    public static string Clean(string text)
    {
        if (!text.Any(c => char.IsControl(c) || c >= 0x80))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool steers = Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
            clean.Append(steers ? "·" : rune.ToString());
        }

        return clean.ToString();
    }

    /// <summary>Cells that a clean text takes.</summary>
    public static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += WidthOf(rune);
        }

        return width;
    }

    /// <summary>The text in exactly so many cells: padded, or cut with … at its end.</summary>
    public static string Fit(string text, int cells, bool atRight = false)
    {
        int width = Width(text);
        if (width > cells)
        {
            text = First(text, cells - 1) + (cells > 0 ? Cut : "");
            width = Width(text);
        }

        string pad = new(' ', Math.Max(0, cells - width));
        return atRight ? pad + text : text + pad;
    }

    /// <summary>As much of a text as so many cells hold.</summary>
    public static string First(string text, int cells)
    {
        int units = 0;
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += WidthOf(rune);
            if (width > cells)
            {
                break;
            }

            units += rune.Utf16SequenceLength;
        }

        return text[..units];
    }

    private static int WidthOf(Rune rune) =>
        rune.IsAscii ? 1 : Widths.GetOrAdd(rune.Value, static value => new Segment(new Rune(value).ToString()).CellCount());
}
