using System.Text.RegularExpressions;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>What a file may look like (house.md section 5, style.md).</summary>
public partial class SourceTests
{
    private const int MostLinesOfAFile = 500;
    private const int MostLinesOfAMethod = 70;
    private const int ShortestReason = 10;
    private static readonly string[] CodeFolders = ["src", "tests", "bench"];

    [Fact]
    public void A_file_of_src_has_one_subject()
    {
        Assert.Empty(HouseFiles.Code("src").Where(f => f.Code.LineCount > MostLinesOfAFile)
            .Select(f => $"{f.Path}: {f.Code.LineCount} lines, more than {MostLinesOfAFile}"));
    }

    [Fact]
    public void A_method_of_src_fits_on_a_page()
    {
        var members = HouseFiles.Code("src").SelectMany(f => CodeMember.Of(f.Code).Select(m => (f.Path, Member: m))).ToList();
        Assert.True(members.Count > 100, "the scanner found next to nothing, so it would find no long method");
        Assert.Empty(members.Where(m => m.Member.LineCount > MostLinesOfAMethod)
            .Select(m => $"{m.Path}:{m.Member.Line}: {m.Member.LineCount} lines, more than {MostLinesOfAMethod}: {m.Member.Header}"));
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        Assert.Empty(Lines(HouseFiles.Text.Where(f => !f.EndsWith(".tsv", StringComparison.Ordinal)), Leftover()));
        Assert.Empty(HouseFiles.Code(CodeFolders)
            .Where(f => f.Code.Blanked.Contains(nameof(NotImplementedException), StringComparison.Ordinal) && !f.Path.Contains("/House/", StringComparison.Ordinal))
            .Select(f => f.Path));
    }

    [Fact]
    public void No_code_is_commented_out()
    {
        Assert.Empty(HouseFiles.Code(CodeFolders).SelectMany(f => f.Code.Comments
            .Where(c => !c.IsDocumentation && CommentedCode().IsMatch(c.Text))
            .Select(c => $"{f.Path}:{c.Line}: {c.Text}")));
    }

    [Fact]
    public void A_skipped_test_says_why()
    {
        var bare = new List<string>();
        foreach ((string path, CodeText code) in HouseFiles.Code("tests"))
        {
            foreach (Match skip in Skip().Matches(code.Blanked))
            {
                Match reason = Reason().Match(code.Source, skip.Index + skip.Length);
                if (!reason.Success || reason.Groups["text"].Length < ShortestReason)
                {
                    bare.Add($"{path}:{code.LineOf(skip.Index)}");
                }
            }
        }

        Assert.Empty(bare);
    }

    [Fact]
    public void Lines_end_with_a_line_feed_and_files_with_a_line()
    {
        Assert.DoesNotContain(HouseFiles.Text, f => HouseFiles.Read(f) is { Length: > 0 } text &&
            (text.Contains('\r', StringComparison.Ordinal) || text[^1] != '\n'));
    }

    [Fact]
    public void No_file_knows_the_machine_it_was_written_on()
    {
        Assert.Empty(Lines(HouseFiles.Text, MachinePath()));
    }

    private static IEnumerable<string> Lines(IEnumerable<string> files, Regex wrong) => files.SelectMany(f => HouseFiles.Read(f)
        .Split('\n')
        .Select((line, i) => (Line: line, Number: i + 1))
        .Where(l => wrong.IsMatch(l.Line))
        .Select(l => $"{f}:{l.Number}: {l.Line.Trim()}"));

    /// <summary>Written so that it does not find itself.</summary>
    [GeneratedRegex(@"\b(?:TO[D]O|FIX[M]E|HA[C]K|XX[X])\b")]
    private static partial Regex Leftover();

    [GeneratedRegex(@"[;{]$|^\}|^(?:if|for|while|foreach) \(")]
    private static partial Regex CommentedCode();

    [GeneratedRegex(@"\bSkip\s*=(?!=)")]
    private static partial Regex Skip();

    [GeneratedRegex("""\G\s*\$?"(?<text>[^"]*)""")]
    private static partial Regex Reason();

    [GeneratedRegex(@"(?<![\w.*])/(?:work|home|root|Users)/|\b[A-Z]:\\\\?[A-Za-z]")]
    private static partial Regex MachinePath();
}
