using System.Text.RegularExpressions;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>What a README names exists. A word between backticks, or of a fenced block, is a path of the repository when its first
/// segment is a folder at the root or (between backticks) beside the README, or when it begins with ./ or ../; a name that ends in
/// .cs, .csproj or .sln is a file of the repository; a relative link leads somewhere. Braces stand for alternatives, and from a
/// segment with * or capital letters alone (a placeholder) on nothing is asked.</summary>
public partial class ReadmeTests
{
    private static readonly HashSet<string> FileNames = new(HouseFiles.All.Select(f => Path.GetFileName(f)), StringComparer.Ordinal);
    private static readonly HashSet<string> TopFolders = new(
        HouseFiles.All.Where(f => f.Contains('/', StringComparison.Ordinal)).Select(f => f.Split('/')[0]), StringComparer.Ordinal);

    public static TheoryData<string> Readmes() => [.. HouseFiles.All.Where(f => Path.GetExtension(f) == ".md")];

    [Theory]
    [MemberData(nameof(Readmes))]
    public void Every_path_that_a_readme_names_exists(string readme)
    {
        string text = HouseFiles.Read(readme);
        string folder = Path.GetDirectoryName(Path.Combine(HouseFiles.Root, readme))!;
        string prose = Fence().Replace(text, "");
        IEnumerable<string> named = Span().Matches(prose).SelectMany(m => Words(m.Groups["code"].Value)).Where(w => IsPath(w, folder))
            .Concat(Fence().Matches(text).SelectMany(m => Words(m.Value)).Where(w => IsPath(w, HouseFiles.Root)))
            .Concat(Link().Matches(prose).Select(m => m.Groups["target"].Value));
        Assert.DoesNotContain(named.SelectMany(Alternatives).Distinct(), path => !Stands(path, folder));
    }

    [Theory]
    [InlineData("src/VSwitch", true)]
    [InlineData("src/VSwitch.{Wire,DataPlane}/", true)]
    [InlineData("src/VSwitch.{Wire,Nowhere}/", false)]
    [InlineData("src/*/README.md", true)]
    [InlineData("src/nowhere/*.cs", false)]
    [InlineData("HouseFiles.cs", true)]
    [InlineData("NoSuchFile.cs", false)]
    public void The_rule_tells_what_exists(string path, bool exists)
    {
        Assert.True(IsPath(path, HouseFiles.Root));
        Assert.Equal(exists, Alternatives(path).All(p => Stands(p, HouseFiles.Root)));
    }

    [Theory]
    [InlineData("and/or")]
    [InlineData("/dev/net/tun")]
    [InlineData("10.0.0.0/16")]
    [InlineData("vswitch")]
    [InlineData("https://example.org/src/x")]
    public void Other_words_are_no_paths(string word) => Assert.False(IsPath(word, HouseFiles.Root));

    private static IEnumerable<string> Words(string code) =>
        code.Split([' ', '\n', '\t', '\'', '"', '`', '(', ')', '='], StringSplitOptions.RemoveEmptyEntries)
            .Select(w => w.TrimEnd('.', ',', ';', ':'));

    private static bool IsPath(string word, string folder)
    {
        if (SourceName().IsMatch(word))
        {
            return true;
        }

        string[] segments = word.Split('/');
        return PathLike().IsMatch(word) && segments.Length > 1 && segments[0].Length > 0 &&
            (segments[0] is "." or ".." || TopFolders.Contains(segments[0]) || Directory.Exists(Path.Combine(folder, segments[0])));
    }

    private static IEnumerable<string> Alternatives(string path)
    {
        Match braces = Braces().Match(path);
        return braces.Success
            ? braces.Groups["list"].Value.Split(',').SelectMany(a => Alternatives(path[..braces.Index] + a + path[(braces.Index + braces.Length)..]))
            : [path];
    }

    private static bool Stands(string path, string folder)
    {
        string bare = path.Split('#')[0];
        if (bare.Length == 0 || bare.Contains("://", StringComparison.Ordinal) || (SourceName().IsMatch(bare) && FileNames.Contains(bare)))
        {
            return true;
        }

        bool isShared = bare.StartsWith("../shared", StringComparison.Ordinal);
        IEnumerable<string> fixedSegments = bare.Split('/').TakeWhile(s => !s.Contains('*', StringComparison.Ordinal) && !Placeholder().IsMatch(s));
        string known = string.Join('/', fixedSegments);
        string shared = Path.Combine(RepositoryRoot.Shared ?? "", "..");
        return (isShared && (RepositoryRoot.Shared == null || HouseFiles.Exists(shared, known["../".Length..]))) || HouseFiles.Exists(HouseFiles.Root, known) || HouseFiles.Exists(folder, known);
    }

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex("`(?<code>[^`\n]+)`")]
    private static partial Regex Span();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^[A-Za-z0-9_.*{},/-]+$")]
    private static partial Regex PathLike();

    [GeneratedRegex(@"^[A-Za-z0-9_.]+\.(?:cs|csproj|sln)$")]
    private static partial Regex SourceName();

    [GeneratedRegex(@"\{(?<list>[^{}]*)\}")]
    private static partial Regex Braces();

    [GeneratedRegex("^(?!README$)[A-Z]{2,}$")]
    private static partial Regex Placeholder();
}
