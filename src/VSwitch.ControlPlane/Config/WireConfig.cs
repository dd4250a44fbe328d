namespace VSwitch.ControlPlane.Config;

/// <summary>Faults of the wire between a port and what is attached to it, for labs.</summary>
public sealed record WireConfig
{
    /// <summary>The port.</summary>
    public required string Port { get; init; }

    /// <summary>What chances are drawn from: the same seed, frames and times give the same faults.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>From what is attached to the switch.</summary>
    public WireFaultConfig In { get; init; } = new();

    /// <summary>From the switch to what is attached.</summary>
    public WireFaultConfig Out { get; init; } = new();

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}

/// <summary>Faults of one direction. Chances are parts of 1.</summary>
public sealed record WireFaultConfig
{
    /// <summary>How long each frame is on its way.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>So much more or less.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Frames lost.</summary>
    public double Loss { get; init; }

    /// <summary>Frames that overtake the delayed ones.</summary>
    public double Reorder { get; init; }

    /// <summary>Frames that come twice.</summary>
    public double Duplicate { get; init; }

    /// <summary>Frames with a bit flipped.</summary>
    public double Corrupt { get; init; }

    /// <summary>Bits a second; null = no limit.</summary>
    public long? RateBitsPerSecond { get; init; }

    /// <summary>Frames on their way at most; null = 1000.</summary>
    public int? Limit { get; init; }
}
