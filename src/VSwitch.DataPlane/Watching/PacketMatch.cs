using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Watching;

/// <summary>Which packets are meant, in the numbers of a snapshot: all that is said must hold. Immutable, evaluated by workers without
/// allocating. ENIs and VPCs are told by the port where the packet is seen and by its addresses there, an EIP's included.</summary>
public sealed unsafe class PacketMatch
{
    /// <summary>Everything.</summary>
    public static PacketMatch All { get; } = new();

    /// <summary>Nothing: it names what the snapshot does not have.</summary>
    public static PacketMatch Never { get; } = new() { IsNever = true };

    /// <summary>True for a match that nothing meets.</summary>
    public bool IsNever { get; init; }

    /// <summary>Seen at this port; null = at any.</summary>
    public int? Port { get; init; }

    /// <summary>Seen that way; null = either.</summary>
    public PacketDirection? Direction { get; init; }

    /// <summary>Ports of ENIs, each of which must be an end.</summary>
    public int[] Enis { get; init; } = [];

    /// <summary>VPC index of an end; 0 = any.</summary>
    public int Vpc { get; init; }

    /// <summary>IPv4 prefixes, each of which must hold an end.</summary>
    public Prefix4[] Ends4 { get; init; } = [];

    /// <summary>IPv6 prefixes, each of which must hold an end.</summary>
    public Prefix6[] Ends6 { get; init; } = [];

    /// <summary>IP protocol; null = any.</summary>
    public int? Protocol { get; init; }

    /// <summary>Source port; null = any.</summary>
    public int? SourcePort { get; init; }

    /// <summary>Destination port; null = any.</summary>
    public int? DestinationPort { get; init; }

    /// <summary>Ports, each of which must be an end's.</summary>
    public int[] EitherPorts { get; init; } = [];

    /// <summary>What became of it; null = anything.</summary>
    public PacketVerdict? Verdict { get; init; }

    /// <summary>Why it was dropped; null = for whatever reason, or not at all.</summary>
    public DropReason? Reason { get; init; }

    /// <summary>True when only the verdict can tell.</summary>
    internal bool AsksFate => Verdict != null || Reason != null;

    /// <summary>True when the frame's headers must be read.</summary>
    internal bool AsksHeaders => Enis.Length > 0 || Vpc != 0 || Ends4.Length > 0 || Ends6.Length > 0 || Protocol != null ||
        SourcePort != null || DestinationPort != null || EitherPorts.Length > 0;

    /// <summary>True when port and direction fit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsAt(int port, PacketDirection direction) =>
        !IsNever && (Port == null || Port == port) && (Direction == null || Direction == direction);

    /// <summary>True when verdict and reason fit.</summary>
    internal bool IsFate(PacketVerdict verdict, DropReason reason) =>
        (Verdict == null || Verdict == verdict) && (Reason == null || Reason == reason);

    /// <summary>True when the headers fit.</summary>
    /// <param name="tuple">What was read of the frame.</param>
    /// <param name="port">Where it is seen.</param>
    /// <param name="snapshot">The configuration in force.</param>
    internal bool IsOf(in PacketTuple tuple, int port, ForwardingSnapshot snapshot)
    {
        if ((Protocol is int protocol && protocol != tuple.Protocol) ||
            (SourcePort is int from && from != tuple.SourcePort) ||
            (DestinationPort is int to && to != tuple.DestinationPort))
        {
            return false;
        }

        foreach (int either in EitherPorts)
        {
            if (either != tuple.SourcePort && either != tuple.DestinationPort)
            {
                return false;
            }
        }

        return HasEnds(tuple) && ((Enis.Length == 0 && Vpc == 0) || IsOfTenant(tuple, port, snapshot));
    }

    private bool HasEnds(in PacketTuple tuple)
    {
        if ((Ends4.Length > 0 && tuple.Version != 4) || (Ends6.Length > 0 && tuple.Version != 6))
        {
            return false;
        }

        foreach (Prefix4 end in Ends4)
        {
            if (!end.Contains((uint)tuple.Source.First) && !end.Contains((uint)tuple.Destination.First))
            {
                return false;
            }
        }

        foreach (Prefix6 end in Ends6)
        {
            if (!end.Contains(tuple.Source) && !end.Contains(tuple.Destination))
            {
                return false;
            }
        }

        return true;
    }

    private bool IsOfTenant(in PacketTuple tuple, int port, ForwardingSnapshot snapshot)
    {
        if (port >= snapshot.PortCount)
        {
            return false;
        }

        int source = PortOf(tuple.Source, tuple.Version, port, snapshot);
        int destination = PortOf(tuple.Destination, tuple.Version, port, snapshot);
        foreach (int eni in Enis)
        {
            if (eni != port && eni != source && eni != destination)
            {
                return false;
            }
        }

        return Vpc == 0 || snapshot.Enis[port].Vpc == Vpc ||
            (source != 0 && snapshot.Enis[source].Vpc == Vpc) || (destination != 0 && snapshot.Enis[destination].Vpc == Vpc);
    }

    /// <summary>The ENI that has an address as it is seen at a port; 0 = none of this switch.</summary>
    private static int PortOf(RawIp6 address, int version, int port, ForwardingSnapshot snapshot)
    {
        int vpc = snapshot.Enis[port].Vpc;
        if (version == 4)
        {
            int own = vpc == 0 ? 0 : snapshot.PortOf(vpc, (uint)address.First);
            return own != 0 ? own : snapshot.Eips[snapshot.EipByAddress.Find((uint)address.First)->Number].Port;
        }

        if (version != 6 || vpc != 0)
        {
            return version != 6 ? 0 : snapshot.PortOf(vpc, address);
        }

        for (int other = 1; other < snapshot.Vpcs.Length; other++)
        {
            int own = snapshot.Vpcs[other].Contains(address) ? snapshot.PortOf(other, address) : 0;
            if (own != 0)
            {
                return own;
            }
        }

        return 0;
    }
}
