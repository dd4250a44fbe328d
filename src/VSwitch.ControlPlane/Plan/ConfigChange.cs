namespace VSwitch.ControlPlane.Plan;

/// <summary>What happens to a thing of the configuration.</summary>
public enum ChangeAction
{
    /// <summary>It is new.</summary>
    Add,

    /// <summary>It stays, with other settings.</summary>
    Change,

    /// <summary>It goes.</summary>
    Remove,
}

/// <summary>One thing that a change of the configuration adds, changes or removes.</summary>
/// <param name="Action">What happens to it.</param>
/// <param name="Kind">What it is: switch, internet, vpc, subnet, route-table, peering, security-group, network-acl, prefix-list, instance, eni,
/// elastic-ip, nat-gateway, load-balancer, gateway, flow-log, mirror, wire, billing.</param>
/// <param name="Name">Its name; that of the kind where there is only one.</param>
/// <param name="Vpc">The VPC that a subnet or a route table stands in; null for what stands by itself.</param>
/// <param name="Fields">Its settings: all that are not the usual ones when it is new or goes, else those that change.</param>
public sealed record ConfigChange(ChangeAction Action, string Kind, string Name, string? Vpc, IReadOnlyList<FieldChange> Fields);

/// <summary>One setting of a thing, by the name that it has in the configuration; values are written as there, with their units.</summary>
/// <param name="Name">Its name, with dots where it is nested: timeouts.udp.</param>
/// <param name="From">What it was; null when it was not set, or when only items of a list changed.</param>
/// <param name="To">What it becomes; null when it is no longer set, or when only items of a list changed.</param>
/// <param name="Added">Items that a list gains; null when none.</param>
/// <param name="Removed">Items that a list loses; null when none.</param>
public sealed record FieldChange(
    string Name, string? From = null, string? To = null, IReadOnlyList<string>? Added = null, IReadOnlyList<string>? Removed = null)
{
    /// <summary>Items that are not named because there are too many; null when all are.</summary>
    public int? Omitted { get; init; }

    /// <summary>The same with at most so many added and so many removed items.</summary>
    public FieldChange Limit(int most)
    {
        int omitted = Math.Max(0, (Added?.Count ?? 0) - most) + Math.Max(0, (Removed?.Count ?? 0) - most);
        return omitted == 0 ? this
            : this with { Added = First(Added, most), Removed = First(Removed, most), Omitted = omitted + (Omitted ?? 0) };
    }

    private static IReadOnlyList<string>? First(IReadOnlyList<string>? items, int most) => items?.Count > most ? [.. items.Take(most)] : items;
}
