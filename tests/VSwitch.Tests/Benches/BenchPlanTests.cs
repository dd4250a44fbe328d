using VSwitch.Bench;
using Xunit;

namespace VSwitch.Tests.Benches;

/// <summary>The grid has the cells that figures are asked for.</summary>
public class BenchPlanTests
{
    [Theory]
    [InlineData((int)BenchExtent.Usual)]
    [InlineData((int)BenchExtent.Full)]
    public void Every_dimension_is_there(int extent)
    {
        IReadOnlyList<BenchCase> cells = BenchPlan.Cells((BenchExtent)extent);
        Assert.Equal(cells.Count, cells.Distinct().Count());
        foreach (BenchScenario scenario in (BenchScenario[])[BenchScenario.L2, BenchScenario.Sg, BenchScenario.Eip])
        {
            foreach (int flows in (int[])[1, 1000, 100_000, 1_000_000])
            {
                Assert.Contains(new BenchCase(scenario, flows), cells);
            }

            Assert.Contains(cells, c => c.Scenario == scenario && c.FrameBytes == 1500);
            Assert.Contains(cells, c => c.Scenario == scenario && c.Order == BenchOrder.Sequential);
            Assert.Equal(
                scenario != BenchScenario.L2,
                cells.Any(c => c.Scenario == scenario && c.Rules == 10_000) && cells.Any(c => c.Scenario == scenario && c.Rules == 1));
        }
    }

    [Fact]
    public void Ten_million_connections_only_where_all_is_asked_for()
    {
        Assert.DoesNotContain(BenchPlan.Cells(BenchExtent.Usual), c => c.Flows > 1_000_000);
        Assert.Equal(3, BenchPlan.Cells(BenchExtent.Full).Count(c => c.Flows == 10_000_000));
        Assert.All(BenchPlan.Cells(BenchExtent.Quick), c => Assert.InRange(c.Flows, 1, 1000));
    }
}
