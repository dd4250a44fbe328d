namespace VSwitch.ControlPlane.Config;

/// <summary>References of rules to security groups: which of them stand, and which are stale. One of another VPC stands while a peering
/// between the two VPCs is active; a stale one matches nothing (semantics.md section 1).</summary>
public sealed class GroupReferences
{
    private readonly Dictionary<string, SecurityGroupConfig> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PeeringConfig> _peerings = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), PeeringConfig> _byPair = [];

    /// <summary>Reads a configuration, which need not be valid.</summary>
    public GroupReferences(SwitchConfig config)
    {
        foreach (SecurityGroupConfig group in config.SecurityGroups)
        {
            _groups.TryAdd(group.Name, group);
        }

        foreach (PeeringConfig peering in config.Peerings)
        {
            _peerings.TryAdd(peering.Name, peering);
            _byPair.TryAdd((peering.Requester, peering.Accepter), peering);
            _byPair.TryAdd((peering.Accepter, peering.Requester), peering);
        }
    }

    /// <summary>Why a rule's peer is stale, in words; null when it stands, or is no group.</summary>
    /// <param name="vpc">VPC of the group that the rule is of.</param>
    /// <param name="peer">The rule's peer.</param>
    public string? WhyStale(string vpc, PeerConfig peer)
    {
        if (peer.Group is not string name)
        {
            return null;
        }

        if (!_groups.TryGetValue(name, out SecurityGroupConfig? group))
        {
            return $"there is no security group '{name}'";
        }

        return group.Vpc == vpc ? null
            : peer.Peering is string named ? WhyNotBy(named, vpc, group.Vpc)
            : Between(vpc, group.Vpc) is not PeeringConfig peering ? $"no peering joins VPC '{vpc}' and VPC '{group.Vpc}'"
            : peering.Accepted ? null : $"peering '{peering.Name}' is not accepted";
    }

    /// <summary>The peering of two VPCs, accepted or not; null when there is none.</summary>
    public PeeringConfig? Between(string vpc, string other) => _byPair.GetValueOrDefault((vpc, other));

    private string? WhyNotBy(string name, string vpc, string other) =>
        !_peerings.TryGetValue(name, out PeeringConfig? peering) ? $"there is no peering '{name}'"
        : !peering.Joins(vpc, other) ? $"peering '{name}' does not join VPC '{vpc}' and VPC '{other}'"
        : peering.Accepted ? null : $"peering '{name}' is not accepted";
}
