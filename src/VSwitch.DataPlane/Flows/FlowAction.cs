using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Flows;

/// <summary>What happens to the packets of one direction of a connection: fixed when the connection is made. Constants to
/// compare, to write and to add; the fast path knows no rule, no route and no NAT. One cache line, shared by all
/// connections that take the same way.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct FlowAction
{
    /// <summary>One cache line; a house test holds it.</summary>
    public const int SizeBytes = 64;

    /// <summary>How many of the first bytes two actions must share to be the same.</summary>
    public const int ComparedBytes = 56;

    /// <summary>Value of <see cref="Translates"/>: an address, and perhaps a port, by a mapping of this connection's. What is translated is
    /// compared with the packet first: others may have the same key by another address.</summary>
    public const byte TranslatesPorts = 2;

    /// <summary>The generation that never comes.</summary>
    public const uint Denied = 0;

    /// <summary>A generation that is never in force: the next hop's MAC is not known, and each packet asks for it again.</summary>
    public const uint Unresolved = uint.MaxValue;

    /// <summary>A generation that is never in force: replies, for which the receiver's subnet has no route back through the peering.</summary>
    public const uint Unrouted = uint.MaxValue - 1;

    /// <summary>What a packet of this direction must have, in one word to compare: destination MAC (raw, high 48 bits) and the
    /// port that it came in by (low 16).</summary>
    [FieldOffset(0)] public ulong Arrival;

    /// <summary>First 8 of the 12 MAC bytes to write (destination, source), raw.</summary>
    [FieldOffset(8)] public ulong MacBytes;

    /// <summary>Last 4 of them.</summary>
    [FieldOffset(16)] public uint MacBytesEnd;

    /// <summary>Generation in which it was made; <see cref="Denied"/> when a network ACL denies the direction, so that no packet
    /// ever fits it and the fast path asks nothing more.</summary>
    [FieldOffset(20)] public uint Generation;

    /// <summary>Flips the IPv4 source to the translated one (raw); 0 = unchanged.</summary>
    [FieldOffset(24)] public uint SourceXor;

    /// <summary>Flips the IPv4 destination; 0 = unchanged.</summary>
    [FieldOffset(28)] public uint DestinationXor;

    /// <summary>Added (one's complement, raw) to the complement of the IPv4 header checksum: addresses and TTL.</summary>
    [FieldOffset(32)] public ushort IpDelta;

    /// <summary>Added to the complement of the TCP or UDP checksum: addresses.</summary>
    [FieldOffset(34)] public ushort L4Delta;

    /// <summary>Largest IP packet that may take the short way, bytes: <see cref="MtuBytes"/>, or 0 where a bandwidth or a limit
    /// is to be asked or a DSCP written.</summary>
    [FieldOffset(36)] public ushort PlainBytes;

    /// <summary>Port that it leaves by.</summary>
    [FieldOffset(38)] public ushort OutPort;

    /// <summary>Largest IP packet there, bytes.</summary>
    [FieldOffset(40)] public ushort MtuBytes;

    /// <summary>1 for a routed hop, 0 within a subnet.</summary>
    [FieldOffset(42)] public byte TtlDecrement;

    /// <summary>1 when an address is translated by its EIP alone, <see cref="TranslatesPorts"/> when a <see cref="PortMapping"/> has a part
    /// in it.</summary>
    [FieldOffset(43)] public byte Translates;

    /// <summary>Meter and token bucket (<see cref="Tables.Eip.OutMeter"/>) of the sender's EIP; of the receiver's where the
    /// sender has none; 0 when no address is translated.</summary>
    [FieldOffset(44)] public ushort Meter;

    /// <summary>Those of the receiver's EIP where the sender has one, too (hairpin); else 0.</summary>
    [FieldOffset(46)] public ushort HairpinMeter;

    /// <summary>Flips the ports (source in the low half, destination in the high half, raw), or the identifier of an ICMP query; 0 =
    /// unchanged. Such a direction never takes the short way (<see cref="PlainBytes"/> is 0).</summary>
    [FieldOffset(48)] public uint PortXor;

    /// <summary>Version of the snapshot that made it.</summary>
    [FieldOffset(52)] public uint PolicyVersion;

    /// <summary>In a path's second action: a number that no other path ever had, 0 when the path is free.</summary>
    [FieldOffset(56)] public ulong Serial;

    /// <summary>In a path's first action: connections that use the path.</summary>
    [FieldOffset(56)] public int ReferenceCount;

    /// <summary>In a path's first action: next path with the same hash, or next free one.</summary>
    [FieldOffset(60)] public int Next;

    /// <summary>Port that a packet of this direction must have come in by.</summary>
    public readonly int InPort => (ushort)Arrival;

    /// <summary>The word of a packet with that destination MAC (raw, low 48 bits; the rest is ignored) and port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ArrivalOf(ulong mac, int port) => (mac << 16) | (uint)port;
}
