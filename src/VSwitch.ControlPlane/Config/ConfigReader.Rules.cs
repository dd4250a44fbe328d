using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>Rules of security groups and of network ACLs.</content>
public static partial class ConfigReader
{
    private const string GroupPrefix = "sg:";
    private const string ListPrefix = "prefixList:";
    private const int MaxPriority = 32768;

    private static NetworkAclConfig ReadNetworkAcl(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a network ACL", errors);
        var acl = new NetworkAclConfig
        {
            Name = map.Required("name"),
            Vpc = map.Required("vpc"),
            Ingress = ReadAll(map, "ingress", n => ReadAclRule(n, "source", errors)),
            Egress = ReadAll(map, "egress", n => ReadAclRule(n, "destination", errors)),
            Position = node.Position,
        };
        map.Finish();
        return acl;
    }

    private static NetworkAclRuleConfig ReadAclRule(ConfigNode node, string peerKey, ConfigErrors errors)
    {
        var map = new ConfigMap(node, $"an ACL rule with '{peerKey}'", errors);
        map.Required("priority");
        map.Required("action");
        int priority = map.Integer("priority", 1, MaxPriority) ?? 1;
        bool allows = map.Value("action", t => t switch { "allow" => true, "deny" => false, _ => (bool?)null }, "allow or deny") ?? false;
        RuleConfig match = ReadMatch(map, peerKey, allowsGroup: false, errors);
        map.Finish();
        return new NetworkAclRuleConfig(priority, allows, match);
    }

    private static RuleConfig ReadRule(ConfigNode node, string peerKey, ConfigErrors errors)
    {
        var map = new ConfigMap(node, peerKey == "source" ? "a rule with 'source'" : "a rule with 'destination'", errors);
        RuleConfig rule = ReadMatch(map, peerKey, allowsGroup: true, errors);
        map.Finish();
        return rule;
    }

    /// <summary>Which packets a rule names: what the rules of groups and of network ACLs have in common.</summary>
    private static RuleConfig ReadMatch(ConfigMap map, string peerKey, bool allowsGroup, ConfigErrors errors)
    {
        map.Required("protocol");
        int protocol = map.Value<int>(
            "protocol", ConfigValues.Protocol, "tcp, udp, icmp, icmpv6, sctp, gre, esp, ah, all, or a number up to 255") ?? -1;
        bool isIcmp = protocol is 1 or 58;
        if (map.Has("ports") && protocol is not (6 or 17 or 132))
        {
            errors.Add(map.PlaceOf("ports"), "'ports' goes with tcp, udp or sctp only; remove it or name the protocol");
        }

        foreach (string key in (ReadOnlySpan<string>)["icmpType", "icmpCode"])
        {
            if (map.Has(key) && !isIcmp)
            {
                errors.Add(map.PlaceOf(key), $"'{key}' goes with icmp or icmpv6 only; remove it or name the protocol");
            }
        }

        if (map.Has("icmpCode") && !map.Has("icmpType"))
        {
            errors.Add(map.PlaceOf("icmpCode"), "'icmpCode' needs 'icmpType' beside it");
        }

        var rule = new RuleConfig
        {
            Protocol = protocol < 0 ? null : (byte)protocol,
            Ports = ReadPorts(map, errors),
            IcmpType = (byte?)map.Integer("icmpType", 0, 255),
            IcmpCode = (byte?)map.Integer("icmpCode", 0, 255),
            Peer = ReadPeer(map, peerKey, allowsGroup, errors),
            Remark = map.Text("remark"),
            Position = map.Position,
        };
        if (rule.Remark?.Length > 256)
        {
            errors.Add(map.PlaceOf("remark"), "a remark has at most 256 characters; shorten it");
        }

        return rule;
    }

    private static List<PortRange> ReadPorts(ConfigMap map, ConfigErrors errors)
    {
        var ranges = new List<PortRange>();
        if (map.Text("ports") is not string text)
        {
            return ranges;
        }

        foreach (string part in text.Split(','))
        {
            if (ConfigValues.Ports(part, out string? wrong) is PortRange range)
            {
                ranges.Add(range);
            }
            else
            {
                errors.Add(map.PlaceOf("ports"), wrong!);
            }
        }

        return ranges;
    }

    private static PeerConfig ReadPeer(ConfigMap map, string key, bool allowsGroup, ConfigErrors errors)
    {
        string text = map.Required(key);
        if (text.StartsWith(GroupPrefix, StringComparison.Ordinal))
        {
            if (!allowsGroup)
            {
                errors.Add(map.PlaceOf(key), $"'{key}: {text}' is a group, which a stateless rule cannot follow; write a prefix like 10.0.0.0/8 or prefixList:NAME");
            }

            return new PeerConfig(null, text[GroupPrefix.Length..], null) { Peering = allowsGroup ? map.Text("peering") : null };
        }

        if (allowsGroup && map.Has("peering"))
        {
            errors.Add(map.PlaceOf("peering"), $"'peering' says by which peering a group is reached, and '{key}: {text}' is no group; remove it or write sg:NAME");
        }

        if (text.StartsWith(ListPrefix, StringComparison.Ordinal))
        {
            return new PeerConfig(null, null, text[ListPrefix.Length..]);
        }

        IpPrefix? prefix = ConfigValues.Prefix(text);
        if (text.Length > 0 && prefix == null)
        {
            string mend = ConfigValues.Address(text) is IpAddress a ? $"write {text}/{a.BitCount}"
                : $"write a prefix like 10.0.0.0/8{(allowsGroup ? ", sg:NAME" : "")} or prefixList:NAME";
            errors.Add(map.PlaceOf(key), $"'{key}: {text}' is not a prefix, {(allowsGroup ? "a group " : "")}or a prefix list; {mend}");
        }

        return new PeerConfig(prefix, null, null);
    }
}
