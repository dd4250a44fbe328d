namespace VSwitch.Testing.Differential;

/// <summary>Where the switch tracks TCP otherwise than Linux, on purpose.</summary>
[Flags]
internal enum TcpVariations
{
    None = 0,

    /// <summary>Checksums of the transport are the ends' matter.</summary>
    NoChecksum = 1,

    /// <summary>A packet at its last hop is dropped before the connection sees it.</summary>
    HopFirst = 2,

    /// <summary>A SYN+ACK must acknowledge the SYN, or it is nothing.</summary>
    SynAckFits = 4,

    /// <summary>Who may reset, and with which numbers; what is not known of the receiver is not asked.</summary>
    Resets = 8,

    /// <summary>Windows count in units of their scale.</summary>
    WindowUnits = 16,

    /// <summary>A SYN that does not fit is remembered until something fits.</summary>
    SynMemory = 32,

    /// <summary>A SYN that goes on from the one seen restarts in SYN_SENT2 too, and keeps the options.</summary>
    Restart = 64,

    /// <summary>A SYN opens anew whenever the old connection is over.</summary>
    Reopening = 128,

    /// <summary>The switch.</summary>
    All = 255,
}
