using System.Globalization;
using VSwitch.Show;

namespace VSwitch.Top;

/// <summary>The columns of the four sections. All of them fit 80 cells but for what only wide screens show.</summary>
internal static class TopColumns
{
    private const string Unknown = "-";
    private const double BusyShare = 0.7;
    private const double FullShare = 0.9;

    public static IReadOnlyList<TopColumn<TopPort>> Ports { get; } =
    [
        new("port", 12, p => p.Name) { IsFlexible = true, MostCells = 40, Style = p => p.Up == false ? TopStyle.Bad : TopStyle.Strong },
        Rate<TopPort>("in pps", p => p.InPacketsPerSecond, rank: 3),
        Rate<TopPort>("in bit/s", p => p.InBitsPerSecond),
        Rate<TopPort>("out pps", p => p.OutPacketsPerSecond, rank: 3),
        Rate<TopPort>("out bit/s", p => p.OutBitsPerSecond, rank: 1),
        Rate<TopPort>("drops/s", p => p.DropsPerSecond, rank: 2) with { Style = p => p.DropsPerSecond > 0 ? TopStyle.Warn : TopStyle.Normal },
        new("dropped", 9, p => HumanText.Short(p.Dropped)) { IsNumber = true, Rank = 4 },
        new("link", 4, p => p.Up switch { true => "up", false => "down", null => "none" })
            { Rank = 5, Style = p => p.Up switch { true => TopStyle.Good, false => TopStyle.Bad, null => TopStyle.Dim } },
    ];

    public static IReadOnlyList<TopColumn<TopWorker>> Workers { get; } =
    [
        new("worker", 12, w => w.Processor is int cpu ? string.Create(CultureInfo.InvariantCulture, $"worker {w.Index} on CPU {cpu}")
            : string.Create(CultureInfo.InvariantCulture, $"worker {w.Index}")) { IsFlexible = true, MostCells = 40, Style = _ => TopStyle.Strong },
        new("load", 5, w => Percent(w.Load)) { IsNumber = true, Style = w => LoadStyle(w.Load) },
        new("", 10, w => Bar(w.Load, 10)) { Rank = 4, Style = w => LoadStyle(w.Load) },
        new("burst", 6, w => w.MeanBurst?.ToString("0.0", CultureInfo.InvariantCulture) ?? Unknown) { IsNumber = true },
        Rate<TopWorker>("pps", w => w.PacketsPerSecond, rank: 1),
        Rate<TopWorker>("handed/s", w => w.HandedOverPerSecond, rank: 3),
        new("conns", 7, w => HumanText.Short(w.Connections)) { IsNumber = true, Rank = 2 },
        new("buffers", 7, w => Percent(w.BuffersFree)) { IsNumber = true, Rank = 5, Style = w => w.BuffersFree < 0.1 ? TopStyle.Bad : TopStyle.Normal },
        new("held", 6, w => HumanText.Short(w.Held)) { IsNumber = true, Rank = 6 },
    ];

    public static IReadOnlyList<TopColumn<TopDrop>> Drops { get; } =
    [
        new("reason", 23, d => d.Reason) { Style = d => d.PerSecond > 0 ? TopStyle.Warn : TopStyle.Normal },
        new("count", 7, d => HumanText.Short(d.Count)) { IsNumber = true, Rank = 2 },
        new("per s", 6, d => Number(d.PerSecond)) { IsNumber = true, Rank = 1 },
        new("last at", 8, d => d.Last?.Time.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture) ?? "") { Rank = 4 },
        new("by port", 12, d => d.Last?.Port ?? "") { Rank = 3 },
        new("last packet", 41, d => d.Last?.Packet ?? "") { IsFlexible = true, LeastCells = 16 },
    ];

    public static IReadOnlyList<TopColumn<TopConnection>> Connections { get; } =
    [
        new("connection", 41, c => $"{c.Protocol} {c.Source} > {c.Destination}") { IsFlexible = true, LeastCells = 24, MostCells = 96, Style = _ => TopStyle.Strong },
        new("state", 11, c => c.State) { Rank = 3 },
        Rate<TopConnection>("pps", c => c.PacketsPerSecond, rank: 2),
        Rate<TopConnection>("bit/s", c => c.BitsPerSecond),
        new("bytes", 7, c => HumanText.Short(c.Bytes)) { IsNumber = true, Rank = 1 },
        new("from", 12, c => c.From) { Rank = 4 },
        new("to", 12, c => c.To) { Rank = 4 },
        new("age", 7, c => HumanText.Time(c.AgeSeconds)) { IsNumber = true, Rank = 5 },
    ];

    /// <summary>A rate in few cells.</summary>
    public static string Number(double? perSecond) => perSecond switch
    {
        null => Unknown,
        0 => "0",
        < 10 => perSecond.Value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => HumanText.Short(perSecond.Value),
    };

    private static TopColumn<T> Rate<T>(string title, Func<T, double?> rate, int rank = 0) =>
        new(title, 9, row => Number(rate(row))) { IsNumber = true, Rank = rank };

    private static string Percent(double? share) => share == null ? Unknown : share.Value.ToString("0 %", CultureInfo.InvariantCulture);

    private static string Bar(double? share, int cells)
    {
        int full = (int)Math.Round((share ?? 0) * cells);
        return share == null ? "" : new string('█', full) + new string('░', cells - full);
    }

    private static TopStyle LoadStyle(double? load) =>
        load >= FullShare ? TopStyle.Bad : load >= BusyShare ? TopStyle.Warn : load == null ? TopStyle.Dim : TopStyle.Good;
}
