using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Local;

/// <summary>What DHCP and router advertisements tell the ENIs of a subnet, compiled: addresses raw, names as they go on the
/// wire. Immutable, shared by the ENIs of the subnet.</summary>
public sealed class DhcpParameters
{
    /// <summary>Most addresses of one family in <see cref="Dns4"/>, <see cref="Dns6"/>, <see cref="Ntp4"/>, <see cref="Ntp6"/>:
    /// with them the replies fit what every client takes (RFC 2131 section 2: 576 bytes; RFC 8200 section 5: 1280).</summary>
    public const int MaxServers = 8;

    /// <summary>Says nothing.</summary>
    public static readonly DhcpParameters Disabled = new();

    /// <summary>False: requests are consumed.</summary>
    public bool IsEnabled { get; init; }

    /// <summary>How long an address is leased, seconds.</summary>
    public uint LeaseSeconds { get; init; }

    /// <summary>Mask of the subnet's IPv4 range, raw.</summary>
    public uint Mask4 { get; init; }

    /// <summary>The subnet's IPv6 range.</summary>
    public Prefix6 Prefix6 { get; init; }

    /// <summary>Its prefix length, bits.</summary>
    public byte Prefix6Bits { get; init; }

    /// <summary>Name servers (RFC 2132 section 3.8), raw.</summary>
    public uint[] Dns4 { get; init; } = [];

    /// <summary>Name servers (RFC 3646 section 3, RFC 8106 section 5.1).</summary>
    public RawIp6[] Dns6 { get; init; } = [];

    /// <summary>Time servers (RFC 2132 section 8.3), raw.</summary>
    public uint[] Ntp4 { get; init; } = [];

    /// <summary>Time servers (RFC 5908 section 4.1).</summary>
    public RawIp6[] Ntp6 { get; init; } = [];

    /// <summary>Domain name as text (RFC 2132 section 3.17); empty = none.</summary>
    public byte[] DomainName { get; init; } = [];

    /// <summary>Domain name as labels with a length before each (RFC 1035 section 3.1); empty = none.</summary>
    public byte[] DomainLabels { get; init; } = [];
}

/// <summary>What became of a DHCP message.</summary>
internal enum DhcpVerdict
{
    /// <summary>Well formed, and nothing is said to it.</summary>
    Consume,

    /// <summary>Cut short, or its fields do not hold together.</summary>
    Malformed,

    /// <summary>It speaks for another hardware address than its sender's.</summary>
    ForeignHardwareAddress,

    /// <summary>DHCPOFFER.</summary>
    Offer,

    /// <summary>DHCPACK.</summary>
    Acknowledge,

    /// <summary>DHCPNAK.</summary>
    Refuse,

    /// <summary>ADVERTISE of DHCPv6.</summary>
    Advertise,

    /// <summary>REPLY of DHCPv6.</summary>
    Reply,

    /// <summary>REPLY of DHCPv6 that leases addresses.</summary>
    ReplyWithLease,
}
