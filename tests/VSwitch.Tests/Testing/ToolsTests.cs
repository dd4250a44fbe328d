using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Testing;

/// <summary>The small tools of the test library.</summary>
public sealed class ToolsTests
{
    private byte[]? _kept;

    [Fact]
    public void Tsv_gives_cells_by_column_and_skips_comments()
    {
        TsvFile file = TsvFile.Parse(["# a comment", "a\tb", "1\t2", "", "3"]);
        Assert.Equal(["a", "b"], file.Columns);
        Assert.Equal(["2", ""], file.Rows.Select(row => row["b"]));
        Assert.Throws<KeyNotFoundException>(() => file.Rows[0]["c"]);
        Assert.Throws<FormatException>(() => TsvFile.Parse([]));
    }

    [Fact]
    public void The_guard_sees_an_allocation_and_its_absence()
    {
        Assert.InRange(AllocationGuard.BytesOf(() => _kept = new byte[1000]), 1000, 1100);
        Assert.Equal(1000, _kept!.Length);
        int sum = 0;
        AllocationGuard.RequireNone("a sum", () => sum++);
        Assert.Equal(2, sum);
        var thrown = Assert.Throws<PacketAssertException>(() => AllocationGuard.RequireNone("an array", () => _kept = new byte[8]));
        Assert.StartsWith("an array allocated", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_seed_is_written_out()
    {
        var lines = new List<string>();
        int seed = Seeded.Take("a test", lines.Add);
        Assert.Equal([$"a test: VSWITCH_SEED={seed}"], lines);
    }
}
