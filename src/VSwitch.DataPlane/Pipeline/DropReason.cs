namespace VSwitch.DataPlane.Pipeline;

/// <summary>Every way a frame can end without being forwarded, answered or consumed (interface.md section 5).
/// The kebab-case name in <see cref="DropReasons"/> is the contract; the number is not.</summary>
public enum DropReason : byte
{
    /// <summary>Not dropped.</summary>
    None = 0,
    /// <summary>Shorter than an Ethernet header, or an 802.3 length frame.</summary>
    MalformedEthernet,
    /// <summary>The capture's link type is not Ethernet.</summary>
    UnsupportedLinkType,
    /// <summary>A VLAN tag on an access port.</summary>
    VlanTagged,
    /// <summary>An EtherType that is neither IPv4, IPv6 nor ARP.</summary>
    UnsupportedEthertype,
    /// <summary>ARP with wrong hardware or protocol type, sizes, or cut short (RFC 826).</summary>
    MalformedArp,
    /// <summary>IPv4 version, header length or total length wrong (RFC 1812 5.2.2).</summary>
    MalformedIpv4,
    /// <summary>IPv6 version, payload length or extension headers wrong (RFC 8200).</summary>
    MalformedIpv6,
    /// <summary>Transport header cut short, its length field wrong, or an offload that does not fit it (virtio 1.2, 5.1.6.2).</summary>
    MalformedL4,
    /// <summary>IPv4 header checksum wrong (RFC 1812 5.2.2).</summary>
    BadIpv4Checksum,
    /// <summary>The frame names a port that the configuration does not have.</summary>
    UnknownPort,
    /// <summary>The source MAC is not the ENI's.</summary>
    SpoofedMac,
    /// <summary>The source address (or ARP/ND sender) is not one of the ENI's, or an inside address came from outside.</summary>
    SpoofedIp,
    /// <summary>A source or destination that may never be forwarded (RFC 1812 5.3.7): loopback, 0/8, class E, multicast source.</summary>
    MartianAddress,
    /// <summary>Broadcast or multicast other than ARP, ND and DHCP (semantics.md decision 7).</summary>
    Multicast,
    /// <summary>No ENI of the subnet has the destination MAC, and it is not the router's.</summary>
    UnknownDestinationMac,
    /// <summary>No route, or no ENI holds the destination address.</summary>
    NoRoute,
    /// <summary>The destination lies in another VPC.</summary>
    VpcIsolation,
    /// <summary>TTL or hop limit ran out at a routed hop (RFC 1812 5.3.1).</summary>
    TtlExpired,
    /// <summary>No egress rule of the source ENI's groups allows it.</summary>
    SecurityGroupEgress,
    /// <summary>No ingress rule of the destination ENI's groups allows it.</summary>
    SecurityGroupIngress,
    /// <summary>A subnet's network ACL denies it.</summary>
    NetworkAcl,
    /// <summary>Not a valid packet of any connection and not one that may open one.</summary>
    ConnectionInvalid,
    /// <summary>The connection table has no room for a new connection.</summary>
    ConnectionTableFull,
    /// <summary>A later fragment whose first fragment was not seen in time, or was dropped.</summary>
    FragmentUnmatched,
    /// <summary>A fragment that overlaps or repeats another of its datagram, or does not fit it (RFC 5722).</summary>
    FragmentOverlap,
    /// <summary>The destination EIP is not bound, or the source has no EIP to go out by.</summary>
    EipUnbound,
    /// <summary>Over the EIP's bandwidth.</summary>
    EipBandwidth,
    /// <summary>Over the bits a second of the ENI that sent it or gets it.</summary>
    EniBandwidth,
    /// <summary>Over the packets a second of the ENI that sent it or gets it.</summary>
    EniPacketRate,
    /// <summary>A first segment to an EIP under attack, from a source that has not proven its address; a SYN is challenged.</summary>
    ScrubbingSyn,
    /// <summary>A first packet to an EIP under attack, other than TCP, over the rate that is let in meanwhile.</summary>
    ScrubbingRate,
    /// <summary>Larger than the egress port's MTU.</summary>
    MtuExceeded,
    /// <summary>An IP protocol or packet kind the switch does not handle there.</summary>
    UnsupportedProtocol,
    /// <summary>The next hop's MAC is not known (yet).</summary>
    NeighborUnresolved,
    /// <summary>The egress port has no device or its device is down.</summary>
    PortDown,
    /// <summary>The egress queue or a hand-over ring is full.</summary>
    QueueFull,
    /// <summary>No packet buffer was free, or the frame is larger than any buffer.</summary>
    BufferExhausted,
    /// <summary>A wire with faults lost the frame before the switch had it (a replay; a switch at work never sees such a frame).</summary>
    WireLoss,
}
