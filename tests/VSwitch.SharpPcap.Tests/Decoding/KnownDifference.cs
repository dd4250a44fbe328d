namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Who is another opinion than the RFC, or leaves something out.</summary>
internal enum Party
{
    /// <summary>PacketDotNet 1.4.8: excuses a difference from anything of ours.</summary>
    PacketDotNet,

    /// <summary>Our test-side decoder, PacketFields: excuses a difference from it alone.</summary>
    PacketFields,

    /// <summary>Our header views, where they leave out what the switch does not need: excuses a difference from them alone.</summary>
    Views,
}

/// <summary>One known difference between two decoders.</summary>
/// <param name="Name">Its name in the figures.</param>
/// <param name="Party">Who differs from the RFC.</param>
/// <param name="Reason">What it does, and what the RFC says.</param>
/// <param name="Explains">True for a field, of a frame of which these are the facts, that may differ because of it.</param>
internal sealed record KnownDifference(string Name, Party Party, string Reason, Func<FrameFacts, string, bool> Explains);
