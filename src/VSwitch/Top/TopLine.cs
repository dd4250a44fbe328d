namespace VSwitch.Top;

/// <summary>How a piece of a line looks.</summary>
internal enum TopStyle
{
    /// <summary>As the terminal has it.</summary>
    Normal,

    /// <summary>The head line of a section.</summary>
    Heading,

    /// <summary>The head line of the section that keys scroll.</summary>
    FocusedHeading,

    /// <summary>Stands out.</summary>
    Strong,

    /// <summary>Stands back.</summary>
    Dim,

    /// <summary>Well.</summary>
    Good,

    /// <summary>Worth a look.</summary>
    Warn,

    /// <summary>Not well.</summary>
    Bad,
}

/// <summary>A piece of a line.</summary>
internal readonly record struct TopSpan(string Text, TopStyle Style = TopStyle.Normal);

/// <summary>One line of the screen.</summary>
internal sealed class TopLine
{
    private readonly List<TopSpan> _spans = [];

    /// <summary>A line of one style.</summary>
    public static TopLine Of(string text, TopStyle style = TopStyle.Normal) => new TopLine().Add(text, style);

    /// <summary>Its pieces.</summary>
    public IReadOnlyList<TopSpan> Spans => _spans;

    /// <summary>Its text.</summary>
    public string Text => string.Concat(_spans.Select(s => s.Text));

    /// <summary>Cells that it takes.</summary>
    public int Width => _spans.Sum(s => CellText.Width(s.Text));

    /// <summary>Adds a piece; control characters in it are replaced.</summary>
    public TopLine Add(string text, TopStyle style = TopStyle.Normal)
    {
        _spans.Add(new TopSpan(CellText.Clean(text), style));
        return this;
    }

    /// <summary>The line in exactly so many cells; the padding looks like its last piece when that is a heading.</summary>
    public TopLine Fit(int cells)
    {
        var line = new TopLine();
        int left = cells;
        bool isTooLong = Width > cells;
        foreach (TopSpan span in _spans)
        {
            int width = CellText.Width(span.Text);
            if (width > left || (isTooLong && width == left))
            {
                // More follows that does not fit, so even what would just fit is cut.
                string text = left == 0 ? "" : CellText.First(span.Text, left - 1) + "…";
                line._spans.Add(span with { Text = text });
                left -= CellText.Width(text);
                break;
            }

            line._spans.Add(span);
            left -= width;
        }

        if (left > 0)
        {
            TopStyle last = line._spans.Count > 0 ? line._spans[^1].Style : TopStyle.Normal;
            line._spans.Add(new TopSpan(new string(' ', left), last is TopStyle.Heading or TopStyle.FocusedHeading ? last : TopStyle.Normal));
        }

        return line;
    }

    /// <summary>The line as a terminal takes it (SGR of ECMA-48), with colours or only with weights.</summary>
    public string ToAnsi(bool hasColor) => string.Concat(_spans.Select(s => s.Style == TopStyle.Normal ? s.Text : $"\e[{CodeOf(s.Style, hasColor)}m{s.Text}\e[0m"));

    /// <summary>The same line, standing back.</summary>
    public TopLine Dimmed()
    {
        var line = new TopLine();
        line._spans.AddRange(_spans.Select(s => s with { Style = TopStyle.Dim }));
        return line;
    }

    private static string CodeOf(TopStyle style, bool hasColor) => style switch
    {
        TopStyle.Heading => hasColor ? "30;46" : "7",
        TopStyle.FocusedHeading => hasColor ? "1;30;42" : "1;7",
        TopStyle.Strong => "1",
        TopStyle.Dim => "2",
        TopStyle.Good => hasColor ? "32" : "0",
        TopStyle.Warn => hasColor ? "33" : "1",
        _ => hasColor ? "1;31" : "1",
    };
}
