using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Every row of MANIFEST.tsv: "what a correct switch must do", replayed in a lab.</summary>
public class ManifestTests
{
    private static readonly Dictionary<string, TraceRow> Rows = ManifestRows.All().ToDictionary(row => row.ToString(), StringComparer.Ordinal);

    public static TheoryData<string> Names() => [.. Rows.Keys];

    [SharedTheory]
    [MemberData(nameof(Names))]
    public void Does_what_the_sentence_says(string row) => Rows[row].Check();
}
