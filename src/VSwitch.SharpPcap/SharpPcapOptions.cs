using SharpPcap.LibPcap;

namespace VSwitch.SharpPcap;

/// <summary>How a <see cref="SharpPcapDevice"/> is opened. A device that is open already keeps what it was opened with.</summary>
public sealed record SharpPcapOptions
{
    /// <summary>Largest network packet in bytes, without the Ethernet header; null = what the system says of the interface, else 1500.
    /// Longer frames are not sent, nor taken unless Linux made them of segments of TCP.</summary>
    public int? MtuBytes { get; init; }

    /// <summary>Bytes that hold frames until the switch asks for them: the kernel's, or the adapter's own where a thread of SharpPcap
    /// brings the frames. On an interface of Linux with offload (ethtool -k) a frame takes 64 KiB of it, whatever its length, else about
    /// the MTU.</summary>
    public int BufferBytes { get; init; } = 16 << 20;

    /// <summary>Sends a burst with one call (pcap_sendqueue_transmit). Only Npcap has that call; elsewhere SharpPcap makes one call a
    /// frame of it, and copies more.</summary>
    public bool UseSendQueue { get; init; } = SendQueue.IsHardwareAccelerated;
}
