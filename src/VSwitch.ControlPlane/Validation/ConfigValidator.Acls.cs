using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>Network ACLs.</content>
internal sealed partial class ConfigValidator
{
    private void ValidateNetworkAcls()
    {
        foreach (NetworkAclConfig acl in _config.NetworkAcls)
        {
            if (!_vpcs.ContainsKey(acl.Vpc))
            {
                _errors.Add(acl.Position, $"network ACL '{acl.Name}' names VPC '{acl.Vpc}', which does not exist; add it or correct the name");
            }

            int count = acl.Ingress.Count + acl.Egress.Count;
            if (count > Quotas.RulesPerNetworkAcl)
            {
                _errors.Add(acl.Position, $"network ACL '{acl.Name}' has {count} rules; it takes {Quotas.RulesPerNetworkAcl}, ingress and egress together: join or remove some");
            }

            ValidateAclRules(acl, acl.Ingress, "ingress");
            ValidateAclRules(acl, acl.Egress, "egress");
        }

        foreach (IGrouping<string, NetworkAclConfig> own in _config.NetworkAcls.GroupBy(a => a.Vpc))
        {
            foreach (NetworkAclConfig beyond in own.Skip(Quotas.NetworkAclsPerVpc).Take(1))
            {
                _errors.Add(beyond.Position, $"VPC '{own.Key}' takes {Quotas.NetworkAclsPerVpc} network ACLs, this is number {Quotas.NetworkAclsPerVpc + 1}; remove some");
            }
        }
    }

    private void ValidateAclRules(NetworkAclConfig acl, IReadOnlyList<NetworkAclRuleConfig> rules, string direction)
    {
        var first = new Dictionary<int, SourcePosition>();
        foreach (NetworkAclRuleConfig rule in rules)
        {
            SourcePosition place = rule.Match.Position;
            if (!first.TryAdd(rule.Priority, place))
            {
                _errors.Add(place, $"priority {rule.Priority} occurs twice in the {direction} rules of network ACL '{acl.Name}'{_errors.Line(first[rule.Priority], "first at ")}; give each its own");
            }

            if (rule.Match.Peer.Cidr is IpPrefix cidr)
            {
                CheckNetwork(cidr, place);
            }
            else if (rule.Match.Peer.PrefixList is string list && !_prefixLists.Contains(list))
            {
                _errors.Add(place, $"a rule of network ACL '{acl.Name}' names prefixList:{list}, which does not exist; add the list or correct the name");
            }
        }
    }

    private void ValidateAclOf(VpcConfig vpc, SubnetConfig subnet)
    {
        if (subnet.NetworkAcl is not string name)
        {
            return;
        }

        if (!_acls.TryGetValue(name, out NetworkAclConfig? acl))
        {
            _errors.Add(subnet.Position, $"subnet '{subnet.Name}' names network ACL '{name}', which does not exist; add it or correct the name");
        }
        else if (acl.Vpc != vpc.Name)
        {
            _errors.Add(subnet.Position, $"network ACL '{name}' is in VPC '{acl.Vpc}', subnet '{subnet.Name}' in '{vpc.Name}'; use an ACL of its VPC");
        }
    }
}
