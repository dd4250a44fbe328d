using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Flows;

/// <summary>What is rarely asked of a connection; see <see cref="FlowEntry"/>. Same owner.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct FlowDetail
{
    /// <summary>One cache line; a house test holds it.</summary>
    public const int SizeBytes = 64;

    /// <summary>Carried packets from the lower to the higher endpoint.</summary>
    [FieldOffset(0)] public long PacketsUp;

    /// <summary>Carried bytes (of frames as received) from the lower to the higher endpoint.</summary>
    [FieldOffset(8)] public long BytesUp;

    /// <summary>Carried packets from the higher to the lower endpoint.</summary>
    [FieldOffset(16)] public long PacketsDown;

    /// <summary>Carried bytes from the higher to the lower endpoint.</summary>
    [FieldOffset(24)] public long BytesDown;

    /// <summary>Full hash of the key, to find the index slot again.</summary>
    [FieldOffset(32)] public uint Hash;

    /// <summary>1 while the expiry wheel holds an entry for this slot, also when the slot is free.</summary>
    [FieldOffset(36)] public byte InWheel;

    /// <summary>Which <see cref="FlowLogs.FlowRecorder"/> knows the connection; 0 = none.</summary>
    [FieldOffset(37)] public byte LogEpoch;

    /// <summary>Port on which the opener's packets come in.</summary>
    [FieldOffset(38)] public ushort OpenerPort;

    /// <summary>Egress rule that allowed it, -1 = the opener is outside.</summary>
    [FieldOffset(40)] public int EgressRule;

    /// <summary>Ingress rule that allowed it, -1 = the other end is outside.</summary>
    [FieldOffset(44)] public int IngressRule;

    /// <summary>Milliseconds (wrapping) when it began.</summary>
    [FieldOffset(48)] public uint CreatedMs;

    /// <summary>Next free slot while the slot is free.</summary>
    [FieldOffset(52)] public int NextFree;

    /// <summary>TCP, with a mark: what a packet said that passed although it did not fit.</summary>
    [FieldOffset(52)] public TcpMemory Remembered;

    /// <summary>Destination port, or ICMP type and code, of the opener's first packet: what the rules looked at.</summary>
    [FieldOffset(60)] public ushort Selector;

    /// <summary>TCP flags that the lower endpoint sent since they were reported: FIN 1, SYN 2, RST 4, and 16 for the ACK of a SYN+ACK.
    /// Only the slow way, which all of these take, writes them.</summary>
    [FieldOffset(62)] public byte TcpFlagsUp;

    /// <summary>The same of the higher endpoint.</summary>
    [FieldOffset(63)] public byte TcpFlagsDown;
}

/// <summary>Of a SYN (<see cref="TcpMarks.RememberedSyn"/>) or an ACK (<see cref="TcpMarks.RememberedAck"/>) that passed
/// although it did not fit its connection (RFC 5961 section 4).</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
public struct TcpMemory
{
    /// <summary>End of the SYN, or number of the ACK.</summary>
    public uint Sequence;

    /// <summary>Window of the SYN.</summary>
    public ushort Window;

    /// <summary>Scale (low half, 15 = none) and SACK-permitted (bit 4) of the SYN.</summary>
    public byte Options;
}
