using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>Why a record ends, with the numbers of IPFIX's flowEndReason (RFC 5102).</summary>
public enum FlowEndReason : byte
{
    /// <summary>The connection was idle for too long.</summary>
    IdleTimeout = 1,

    /// <summary>The interval is over, the connection is not.</summary>
    ActiveTimeout = 2,

    /// <summary>The connection said that it is over (FIN, RST).</summary>
    EndOfFlow = 3,

    /// <summary>A change of the policy or want of room ended it.</summary>
    Forced = 4,
}

/// <summary>Where packets go that leave an ENI, with the numbers of AWS's traffic-path.</summary>
public enum FlowTrafficPath : byte
{
    /// <summary>Not said: ingress, or dropped.</summary>
    None = 0,

    /// <summary>Within the VPC.</summary>
    SameVpc = 1,

    /// <summary>Through the internet gateway.</summary>
    InternetGateway = 8,
}

/// <summary>What one record gathers: packets of one ENI, one direction and one 5-tuple that fared alike.</summary>
/// <param name="Eni">The ENI.</param>
/// <param name="IsIngress">To it; else from it.</param>
/// <param name="HasTuple">False for packets whose addresses could not be read.</param>
/// <param name="Source">Source as AWS has it.</param>
/// <param name="Destination">Destination as AWS has it.</param>
/// <param name="PacketSource">Source in the packet.</param>
/// <param name="PacketDestination">Destination in the packet.</param>
/// <param name="SourcePort">0 where the protocol has none.</param>
/// <param name="DestinationPort">0 where the protocol has none.</param>
/// <param name="Protocol">IP protocol.</param>
/// <param name="Reason">Why it was dropped; None = it passed.</param>
/// <param name="Rule">Words of the rule, without blanks; "-" = none.</param>
/// <param name="Path">Where it went.</param>
public readonly record struct FlowRecordKey(
    FlowLogEni Eni, bool IsIngress, bool HasTuple, IpAddress Source, IpAddress Destination, IpAddress PacketSource,
    IpAddress PacketDestination, ushort SourcePort, ushort DestinationPort, byte Protocol, DropReason Reason, string Rule,
    FlowTrafficPath Path)
{
    /// <summary>True when it passed.</summary>
    public bool IsAccepted => Reason == DropReason.None;
}

/// <summary>What a record says of its packets.</summary>
public struct FlowTotals
{
    /// <summary>Packets.</summary>
    public long Packets;

    /// <summary>Bytes of the IP packets.</summary>
    public long Bytes;

    /// <summary>First packet at the earliest, Unix milliseconds.</summary>
    public long StartMs;

    /// <summary>Last packet, Unix milliseconds.</summary>
    public long EndMs;

    /// <summary>FIN 1, SYN 2, RST 4, SYN+ACK 18, or-ed.</summary>
    public byte TcpFlags;

    /// <summary>Why the record ends.</summary>
    public FlowEndReason EndReason;

    /// <summary>Port that the packets came in by, 0 = the internet side.</summary>
    public int InPort;

    /// <summary>Port that they left by.</summary>
    public int OutPort;

    /// <summary>Source behind the switch (EIP).</summary>
    public IpAddress TranslatedSource;

    /// <summary>Destination behind the switch.</summary>
    public IpAddress TranslatedDestination;

    /// <summary>Adds what came later, or from another connection with the same tuple.</summary>
    public void Add(in FlowTotals other)
    {
        if (Packets == 0)
        {
            this = other;
            return;
        }

        Packets += other.Packets;
        Bytes += other.Bytes;
        StartMs = Math.Min(StartMs, other.StartMs);
        EndMs = Math.Max(EndMs, other.EndMs);
        TcpFlags |= other.TcpFlags;
        EndReason = other.EndReason;
    }
}

/// <summary>A record.</summary>
public readonly record struct FlowRecord(FlowRecordKey Key, FlowTotals Totals);
