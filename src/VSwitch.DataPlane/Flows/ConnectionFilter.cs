using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Flows;

/// <summary>What a condition asks of a connection.</summary>
public enum ConnectionTest : byte
{
    /// <summary>IP protocol <see cref="ConnectionCondition.Number"/>.</summary>
    Protocol,

    /// <summary>IPv4 (4) or IPv6 (6).</summary>
    Version,

    /// <summary>State <see cref="ConnectionCondition.Number"/>, a <see cref="FlowState"/>.</summary>
    State,

    /// <summary>One end is the switch's port <see cref="ConnectionCondition.Number"/>.</summary>
    Port,

    /// <summary>It runs in VPC <see cref="ConnectionCondition.Number"/>, crosses one of <see cref="ConnectionCondition.Peerings"/>, or, between
    /// two EIPs, one end is one of <see cref="ConnectionCondition.Ports"/>.</summary>
    Vpc,

    /// <summary>One of its addresses, as either end sees them, lies in <see cref="ConnectionCondition.Network4"/> or
    /// <see cref="ConnectionCondition.Network6"/>.</summary>
    Address,

    /// <summary>The opener's port is <see cref="ConnectionCondition.Number"/> (TCP, UDP, SCTP).</summary>
    SourcePort,

    /// <summary>The other end's port.</summary>
    DestinationPort,

    /// <summary>Either end's port.</summary>
    EitherPort,
}

/// <summary>One thing that a <see cref="ConnectionFilter"/> asks.</summary>
public readonly record struct ConnectionCondition(ConnectionTest Test, int Number = 0)
{
    /// <summary>A raw IPv4 range; null when the condition names none.</summary>
    public Prefix4? Network4 { get; init; }

    /// <summary>An IPv6 range.</summary>
    public Prefix6? Network6 { get; init; }

    /// <summary>Ports of a VPC, one bit each; null but for <see cref="ConnectionTest.Vpc"/>.</summary>
    public ulong[]? Ports { get; init; }

    /// <summary>Spaces of a VPC's peerings; null but for <see cref="ConnectionTest.Vpc"/>.</summary>
    public int[]? Peerings { get; init; }
}

/// <summary>Which connections are meant: those that meet every condition. Compiled where it is made, compared by the worker whose
/// connections are looked through; immutable.</summary>
public sealed unsafe class ConnectionFilter
{
    private readonly ConnectionCondition[] _conditions;

    /// <summary>Makes a filter of conditions that must all be met; none means every connection.</summary>
    public ConnectionFilter(params ConnectionCondition[] conditions)
    {
        _conditions = conditions;
    }

    /// <summary>Every connection.</summary>
    public static ConnectionFilter All { get; } = new();

    /// <summary>True when it means every connection.</summary>
    public bool IsAll => _conditions.Length == 0;

    /// <summary>The bits of some ports, for <see cref="ConnectionCondition.Ports"/>.</summary>
    public static ulong[] PortsOf(ForwardingSnapshot snapshot, int vpc)
    {
        ulong[] bits = new ulong[(snapshot.PortCount + 63) / 64];
        for (int port = 1; port < snapshot.PortCount; port++)
        {
            bool isOfVpc = (snapshot.Enis[port].Flags & EniFlags.Exists) != 0 && snapshot.Enis[port].Vpc == vpc;
            bits[port / 64] |= isOfVpc ? 1UL << (port % 64) : 0;
        }

        return bits;
    }

    /// <summary>True when the connection is meant.</summary>
    /// <param name="connections">Its worker's connections.</param>
    /// <param name="table">Its table.</param>
    /// <param name="entry">The connection; it has a path.</param>
    internal bool Matches(Connections connections, FlowTable table, FlowEntry* entry)
    {
        foreach (ref readonly ConnectionCondition condition in _conditions.AsSpan())
        {
            if (!IsMet(condition, connections, table, entry))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsMet(in ConnectionCondition condition, Connections connections, FlowTable table, FlowEntry* entry)
    {
        switch (condition.Test)
        {
            case ConnectionTest.Protocol:
                return (byte)(entry->KeyHigh >> 48) == condition.Number;
            case ConnectionTest.Version:
                return table.IsV6 == (condition.Number == 6);
            case ConnectionTest.State:
                return (int)entry->State == condition.Number;
            case ConnectionTest.Port:
                FlowAction* action = connections.Paths.Actions + (2L * entry->Path);
                return action->InPort == condition.Number || action->OutPort == condition.Number;
            case ConnectionTest.Vpc:
                return IsOfVpc(condition, connections, entry);
            case ConnectionTest.Address:
                return table.IsV6 ? HasAddress(condition.Network6, table.AddressesOf(entry))
                    : HasAddress(condition.Network4, connections, entry);
            default:
                return HasPort(condition, entry);
        }
    }

    private static bool IsOfVpc(in ConnectionCondition condition, Connections connections, FlowEntry* entry)
    {
        int space = (ushort)(entry->KeyHigh >> 32);
        if (space != 0)
        {
            return space == condition.Number || (condition.Peerings != null && Array.IndexOf(condition.Peerings, space) >= 0);
        }

        FlowAction* action = connections.Paths.Actions + (2L * entry->Path);
        return IsIn(condition.Ports, action->InPort) || IsIn(condition.Ports, action->OutPort);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsIn(ulong[]? bits, int port) =>
        bits != null && port / 64 < bits.Length && (bits[port / 64] & (1UL << (port % 64))) != 0;

    private static bool HasAddress(Prefix6? network, FlowAddresses6* addresses) =>
        network is Prefix6 range && (range.Contains(addresses->Lower) || range.Contains(addresses->Higher));

    /// <summary>An end that is known by an EIP has two addresses: that of the key and the one that it is translated to.</summary>
    private static bool HasAddress(Prefix4? network, Connections connections, FlowEntry* entry)
    {
        if (network is not Prefix4 range)
        {
            return false;
        }

        uint lower = (uint)entry->KeyLow;
        uint higher = (uint)(entry->KeyLow >> 32);
        if (range.Contains(lower) || range.Contains(higher))
        {
            return true;
        }

        FlowAction* up = connections.Paths.Actions + (2L * entry->Path);
        return range.Contains(lower ^ up->SourceXor) || range.Contains(higher ^ up->DestinationXor);
    }

    private static bool HasPort(in ConnectionCondition condition, FlowEntry* entry)
    {
        if ((byte)(entry->KeyHigh >> 48) is not (ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp))
        {
            return false;
        }

        int lower = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)entry->KeyHigh);
        int higher = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)(entry->KeyHigh >> 16));
        bool isOpenerHigher = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        return condition.Test switch
        {
            ConnectionTest.SourcePort => (isOpenerHigher ? higher : lower) == condition.Number,
            ConnectionTest.DestinationPort => (isOpenerHigher ? lower : higher) == condition.Number,
            _ => lower == condition.Number || higher == condition.Number,
        };
    }
}
