namespace VSwitch.DataPlane.Limits;

/// <summary>Which rate an EIP was over.</summary>
public enum ScrubbingTrigger
{
    /// <summary>None yet.</summary>
    None,

    /// <summary>Bits a second.</summary>
    Bits,

    /// <summary>Packets a second.</summary>
    Packets,

    /// <summary>SYNs a second.</summary>
    Syns,

    /// <summary>New connections a second.</summary>
    NewConnections,
}

/// <summary>What came to an EIP in a second.</summary>
/// <param name="Bits">Bits of IP packets, those that were dropped for a bandwidth or by scrubbing included.</param>
/// <param name="Packets">Packets of them.</param>
/// <param name="Syns">SYNs that would open a connection.</param>
/// <param name="NewConnections">First packets that would.</param>
public readonly record struct InboundRates(long Bits, long Packets, long Syns, long NewConnections);

/// <summary>How an EIP under protection fares.</summary>
/// <param name="IsScrubbing">True while it counts as attacked.</param>
/// <param name="Episodes">How often scrubbing began.</param>
/// <param name="Trigger">What it was over when scrubbing began the last time.</param>
/// <param name="Rates">Its rates in the last whole interval.</param>
/// <param name="Peak">Its highest rates since scrubbing began the last time.</param>
/// <param name="ScrubbedPackets">Packets that scrubbing dropped.</param>
/// <param name="ScrubbedBytes">Bytes of them, IP header included.</param>
/// <param name="Challenges">SYNs answered with a challenge; they are among the scrubbed packets.</param>
/// <param name="Proofs">Challenges answered.</param>
public readonly record struct ScrubbingReading(
    bool IsScrubbing, long Episodes, ScrubbingTrigger Trigger, InboundRates Rates, InboundRates Peak, long ScrubbedPackets,
    long ScrubbedBytes, long Challenges, long Proofs);
