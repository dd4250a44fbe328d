using System.Xml.Linq;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>Floors with arrows only downward, and the sizes that the hot path is built on (house.md sections 1 and 5).</summary>
public class ArchitectureTests
{
    private const string Analyzer = "Microsoft.CodeAnalysis.BannedApiAnalyzers";

    /// <summary>What a project may reference. A new project needs its row here, and its reason in src/README.md.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["VSwitch.Wire"] = [],
        ["VSwitch.DataPlane"] = ["VSwitch.Wire"],
        ["VSwitch.Devices"] = ["VSwitch.DataPlane", "VSwitch.Wire"],
        ["VSwitch.ControlPlane"] = ["VSwitch.DataPlane", "VSwitch.Wire"],
        ["VSwitch"] = ["VSwitch.ControlPlane", "VSwitch.DataPlane", "VSwitch.Devices", "VSwitch.Wire"],
        ["VSwitch.SharpPcap"] = ["VSwitch.DataPlane", "VSwitch.Wire"],
    };

    [Fact]
    public void Floors_of_src_have_arrows_only_downward()
    {
        List<string> projects = [.. HouseFiles.All.Where(f => f.StartsWith("src/", StringComparison.Ordinal) && f.EndsWith(".csproj", StringComparison.Ordinal))];
        Assert.True(projects.Count >= 5);
        Assert.All(projects, project =>
        {
            string name = Path.GetFileNameWithoutExtension(project);
            Assert.True(Allowed.TryGetValue(name, out string[]? allowed), $"{project}: a project without a row in {nameof(Allowed)}");
            Assert.Empty(Includes(project, "ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Replace('\\', '/'))).Except(allowed));
        });
    }

    [Fact]
    public void The_lower_floors_have_no_package_but_the_analyzer()
    {
        Assert.Empty(Includes("src/VSwitch.Wire/VSwitch.Wire.csproj", "PackageReference").Except([Analyzer]));
        Assert.Equal([Analyzer], Includes("src/VSwitch.DataPlane/VSwitch.DataPlane.csproj", "PackageReference"));
    }

    [Fact]
    public void The_reference_switch_uses_nothing_of_the_data_plane_but_the_names_of_drops()
    {
        IEnumerable<string> used = HouseFiles.Code("tests/VSwitch.Testing/Reference")
            .SelectMany(f => f.Code.Blanked.Split('\n'))
            .Select(line => line.Trim())
            .Where(line => line.StartsWith("using VSwitch.", StringComparison.Ordinal))
            .Select(line => line["using ".Length..].TrimEnd(';'));
        Assert.Empty(used.Distinct().Except(["VSwitch.ControlPlane.Config", "VSwitch.DataPlane.Pipeline", "VSwitch.Wire", "VSwitch.Testing"]));
    }

    [Fact]
    public unsafe void Structures_of_the_hot_path_have_their_sizes()
    {
        Assert.Equal(64, sizeof(PacketBuffer));
        Assert.Equal(86, VSwitch.DataPlane.Watching.ReceivedFrame.SizeBytes);
        Assert.Equal(64, sizeof(FlowEntry));
        Assert.Equal(64, sizeof(FlowDetail));
        Assert.Equal(8, sizeof(TcpMemory));
        Assert.Equal(64, sizeof(FlowAction));
        Assert.Equal(256, sizeof(Eni));
        Assert.Equal(32, sizeof(FlowAddresses6));
        // An odd number of cache lines: buffers spread over all sets of the cache.
        Assert.Equal(1, PacketPool.SmallStrideBytes / 64 % 2);
        Assert.Equal(1, PacketPool.LargeStrideBytes / 64 % 2);
    }

    private static IEnumerable<string> Includes(string project, string element) =>
        XDocument.Parse(HouseFiles.Read(project)).Descendants(element).Select(e => e.Attribute("Include")!.Value);
}
