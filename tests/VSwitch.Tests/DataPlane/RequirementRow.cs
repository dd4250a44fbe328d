using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>A requirement of a list, and frames that show it on the real switch.</summary>
/// <param name="Id">As in the list.</param>
/// <param name="What">What is shown.</param>
/// <param name="Config">The configuration.</param>
/// <param name="Steps">Frames, verdicts, checks.</param>
internal sealed record RequirementRow(string Id, string What, SwitchConfig Config, params RowStep[] Steps)
{
    private const long StartNs = 1_000_000_000_000;

    public RequirementRow(string id, string what, params RowStep[] steps)
        : this(id, what, RowWords.Rich, steps)
    {
    }

    public override string ToString() => $"{Id}: {What}";

    /// <summary>Plays the frames through the switch.</summary>
    public void Check()
    {
        using var real = new SwitchUnderTest(Config);
        for (int i = 0; i < Steps.Length; i++)
        {
            RowStep step = Steps[i];
            ReferenceOutcome outcome = real.Receive(step.Port, step.Frame, StartNs + (step.AtMs * 1_000_000));
            string verdict = RowWords.VerdictOf(outcome);
            Assert.True(step.Verdict == verdict, $"step {i}: expected {step.Verdict}, got {verdict}");
            if (step.Checks.Length > 0)
            {
                PacketAssert.That(outcome.Sent[0].Frame, step.Checks);
            }

            if (step.Exactly is { } frame)
            {
                PacketAssert.Equal(frame, outcome.Sent[0].Frame);
            }
        }
    }
}
