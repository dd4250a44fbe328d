using System.Text.RegularExpressions;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>Every end of a packet has its name, its sentence, its place in the contract, and a test that reaches it.</summary>
public partial class DropReasonTests
{
    /// <summary>interface.md section 5, for a clone that stands alone.</summary>
    private const string Contract =
        "malformed-ethernet malformed-ipv4 malformed-ipv6 malformed-l4 bad-ipv4-checksum unknown-port spoofed-mac spoofed-ip " +
        "unknown-destination-mac no-route vpc-isolation ttl-expired security-group-egress security-group-ingress network-acl " +
        "connection-invalid connection-table-full fragment-unmatched eip-unbound eip-bandwidth mtu-exceeded unsupported-protocol " +
        "neighbor-unresolved port-down queue-full";

    private const string Declaration = "src/VSwitch.DataPlane/Pipeline/DropReason.cs";
    private const string Words = "src/VSwitch.DataPlane/Pipeline/DropReasons.cs";

    public static TheoryData<string> Reasons() => [.. Enum.GetNames<DropReason>().Where(n => n != nameof(DropReason.None))];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void A_reason_has_a_name_a_sentence_and_a_doc_comment(string member)
    {
        DropReason reason = Enum.Parse<DropReason>(member);
        Assert.Matches("^[a-z0-9]+(-[a-z0-9]+)*$", reason.Name());
        Assert.True(DropReasons.TryParse(reason.Name(), out DropReason back));
        Assert.Equal(reason, back);
        Assert.Matches(@"^[A-Z].* .*\.$", reason.Sentence());
        Assert.Matches($@"///[^\n]*</summary>\n\s*{member},", HouseFiles.Read(Declaration));
    }

    [Fact]
    public void Names_and_sentences_differ()
    {
        DropReason[] all = DropReasons.All.ToArray();
        Assert.Equal(all.Length, all.Select(r => r.Name()).Distinct().Count());
        Assert.Equal(all.Length, all.Select(r => r.Sentence()).Distinct().Count());
    }

    [Fact]
    public void All_reasons_of_the_contract_exist()
    {
        Assert.All(Contract.Split(' '), name => Assert.True(DropReasons.TryParse(name, out _), name));
    }

    [SharedFact]
    public void The_contract_here_is_the_contract_there()
    {
        string text = File.ReadAllText(Path.Combine(RepositoryRoot.Shared!, "spec", "interface.md"));
        string section = text[text.IndexOf("## 5.", StringComparison.Ordinal)..text.IndexOf("## 6.", StringComparison.Ordinal)];
        IEnumerable<string> listed = KebabName().Matches(section).Select(m => m.Groups["name"].Value);
        Assert.Equal(Contract.Split(' ').Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    /// <summary>A reason that src gives is reached when a test names it: as the enum's member (a list of more than two is a list,
    /// not a case), or as the name in a row's text.</summary>
    [Theory]
    [MemberData(nameof(Reasons))]
    public void A_reason_that_is_given_is_reached_by_a_test(string member)
    {
        var use = new Regex($@"\bDropReason\.{member}\b");
        bool isGiven = HouseFiles.Code("src").Any(f => f.Path is not (Declaration or Words) && use.IsMatch(f.Code.Blanked));
        var row = new Regex($"\"(?:[^\"\n]* )?{Enum.Parse<DropReason>(member).Name()}(?: [^\"\n]*)?\"");
        bool isReached = HouseFiles.Code("tests/VSwitch.Tests", "tests/VSwitch.SystemTests")
            .Where(f => !f.Path.Contains("/House/", StringComparison.Ordinal))
            .Any(f => row.IsMatch(f.Code.Source) ||
                f.Code.Blanked.Split(';', ')', ']').Any(part => use.IsMatch(part) && Mention().Count(part) <= 2));
        Assert.True(isReached || !isGiven, $"no test reaches {member}");
    }

    [GeneratedRegex(@"`(?<name>[a-z0-9]+(?:-[a-z0-9]+)+)`")]
    private static partial Regex KebabName();

    [GeneratedRegex(@"\bDropReason\.\w+")]
    private static partial Regex Mention();
}
