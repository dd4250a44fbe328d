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

/// <summary>The end of a frame that was held before.</summary>
/// <param name="Port">Where it had come in.</param>
/// <param name="Kind">How it ended.</param>
/// <param name="DropReason">Why it was dropped; None otherwise.</param>
public sealed record HeldEnd(string Port, OutcomeKind Kind, DropReason DropReason)
{
    /// <summary>As a row writes it.</summary>
    public override string ToString() => $"{Port}: {Kind}{(DropReason == DropReason.None ? "" : $" {DropReason.Name()}")}";
}

/// <summary>What became of one frame, and of the held frames that ended with it or that had waited for too long.</summary>
/// <param name="Kind">How it ended.</param>
/// <param name="DropReason">Why it was dropped; None otherwise.</param>
/// <param name="Sent">What left the switch, in order: forwarded copies and generated frames, also those of held frames.</param>
public sealed record ReferenceOutcome(OutcomeKind Kind, DropReason DropReason, IReadOnlyList<(string Port, byte[] Frame)> Sent)
{
    /// <summary>Frames that were held before and ended now, in order.</summary>
    public IReadOnlyList<HeldEnd> Ends { get; init; } = [];

    /// <summary>True when what was sent is told by its addresses alone: answers to DHCP.</summary>
    public bool IsByAddresses { get; init; }

    internal static ReferenceOutcome Drop(DropReason reason) => new(OutcomeKind.Dropped, reason, []);

    internal static ReferenceOutcome Drop(DropReason reason, string port, byte[]? generated) =>
        new(OutcomeKind.Dropped, reason, generated is null ? [] : [(port, generated)]);

    internal static ReferenceOutcome Answer(string port, byte[] frame) =>
        new(OutcomeKind.Answered, DropReason.None, [(port, frame)]);

    internal static ReferenceOutcome Forward(string port, params IEnumerable<byte[]> frames) =>
        new(OutcomeKind.Forwarded, DropReason.None, [.. frames.Select(frame => (port, frame))]);

    internal static ReferenceOutcome Consume() => new(OutcomeKind.Consumed, DropReason.None, []);

    internal static ReferenceOutcome Hold(string port, byte[]? generated) =>
        new(OutcomeKind.Held, DropReason.None, generated is null ? [] : [(port, generated)]);

    /// <summary>One line for a failing test.</summary>
    public override string ToString() =>
        $"{Kind}{(DropReason == DropReason.None ? "" : $" ({DropReason.Name()})")}" +
        string.Concat(Sent.Select(sent => $" -> {sent.Port} [{sent.Frame.Length}]")) +
        string.Concat(Ends.Select(end => $" | {end}"));
}
