using VSwitch.DataPlane.Probes;

namespace VSwitch.ControlPlane.Config;

/// <summary>How the switch checks whether something behind an ENI is alive: questions of its own, sent from the router's address.</summary>
public sealed record HealthCheckConfig
{
    /// <summary>What it asks with.</summary>
    public ProbeKind Protocol { get; init; }

    /// <summary>TCP port; null = that of what is checked, where it has one.</summary>
    public int? Port { get; init; }

    /// <summary>From one question to the next.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer is waited for.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Answers in a row that make an unhealthy target healthy.</summary>
    public int Healthy { get; init; } = 2;

    /// <summary>Questions in a row without an answer that make a target unhealthy.</summary>
    public int Unhealthy { get; init; } = 3;

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }
}
