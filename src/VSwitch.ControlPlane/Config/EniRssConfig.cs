using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>How the switch spreads the frames for an ENI's guest over the ENI's queues (semantics.md section 8, decision 14).</summary>
public sealed record EniRssConfig
{
    /// <summary>The 40 bytes of the Toeplitz key.</summary>
    public byte[] Key { get; init; } = Toeplitz.SymmetricKey();

    /// <summary>By the low 7 bits of the hash the queue, modulo the queues in use; null = all in turn.</summary>
    public IReadOnlyList<byte>? Indirection { get; init; }
}
