using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Testing.Reference;

/// <summary>How a frame ended.</summary>
public enum OutcomeKind
{
    Forwarded,
    Answered,
    Consumed,
    Dropped,
    Held,
}

/// <summary>What became of one frame.</summary>
/// <param name="Kind">How it ended.</param>
/// <param name="DropReason">Why it was dropped; None otherwise.</param>
/// <param name="Sent">What left the switch for it, in order: the forwarded copy or generated frames.</param>
public sealed record ReferenceOutcome(OutcomeKind Kind, DropReason DropReason, IReadOnlyList<(string Port, byte[] Frame)> Sent)
{
    internal static ReferenceOutcome Drop(DropReason reason) => new(OutcomeKind.Dropped, reason, []);

    internal static ReferenceOutcome Drop(DropReason reason, string port, byte[]? generated) =>
        new(OutcomeKind.Dropped, reason, generated is null ? [] : [(port, generated)]);

    internal static ReferenceOutcome Answer(string port, byte[] frame) =>
        new(OutcomeKind.Answered, DropReason.None, [(port, frame)]);

    internal static ReferenceOutcome Forward(string port, byte[] frame) =>
        new(OutcomeKind.Forwarded, DropReason.None, [(port, frame)]);

    internal static ReferenceOutcome Consume() => new(OutcomeKind.Consumed, DropReason.None, []);

    /// <summary>One line for a failing test.</summary>
    public override string ToString() =>
        $"{Kind}{(DropReason == DropReason.None ? "" : $" ({DropReason.Name()})")}" +
        string.Concat(Sent.Select(sent => $" -> {sent.Port} [{sent.Frame.Length}]"));
}
