using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From groups as configured to rule sets. ENIs with the same groups share a set. A group reference becomes the private
/// addresses of its members (semantics.md section 1). What was compiled of a group before is used again as far as it is the same.
/// </summary>
internal sealed class SecurityGroupCompiler
{
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly Dictionary<string, SecurityGroupConfig> _groups;
    private readonly Dictionary<string, List<IpPrefix>> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Egress, int Ingress)> _sets = new(StringComparer.Ordinal);
    private readonly List<RuleBlock[]> _blocks = [];
    private readonly Func<PeerConfig, IReadOnlyList<IpPrefix>> _prefixesOf;

    public SecurityGroupCompiler(SwitchConfig config, NumberDirectory numbers)
    {
        _config = config;
        _numbers = numbers;
        _prefixesOf = PrefixesOf;
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
        string key = groups.Count == 1 ? groups[0] : string.Join('\n', groups.Order(StringComparer.Ordinal));
        if (!_sets.TryGetValue(key, out (int Egress, int Ingress) sets))
        {
            sets = (AddSet(groups, isEgress: true), AddSet(groups, isEgress: false));
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
        var named = new SecurityGroupConfig?[_numbers.GroupCount];
        foreach (SecurityGroupConfig group in _config.SecurityGroups)
        {
            int number = _numbers.GroupOf(group.Name);
            named[number] = group;
            states[number] = new SecurityGroupState(
                group.Name, ModeOf(group.LiveConnections), _numbers.GroupSince(group.Name),
                _numbers.NoteRules(group.Name, new GroupRules(group)));
        }

        _numbers.CompiledRules.KeepOnly(named);
        return new SecurityGroupTable([.. _blocks], states, new SecurityGroupWords(named));
    }

    private static LiveMode ModeOf(LiveConnectionPolicy policy) => policy switch
    {
        LiveConnectionPolicy.Keep => LiveMode.Keep,
        LiveConnectionPolicy.Cut => LiveMode.Cut,
        _ => LiveMode.Recheck,
    };

    private int AddSet(IReadOnlyList<string> groups, bool isEgress)
    {
        _blocks.Add([.. groups.Select(name => BlockOf(_groups[name], isEgress))]);
        return _blocks.Count - 1;
    }

    private RuleBlock BlockOf(SecurityGroupConfig group, bool isEgress) =>
        _numbers.CompiledRules.Of(_numbers.GroupOf(group.Name), isEgress)
            .Compile(isEgress ? group.Egress : group.Ingress, _prefixesOf);

    private IReadOnlyList<IpPrefix> PrefixesOf(PeerConfig peer) =>
        peer.Group == null ? _config.PrefixesOf(peer.PrefixList!)
        : _members.TryGetValue(peer.Group, out List<IpPrefix>? members) ? members : [];
}
