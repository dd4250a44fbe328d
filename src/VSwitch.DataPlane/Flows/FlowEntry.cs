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

    /// <summary>An IPv6 connection: its addresses are in an array of their own.</summary>
    IsV6 = 2,

    /// <summary>Both ends have spoken to effect: never evicted (order of checks, section 12).</summary>
    Answered = 4,

    /// <summary>It has a share in a public port of a NAT gateway, and gives it back when it is taken out.</summary>
    HasPublicPort = 8,
}

/// <summary>What a TCP connection has shown, beside its state.</summary>
[Flags]
public enum TcpMarks : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A SYN of the opener passed that did not fit; its numbers are remembered (RFC 5961 section 4).</summary>
    RememberedSyn = 1,

    /// <summary>An ACK of the responder passed before any SYN+ACK; its acknowledgment is remembered.</summary>
    RememberedAck = 2,

    /// <summary>Picked up in mid-stream: windows are not known well enough to judge by them.</summary>
    Liberal = 4,

    /// <summary>Both ends sent a SYN.</summary>
    SimultaneousOpen = 8,

    /// <summary>The lower endpoint has sent an acknowledgment; shifted left by one, the higher.</summary>
    HasAcknowledged = 16,

    /// <summary>The lower endpoint sent SACK-permitted (RFC 2018); shifted left by one, the higher.</summary>
    SackPermitted = 64,
}

/// <summary>One connection, both directions: all that an established packet touches (read and write), in one cache line. What is
/// rare stands in its <see cref="FlowDetail"/>, in an array of its own: entries of one line use all sets of a cache, entries
/// of two lines would use every second one for the line that counts (bench/README.md). Owner: the worker whose table it is
/// in; others never write.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public unsafe struct FlowEntry
{
    /// <summary>One cache line; a house test holds it.</summary>
    public const int SizeBytes = 64;

    /// <summary>Low bits of <see cref="TrafficUp"/> and <see cref="TrafficDown"/> that count bytes.</summary>
    public const int TrafficBytesBits = 22;

    /// <summary>Mask of them.</summary>
    public const uint TrafficBytesMask = (1u << TrafficBytesBits) - 1;

    /// <summary>IPv4: the lower and the higher address (raw). IPv6: a hash of the addresses; they stand in an array of their own.</summary>
    [FieldOffset(0)] public ulong KeyLow;

    /// <summary>Ports, space (VPC), protocol and kind; see <see cref="FlowKey"/>.</summary>
    [FieldOffset(8)] public ulong KeyHigh;

    /// <summary>TCP: highest sequence number that the lower, the higher endpoint has sent, plus one.</summary>
    [FieldOffset(16)] public fixed uint End[2];

    /// <summary>TCP: highest sequence number that each may send: what the other end's window allows.</summary>
    [FieldOffset(24)] public fixed uint MaxEnd[2];

    /// <summary>TCP: highest acknowledgment that each has sent; before its first one, the opener's first sequence number.</summary>
    [FieldOffset(32)] public fixed uint MaxAck[2];

    /// <summary>TCP: largest window that each has offered, in units of its scale, rounded up; 0 = it has sent nothing.</summary>
    [FieldOffset(40)] public fixed ushort MaxWindow[2];

    /// <summary>Where it stands.</summary>
    [FieldOffset(44)] public FlowState State;

    /// <summary>Fixed properties.</summary>
    [FieldOffset(45)] public FlowFlags Flags;

    /// <summary>TCP: window scale of the lower endpoint (low half) and of the higher; 15 = none offered yet.</summary>
    [FieldOffset(46)] public byte Scales;

    /// <summary>TCP: what the connection has shown.</summary>
    [FieldOffset(47)] public TcpMarks Marks;

    /// <summary>Milliseconds (wrapping) from which on it is expired: the one store a packet makes for the timer.</summary>
    [FieldOffset(48)] public uint DeadlineMs;

    /// <summary>Its two actions: index into the worker's <see cref="PathTable"/>.</summary>
    [FieldOffset(52)] public int Path;

    /// <summary>Packets (high 10 bits) and bytes (low 22) from the lower to the higher endpoint since the last carry into
    /// <see cref="FlowDetail.PacketsUp"/> and <see cref="FlowDetail.BytesUp"/>.</summary>
    [FieldOffset(56)] public uint TrafficUp;

    /// <summary>The same from the higher to the lower endpoint.</summary>
    [FieldOffset(60)] public uint TrafficDown;
}
