using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.Testing;
using Xunit;

namespace VSwitch.Tests.Properties;

/// <summary>The table of packets that was written by hand for the reference switch, sent through the switch itself: each row is a
/// minimal case of what the random traffic would only find.</summary>
public sealed class ReferenceRowsOnSwitchTests
{
    private const long StartNs = 1_700_000_000_000_000_000;

    public static TheoryData<string> Descriptions() => ReferenceSwitchTests.Descriptions();

    [Theory]
    [MemberData(nameof(Descriptions))]
    public void The_switch_does_what_the_row_says(string description)
    {
        ReferenceRow row = ReferenceSwitchTests.Rows.Single(row => row.Description == description);
        var reference = new ReferenceSwitch(row.Config);
        using var real = new SwitchUnderTest(row.Config);
        for (int i = 0; i < row.Steps.Length; i++)
        {
            if (row.Then is { } then && row.ThenAt == i)
            {
                reference.Reconfigure(then);
                real.Reconfigure(then);
            }

            RowStep step = row.Steps[i];
            if (!real.HasPort(step.Port))
            {
                continue;
            }

            long nowNs = StartNs + (step.AtMs * 1_000_000);
            ReferenceOutcome expected = reference.Receive(step.Port, step.Frame, nowNs);
            ReferenceOutcome seen = real.Receive(step.Port, step.Frame, nowNs);
            string? difference = OutcomeComparison.Difference(step.Port, expected, seen);
            Assert.True(difference is null, $"step {i}: {difference}");
        }
    }
}
