using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Which traffic a flow log records.</summary>
public enum FlowLogTraffic
{
    /// <summary>All.</summary>
    All,

    /// <summary>What passed.</summary>
    Accept,

    /// <summary>What was dropped.</summary>
    Reject,
}

/// <summary>A flow log: who is watched (exactly one of Eni, Subnet, Vpc), what is recorded, and where to (exactly one of File and
/// Ipfix).</summary>
public sealed record FlowLogConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>One ENI.</summary>
    public string? Eni { get; init; }

    /// <summary>All ENIs of a subnet.</summary>
    public string? Subnet { get; init; }

    /// <summary>All ENIs of a VPC.</summary>
    public string? Vpc { get; init; }

    /// <summary>Which traffic.</summary>
    public FlowLogTraffic Traffic { get; init; }

    /// <summary>How long packets are gathered into one record.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Fields of a line, as AWS writes them: "${version} ${srcaddr} …"; null = the version 2 default.</summary>
    public string? Format { get; init; }

    /// <summary>Text file that lines are appended to.</summary>
    public string? File { get; init; }

    /// <summary>IPFIX collector over UDP, "127.0.0.1:4739".</summary>
    public string? Ipfix { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>Which packets a mirror copies, as the port that they are copied at sees them.</summary>
public enum MirrorDirection
{
    /// <summary>Both.</summary>
    Both,

    /// <summary>What comes in from the guest.</summary>
    In,

    /// <summary>What goes out to the guest.</summary>
    Out,
}

/// <summary>A mirror: copies what passes a port, or of it one flow, to another port or to a pcapng file (exactly one of ToPort and
/// ToFile).</summary>
public sealed record MirrorConfig
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The port that is copied.</summary>
    public required string Port { get; init; }

    /// <summary>Which way.</summary>
    public MirrorDirection Direction { get; init; }

    /// <summary>Only what the filter names, in the words of <c>vswitch capture --filter</c>; null = all.</summary>
    public string? Filter { get; init; }

    /// <summary>The port whose device gets the copies.</summary>
    public string? ToPort { get; init; }

    /// <summary>The pcapng file that gets the copies.</summary>
    public string? ToFile { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}
