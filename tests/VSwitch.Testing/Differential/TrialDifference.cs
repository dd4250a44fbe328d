using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Testing.Differential;

/// <summary>A difference between the kernel and the switch that is meant to be.</summary>
/// <param name="Name">Its name in the table of tests/README.md, where its reason stands.</param>
/// <param name="Explains">True when it is the reason why a frame's verdicts differ, or one of those that are it together.</param>
public sealed record TrialDifference(string Name, Func<TrialStep, bool> Explains)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<TrialDifference> All { get; } =
    [
        Tcp("synack-must-acknowledge", TcpVariations.SynAckFits),
        Tcp("reset-must-fit", TcpVariations.Resets),
        Tcp("window-units", TcpVariations.WindowUnits),
        Tcp("syn-remembered", TcpVariations.SynMemory),
        Tcp("syn-restart", TcpVariations.Restart),
        Tcp("reopened", TcpVariations.Reopening),
        Tcp("last-hop", TcpVariations.HopFirst),
        new("transport-checksum", step => HasReason(step, TcpVariations.NoChecksum) ||
            (IsNotTcp(step) && !step.KernelPasses && Has(step, TrialTraits.WrongTransportChecksum))),
        new("sctp-chunks", step => !step.KernelPasses && Has(step, TrialTraits.Sctp)),
        new("echo-code", step => Has(step, TrialTraits.EchoWithCode) &&
            (!step.KernelPasses || step.SwitchReason == DropReason.ConnectionInvalid)),
        Refused("mask-request", TrialTraits.AddressMaskRequest, DropReason.ConnectionInvalid),
        Refused("short-quote", TrialTraits.ShortQuote, DropReason.MalformedL4),
        Refused("quote-checksum", TrialTraits.WrongQuoteChecksum, DropReason.MalformedL4),
        Refused("quote-version", TrialTraits.QuoteOfAnotherVersion, DropReason.MalformedL4),
        Refused("error-by-a-third", TrialTraits.ErrorFromAThird, DropReason.ConnectionInvalid),
    ];

    private static TrialDifference Tcp(string name, TcpVariations variation) =>
        new(name, step => HasReason(step, variation));

    private static bool HasReason(TrialStep step, TcpVariations variation) =>
        ((step.Frame.Conversation.Reason ?? TcpVariations.None) & variation) != 0;

    private static TrialDifference Refused(string name, TrialTraits trait, DropReason reason) =>
        new(name, step => step.KernelPasses && Has(step, trait) && step.SwitchReason == reason);

    private static bool IsNotTcp(TrialStep step) => step.Frame.Segment is null;

    private static bool Has(TrialStep step, TrialTraits trait) => (step.Frame.Traits & trait) != 0;
}
