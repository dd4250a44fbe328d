using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <summary>What differs between IPv4 and IPv6 on a first packet's way. The admit stage is written once over it; the JIT
/// makes one copy for each family. Addresses are raw.</summary>
internal unsafe interface IAddressFamily<TAddress>
    where TAddress : unmanaged, IEquatable<TAddress>
{
    /// <summary>The packet's source.</summary>
    static abstract TAddress Source(PacketBuffer* p);

    /// <summary>The packet's destination.</summary>
    static abstract TAddress Destination(PacketBuffer* p);

    /// <summary>TTL or hop limit.</summary>
    static abstract byte Ttl(PacketBuffer* p);

    /// <summary>A group address (or 255.255.255.255).</summary>
    static abstract bool IsGroup(TAddress address);

    /// <summary>An address that may never be forwarded (order of checks, 2.5).</summary>
    static abstract bool IsMartian(TAddress source, TAddress destination);

    /// <summary>The ENI has the address.</summary>
    static abstract bool Owns(ForwardingSnapshot s, int port, TAddress address);

    /// <summary>The ENI of a VPC that has the address, 0 = none.</summary>
    static abstract int PortOf(ForwardingSnapshot s, int vpc, TAddress address);

    /// <summary>A range of the VPC holds the address.</summary>
    static abstract bool Contains(Vpc vpc, TAddress address);

    /// <summary>The subnet's range holds the address.</summary>
    static abstract bool Contains(Subnet subnet, TAddress address);

    /// <summary>The VPC at the other end of a peering has the address in a range.</summary>
    static abstract bool Contains(PeerLink link, TAddress address);

    /// <summary>A router address of the VPC.</summary>
    static abstract bool IsRouter(ForwardingSnapshot s, int vpc, TAddress address);

    /// <summary>One of the switch's own addresses on the internet side.</summary>
    static abstract bool IsOwn(InternetSide internet, TAddress address);

    /// <summary>The EIP with that public address, 0 = none.</summary>
    static abstract int EipOf(ForwardingSnapshot s, TAddress address);

    /// <summary>The EIP of a private address of an ENI, 0 = none.</summary>
    static abstract int EipOfPrivate(ForwardingSnapshot s, int port, TAddress address);

    /// <summary>The subnet's route table.</summary>
    static abstract RouteTarget Route(RouteTable table, TAddress destination, out ushort port);

    /// <summary>The internet side's routes.</summary>
    static abstract bool TryNextHop(InternetSide internet, TAddress destination, out TAddress nextHop);

    /// <summary>The raw MAC of a neighbour on the internet side, 0 = unknown.</summary>
    static abstract ulong Neighbor(InternetSide internet, NeighborTable learnt, TAddress address);

    /// <summary>The rule of a set that allows the packet.</summary>
    static abstract int Match(SecurityGroupTable groups, int ruleSet, byte protocol, TAddress remote, ushort selector);

    /// <summary>The first rule of an ACL's list that names the packet.</summary>
    static abstract int Match(NetworkAclTable acls, int list, byte protocol, TAddress remote, ushort selector);

    /// <summary>The lower or the higher address of a key.</summary>
    static abstract TAddress KeyAddress(ulong keyLow, FlowAddresses6* addresses, bool higher);
}

/// <summary>IPv4.</summary>
internal readonly unsafe struct Ip4Family : IAddressFamily<uint>
{
    public static uint Source(PacketBuffer* p) => *(uint*)(p->Data + p->L3Offset + 12);

    public static uint Destination(PacketBuffer* p) => *(uint*)(p->Data + p->L3Offset + 16);

    public static byte Ttl(PacketBuffer* p) => p->Data[p->L3Offset + 8];

    public static bool IsGroup(uint address) => (address & 0xF0) == 0xE0 || address == uint.MaxValue;

    public static bool IsMartian(uint source, uint destination)
    {
        uint from = source & 0xFF;
        uint to = destination & 0xFF;
        return from is 0 or 127 or >= 224 || to is 0 or 127 or >= 240;
    }

    public static bool Owns(ForwardingSnapshot s, int port, uint address) => s.SlotOf(port, address) >= 0;

    public static int PortOf(ForwardingSnapshot s, int vpc, uint address) => s.PortOf(vpc, address);

    public static bool Contains(Vpc vpc, uint address) => vpc.Contains(address);

    public static bool Contains(Subnet subnet, uint address) => subnet.Contains(address);

    public static bool Contains(PeerLink link, uint address) => link.Contains(address);

    public static bool IsRouter(ForwardingSnapshot s, int vpc, uint address)
    {
        foreach (Subnet subnet in s.Subnets)
        {
            if (subnet.Vpc == vpc && subnet.Router4 == address)
            {
                return true;
            }
        }

        return false;
    }

    public static bool IsOwn(InternetSide internet, uint address) => internet.Own4.AsSpan().Contains(address);

    public static int EipOf(ForwardingSnapshot s, uint address)
    {
        uint number = BinaryPrimitives.ReverseEndianness(address);
        return number < s.LowestEip || number > s.HighestEip ? 0 : s.EipByAddress.Find(address)->Number;
    }

    public static int EipOfPrivate(ForwardingSnapshot s, int port, uint address)
    {
        int slot = s.SlotOf(port, address);
        return slot < 0 ? 0 : s.Enis[port].Eip[slot];
    }

    public static RouteTarget Route(RouteTable table, uint destination, out ushort port) => table.Lookup(destination, out port);

    public static bool TryNextHop(InternetSide internet, uint destination, out uint nextHop) =>
        internet.TryNextHop(destination, out nextHop);

    public static ulong Neighbor(InternetSide internet, NeighborTable learnt, uint address)
    {
        foreach ((uint known, ulong mac) in internet.Neighbors4)
        {
            if (known == address)
            {
                return mac;
            }
        }

        return learnt.Lookup(address, internet.Port);
    }

    public static uint KeyAddress(ulong keyLow, FlowAddresses6* addresses, bool higher) =>
        higher ? (uint)(keyLow >> 32) : (uint)keyLow;

    public static int Match(SecurityGroupTable groups, int ruleSet, byte protocol, uint remote, ushort selector) =>
        groups.Match(ruleSet, protocol, remote, selector);

    public static int Match(NetworkAclTable acls, int list, byte protocol, uint remote, ushort selector) =>
        acls.Match(list, protocol, remote, selector);
}

/// <summary>IPv6.</summary>
internal readonly unsafe struct Ip6Family : IAddressFamily<RawIp6>
{
    private const ulong LinkLocalFirst = 0x80FE;

    public static RawIp6 Source(PacketBuffer* p) => *(RawIp6*)(p->Data + p->L3Offset + 8);

    public static RawIp6 Destination(PacketBuffer* p) => *(RawIp6*)(p->Data + p->L3Offset + 24);

    public static byte Ttl(PacketBuffer* p) => p->Data[p->L3Offset + 7];

    public static bool IsGroup(RawIp6 address) => (byte)address.First == 0xFF;

    public static bool IsMartian(RawIp6 source, RawIp6 destination) =>
        IsUnspecifiedOrLoopback(source) || IsGroup(source) || IsUnspecifiedOrLoopback(destination);

    public static bool Owns(ForwardingSnapshot s, int port, RawIp6 address) =>
        s.Holds(port, address) || (address.First == LinkLocalFirst && address.Second == s.Enis[port].LinkLocalLow);

    public static int PortOf(ForwardingSnapshot s, int vpc, RawIp6 address) => s.PortOf(vpc, address);

    public static bool Contains(Vpc vpc, RawIp6 address) => vpc.Contains(address);

    public static bool Contains(Subnet subnet, RawIp6 address) => subnet.Contains(address);

    public static bool Contains(PeerLink link, RawIp6 address) => link.Contains(address);

    public static bool IsRouter(ForwardingSnapshot s, int vpc, RawIp6 address)
    {
        if (address.First == LinkLocalFirst && address.Second == s.GatewayLinkLocalLow)
        {
            return true;
        }

        foreach (Subnet subnet in s.Subnets)
        {
            if (subnet.Vpc == vpc && subnet.Router6 != default && subnet.Router6 == address)
            {
                return true;
            }
        }

        return false;
    }

    public static bool IsOwn(InternetSide internet, RawIp6 address) => internet.Own6.AsSpan().Contains(address);

    public static int EipOf(ForwardingSnapshot s, RawIp6 address) => 0;

    public static int EipOfPrivate(ForwardingSnapshot s, int port, RawIp6 address) => 0;

    public static RouteTarget Route(RouteTable table, RawIp6 destination, out ushort port) => table.Lookup(destination, out port);

    public static bool TryNextHop(InternetSide internet, RawIp6 destination, out RawIp6 nextHop) =>
        internet.TryNextHop(destination, out nextHop);

    public static ulong Neighbor(InternetSide internet, NeighborTable learnt, RawIp6 address)
    {
        foreach ((RawIp6 known, ulong mac) in internet.Neighbors6)
        {
            if (known == address)
            {
                return mac;
            }
        }

        return learnt.Lookup(address, internet.Port);
    }

    public static RawIp6 KeyAddress(ulong keyLow, FlowAddresses6* addresses, bool higher) =>
        higher ? addresses->Higher : addresses->Lower;

    public static int Match(SecurityGroupTable groups, int ruleSet, byte protocol, RawIp6 remote, ushort selector) =>
        groups.Match(ruleSet, protocol, remote, selector);

    public static int Match(NetworkAclTable acls, int list, byte protocol, RawIp6 remote, ushort selector) =>
        acls.Match(list, protocol, remote, selector);

    private static bool IsUnspecifiedOrLoopback(RawIp6 address) =>
        address.First == 0 && (address.Second & 0xFEFF_FFFF_FFFF_FFFF) == 0;
}
