namespace VSwitch.Testing.Differential;

/// <summary>What a TCP segment says.</summary>
public sealed record TrialSegment(
    int Sender, TcpBits Flags, uint Sequence, uint Acknowledgment, int Length, ushort Window, byte[] Options)
{
    /// <summary>The number behind its last byte; SYN and FIN count.</summary>
    public uint End => Sequence + (uint)Length + (Has(TcpBits.Syn) ? 1u : 0) + (Has(TcpBits.Fin) ? 1u : 0);

    /// <summary>True when it has all those flags.</summary>
    public bool Has(TcpBits flags) => (Flags & flags) == flags;

    /// <summary>True for a first SYN.</summary>
    public bool IsSyn => (Flags & (TcpBits.Syn | TcpBits.Ack | TcpBits.Rst)) == TcpBits.Syn;

    /// <summary>True for SYN and ACK.</summary>
    public bool IsSynAck => (Flags & (TcpBits.Syn | TcpBits.Ack | TcpBits.Rst)) == (TcpBits.Syn | TcpBits.Ack);

    /// <summary>Sequence numbers in their circle: true when a stands after b.</summary>
    public static bool IsAfter(uint a, uint b) => (int)(b - a) < 0;

    public override string ToString() =>
        $"{(Sender == 0 ? ">" : "<")} {Flags} seq {Sequence} end {End} ack {Acknowledgment} win {Window}" +
        (Options.Length == 0 ? "" : $" options {Convert.ToHexStringLower(Options)}");
}
