using System.Text.Json;
using System.Text.Json.Serialization;

namespace VSwitch.ControlPlane.State;

/// <summary>Where a change came from.</summary>
public enum ChangeOrigin
{
    /// <summary>The switch's start: its first configuration, or a recovery.</summary>
    Start,

    /// <summary>SIGHUP.</summary>
    Sighup,

    /// <summary>A client of the API.</summary>
    Api,

    /// <summary><c>vswitch apply</c>.</summary>
    Apply,

    /// <summary>The switch itself, since a health check failed or is well again.</summary>
    [JsonStringEnumMemberName("health-check")]
    HealthCheck,
}

/// <summary>One change that was made: a line of the journal, an element of <c>GET /v1/changes</c>.</summary>
/// <param name="Revision">The revision that it made.</param>
/// <param name="Time">When, UTC, milliseconds.</param>
/// <param name="By">Who.</param>
/// <param name="Changes">What changed, a line each, as a plan prints it.</param>
/// <param name="Document">SHA-256 of the configuration that it made; null when it was kept in no folder.</param>
public sealed record StateChange(long Revision, DateTimeOffset Time, ChangeOrigin By, IReadOnlyList<string> Changes, string? Document)
{
    private const int MaxLines = 100;
    private const int MaxLineChars = 300;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The change that made a document. Of more than 100 lines the rest is counted, of a long one the start is kept: a journal
    /// is bounded.</summary>
    public static StateChange To(StateDocument document, ChangeOrigin by, IReadOnlyList<string> changes) =>
        To(document.Revision, document.Time, by, changes) with { Document = document.Hash };

    /// <summary>A change that is kept in no folder.</summary>
    public static StateChange To(long revision, DateTimeOffset time, ChangeOrigin by, IReadOnlyList<string> changes)
    {
        IEnumerable<string> kept = changes.Take(MaxLines).Select(l => l.Length <= MaxLineChars ? l : l[..WholeChars(l)] + "…");
        string[] lines = changes.Count <= MaxLines ? [.. kept] : [.. kept, $"and {changes.Count - MaxLines} more"];
        return new StateChange(revision, time, by, lines, Document: null);
    }

    /// <summary>The line, its end included.</summary>
    internal byte[] ToLine()
    {
        var record = new Line(StateText.Format, Revision, StateText.Time(Time), By, Changes, Document);
        return CheckedLine.Seal(JsonSerializer.SerializeToUtf8Bytes(record, Json));
    }

    /// <summary>Reads a line without its end.</summary>
    /// <returns>Null when it is damaged.</returns>
    /// <exception cref="StateException">It is whole, and of a newer format.</exception>
    internal static StateChange? Parse(string file, ReadOnlySpan<byte> line)
    {
        if (!CheckedLine.IsWhole(line))
        {
            return null;
        }

        try
        {
            Line? read = JsonSerializer.Deserialize<Line>(line, Json);
            return read?.Format > StateText.Format
                ? throw StateText.Newer(file, read.Format)
                : read is { Changes: not null, Document: not null, Time: not null }
                    ? new StateChange(read.Revision, StateText.Time(read.Time), read.By, read.Changes, read.Document) : null;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Does not cut a pair of surrogates.</summary>
    private static int WholeChars(string line) => char.IsHighSurrogate(line[MaxLineChars - 1]) ? MaxLineChars - 1 : MaxLineChars;

    private sealed record Line(int Format, long Revision, string Time, ChangeOrigin By, IReadOnlyList<string> Changes, string? Document);
}
