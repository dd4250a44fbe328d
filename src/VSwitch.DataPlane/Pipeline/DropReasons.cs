namespace VSwitch.DataPlane.Pipeline;

/// <summary>Names and sentences of the drop reasons: the same words on every surface.</summary>
public static class DropReasons
{
    private static readonly DropReason[] AllReasons = [.. Enum.GetValues<DropReason>()];
    private static readonly string[] Names = Array.ConvertAll(AllReasons, KebabCase);

    /// <summary>How many there are, <see cref="DropReason.None"/> included: the size of an array indexed by reason.</summary>
    public static int Count => AllReasons.Length;

    /// <summary>All, in order, <see cref="DropReason.None"/> first.</summary>
    public static ReadOnlySpan<DropReason> All => AllReasons;

    /// <summary>The stable kebab-case name.</summary>
    public static string Name(this DropReason reason) => Names[(int)reason];

    /// <summary>One sentence for people.</summary>
    public static string Sentence(this DropReason reason) => reason switch
    {
        DropReason.None => "Not dropped.",
        DropReason.MalformedEthernet => "The frame is shorter than an Ethernet header or uses an 802.3 length field.",
        DropReason.UnsupportedLinkType => "The capture's link type is not Ethernet, so there is no frame to switch.",
        DropReason.VlanTagged => "The frame carries a VLAN tag, and the port is an access port.",
        DropReason.UnsupportedEthertype => "The EtherType is neither IPv4, IPv6 nor ARP.",
        DropReason.MalformedArp => "The ARP body has a wrong type or size, or is cut short.",
        DropReason.MalformedIpv4 => "The IPv4 header has a wrong version, header length or total length.",
        DropReason.MalformedIpv6 => "The IPv6 header or its extension headers are wrong or cut short.",
        DropReason.MalformedL4 => "The transport header is cut short, its length field is wrong, or the offload that the sender asks for does not fit it.",
        DropReason.BadIpv4Checksum => "The IPv4 header checksum is wrong.",
        DropReason.UnknownPort => "The frame was given to a port that the configuration does not have.",
        DropReason.SpoofedMac => "The source MAC is not the MAC of the ENI that sent the frame.",
        DropReason.SpoofedIp => "The sender's address is not one of its ENI, or an inside address came from outside.",
        DropReason.MartianAddress => "An address that may never be forwarded, such as 127.0.0.0/8 or a multicast source.",
        DropReason.Multicast => "Broadcast and multicast are not forwarded, except ARP, ND and DHCP, which the switch answers.",
        DropReason.UnknownDestinationMac => "No port that the sender may reach has the destination MAC.",
        DropReason.NoRoute => "The route table has no way to the destination, or nothing there holds the address.",
        DropReason.VpcIsolation => "The destination belongs to another VPC.",
        DropReason.TtlExpired => "TTL or hop limit ran out at the router.",
        DropReason.SecurityGroupEgress => "No egress rule of the sender's security groups allows it.",
        DropReason.SecurityGroupIngress => "No ingress rule of the receiver's security groups allows it.",
        DropReason.NetworkAcl => "The subnet's network ACL denies it.",
        DropReason.ConnectionInvalid => "The packet belongs to no connection and may not open one, or its connection refuses it.",
        DropReason.ConnectionTableFull => "The connection table has no room for a new connection.",
        DropReason.FragmentUnmatched => "A later fragment came whose first fragment was not seen in time, or was dropped.",
        DropReason.FragmentOverlap => "A fragment overlaps or repeats another one of its datagram, or does not fit it.",
        DropReason.EipUnbound => "The EIP is not bound, or the sender has no EIP to leave the VPC by.",
        DropReason.EipBandwidth => "The EIP's bandwidth is used up.",
        DropReason.EniBandwidth => "The bits a second of the ENI that sent it, or that would get it, are used up.",
        DropReason.EniPacketRate => "The packets a second of the ENI that sent it, or that would get it, are used up.",
        DropReason.ScrubbingSyn => "The EIP is under attack, and the source has yet to prove its address; a SYN was answered with a challenge.",
        DropReason.ScrubbingRate => "The EIP is under attack, and more new flows come to it than are let in meanwhile.",
        DropReason.MtuExceeded => "The packet is larger than the MTU of the port it would leave by.",
        DropReason.UnsupportedProtocol => "The switch does not handle this kind of packet here.",
        DropReason.NeighborUnresolved => "The MAC of the next hop is not known yet.",
        DropReason.PortDown => "The port it would leave by has no device, or the device is down.",
        DropReason.QueueFull => "The queue it would leave by is full.",
        DropReason.BufferExhausted => "No packet buffer was free, or the frame is larger than any buffer.",
        DropReason.WireLoss => "The faults that the port's wire has lost it before the switch had it.",
        _ => throw new ArgumentOutOfRangeException(nameof(reason)),
    };

    /// <summary>Finds a reason by its name.</summary>
    public static bool TryParse(string name, out DropReason reason)
    {
        int i = Array.IndexOf(Names, name);
        reason = i < 0 ? DropReason.None : AllReasons[i];
        return i >= 0;
    }

    private static string KebabCase(DropReason reason)
    {
        string pascal = reason.ToString();
        Span<char> text = stackalloc char[2 * pascal.Length];
        int n = 0;
        foreach (char c in pascal)
        {
            if (char.IsAsciiLetterUpper(c) && n > 0)
            {
                text[n++] = '-';
            }

            text[n++] = char.ToLowerInvariant(c);
        }

        return new string(text[..n]);
    }
}
