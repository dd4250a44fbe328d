using System.Globalization;
using VSwitch.Show;

namespace VSwitch.Top;

/// <summary>A picture: lines of exactly the screen's width, as many as it has, and how far the focused section can be scrolled.</summary>
internal sealed record TopPicture(IReadOnlyList<TopLine> Lines, TopExtent Extent);

/// <summary>Lays the model out on a screen: a head, the four sections or one of them, a foot. Pure.</summary>
internal static class TopScreen
{
    /// <summary>Below this the focused section alone is shown.</summary>
    private const int LeastForAll = 14;

    private const int HeadLines = 2;
    private const int FootLines = 1;

    private static readonly (string Keys, string Text)[] Help =
    [
        ("q", "quit (Ctrl-C too)"),
        ("s", "sort by traffic, packets, drops, name"),
        ("f or /", "filter; Enter takes it, Esc leaves it, Ctrl-U empties it"),
        ("p or space", "stop the picture, and let it go on"),
        ("tab", "the next section: arrows scroll it (shift-tab: the one before)"),
        ("1 2 3 4", "ports, workers, drops or connections alone; again: all"),
        ("enter", "the section alone, or all again"),
        ("arrows, j k", "scroll by a row; page up and down, home, end"),
        ("esc", "back: all sections, then no filter"),
        ("?", "this page"),
        ("", ""),
        ("filter", "words joined by 'and': eni NAME, vpc NAME, port NAME, host ADDRESS,"),
        ("", "net PREFIX, sport N, dport N, l4port N, proto NAME|N, tcp, udp,"),
        ("", "icmp, icmpv6, state NAME choose connections; eni and port also"),
        ("", "ports and drops; reason NAME drops"),
        ("rates", "are per second since the picture before; '-' is not known yet"),
        ("load", "share of the time that a worker spends on packets"),
        ("burst", "packets that a worker takes at once, on average"),
        ("last", "of a drop storm the last packet is one of the last 100 ms"),
    ];

    /// <summary>Draws.</summary>
    /// <param name="model">What is known; null before the first answer.</param>
    /// <param name="state">What the user chose.</param>
    /// <param name="notice">What is wrong with the switch; null when all is well.</param>
    /// <param name="cells">Width.</param>
    /// <param name="rows">Height.</param>
    public static TopPicture Draw(TopModel? model, TopState state, string? notice, int cells, int rows)
    {
        var lines = new List<TopLine> { Head(model, state, cells), Line2(state, notice, model) };
        TopExtent extent = default;
        int body = Math.Max(0, rows - HeadLines - FootLines);
        if (state.ShowsHelp)
        {
            lines.AddRange(Help.Select(h => new TopLine().Add($" {h.Keys,-12} ", TopStyle.Strong).Add(h.Text)).Take(body));
        }
        else if (model != null)
        {
            List<TopLine> drawn = [];
            extent = state.IsZoomed || rows < LeastForAll
                ? Section(drawn, model, state, state.Focus, body - 1, cells, isAlone: true)
                : All(drawn, model, state, body, cells);
            lines.AddRange(notice == null ? drawn : drawn.Select(l => l.Dimmed()));
        }

        while (lines.Count < rows - FootLines)
        {
            lines.Add(new TopLine());
        }

        lines = lines[..Math.Min(lines.Count, Math.Max(0, rows - FootLines))];
        lines.Add(Foot(state, cells));
        return new TopPicture([.. lines.Take(rows).Select(l => l.Fit(cells))], extent);
    }

    /// <summary>All that is known, for a file: no head of sections stands out, nothing is cut off below.</summary>
    public static IEnumerable<string> Print(TopModel model, TopState state, int cells)
    {
        yield return Head(model, state, cells).Text.TrimEnd();
        foreach (TopSection section in Enum.GetValues<TopSection>())
        {
            var lines = new List<TopLine> { new() };
            Section(lines, model, state, section, int.MaxValue, cells, isAlone: false);
            foreach (TopLine line in lines)
            {
                yield return line.Fit(cells).Text.TrimEnd();
            }
        }
    }

    private static TopLine Head(TopModel? model, TopState state, int cells)
    {
        var line = new TopLine();
        if (model == null)
        {
            return line.Add("vswitch", TopStyle.Strong);
        }

        (string Text, TopStyle Style)[] pieces =
        [
            ($"vswitch {model.Status.Version}", TopStyle.Strong),
            ($"{TopColumns.Number(model.PacketsPerSecond)} pps  {TopColumns.Number(model.BitsPerSecond)} bit/s", TopStyle.Normal),
            ($"{TopColumns.Number(model.DropsPerSecond)} drops/s", model.DropsPerSecond > 0 ? TopStyle.Warn : TopStyle.Normal),
            (string.Create(CultureInfo.InvariantCulture, $"{model.Status.Connections} connections"), TopStyle.Normal),
            ($"up {HumanText.Time(model.Status.UptimeSeconds)}", TopStyle.Dim),
            (string.Create(CultureInfo.InvariantCulture, $"revision {model.Status.Revision}"), TopStyle.Dim),
        ];
        int right = state.IsPaused ? "PAUSED".Length + 2 : 0;
        foreach ((string text, TopStyle style) in pieces)
        {
            string between = line.Spans.Count > 0 ? "  " : "";
            if (line.Spans.Count > 0 && line.Width + between.Length + CellText.Width(text) > cells - right)
            {
                break;
            }

            line.Add(between).Add(text, style);
        }

        if (state.IsPaused)
        {
            line.Add(new string(' ', Math.Max(1, cells - line.Width - right + 2))).Add("PAUSED", TopStyle.Bad);
        }

        return line;
    }

    private static TopLine Line2(TopState state, string? notice, TopModel? model)
    {
        if (notice != null)
        {
            return TopLine.Of(notice, TopStyle.Bad);
        }

        return !state.Filter.IsAll ? new TopLine().Add("filter: ", TopStyle.Dim).Add(state.Filter.ToString())
            : model == null ? TopLine.Of("…", TopStyle.Dim) : new TopLine();
    }

    private static TopLine Foot(TopState state, int cells)
    {
        if (state.Typed is string typed)
        {
            if (state.FilterError != null)
            {
                return TopLine.Of(state.FilterError, TopStyle.Bad);
            }

            // The end is what is typed at.
            const string prompt = "filter: ";
            string clean = CellText.Clean(typed);
            while (clean.Length > 0 && CellText.Width(clean) > Math.Max(1, cells - prompt.Length - 1))
            {
                clean = clean[(char.IsHighSurrogate(clean[0]) ? 2 : 1)..];
            }

            return new TopLine().Add(prompt, TopStyle.Strong).Add(clean).Add("▏");
        }

        return state.ShowsHelp ? TopLine.Of("any key: back", TopStyle.Dim)
            : TopLine.Of($"q quit  s sort: {state.Sort.Word}  / filter  p pause  tab section  1-4 alone  ? help", TopStyle.Dim);
    }

    /// <summary>Shares the lines out: a row to each section in turn, as long as it has one that is not shown.</summary>
    private static TopExtent All(List<TopLine> lines, TopModel model, TopState state, int body, int cells)
    {
        TopSection[] sections = Enum.GetValues<TopSection>();
        int[] wanted = [.. sections.Select(s => Math.Max(1, RowsOf(model, s)))];
        int[] given = new int[sections.Length];
        int left = body - sections.Length;
        while (left > 0 && Enumerable.Range(0, given.Length).Any(i => given[i] < wanted[i]))
        {
            for (int i = 0; i < given.Length && left > 0; i++)
            {
                if (given[i] < wanted[i])
                {
                    given[i]++;
                    left--;
                }
            }
        }

        TopExtent focused = default;
        foreach (TopSection section in sections)
        {
            TopExtent extent = Section(lines, model, state, section, given[(int)section], cells, isAlone: false);
            focused = section == state.Focus ? extent : focused;
        }

        return focused;
    }

    private static int RowsOf(TopModel model, TopSection section) => section switch
    {
        TopSection.Ports => model.Ports.Count,
        TopSection.Workers => model.Workers.Count,
        TopSection.Drops => model.Drops.Count,
        _ => model.Connections.Count,
    };

    private static TopExtent Section(List<TopLine> lines, TopModel model, TopState state, TopSection section, int room, int cells, bool isAlone) =>
        section switch
        {
            TopSection.Ports => Rows(lines, state, section, "1 PORTS", model.Ports, TopColumns.Ports, room, cells, "no port"),
            TopSection.Workers => Rows(lines, state, section, "2 WORKERS", model.Workers, TopColumns.Workers, room, cells, "no worker"),
            TopSection.Drops => isAlone ? DropsAlone(lines, state, model.Drops, room, cells)
                : Rows(lines, state, section, "3 DROPS", model.Drops, TopColumns.Drops, room, cells, "nothing was dropped"),
            _ => Rows(
                lines, state, section, "4 CONNECTIONS", model.Connections, TopColumns.Connections, room, cells,
                model.ConnectionsError ?? "no connection"),
        };

    private static TopExtent Rows<T>(
        List<TopLine> lines, TopState state, TopSection section, string title, IReadOnlyList<T> rows, IReadOnlyList<TopColumn<T>> columns,
        int room, int cells, string none)
    {
        var extent = new TopExtent(rows.Count, Math.Max(0, room));
        int first = section == state.Focus ? Math.Min(state.First, extent.LastFirst) : 0;
        var table = new TopTable<T>(columns, cells);
        lines.Add(Heading(table.Head(Title(title, first, extent), StyleOf(state, section)), cells));
        lines.AddRange(rows.Skip(first).Take(extent.Visible).Select(table.Row));
        if (rows.Count == 0 && room > 0)
        {
            lines.Add(TopLine.Of(none, TopStyle.Dim));
        }

        return extent;
    }

    /// <summary>Drops with room for the last packet of each: a line for the counts and what the reason means, one for the packet.</summary>
    private static TopExtent DropsAlone(List<TopLine> lines, TopState state, IReadOnlyList<TopDrop> drops, int room, int cells)
    {
        const int linesEach = 2;
        var extent = new TopExtent(drops.Count, Math.Max(0, room / linesEach));
        int first = Math.Min(state.First, extent.LastFirst);
        TopColumn<TopDrop>[] columns =
        [
            .. TopColumns.Drops.Take(3),
            new("means", 41, d => d.Sentence) { IsFlexible = true, LeastCells = 16, Style = _ => TopStyle.Dim },
        ];
        var table = new TopTable<TopDrop>(columns, cells);
        lines.Add(Heading(table.Head(Title("3 DROPS", first, extent), TopStyle.FocusedHeading), cells));
        foreach (TopDrop drop in drops.Skip(first).Take(extent.Visible))
        {
            lines.Add(table.Row(drop));
            lines.Add(drop.Last is { } last
                ? new TopLine().Add($"  {last.Time.ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture)} ", TopStyle.Dim)
                    .Add($"{last.Port ?? "(removed)"} ", TopStyle.Strong).Add(last.Packet)
                    .Add(string.Create(CultureInfo.InvariantCulture, $" ({last.Bytes} bytes)"), TopStyle.Dim)
                : new TopLine());
        }

        if (drops.Count == 0)
        {
            lines.Add(TopLine.Of("nothing was dropped", TopStyle.Dim));
        }

        return extent;
    }

    /// <summary>The bar of a heading goes over the whole line.</summary>
    private static TopLine Heading(TopLine line, int cells) => line.Fit(cells);

    private static TopStyle StyleOf(TopState state, TopSection section) => section == state.Focus ? TopStyle.FocusedHeading : TopStyle.Heading;

    private static string Title(string title, int first, TopExtent extent) => extent.Rows <= extent.Visible ? title
        : string.Create(CultureInfo.InvariantCulture, $"{title} {first + 1}-{first + extent.Visible}/{extent.Rows}");
}
