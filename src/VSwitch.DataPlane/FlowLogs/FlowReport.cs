using System.Runtime.InteropServices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.FlowLogs;

/// <summary>What a worker reports.</summary>
public enum FlowReportKind : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>What a connection carried since its last report, both directions.</summary>
    Traffic,

    /// <summary>Packets of one flow that were dropped for one reason.</summary>
    Reject,
}

/// <summary>Properties of a report.</summary>
[Flags]
public enum FlowReportFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>IPv6: both addresses have 16 bytes. Else the low 4 bytes of each count.</summary>
    IsV6 = 1,

    /// <summary>Traffic: the opener is the second endpoint.</summary>
    OpenerIsSecond = 2,

    /// <summary>Traffic: the connection is over.</summary>
    IsOver = 4,

    /// <summary>Traffic: its idle time was over.</summary>
    IsExpired = 8,

    /// <summary>Reject: refused on the way to the ENI; else on the way from it.</summary>
    IsIngress = 16,

    /// <summary>Reject: the packets had addresses that could be read.</summary>
    HasTuple = 32,

    /// <summary>Traffic: both ends are EIPs of this switch; the addresses are those EIPs.</summary>
    IsHairpin = 64,
}

/// <summary>One entry of the ring between a worker and the flow logs. Addresses are raw, times are the worker's milliseconds
/// (wrapping). Of a connection the first endpoint is the lower one of its key; of a reject the first one is the sender.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct FlowReport
{
    /// <summary>Two cache lines.</summary>
    public const int SizeBytes = 128;

    /// <summary>What it reports.</summary>
    [FieldOffset(0)] public FlowReportKind Kind;

    /// <summary>Properties.</summary>
    [FieldOffset(1)] public FlowReportFlags Flags;

    /// <summary>Traffic: where the connection stands.</summary>
    [FieldOffset(2)] public FlowState State;

    /// <summary>Traffic: TCP flags that the first endpoint sent since the last report (see <see cref="FlowDetail.TcpFlagsUp"/>).</summary>
    [FieldOffset(3)] public byte TcpFlagsUp;

    /// <summary>The same of the second endpoint.</summary>
    [FieldOffset(4)] public byte TcpFlagsDown;

    /// <summary>Reject: why.</summary>
    [FieldOffset(5)] public DropReason Reason;

    /// <summary>First port (low 16 bits, raw), second port (16, raw), protocol (bits 48 to 55): the layout of <see cref="FlowKey"/>.
    /// Of ICMP queries the ports are the identifier.</summary>
    [FieldOffset(8)] public ulong Ports;

    /// <summary>First and second address.</summary>
    [FieldOffset(16)] public FlowAddresses6 Addresses;

    /// <summary>Packets from the first endpoint to the second; of a reject all packets.</summary>
    [FieldOffset(48)] public long PacketsUp;

    /// <summary>Bytes of their frames as received.</summary>
    [FieldOffset(56)] public long BytesUp;

    /// <summary>Packets from the second endpoint to the first.</summary>
    [FieldOffset(64)] public long PacketsDown;

    /// <summary>Bytes of their frames as received.</summary>
    [FieldOffset(72)] public long BytesDown;

    /// <summary>Traffic: the first endpoint's port, 0 = the internet side. Reject: the ENI that refused, 0 = none.</summary>
    [FieldOffset(80)] public ushort FirstPort;

    /// <summary>Traffic: the second endpoint's port. Reject: the port that the packets came in by.</summary>
    [FieldOffset(82)] public ushort SecondPort;

    /// <summary>Version of the snapshot that the ports and rules are numbers of.</summary>
    [FieldOffset(84)] public uint PolicyVersion;

    /// <summary>Traffic: flips the first address to the one that it is known by behind the switch (EIP); 0 = the same.</summary>
    [FieldOffset(88)] public uint FirstXor;

    /// <summary>Traffic: the same for the second address, the other way round.</summary>
    [FieldOffset(92)] public uint SecondXor;

    /// <summary>Traffic: the opener's egress rule. Reject by a network ACL: its rule. -1 = none.</summary>
    [FieldOffset(96)] public int EgressRule;

    /// <summary>Traffic: the receiver's ingress rule; -1 = none.</summary>
    [FieldOffset(100)] public int IngressRule;

    /// <summary>First packet at the earliest.</summary>
    [FieldOffset(104)] public uint FirstMs;

    /// <summary>Last packet.</summary>
    [FieldOffset(108)] public uint LastMs;
}

/// <summary>What a port's flow logs lack because there was no room.</summary>
public struct FlowReportLoss
{
    /// <summary>Reports.</summary>
    public long Reports;

    /// <summary>Packets in them.</summary>
    public long Packets;

    /// <summary>Bytes of their frames.</summary>
    public long Bytes;
}
