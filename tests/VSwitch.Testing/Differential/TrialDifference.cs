using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Testing.Differential;

/// <summary>A frame on which kernel and switch do not agree.</summary>
public sealed record TrialDisagreement(TrialFrame Frame, bool KernelPasses, DropReason SwitchReason)
{
    /// <summary>What came before on the same conversation.</summary>
    public IReadOnlyList<TrialStep> Past => Frame.Conversation.Subject.History;
}

/// <summary>A difference between the kernel and the switch that is meant to be.</summary>
/// <param name="Name">Its name in tests/README.md.</param>
/// <param name="Explains">True when it is the reason of a disagreement.</param>
public sealed record TrialDifference(string Name, Func<TrialDisagreement, bool> Explains)
{
    /// <summary>All of them; each stands in the table of tests/README.md with its reason.</summary>
    public static IReadOnlyList<TrialDifference> All { get; } =
    [
        new("transport-checksum", d => !d.KernelPasses && d.Frame.Traits.HasFlag(TrialTraits.WrongTransportChecksum)),
    ];
}
