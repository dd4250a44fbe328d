using System.Reflection;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Every row of MANIFEST.tsv: "what a correct switch must do", replayed in a lab.</summary>
public class ManifestTests
{
    private static readonly Dictionary<string,
        TraceRow> Rows = ManifestRows.All().ToDictionary(row => row.ToString(), StringComparer.Ordinal);

    public static TheoryData<string> Names() => [.. Rows.Keys];

    [SharedTheory]
    [MemberData(nameof(Names))]
    public void Does_what_the_sentence_says(string row) => Rows[row].Check();

    [SharedFact]
    public void Every_file_of_the_manifest_is_played()
    {
        TsvFile manifest = TsvFile.Read(Path.Combine(RepositoryRoot.Shared!, "captures", "MANIFEST.tsv"));
        Assert.Equal(91, manifest.Rows.Count);
        IEnumerable<string> inFacts = typeof(CaptureFactTests).GetMethods()
            .SelectMany(m => m.GetCustomAttributes<InlineDataAttribute>().SelectMany(d => d.GetData(m))).Select(d => (string)d[0]!);
        Assert.Equal([], manifest.Rows.Select(r => r["file"]).Except(Rows.Values.Select(r => r.File)).Except(inFacts));
        Assert.Equal([], Rows.Values.Select(r => r.File).Except(manifest.Rows.Select(r => r["file"])));
    }
}
