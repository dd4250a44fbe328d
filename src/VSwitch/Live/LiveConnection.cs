namespace VSwitch.Live;

/// <summary>A live connection in words, as the API shows it.</summary>
internal sealed record LiveConnection
{
    /// <summary>The VPC it runs in; between two EIPs, and across a peering, the opener's.</summary>
    public required string Vpc { get; init; }

    /// <summary>The peering that it crosses.</summary>
    public string? Peering { get; init; }

    /// <summary>tcp, udp, icmp, icmpv6, sctp, or the protocol's number.</summary>
    public required string Protocol { get; init; }

    /// <summary>Where it stands: established, udp-stream.</summary>
    public required string State { get; init; }

    /// <summary>The opener's address, as the opener knows it.</summary>
    public required string Source { get; init; }

    /// <summary>The opener's port.</summary>
    public int? SourcePort { get; init; }

    /// <summary>The other end's address, as the opener knows it.</summary>
    public required string Destination { get; init; }

    /// <summary>The other end's port.</summary>
    public int? DestinationPort { get; init; }

    /// <summary>Identifier of an ICMP query.</summary>
    public int? IcmpId { get; init; }

    /// <summary>The opener's address as the other end knows it, when an EIP translates it.</summary>
    public string? TranslatedSource { get; init; }

    /// <summary>The other end's own address, when the opener knows it by an EIP.</summary>
    public string? TranslatedDestination { get; init; }

    /// <summary>The other end's own port, when the opener knows it by another one: a load balancer's.</summary>
    public int? TranslatedDestinationPort { get; init; }

    /// <summary>Name of the opener's EIP.</summary>
    public string? SourceEip { get; init; }

    /// <summary>Name of the other end's EIP.</summary>
    public string? DestinationEip { get; init; }

    /// <summary>The port by which the opener's packets come in: an ENI's name or <c>internet</c>.</summary>
    public required string OpenerPort { get; init; }

    /// <summary>The port at the other end.</summary>
    public required string OtherPort { get; init; }

    /// <summary>Packets of the opener that went their way.</summary>
    public long PacketsOut { get; init; }

    /// <summary>Bytes of them, as frames that came in.</summary>
    public long BytesOut { get; init; }

    /// <summary>Replies.</summary>
    public long PacketsIn { get; init; }

    /// <summary>Bytes of them.</summary>
    public long BytesIn { get; init; }

    /// <summary>Seconds since it began.</summary>
    public double AgeSeconds { get; init; }

    /// <summary>Seconds until it is forgotten if no packet comes.</summary>
    public double IdleTimeoutSeconds { get; init; }

    /// <summary>The rule that let it out, when the opener is an ENI.</summary>
    public string? EgressRule { get; init; }

    /// <summary>The rule that let it in, when the other end is an ENI.</summary>
    public string? IngressRule { get; init; }

    /// <summary>The worker that owns it.</summary>
    public int Worker { get; init; }
}
