using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>Peerings, the routes into them, and the groups of the other side (semantics.md sections 1 and 9).</content>
internal sealed partial class ConfigValidator
{
    private void ValidatePeerings()
    {
        Collect(_config.Peerings, p => p.Name, p => p.Position, "peering", _peerings, p => p);
        var pairs = new Dictionary<(string, string), PeeringConfig>();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (PeeringConfig peering in _config.Peerings)
        {
            if (!HasTwoVpcs(peering))
            {
                continue;
            }

            (string, string) pair = string.CompareOrdinal(peering.Requester, peering.Accepter) < 0
                ? (peering.Requester, peering.Accepter) : (peering.Accepter, peering.Requester);
            if (!pairs.TryAdd(pair, peering))
            {
                _errors.Add(peering.Position, $"VPC '{peering.Requester}' and VPC '{peering.Accepter}' have peering '{pairs[pair].Name}'{_errors.Line(pairs[pair].Position)} already; one a pair: remove one");
                continue;
            }

            ValidateOverlap(peering);
            foreach (string vpc in (ReadOnlySpan<string>)[peering.Requester, peering.Accepter])
            {
                int count = counts[vpc] = counts.GetValueOrDefault(vpc) + 1;
                if (count == Quotas.PeeringsPerVpc + 1)
                {
                    _errors.Add(peering.Position, $"VPC '{vpc}' takes {Quotas.PeeringsPerVpc} peerings, this is number {count}; remove some");
                }
            }
        }
    }

    private bool HasTwoVpcs(PeeringConfig peering)
    {
        bool has = true;
        foreach (string vpc in (ReadOnlySpan<string>)[peering.Requester, peering.Accepter])
        {
            if (!_vpcs.ContainsKey(vpc))
            {
                _errors.Add(peering.Position, $"peering '{peering.Name}' names VPC '{vpc}', which does not exist; add it or correct the name");
                has = false;
            }
        }

        if (has && peering.Requester == peering.Accepter)
        {
            _errors.Add(peering.Position, $"peering '{peering.Name}' joins VPC '{peering.Requester}' with itself; name two VPCs");
            has = false;
        }

        return has;
    }

    private void ValidateOverlap(PeeringConfig peering)
    {
        foreach (IpPrefix own in _vpcs[peering.Requester].Cidrs)
        {
            foreach (IpPrefix other in _vpcs[peering.Accepter].Cidrs.Where(own.Overlaps))
            {
                _errors.Add(peering.Position, $"peering '{peering.Name}' cannot be: {own} of VPC '{peering.Requester}' overlaps {other} of VPC '{peering.Accepter}'; peer VPCs whose ranges are apart");
            }
        }
    }

    /// <summary>A route into a peering that is not active is a blackhole, as where a peering was deleted under it, and no error.</summary>
    private void ValidatePeeringRoute(VpcConfig vpc, RouteConfig route, string name)
    {
        PeeringConfig? peering = _peerings.GetValueOrDefault(name);
        if (peering?.Joins(vpc.Name) == false)
        {
            _errors.Add(route.Position, $"route target '{route.Target}' joins VPC '{peering.Requester}' and VPC '{peering.Accepter}', not VPC '{vpc.Name}'; name a peering of this VPC");
            return;
        }

        // What a prefix list holds besides may be meant for the routes of other VPCs.
        if (route.PrefixList == null && vpc.Cidrs.Any(c => c.Length <= route.Destination.Length && c.Overlaps(route.Destination)))
        {
            _errors.Add(route.Position, $"the route to {route.Destination} into peering '{name}' can never be used: it lies inside VPC '{vpc.Name}' itself, and local routes beat all others; name a range of the peer");
        }

        if (peering?.Accepted != true)
        {
            _errors.Warn(route.Position, $"the route to {ConfigText.Destination(route)} drops all: peering not active ({(peering == null ? $"there is no peering '{name}'" : $"'{name}' is not accepted")})");
        }
    }

    /// <summary>A rule that names a group of a VPC without a peering is a mistake, unless it says by which peering the group was reached:
    /// then the peering, or the group, went, and the rule is stale.</summary>
    private void ValidateGroupPeer(SecurityGroupConfig group, RuleConfig rule, string name)
    {
        SecurityGroupConfig? other = _groups.GetValueOrDefault(name);
        bool isMarked = rule.Peer.Peering != null;
        if (other == null && !isMarked)
        {
            _errors.Add(rule.Position, $"a rule of '{group.Name}' names sg:{name}, which does not exist; add the group or correct the name");
        }
        else if (other?.Vpc == group.Vpc && isMarked)
        {
            _errors.Add(rule.Position, $"sg:{name} is in the VPC of the rule's own group, '{group.Vpc}', which no peering leads to; remove 'peering'");
        }
        else if (other != null && other.Vpc != group.Vpc && !isMarked && _references.Between(group.Vpc, other.Vpc) == null)
        {
            _errors.Add(rule.Position, $"sg:{name} is in VPC '{other.Vpc}', the rule's group in '{group.Vpc}', and no peering joins them; name a group of the same VPC, add the peering, or, if it was removed, say 'peering: NAME' in the rule to keep it as a stale one");
        }
        else if (_references.WhyStale(group.Vpc, rule.Peer) is string why)
        {
            _errors.Warn(rule.Position, $"a rule of '{group.Name}' is stale and matches nothing: {why}; remove it, or bring back what sg:{name} needs");
        }
    }
}
