namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>A field of an IPFIX template (RFC 7011 section 3.2).</summary>
/// <param name="Element">Information element: IANA's number, or one of the enterprise's.</param>
/// <param name="Bytes">Its length; <see cref="IpfixTemplates.VariableLength"/> = each record says.</param>
/// <param name="IsOwn">True for an element of <see cref="IpfixTemplates.Enterprise"/>.</param>
public readonly record struct IpfixField(ushort Element, ushort Bytes, bool IsOwn = false);

/// <summary>What the exporter sends: one template a family, one of packets whose addresses could not be read, and one of options.
/// <para>This project has no private enterprise number. Drop reason and rule are elements 1 and 2 of enterprise 32473, which IANA keeps
/// for documentation (RFC 5612); a collector that does not know them skips them by their length.</para></summary>
public static class IpfixTemplates
{
    /// <summary>Records of IPv4.</summary>
    public const ushort V4 = 256;

    /// <summary>Records of IPv6.</summary>
    public const ushort V6 = 257;

    /// <summary>Records without addresses.</summary>
    public const ushort WithoutTuple = 258;

    /// <summary>What the exporter could not send (RFC 7011 section 4.3).</summary>
    public const ushort Reliability = 259;

    /// <summary>Length of a field that says its own.</summary>
    public const ushort VariableLength = 65535;

    /// <summary>Enterprise number for documentation (RFC 5612).</summary>
    public const uint Enterprise = 32473;

    /// <summary>Name of the drop reason, UTF-8; empty = not dropped.</summary>
    public const ushort DropReasonElement = 1;

    /// <summary>Words of the rule, UTF-8; empty = none.</summary>
    public const ushort RuleElement = 2;

    private static readonly IpfixField[] Head =
    [
        new(152, 8), // flowStartMilliseconds
        new(153, 8), // flowEndMilliseconds
        new(2, 8), // packetDeltaCount
        new(1, 8), // octetDeltaCount
        new(10, 4), // ingressInterface
        new(14, 4), // egressInterface
        new(61, 1), // flowDirection
        new(89, 1), // forwardingStatus
        new(136, 1), // flowEndReason
    ];

    private static readonly IpfixField[] Transport =
    [
        new(7, 2), // sourceTransportPort
        new(11, 2), // destinationTransportPort
        new(6, 2), // tcpControlBits
        new(4, 1), // protocolIdentifier
    ];

    private static readonly IpfixField[] Tail =
    [
        new(82, VariableLength), // interfaceName
        new(DropReasonElement, VariableLength, IsOwn: true),
        new(RuleElement, VariableLength, IsOwn: true),
    ];

    /// <summary>Fields of <see cref="V4"/>.</summary>
    public static readonly IReadOnlyList<IpfixField> FieldsOfV4 =
    [
        .. Head,
        new(8, 4), // sourceIPv4Address
        new(12, 4), // destinationIPv4Address
        new(225, 4), // postNATSourceIPv4Address
        new(226, 4), // postNATDestinationIPv4Address
        .. Transport, .. Tail,
    ];

    /// <summary>Fields of <see cref="V6"/>.</summary>
    public static readonly IReadOnlyList<IpfixField> FieldsOfV6 =
    [
        .. Head,
        new(27, 16), // sourceIPv6Address
        new(28, 16), // destinationIPv6Address
        .. Transport, .. Tail,
    ];

    /// <summary>Fields of <see cref="WithoutTuple"/>.</summary>
    public static readonly IReadOnlyList<IpfixField> FieldsWithoutTuple = [.. Head, .. Tail];

    /// <summary>Fields of <see cref="Reliability"/>; the first one is the scope.</summary>
    public static readonly IReadOnlyList<IpfixField> FieldsOfReliability =
    [
        new(144, 4), // exportingProcessId
        new(166, 8), // notSentFlowTotalCount
        new(167, 8), // notSentPacketTotalCount
        new(168, 8), // notSentOctetTotalCount
    ];
}
