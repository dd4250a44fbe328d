namespace VSwitch.Testing.Differential;

/// <summary>Where the switch differs from Linux on purpose.</summary>
[Flags]
internal enum TcpVariations
{
    None = 0,

    /// <summary>Checksums of the transport are the ends' matter.</summary>
    NoChecksum = 1,

    /// <summary>A packet at its last hop is dropped before the connection sees it.</summary>
    HopFirst = 2,
}
