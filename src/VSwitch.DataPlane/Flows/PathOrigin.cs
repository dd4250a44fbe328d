namespace VSwitch.DataPlane.Flows;

/// <summary>All that the two actions of a path are made of. Two connections of one origin take the same path, which need not
/// be made and looked for again.</summary>
/// <param name="NextMac">MAC of the next hop on the internet side (low 48 bits), and above it what kind of path it is.</param>
/// <param name="ReplyMac">MAC that replies go back to (low 48 bits), and above it the opener's port.</param>
/// <param name="Eips">EIP of the opener (low half) and of the other end, 0 = none.</param>
/// <param name="OutPort">Port that the opener's packets leave by.</param>
/// <param name="Policy">Generation (low half) and version of the snapshot.</param>
public readonly record struct PathOrigin(ulong NextMac, ulong ReplyMac, ulong Eips, ulong OutPort, ulong Policy)
{
    private const int MacBits = 48;

    /// <summary>Puts the parts together.</summary>
    /// <param name="nextMac">MAC of the next hop; counts only on the internet side.</param>
    /// <param name="replyMac">MAC that the opener's first packet came from.</param>
    /// <param name="ports">The opener's port and the one that its packets leave by.</param>
    /// <param name="eips">The opener's EIP and the other end's.</param>
    /// <param name="kind">16 bits of whatever else the actions hang on.</param>
    /// <param name="generation">Generation of the actions.</param>
    /// <param name="version">Version of the snapshot.</param>
    public static PathOrigin Of(
        ulong nextMac, ulong replyMac, (int Opener, int Out) ports, (int Source, int Destination) eips, int kind, uint generation,
        uint version) => new(
        nextMac | ((ulong)(uint)kind << MacBits), replyMac | ((ulong)(uint)ports.Opener << MacBits),
        (uint)eips.Source | ((ulong)(uint)eips.Destination << 32), (uint)ports.Out, generation | ((ulong)version << 32));

    /// <summary>A hash whose high bits are the good ones.</summary>
    internal ulong Hash => ((NextMac ^ (ReplyMac << 7)) * 0x9E37_79B9_7F4A_7C15UL) + ((Eips ^ (OutPort << 20)) * 0xD6E8_FEB8_6659_FD93UL);
}
