namespace VSwitch.DataPlane.Flows;

/// <summary>A copy of one connection, as its worker saw it between two bursts. Plain bytes: it refers to nothing of the
/// worker.</summary>
public struct ConnectionRecord
{
    /// <summary>The entry.</summary>
    public FlowEntry Entry;

    /// <summary>What is rarely asked of it.</summary>
    public FlowDetail Detail;

    /// <summary>Addresses of an IPv6 connection; default of an IPv4 one.</summary>
    public FlowAddresses6 Addresses;

    /// <summary>What happens to the opener's packets.</summary>
    public FlowAction Forward;

    /// <summary>What happens to the replies.</summary>
    public FlowAction Reply;

    /// <summary>The worker's time when the copy was made, milliseconds (wrapping).</summary>
    public uint TakenMs;

    /// <summary>The worker.</summary>
    public int Worker;

    /// <summary>Its place among the worker's connections (<see cref="Connections.PlaceOf"/>).</summary>
    public int Place;

    private const int TrafficBytesBits = 22;
    private const uint TrafficBytesMask = (1u << TrafficBytesBits) - 1;

    /// <summary>True for IPv6.</summary>
    public readonly bool IsV6 => (Entry.Flags & FlowFlags.IsV6) != 0;

    /// <summary>True when the opener is the higher endpoint of the key.</summary>
    public readonly bool IsOpenerHigher => (Entry.Flags & FlowFlags.OpenerSwapped) != 0;

    /// <summary>IP protocol.</summary>
    public readonly byte Protocol => (byte)(Entry.KeyHigh >> 48);

    /// <summary>VPC's number; 0 between two EIPs.</summary>
    public readonly int Space => (ushort)(Entry.KeyHigh >> 32);

    /// <summary>Port of the lower endpoint, raw.</summary>
    public readonly ushort LowerPort => (ushort)Entry.KeyHigh;

    /// <summary>Port of the higher endpoint, raw.</summary>
    public readonly ushort HigherPort => (ushort)(Entry.KeyHigh >> 16);

    /// <summary>Port of the switch by which the opener's packets come in.</summary>
    public readonly int OpenerPort => Detail.OpenerPort;

    /// <summary>Port of the switch at the other end.</summary>
    public readonly int OtherPort => Forward.OutPort;

    /// <summary>Milliseconds since it began.</summary>
    public readonly uint AgeMs => TakenMs - Detail.CreatedMs;

    /// <summary>Milliseconds until it expires if no packet comes.</summary>
    public readonly uint RemainingMs => Entry.DeadlineMs - TakenMs;

    /// <summary>Packets and bytes (of frames as received) that the opener sent and that went their way.</summary>
    public readonly (long Packets, long Bytes) Sent => IsOpenerHigher ? Down : Up;

    /// <summary>Packets and bytes of the replies.</summary>
    public readonly (long Packets, long Bytes) Received => IsOpenerHigher ? Up : Down;

    private readonly (long Packets, long Bytes) Up =>
        (Detail.PacketsUp + (Entry.TrafficUp >> TrafficBytesBits), Detail.BytesUp + (Entry.TrafficUp & TrafficBytesMask));

    private readonly (long Packets, long Bytes) Down =>
        (Detail.PacketsDown + (Entry.TrafficDown >> TrafficBytesBits), Detail.BytesDown + (Entry.TrafficDown & TrafficBytesMask));
}
