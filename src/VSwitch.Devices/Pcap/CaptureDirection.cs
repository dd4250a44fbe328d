namespace VSwitch.Devices.Pcap;

/// <summary>Which way a captured frame went at its interface (draft-ietf-opsawg-pcapng section 4.3.1, epb_flags bits 0 and 1).
/// </summary>
public enum CaptureDirection
{
    /// <summary>Not told: the record carries no flags.</summary>
    Unknown = 0,

    /// <summary>It came in.</summary>
    Inbound = 1,

    /// <summary>It went out.</summary>
    Outbound = 2,
}
