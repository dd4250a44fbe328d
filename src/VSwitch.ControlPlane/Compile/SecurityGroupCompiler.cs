using System.Security.Cryptography;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From groups as configured to rule sets. ENIs with the same groups share a set. A group reference becomes the private
/// addresses of its members (semantics.md section 1).</summary>
internal sealed class SecurityGroupCompiler
{
    private static readonly IpPrefix All4 = new(IpAddress.V4(0), 0);
    private static readonly IpPrefix All6 = new(IpAddress.V6(0), 0);
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly Dictionary<string, SecurityGroupConfig> _groups;
    private readonly Dictionary<string, List<IpPrefix>> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Egress, int Ingress)> _sets = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Group, bool IsEgress), List<RuleBox>> _boxes = [];
    private readonly SecurityGroupTableBuilder _builder = new();

    public SecurityGroupCompiler(SwitchConfig config, NumberDirectory numbers)
    {
        _config = config;
        _numbers = numbers;
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

    public SecurityGroupTable Build()
    {
        foreach (SecurityGroupConfig group in _config.SecurityGroups)
        {
            _numbers.GroupOf(group.Name);
        }

        var states = new SecurityGroupState[_numbers.GroupCount];
        foreach (SecurityGroupConfig group in _config.SecurityGroups)
        {
            states[_numbers.GroupOf(group.Name)] = new SecurityGroupState(
                group.Name, ModeOf(group.LiveConnections), _numbers.GroupSince(group.Name),
                _numbers.NoteRules(group.Name, DigestOf(group)));
        }

        _builder.SetGroups(states);
        return _builder.Build();
    }

    private static LiveMode ModeOf(LiveConnectionPolicy policy) => policy switch
    {
        LiveConnectionPolicy.Keep => LiveMode.Keep,
        LiveConnectionPolicy.Cut => LiveMode.Cut,
        _ => LiveMode.Recheck,
    };

    /// <summary>Tells whether a group's own rules are what they were (order of checks, section 10).</summary>
    private static string DigestOf(SecurityGroupConfig group)
    {
        var text = new StringBuilder();
        foreach (RuleConfig rule in group.Ingress)
        {
            text.Append(RuleText.Of(rule, isEgress: false)).Append('\n');
        }

        text.Append(group.Egress == null ? "all" : "only").Append('\n');
        foreach (RuleConfig rule in group.Egress ?? [])
        {
            text.Append(RuleText.Of(rule, isEgress: true)).Append('\n');
        }

        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

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
        int number = _numbers.GroupOf(group.Name);
        if (rules == null)
        {
            int rule = _builder.AddRule(number, 0, $"group {group.Name}, egress default (all)");
            boxes.Add(Box(null, All4, 0, ushort.MaxValue, rule));
            boxes.Add(Box(null, All6, 0, ushort.MaxValue, rule));
            return;
        }

        for (int i = 0; i < rules.Count; i++)
        {
            string direction = isEgress ? "egress" : "ingress";
            string words = $"group {group.Name}, {direction} rule {i + 1} ({RuleText.Of(rules[i], isEgress)})";

            // Egress rules have the even places and ingress rules the odd ones, so that a rule's number hangs on nothing
            // but its own place.
            AddRule(rules[i], _builder.AddRule(number, (2 * i) + (isEgress ? 0 : 1), words), boxes);
        }
    }

    private void AddRule(RuleConfig rule, int number, List<RuleBox> boxes)
    {
        foreach (IpPrefix prefix in PrefixesOf(rule.Peer))
        {
            if (RuleText.IsOtherFamily(rule, prefix.IsV6))
            {
                continue;
            }

            foreach (PortRange range in RuleText.SelectorsOf(rule))
            {
                boxes.Add(Box(rule.Protocol, prefix, range.First, range.Last, number));
            }
        }
    }

    private IEnumerable<IpPrefix> PrefixesOf(PeerConfig peer) =>
        peer.Cidr is IpPrefix cidr ? [cidr]
        : peer.Group != null ? _members.GetValueOrDefault(peer.Group, [])
        : _config.PrefixesOf(peer.PrefixList!);

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
}
