using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From groups as configured to rule sets. ENIs with the same groups share a set. A group reference becomes the private
/// addresses of its members (semantics.md section 1).</summary>
internal sealed class SecurityGroupCompiler
{
    private const byte Icmp = 1;
    private const byte Icmp6 = 58;
    private static readonly IpPrefix All4 = new(IpAddress.V4(0), 0);
    private static readonly IpPrefix All6 = new(IpAddress.V6(0), 0);
    private readonly SwitchConfig _config;
    private readonly Dictionary<string, SecurityGroupConfig> _groups;
    private readonly Dictionary<string, List<IpPrefix>> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Egress, int Ingress)> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Group, bool IsEgress), List<RuleBox>> _boxes = [];
    private readonly SecurityGroupTableBuilder _builder = new();

    public SecurityGroupCompiler(SwitchConfig config)
    {
        _config = config;
        _groups = config.SecurityGroups.ToDictionary(g => g.Name, StringComparer.Ordinal);
        foreach (EniConfig eni in config.Enis)
        {
            foreach (string group in eni.SecurityGroups)
            {
                if (!_members.TryGetValue(group, out List<IpPrefix>? list))
                {
                    _members[group] = list = [];
                }

                list.AddRange(eni.PrivateIps.Select(ip => new IpPrefix(ip, ip.BitCount)));
            }
        }
    }

    /// <summary>The rule sets of an ENI with these groups.</summary>
    public (int Egress, int Ingress) SetsOf(IReadOnlyList<string> groups)
    {
        string key = string.Join('\n', groups.Order(StringComparer.Ordinal));
        if (!_sets.TryGetValue(key, out (int Egress, int Ingress) sets))
        {
            sets = (_builder.AddRuleSet(BoxesOf(groups, true)), _builder.AddRuleSet(BoxesOf(groups, false)));
            _sets.Add(key, sets);
        }

        return sets;
    }

    public SecurityGroupTable Build() => _builder.Build();

    private List<RuleBox> BoxesOf(IReadOnlyList<string> groups, bool isEgress)
    {
        var boxes = new List<RuleBox>();
        foreach (string name in groups)
        {
            if (!_boxes.TryGetValue((name, isEgress), out List<RuleBox>? own))
            {
                own = [];
                AddGroup(_groups[name], isEgress, own);
                _boxes.Add((name, isEgress), own);
            }

            boxes.AddRange(own);
        }

        return boxes;
    }

    private void AddGroup(SecurityGroupConfig group, bool isEgress, List<RuleBox> boxes)
    {
        IReadOnlyList<RuleConfig>? rules = isEgress ? group.Egress : group.Ingress;
        if (rules == null)
        {
            int rule = _builder.AddRule($"group {group.Name}, egress default (all)");
            boxes.Add(Box(null, All4, 0, ushort.MaxValue, rule));
            boxes.Add(Box(null, All6, 0, ushort.MaxValue, rule));
            return;
        }

        for (int i = 0; i < rules.Count; i++)
        {
            string direction = isEgress ? "egress" : "ingress";
            string words = Describe(rules[i], isEgress);
            AddRule(rules[i], _builder.AddRule($"group {group.Name}, {direction} rule {i + 1} ({words})"), boxes);
        }
    }

    private void AddRule(RuleConfig rule, int number, List<RuleBox> boxes)
    {
        foreach (IpPrefix prefix in PrefixesOf(rule.Peer))
        {
            bool isOtherFamily = (rule.Protocol == Icmp && prefix.IsV6) || (rule.Protocol == Icmp6 && !prefix.IsV6);
            if (isOtherFamily)
            {
                continue;
            }

            if (rule.IcmpType is byte type)
            {
                ushort first = (ushort)((type << 8) | (rule.IcmpCode ?? 0));
                ushort last = (ushort)((type << 8) | (rule.IcmpCode ?? 255));
                boxes.Add(Box(rule.Protocol, prefix, first, last, number));
            }
            else if (rule.Ports.Count == 0)
            {
                boxes.Add(Box(rule.Protocol, prefix, 0, ushort.MaxValue, number));
            }

            foreach (PortRange range in rule.Ports)
            {
                boxes.Add(Box(rule.Protocol, prefix, range.First, range.Last, number));
            }
        }
    }

    private IEnumerable<IpPrefix> PrefixesOf(PeerConfig peer) =>
        peer.Cidr is IpPrefix cidr ? [cidr]
        : peer.Group != null ? _members.GetValueOrDefault(peer.Group, [])
        : _config.PrefixLists.First(list => list.Name == peer.PrefixList).Cidrs;

    private static RuleBox Box(byte? protocol, IpPrefix prefix, ushort first, ushort last, int rule)
    {
        if (prefix.IsV6)
        {
            Prefix6 raw = Raw.Prefix6(prefix);
            return new RuleBox(protocol, true, raw.Network, raw.Mask, first, last, rule);
        }

        Prefix4 raw4 = Raw.Prefix4(prefix);
        return new RuleBox(protocol, false, new RawIp6(raw4.Network, 0), new RawIp6(raw4.Mask, 0), first, last, rule);
    }

    private static string Describe(RuleConfig rule, bool isEgress)
    {
        string protocol = rule.Protocol switch
        {
            null => "all",
            1 => "icmp",
            6 => "tcp",
            17 => "udp",
            58 => "icmpv6",
            132 => "sctp",
            byte number => number.ToString(CultureInfo.InvariantCulture),
        };
        string selectors = rule.IcmpType is byte type
            ? $"type {type}{(rule.IcmpCode is byte code ? $" code {code}" : "")}"
            : string.Join(',', rule.Ports.Select(r => r.First == r.Last ? $"{r.First}" : $"{r.First}-{r.Last}"));
        string peer = rule.Peer.Cidr?.ToString() ?? (rule.Peer.Group != null ? $"sg:{rule.Peer.Group}" : $"prefixList:{rule.Peer.PrefixList}");
        return $"{protocol}{(selectors.Length > 0 ? " " + selectors : "")} {(isEgress ? "to" : "from")} {peer}";
    }
}
