using VSwitch.Testing.Reference;

namespace VSwitch.Testing;

/// <summary>Compares what two switches did with a frame: how it ended and how held frames ended with it, and what was sent, byte by
/// byte and in order.</summary>
public static class OutcomeComparison
{
    private const int EthernetBytes = 14;

    /// <summary>The first difference in words; null when there is none.</summary>
    /// <param name="port">Where the frame came in.</param>
    /// <param name="expected">The reference's word.</param>
    /// <param name="seen">The switch's.</param>
    public static string? Difference(string port, ReferenceOutcome expected, ReferenceOutcome seen)
    {
        if (!Endings(port, expected).SequenceEqual(Endings(port, seen)) || expected.Sent.Count > seen.Sent.Count ||
            (expected.Sent.Count < seen.Sent.Count && !expected.IsByAddresses))
        {
            return $"reference: {expected}; switch: {seen}{FramesOf(seen)}";
        }

        for (int i = 0; i < expected.Sent.Count; i++)
        {
            (string to, byte[] frame) = expected.Sent[i];
            bool isSame = to == seen.Sent[i].Port && (expected.IsByAddresses
                ? AddressesOf(frame).SequenceEqual(AddressesOf(seen.Sent[i].Frame))
                : frame.AsSpan().SequenceEqual(seen.Sent[i].Frame));
            if (!isSame)
            {
                return $"sent on {to}, by the switch on {seen.Sent[i].Port}: {PacketAssert.Difference(frame, seen.Sent[i].Frame)}";
            }
        }

        return null;
    }

    /// <summary>All ends, in no order: which of two frames of a port was held before cannot be told by counters.</summary>
    private static IEnumerable<string> Endings(string port, ReferenceOutcome outcome)
    {
        IEnumerable<HeldEnd> all = [new HeldEnd(port, outcome.Kind, outcome.DropReason), .. outcome.Ends];
        return all.Where(end => end.Kind != OutcomeKind.Held).Select(end => end.ToString()).Order();
    }

    private static byte[] AddressesOf(byte[] frame) => frame[12] == 0x86
        ? [.. frame[..EthernetBytes], .. frame[22..54]]
        : [.. frame[..EthernetBytes], .. frame[26..34]];

    private static string FramesOf(ReferenceOutcome outcome) =>
        string.Concat(outcome.Sent.Select(sent => $"\n  {sent.Port} {Convert.ToHexString(sent.Frame)}"));
}
