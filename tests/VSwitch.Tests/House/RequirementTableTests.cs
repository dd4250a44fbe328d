using System.Reflection;
using System.Text.RegularExpressions;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>The tables of tests/README.md against the requirement lists of tests/vectors and against the tests
/// themselves.</summary>
public partial class RequirementTableTests
{
    private const string Readme = "tests/README.md";
    private const string Passes = "passes";

    public static TheoryData<string, string> Lists() => new()
    {
        { "nat_requirements.tsv", "id" },
        { "router_tcp_arp_requirements.tsv", "id" },
        { "ovs_conntrack_tcp.tsv", "topic" },
        { "linux_nf_conntrack_notes.tsv", "item" },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public void Every_requirement_has_its_line_and_every_line_its_requirement(string list, string column)
    {
        IEnumerable<string> ids = TsvFile.Read(RepositoryRoot.Vector(list)).Rows.Select(row => row[column]);
        Assert.Equal(ids.Order(StringComparer.Ordinal),
            Table(list).Select(line => line.Id).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void A_line_has_a_result_and_what_passes_has_a_test(string list, string column)
    {
        Assert.NotEmpty(column);
        Assert.All(Table(list), line =>
        {
            Assert.Matches("^(passes|by policy|not applicable|missed)(: .+)?$", line.Result);
            Assert.True(!line.Result.StartsWith(Passes, StringComparison.Ordinal) || line.Tests.Length > 0,
                $"{line.Id} passes without a test");
        });
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void Every_test_that_is_named_exists(string list, string column)
    {
        Assert.NotEmpty(column);
        HashSet<string> tests = [.. typeof(RequirementTableTests).Assembly.GetTypes().SelectMany(type => type.GetMethods()
            .Where(m => m.GetCustomAttributes<FactAttribute>().Any()).Select(m => $"{type.Name}.{m.Name}"))];
        Assert.DoesNotContain(Table(list).SelectMany(line => line.Tests), test => !tests.Contains(test));
    }

    /// <summary>A line that names the rows of a list needs a row of its id, and a row the line.</summary>
    [Fact]
    public void Rows_and_lines_name_the_same_requirements()
    {
        string[] ofRows = [$"{nameof(RequirementTests)}.{nameof(RequirementTests.Nat)}",
            $"{nameof(RequirementTests)}.{nameof(RequirementTests.Router)}",
            $"{nameof(RequirementTests)}.{nameof(RequirementTests.Ovs)}"];
        IEnumerable<string> lines = Lists().Where(list => (string)list[0] != "linux_nf_conntrack_notes.tsv").SelectMany(list => Table((string)list[0]))
            .Where(line => line.Tests.Any(ofRows.Contains)).Select(line => line.Id);
        Assert.Equal(lines.Order(StringComparer.Ordinal),
            RequirementTests.AllRows().Select(row => row.Id).Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>Our copies are the shared lists.</summary>
    [SharedTheory]
    [MemberData(nameof(Lists))]
    public void The_list_here_is_the_list_there(string list, string column)
    {
        Assert.NotEmpty(column);
        Assert.Equal(File.ReadAllText(Path.Combine(RepositoryRoot.Shared!, "vectors", list)),
            File.ReadAllText(RepositoryRoot.Vector(list)));
    }

    private static IReadOnlyList<(string Id, string[] Tests, string Result)> Table(string list)
    {
        string text = HouseFiles.Read(Readme);
        string section = text[text.IndexOf($"### {list}", StringComparison.Ordinal)..].Split("\n#")[0];
        return [.. section.Split('\n').Where(line => line.StartsWith("| ",
            StringComparison.Ordinal)).Skip(2).Select(line =>
        {
            string[] cells = [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
            Assert.Equal(4, cells.Length);
            return (cells[0], Span().Matches(cells[2]).Select(m => m.Groups["test"].Value).ToArray(), cells[3]);
        })];
    }

    [GeneratedRegex("`(?<test>[^`]+)`")]
    private static partial Regex Span();
}
