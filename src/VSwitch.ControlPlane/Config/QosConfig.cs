namespace VSwitch.ControlPlane.Config;

/// <summary>What an ENI may send and get a second, over all its connections. Null = no limit.</summary>
public sealed record EniLimitsConfig
{
    /// <summary>Bits a second that it may send, counted on whole frames.</summary>
    public long? EgressBitsPerSecond { get; init; }

    /// <summary>Bits a second that it may get.</summary>
    public long? IngressBitsPerSecond { get; init; }

    /// <summary>Packets a second that it may send.</summary>
    public int? EgressPacketsPerSecond { get; init; }

    /// <summary>Packets a second that it may get.</summary>
    public int? IngressPacketsPerSecond { get; init; }

    /// <summary>True when it limits nothing.</summary>
    public bool IsEmpty => this == new EniLimitsConfig();
}

/// <summary>From which rates on an EIP counts as attacked, and when it counts as calm again. Null = that rate is not looked at.</summary>
public sealed record ProtectionConfig
{
    /// <summary>Bits a second that come to it, counted on IP packets.</summary>
    public long? BitsPerSecond { get; init; }

    /// <summary>Packets a second that come to it.</summary>
    public int? PacketsPerSecond { get; init; }

    /// <summary>SYNs a second that would open a connection.</summary>
    public int? SynsPerSecond { get; init; }

    /// <summary>First packets a second that would open a connection, of any protocol.</summary>
    public int? NewConnectionsPerSecond { get; init; }

    /// <summary>How long all rates have to be low before scrubbing ends.</summary>
    public TimeSpan CalmFor { get; init; } = TimeSpan.FromSeconds(10);
}
