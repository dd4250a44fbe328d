namespace VSwitch.Bench.Reporting;

/// <summary>A text with parts that a program writes, each between two comments; the rest is written by hand.</summary>
internal static class MarkedText
{
    /// <summary>Replaces what stands between the comments "begin NAME" and "end NAME".</summary>
    /// <exception cref="IOException">The text has not both, in this order.</exception>
    public static string Replace(string text, string name, string content)
    {
        string begin = $"<!-- begin {name} -->";
        string end = $"<!-- end {name} -->";
        int from = text.IndexOf(begin, StringComparison.Ordinal);
        int to = from < 0 ? -1 : text.IndexOf(end, from, StringComparison.Ordinal);
        return to < 0 ? throw new IOException($"the text has no part between '{begin}' and '{end}'")
            : $"{text[..(from + begin.Length)]}\n{content.TrimEnd('\n')}\n{text[to..]}";
    }
}
