using VSwitch.ControlPlane.Filters;

namespace VSwitch.Top;

/// <summary>The four tables.</summary>
internal enum TopSection
{
    /// <summary>Ports with rates.</summary>
    Ports,

    /// <summary>Workers with load and burst size.</summary>
    Workers,

    /// <summary>Drops by reason with the last packet of each.</summary>
    Drops,

    /// <summary>Connections by rate.</summary>
    Connections,
}

/// <summary>How far the section that keys scroll reaches.</summary>
/// <param name="Rows">Rows that it has.</param>
/// <param name="Visible">Rows that fit the screen.</param>
internal readonly record struct TopExtent(int Rows, int Visible)
{
    /// <summary>The first row when it is scrolled to its end.</summary>
    public int LastFirst => Math.Max(0, Rows - Visible);
}

/// <summary>What the user chose by keys. Immutable; a key makes the next one.</summary>
internal sealed record TopState
{
    /// <summary>Longest filter that can be typed.</summary>
    public const int LongestFilter = 400;

    private static readonly int SectionCount = Enum.GetValues<TopSection>().Length;

    /// <summary>The order of rows.</summary>
    public TopSort Sort { get; init; }

    /// <summary>The filter in force.</summary>
    public PacketFilter Filter { get; init; } = PacketFilter.All;

    /// <summary>The filter while it is typed; null else.</summary>
    public string? Typed { get; init; }

    /// <summary>Why what was typed is no filter.</summary>
    public string? FilterError { get; init; }

    /// <summary>The picture stands still.</summary>
    public bool IsPaused { get; init; }

    /// <summary>The section that arrows scroll, and that fills the screen when zoomed.</summary>
    public TopSection Focus { get; init; }

    /// <summary>One section fills the screen.</summary>
    public bool IsZoomed { get; init; }

    /// <summary>First row shown of the focused section; the others begin at their first.</summary>
    public int First { get; init; }

    /// <summary>The keys are explained.</summary>
    public bool ShowsHelp { get; init; }

    /// <summary>The user is done.</summary>
    public bool IsOver { get; init; }

    /// <summary>The state after a key.</summary>
    public TopState After(TopKey key, TopExtent extent)
    {
        if (Typed != null)
        {
            return AfterTyping(key);
        }

        if (ShowsHelp)
        {
            return this with { ShowsHelp = false, IsOver = key.Character == 'q' };
        }

        return key.Kind switch
        {
            TopKeyKind.Up => Scroll(extent, -1),
            TopKeyKind.Down => Scroll(extent, 1),
            TopKeyKind.PageUp => Scroll(extent, -Math.Max(1, extent.Visible)),
            TopKeyKind.PageDown => Scroll(extent, Math.Max(1, extent.Visible)),
            TopKeyKind.Home => this with { First = 0 },
            TopKeyKind.End => this with { First = extent.LastFirst },
            TopKeyKind.Tab => this with { Focus = (TopSection)(((int)Focus + 1) % SectionCount), First = 0 },
            TopKeyKind.BackTab => this with { Focus = (TopSection)(((int)Focus + SectionCount - 1) % SectionCount), First = 0 },
            TopKeyKind.Enter => this with { IsZoomed = !IsZoomed, First = 0 },
            TopKeyKind.Escape => AfterEscape(),
            TopKeyKind.Character => AfterCharacter(key.Character, extent),
            _ => this,
        };
    }

    /// <summary>Back by one: out of the zoom, else out of the filter.</summary>
    private TopState AfterEscape() => IsZoomed ? this with { IsZoomed = false, First = 0 }
        : this with { Filter = PacketFilter.All, FilterError = null, First = 0 };

    private TopState AfterCharacter(char character, TopExtent extent) => character switch
    {
        'q' => this with { IsOver = true },
        's' => this with { Sort = Sort.Next, First = 0 },
        'f' or '/' => this with { Typed = Filter.ToString(), FilterError = null },
        'p' or ' ' => this with { IsPaused = !IsPaused },
        '?' or 'h' => this with { ShowsHelp = true },
        'j' => Scroll(extent, 1),
        'k' => Scroll(extent, -1),
        '0' => this with { IsZoomed = false, First = 0 },
        >= '1' and <= '4' => Zoom((TopSection)(character - '1')),
        _ => this,
    };

    /// <summary>The number of the section that fills the screen leads back.</summary>
    private TopState Zoom(TopSection section) => this with { Focus = section, IsZoomed = !IsZoomed || Focus != section, First = 0 };

    private TopState Scroll(TopExtent extent, int rows) =>
        this with { First = Math.Clamp(Math.Min(First, extent.LastFirst) + rows, 0, extent.LastFirst) };

    private TopState AfterTyping(TopKey key)
    {
        string typed = Typed!;
        switch (key.Kind)
        {
            case TopKeyKind.Escape:
                return this with { Typed = null, FilterError = null };
            case TopKeyKind.Enter:
                return PacketFilter.TryParse(typed, out PacketFilter filter, out string? error)
                    ? this with { Filter = filter, Typed = null, FilterError = null, First = 0 } : this with { FilterError = error };
            case TopKeyKind.Backspace:
                int last = typed.Length > 1 && char.IsLowSurrogate(typed[^1]) ? 2 : 1;
                return this with { Typed = typed[..Math.Max(0, typed.Length - last)], FilterError = null };
            case TopKeyKind.Clear:
                return this with { Typed = "", FilterError = null };
            case TopKeyKind.Character when typed.Length < LongestFilter:
                return this with { Typed = typed + key.Character, FilterError = null };
            default:
                return this;
        }
    }
}
