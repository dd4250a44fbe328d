using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Tables;

/// <summary>Properties of a compiled port.</summary>
[Flags]
public enum EniFlags : ushort
{
    /// <summary>An empty slot: no port has this index.</summary>
    None = 0,

    /// <summary>The port exists.</summary>
    Exists = 1,

    /// <summary>The port is the internet side.</summary>
    Internet = 2,

    /// <summary>Admits TCP connections in mid-stream (semantics.md decision 4).</summary>
    TcpLoose = 4,

    /// <summary>Sends and takes packets of addresses that are not its own (<c>sourceDestCheck: false</c>): a router or a NAT
    /// instance.</summary>
    Transit = 8,

    /// <summary>To find the connection of a packet that comes in here takes more than its own addresses: its VPC has peers, load balancers or
    /// the like. Such packets are keyed by <see cref="Pipeline.PacketPipeline{T}"/>'s longer way; others pay nothing for it.</summary>
    KeyedSlowly = 16,

    /// <summary>The port is a gateway: no ENI, but a way out of its VPC, like the internet side out of all.</summary>
    Gateway = 32,

    /// <summary>The port is a device that gateways share: its frames are those of the gateway that has their VLAN.</summary>
    Trunk = 64,

    /// <summary>The ENI is plugged into nothing: what it sends, and what is for it, is dropped as <c>port-down</c>.</summary>
    Detached = 256,
}

/// <summary>What a port limits or marks (order of checks, section 17).</summary>
[Flags]
public enum EniLimits : byte
{
    /// <summary>Nothing: packets take the short way.</summary>
    None = 0,

    /// <summary>What the ENI sends has a rate.</summary>
    Egress = 1,

    /// <summary>What the ENI gets has a rate.</summary>
    Ingress = 2,

    /// <summary>What the ENI sends gets <see cref="Eni.Dscp"/>.</summary>
    Marks = 4,
}

/// <summary>A compiled port: an ENI, a gateway, a trunk, or (index 0) the internet side. Immutable, in native memory, indexed by port number.
/// Addresses are "raw": as a load of the frame's bytes gives them on this (little-endian) machine.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public unsafe struct Eni
{
    /// <summary>Four cache lines.</summary>
    public const int SizeBytes = 256;

    /// <summary>JD Cloud's quota: one primary and 20 secondary addresses (semantics.md section 9).</summary>
    public const int MaxAddresses = 21;

    /// <summary>MAC, raw in the low 48 bits. For the internet side: the switch's own MAC there.</summary>
    [FieldOffset(0)] public ulong Mac;

    /// <summary>VPC index, from 1; 0 for the internet side.</summary>
    [FieldOffset(8)] public ushort Vpc;

    /// <summary>Index into <see cref="ForwardingSnapshot.Subnets"/>.</summary>
    [FieldOffset(10)] public ushort Subnet;

    /// <summary>Largest IP packet that the port takes, bytes.</summary>
    [FieldOffset(12)] public ushort MtuBytes;

    /// <summary>What kind of port.</summary>
    [FieldOffset(18)] public EniFlags Flags;

    /// <summary>IPv4 addresses in use.</summary>
    [FieldOffset(15)] public byte Ip4Count;

    /// <summary>IPv6 addresses in use.</summary>
    [FieldOffset(16)] public byte Ip6Count;

    /// <summary>Rule set of the egress rules of all its groups; index into the security-group table.</summary>
    [FieldOffset(20)] public int EgressRules;

    /// <summary>Rule set of the ingress rules of all its groups.</summary>
    [FieldOffset(24)] public int IngressRules;

    /// <summary>First IPv6 address: index into <see cref="ForwardingSnapshot.Ip6Addresses"/>.</summary>
    [FieldOffset(28)] public int Ip6First;

    /// <summary>EUI-64 link-local address of the MAC, low half raw (the high half is fe80::).</summary>
    [FieldOffset(32)] public ulong LinkLocalLow;

    /// <summary>IPv4 addresses, raw; the first is the primary one.</summary>
    [FieldOffset(40)] public fixed uint Ip4[MaxAddresses];

    /// <summary>For each IPv4 address its EIP: index into <see cref="ForwardingSnapshot.Eips"/>, 0 = none.</summary>
    [FieldOffset(124)] public fixed int Eip[MaxAddresses];

    /// <summary>Version of the snapshot in which the ENI appeared or was attached or detached last; what is older belongs to another that had
    /// its number, or to another guest.</summary>
    [FieldOffset(208)] public uint Since;

    /// <summary>What it limits or marks.</summary>
    [FieldOffset(254)] public EniLimits Limits;

    /// <summary>DSCP of what it sends, 0 to 63 (RFC 2474), where it marks.</summary>
    [FieldOffset(255)] public byte Dscp;

    /// <summary>Bucket, among the ports' token buckets, of the bits that a port's ENI sends or gets.</summary>
    public static int BitsBucketOf(int port, bool isIngress) => (4 * port) + (isIngress ? 2 : 0);

    /// <summary>Bucket of the packets that a port's ENI sends or gets.</summary>
    public static int PacketsBucketOf(int port, bool isIngress) => BitsBucketOf(port, isIngress) + 1;
}

/// <summary>An IPv6 address as two raw halves (low = the first 8 bytes on the wire).</summary>
public readonly record struct RawIp6(ulong First, ulong Second);

/// <summary>A compiled EIP. Index 0 is unused.</summary>
public struct Eip
{
    /// <summary>Public address, raw.</summary>
    public uint Address;

    /// <summary>Private address, raw; 0 when unbound.</summary>
    public uint Private;

    /// <summary>Port of the ENI; 0 when unbound.</summary>
    public ushort Port;

    /// <summary>VPC index of its ENI; 0 when it has none.</summary>
    public ushort Vpc;

    /// <summary>NAT gateway that goes out by it: index into <see cref="ForwardingSnapshot.NatGateways"/>, 0 = none.</summary>
    public ushort Nat;

    /// <summary>Number of the load balancer that it brings connections to; 0 = none.</summary>
    public ushort Balancer;

    /// <summary>Its number over reconfigurations, from 1: what it counted and its level of bandwidth stay with it.</summary>
    public int Number;

    /// <summary>True when what it sends has a bandwidth.</summary>
    public bool IsOutCapped;

    /// <summary>True when what it receives has a bandwidth.</summary>
    public bool IsInCapped;

    /// <summary>Version of the snapshot in which the EIP appeared; what its number counted before was another one's.</summary>
    public uint Since;

    /// <summary>Version of the snapshot in which it came to where it is; 0 while it is nowhere.</summary>
    public uint PlacedIn;

    /// <summary>True when it was elsewhere before, so that outside there may be connections to its former holder.</summary>
    public bool HasMoved;

    /// <summary>What becomes of those.</summary>
    public DriftMode Drift;

    /// <summary>Meter, and bucket among the shared token buckets, of what it sends.</summary>
    public readonly int OutMeter => OutMeterOf(Number);

    /// <summary>Meter, and bucket among the shared token buckets, of what it receives.</summary>
    public readonly int InMeter => InMeterOf(Number);

    /// <summary>True when it stands for something: a private address, a NAT gateway, or a load balancer.</summary>
    public readonly bool IsBound => Port != 0 || Nat != 0 || Balancer != 0;

    /// <summary>Meter of what the EIP with that number sends.</summary>
    public static int OutMeterOf(int number) => 2 * number;

    /// <summary>Meter of what the EIP with that number receives.</summary>
    public static int InMeterOf(int number) => (2 * number) + 1;
}
