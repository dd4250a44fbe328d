using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Flows;

/// <summary>What a connection is and how far it has come; one byte for all protocols, so that the idle time is one table
/// look-up. TCP states are Linux's (vectors/linux_nf_conntrack_tcp.tsv).</summary>
public enum FlowState : byte
{
    /// <summary>The slot holds no connection.</summary>
    Free = 0,
    /// <summary>TCP: SYN seen.</summary>
    TcpSynSent,
    /// <summary>TCP: SYN+ACK seen.</summary>
    TcpSynRecv,
    /// <summary>TCP: the opener's ACK seen.</summary>
    TcpEstablished,
    /// <summary>TCP: a FIN seen.</summary>
    TcpFinWait,
    /// <summary>TCP: the FIN was acknowledged.</summary>
    TcpCloseWait,
    /// <summary>TCP: both FINs seen.</summary>
    TcpLastAck,
    /// <summary>TCP: the last FIN was acknowledged.</summary>
    TcpTimeWait,
    /// <summary>TCP: a RST seen.</summary>
    TcpClose,
    /// <summary>TCP: both ends sent a SYN (simultaneous open).</summary>
    TcpSynSent2,
    /// <summary>UDP seen one way.</summary>
    Udp,
    /// <summary>UDP seen both ways.</summary>
    UdpStream,
    /// <summary>An ICMP or ICMPv6 query.</summary>
    Icmp,
    /// <summary>Any other IP protocol.</summary>
    Other,
}

/// <summary>Fixed properties of a connection.</summary>
[Flags]
public enum FlowFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The opener is the higher endpoint of the canonical key: its packets have PacketFlags.Swapped.</summary>
    OpenerSwapped = 1,

    /// <summary>An IPv6 connection: its key is in the line before the entry.</summary>
    IsV6 = 2,
}

/// <summary>One connection, both directions. The first cache line is all that an established packet touches (read and
/// write): key, state, deadline, path, short counters. The second line is for what is rare. An IPv6 entry has a line
/// before it with the addresses. Owner: the worker whose table it is in; others never write.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct FlowEntry
{
    /// <summary>Two cache lines; a house test holds it.</summary>
    public const int SizeBytes = 128;

    /// <summary>IPv4: the lower and the higher address (raw). IPv6: a hash of the addresses; they stand before the entry.</summary>
    [FieldOffset(0)] public ulong KeyLow;

    /// <summary>Ports, space (VPC), protocol and kind; see <see cref="FlowKey"/>.</summary>
    [FieldOffset(8)] public ulong KeyHigh;

    // Bytes 16 to 43 are kept for the TCP sequence windows of both directions (six 32-bit numbers and two 16-bit windows).

    /// <summary>Where it stands.</summary>
    [FieldOffset(44)] public FlowState State;

    /// <summary>Fixed properties.</summary>
    [FieldOffset(45)] public FlowFlags Flags;

    /// <summary>Milliseconds (wrapping) from which on it is expired: the one store a packet makes for the timer.</summary>
    [FieldOffset(48)] public uint DeadlineMs;

    /// <summary>Its two actions: index into the worker's <see cref="PathTable"/>.</summary>
    [FieldOffset(52)] public int Path;

    /// <summary>Packets (high 10 bits) and bytes (low 22) from the lower to the higher endpoint since the last carry into
    /// <see cref="PacketsUp"/> and <see cref="BytesUp"/>.</summary>
    [FieldOffset(56)] public uint TrafficUp;

    /// <summary>The same from the higher to the lower endpoint.</summary>
    [FieldOffset(60)] public uint TrafficDown;

    /// <summary>Carried packets from the lower to the higher endpoint.</summary>
    [FieldOffset(64)] public long PacketsUp;

    /// <summary>Carried bytes (of frames as received) from the lower to the higher endpoint.</summary>
    [FieldOffset(72)] public long BytesUp;

    /// <summary>Carried packets from the higher to the lower endpoint.</summary>
    [FieldOffset(80)] public long PacketsDown;

    /// <summary>Carried bytes from the higher to the lower endpoint.</summary>
    [FieldOffset(88)] public long BytesDown;

    /// <summary>Full hash of the key, to find the index slot again.</summary>
    [FieldOffset(96)] public uint Hash;

    /// <summary>1 while the expiry wheel holds an entry for this slot, also when the slot is free.</summary>
    [FieldOffset(100)] public byte InWheel;

    /// <summary>Port on which the opener's packets come in.</summary>
    [FieldOffset(102)] public ushort OpenerPort;

    /// <summary>Egress rule that allowed it, -1 = the opener is outside.</summary>
    [FieldOffset(104)] public int EgressRule;

    /// <summary>Ingress rule that allowed it, -1 = the other end is outside.</summary>
    [FieldOffset(108)] public int IngressRule;

    /// <summary>Milliseconds (wrapping) when it began.</summary>
    [FieldOffset(112)] public uint CreatedMs;

    /// <summary>Next free slot while <see cref="State"/> is Free.</summary>
    [FieldOffset(116)] public int NextFree;

    /// <summary>Destination port, or ICMP type and code, of the opener's first packet: what the rules looked at.</summary>
    [FieldOffset(120)] public ushort Selector;
}
