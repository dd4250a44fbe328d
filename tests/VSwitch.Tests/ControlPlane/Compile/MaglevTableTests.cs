using VSwitch.ControlPlane.Compile;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>Shares and disruption of the table that source-IP hashing looks up.</summary>
public class MaglevTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(20)]
    [InlineData(100)]
    public void Shares_are_even(int backends)
    {
        ushort[] places = MaglevTable.Build(Names(backends));
        Assert.Equal(MaglevTable.Size, places.Length);
        double even = (double)MaglevTable.Size / backends;
        Assert.All(Enumerable.Range(0, backends), b => Assert.InRange(places.Count(p => p == b), Math.Floor(even), Math.Ceiling(even)));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(100)]
    public void One_backend_less_moves_little_but_its_own_share(int backends)
    {
        (string Name, int Weight)[] names = Names(backends);
        string[] before = [.. MaglevTable.Build(names).Select(p => names[p].Name)];
        (string Name, int Weight)[] fewer = [.. names.Where((_, i) => i != 1)];
        string[] after = [.. MaglevTable.Build(fewer).Select(p => fewer[p].Name)];
        int moved = before.Zip(after).Count(p => p.First != p.Second);
        Assert.InRange((double)moved / MaglevTable.Size, 0.99 / backends, (1.0 / backends) + 0.06);
    }

    [Fact]
    public void Weights_are_shares()
    {
        ushort[] places = MaglevTable.Build([("a", 1), ("b", 3), ("c", 0), ("d", 6)]);
        Assert.InRange(places.Count(p => p == 0) / (double)MaglevTable.Size, 0.099, 0.101);
        Assert.InRange(places.Count(p => p == 1) / (double)MaglevTable.Size, 0.299, 0.301);
        Assert.Equal(0, places.Count(p => p == 2));
        Assert.Empty(MaglevTable.Build([("a", 0)]));
        Assert.Empty(MaglevTable.Build([]));
    }

    private static (string Name, int Weight)[] Names(int count) => [.. Enumerable.Range(1, count).Select(i => ($"web{i}/10.0.0.{i}:80", 10))];
}
