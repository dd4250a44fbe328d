namespace VSwitch.Wire;

/// <summary>Types of ICMP messages (RFC 792; IANA icmp-parameters).</summary>
public enum IcmpType : byte
{
    /// <summary>Answer to an echo request.</summary>
    EchoReply = 0,

    /// <summary>Error: destination unreachable.</summary>
    DestinationUnreachable = 3,

    /// <summary>Error: source quench (deprecated by RFC 6633).</summary>
    SourceQuench = 4,

    /// <summary>Error: redirect.</summary>
    Redirect = 5,

    /// <summary>Echo request.</summary>
    EchoRequest = 8,

    /// <summary>Error: time exceeded.</summary>
    TimeExceeded = 11,

    /// <summary>Error: parameter problem.</summary>
    ParameterProblem = 12,

    /// <summary>Timestamp request.</summary>
    TimestampRequest = 13,

    /// <summary>Answer to a timestamp request.</summary>
    TimestampReply = 14,

    /// <summary>Information request (deprecated by RFC 6918).</summary>
    InformationRequest = 15,

    /// <summary>Answer to an information request (deprecated by RFC 6918).</summary>
    InformationReply = 16,
}

/// <summary>Types of ICMPv6 messages (RFC 4443, RFC 4861; IANA icmpv6-parameters). Errors are below 128.</summary>
public enum Icmpv6Type : byte
{
    /// <summary>Error: destination unreachable.</summary>
    DestinationUnreachable = 1,

    /// <summary>Error: packet too big.</summary>
    PacketTooBig = 2,

    /// <summary>Error: time exceeded.</summary>
    TimeExceeded = 3,

    /// <summary>Error: parameter problem.</summary>
    ParameterProblem = 4,

    /// <summary>Echo request.</summary>
    EchoRequest = 128,

    /// <summary>Answer to an echo request.</summary>
    EchoReply = 129,

    /// <summary>Router solicitation (RFC 4861 section 4.1).</summary>
    RouterSolicitation = 133,

    /// <summary>Router advertisement (RFC 4861 section 4.2).</summary>
    RouterAdvertisement = 134,

    /// <summary>Neighbor solicitation (RFC 4861 section 4.3).</summary>
    NeighborSolicitation = 135,

    /// <summary>Neighbor advertisement (RFC 4861 section 4.4).</summary>
    NeighborAdvertisement = 136,

    /// <summary>Redirect (RFC 4861 section 4.5).</summary>
    Redirect = 137,
}
