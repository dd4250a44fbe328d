using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Counters;

/// <summary>What one worker counted of one EIP in one direction; half a cache line. Packets and bytes are those of IP (header
/// included, Ethernet not), as the ends of the connection count them: a super-packet counts as the packets that it stands for.
/// Written by one worker only; readers load whole 64-bit words.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
public struct MeterCounters
{
    /// <summary>Packets forwarded.</summary>
    public long Packets;

    /// <summary>Bytes of them.</summary>
    public long Bytes;

    /// <summary>Packets over the EIP's bandwidth.</summary>
    public long DroppedPackets;

    /// <summary>Bytes of them.</summary>
    public long DroppedBytes;
}
