using System.Text.RegularExpressions;
using System.Xml.Linq;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>The rules of the house (house.md section 5).</summary>
public partial class HouseTests
{
    private static readonly string Root = RepositoryRoot.Folder;

    [Theory]
    [InlineData("VSwitch.Wire", "")]
    [InlineData("VSwitch.DataPlane", "VSwitch.Wire")]
    [InlineData("VSwitch.Devices", "VSwitch.DataPlane VSwitch.Wire")]
    [InlineData("VSwitch.ControlPlane", "VSwitch.DataPlane VSwitch.Wire")]
    [InlineData("VSwitch", "VSwitch.ControlPlane VSwitch.Devices")]
    public void Floors_have_arrows_only_downward(string project, string allowed)
    {
        XDocument file = XDocument.Load(Path.Combine(Root, "src", project, project + ".csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));
        Assert.Equal(allowed.Split(' ', StringSplitOptions.RemoveEmptyEntries), references.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_data_plane_has_no_package_but_its_analyzer()
    {
        XDocument file = XDocument.Load(Path.Combine(Root, "src", "VSwitch.DataPlane", "VSwitch.DataPlane.csproj"));
        Assert.Equal(
            ["Microsoft.CodeAnalysis.BannedApiAnalyzers"],
            file.Descendants("PackageReference").Select(p => p.Attribute("Include")!.Value));
    }

    [Fact]
    public unsafe void Structures_of_the_hot_path_have_their_sizes()
    {
        Assert.Equal(64, sizeof(PacketBuffer));
        Assert.Equal(128, sizeof(FlowEntry));
        Assert.Equal(64, sizeof(FlowAction));
        Assert.Equal(256, sizeof(Eni));
        Assert.Equal(32, sizeof(FlowAddresses6));
        Assert.True(PacketPool.SmallStrideBytes / 64 % 2 == 1 && PacketPool.LargeStrideBytes / 64 % 2 == 1);
    }

    [Fact]
    public void Files_of_src_have_one_subject()
    {
        Assert.DoesNotContain(Sources("src"), f => File.ReadLines(f).Count() > 500);
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        var found = new List<string>();
        foreach (string file in Sources("src").Concat(Sources("tests")).Concat(Sources("bench")).Where(f => !f.EndsWith("HouseTests.cs", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(file);
            if (Leftover().IsMatch(text) || CommentedCode().IsMatch(text) || text.Contains('\r', StringComparison.Ordinal))
            {
                found.Add(Path.GetRelativePath(Root, file));
            }
        }

        Assert.Empty(found);
    }

    [Fact]
    public void Every_drop_reason_has_a_name_a_sentence_and_its_place_in_the_contract()
    {
        foreach (DropReason reason in DropReasons.All)
        {
            Assert.True(reason.Sentence().Length > 5);
            Assert.True(DropReasons.TryParse(reason.Name(), out DropReason back) && back == reason);
        }

        string contract = "malformed-ethernet malformed-ipv4 malformed-ipv6 malformed-l4 bad-ipv4-checksum unknown-port spoofed-mac " +
            "spoofed-ip unknown-destination-mac no-route vpc-isolation ttl-expired security-group-egress security-group-ingress " +
            "network-acl connection-invalid connection-table-full fragment-unmatched eip-unbound eip-bandwidth mtu-exceeded " +
            "unsupported-protocol neighbor-unresolved port-down queue-full";
        Assert.All(contract.Split(' '), name => Assert.True(DropReasons.TryParse(name, out _), name));
    }

    [Fact]
    public void Paths_that_a_readme_names_exist()
    {
        var missing = new List<string>();
        foreach (string readme in Directory.GetFiles(Root, "README.md", SearchOption.AllDirectories).Where(f => !IsOutput(f)))
        {
            foreach (Match match in NamedPath().Matches(File.ReadAllText(readme)))
            {
                string path = match.Groups[1].Value;
                bool exists = new[] { Root, Path.GetDirectoryName(readme)! }.Select(f => Path.Combine(f, path))
                    .Any(p => File.Exists(p) || Directory.Exists(p));
                if (!exists && !path.StartsWith("../shared", StringComparison.Ordinal))
                {
                    missing.Add($"{Path.GetRelativePath(Root, readme)}: {path}");
                }
            }
        }

        Assert.Empty(missing);
    }

    private static IEnumerable<string> Sources(string folder) =>
        Directory.GetFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories).Where(f => !IsOutput(f));

    private static bool IsOutput(string path) => path.Contains("/obj/", StringComparison.Ordinal) || path.Contains("/bin/", StringComparison.Ordinal);

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException|Skip *= *""""")]
    private static partial Regex Leftover();

    [GeneratedRegex(@"^\s*//[^/].*[;{]\s*$", RegexOptions.Multiline)]
    private static partial Regex CommentedCode();

    [GeneratedRegex(@"`((?:src|tests|bench|captures|\.ci)/[A-Za-z0-9_./-]+)`")]
    private static partial Regex NamedPath();
}
