namespace VSwitch.ControlPlane.Config;

/// <summary>A peering of two VPCs: the requester asks, and nothing passes until the accepter consents (semantics.md section 9).</summary>
public sealed record PeeringConfig
{
    /// <summary>A route whose target begins so leads into a peering.</summary>
    public const string TargetPrefix = "peering:";

    /// <summary>Its name, unique over all VPCs.</summary>
    public required string Name { get; init; }

    /// <summary>The VPC that asked.</summary>
    public required string Requester { get; init; }

    /// <summary>The VPC that was asked.</summary>
    public required string Accepter { get; init; }

    /// <summary>True once both sides consent; a peering that is not accepted is pending and forwards nothing.</summary>
    public bool Accepted { get; init; }

    /// <summary>Where it stands.</summary>
    public SourcePosition Position { get; init; }

    /// <summary>The peering that a route's target names; null when it names none.</summary>
    public static string? NameOf(string routeTarget) =>
        routeTarget.StartsWith(TargetPrefix, StringComparison.Ordinal) ? routeTarget[TargetPrefix.Length..] : null;

    /// <summary>The peerings that routes name, whether they are configured or not; some perhaps more than once.</summary>
    public static IEnumerable<string> NamesInRoutes(SwitchConfig config) =>
        config.Vpcs.SelectMany(v => v.RouteTables).SelectMany(t => t.Routes).Select(r => NameOf(r.Target)).OfType<string>();

    /// <summary>True when the VPC is one of the two.</summary>
    public bool Joins(string vpc) => Requester == vpc || Accepter == vpc;

    /// <summary>True when these are the two VPCs, in either order.</summary>
    public bool Joins(string vpc, string other) => Joins(vpc) && OtherOf(vpc) == other;

    /// <summary>The one that the VPC, which is one of the two, is joined with.</summary>
    public string OtherOf(string vpc) => Requester == vpc ? Accepter : Requester;
}
