namespace VSwitch.Wire;

/// <summary>What an Ethernet frame or a VLAN tag says of its content (IANA ieee-802-numbers). A value below
/// <see cref="EthernetView.MinEtherType"/> is an IEEE 802.3 length, not a type.</summary>
public enum EtherType : ushort
{
    /// <summary>IPv4 (RFC 894).</summary>
    Ipv4 = 0x0800,

    /// <summary>ARP (RFC 826).</summary>
    Arp = 0x0806,

    /// <summary>A customer VLAN tag (IEEE 802.1Q).</summary>
    Vlan = 0x8100,

    /// <summary>IPv6 (RFC 2464).</summary>
    Ipv6 = 0x86DD,

    /// <summary>A service VLAN tag (IEEE 802.1ad, "QinQ").</summary>
    ServiceVlan = 0x88A8,

    /// <summary>The outer tag of QinQ before IEEE 802.1ad.</summary>
    LegacyServiceVlan = 0x9100,
}
