namespace VSwitch.Wire;

/// <summary>The protocol of an IPv4 packet, the next header of an IPv6 one (IANA protocol-numbers).</summary>
public enum IpProtocol : byte
{
    /// <summary>IPv6 hop-by-hop options (RFC 8200 section 4.3).</summary>
    HopByHop = 0,

    /// <summary>ICMP (RFC 792).</summary>
    Icmp = 1,

    /// <summary>TCP (RFC 9293).</summary>
    Tcp = 6,

    /// <summary>UDP (RFC 768).</summary>
    Udp = 17,

    /// <summary>IPv6 routing header (RFC 8200 section 4.4).</summary>
    Routing = 43,

    /// <summary>IPv6 fragment header (RFC 8200 section 4.5).</summary>
    Fragment = 44,

    /// <summary>Encapsulating security payload (RFC 4303).</summary>
    Esp = 50,

    /// <summary>Authentication header (RFC 4302).</summary>
    Ah = 51,

    /// <summary>ICMPv6 (RFC 4443).</summary>
    Icmpv6 = 58,

    /// <summary>Nothing follows (RFC 8200 section 4.7).</summary>
    NoNextHeader = 59,

    /// <summary>IPv6 destination options (RFC 8200 section 4.6).</summary>
    DestinationOptions = 60,

    /// <summary>SCTP (RFC 9260).</summary>
    Sctp = 132,
}
