using System.Text.Json;

namespace VSwitch.Show;

/// <summary>A row of a document as it is now and, while it is watched, as it was before: what rates are made of.</summary>
/// <param name="Now">As it is.</param>
/// <param name="Before">As it was; null at the first look, and for what is new.</param>
/// <param name="Seconds">Time between the two.</param>
internal readonly record struct Sample(JsonElement Now, JsonElement? Before, double Seconds)
{
    /// <summary>How fast a number grows, per second; null at the first look.</summary>
    public double? PerSecond(string path) =>
        Before is JsonElement before && Seconds > 0 ? Math.Max(0, Now.Number(path) - before.Number(path)) / Seconds : null;
}

/// <summary>A column of a table.</summary>
/// <param name="Title">Its title.</param>
/// <param name="Text">Its text for a row.</param>
/// <param name="IsNumber">True for what stands at the right.</param>
/// <param name="OnlyWatched">True for what needs two looks.</param>
/// <param name="OnlyOnce">True for what gives way to the rates while it is watched.</param>
internal sealed record Column(string Title, Func<Sample, string> Text, bool IsNumber = false, bool OnlyWatched = false, bool OnlyOnce = false)
{
    /// <summary>A column that shows what stands at a path.</summary>
    public static Column Of(string title, string path) => new(title, s => s.Now.Text(path));

    /// <summary>A column of whole numbers.</summary>
    public static Column Count(string title, string path) => new(title, s => s.Now.Text(path), IsNumber: true);
}
