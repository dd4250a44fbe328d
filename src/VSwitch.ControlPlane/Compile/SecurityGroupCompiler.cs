using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From groups as configured to rule sets. ENIs with the same groups share a set. A group reference becomes the private
/// addresses of its members (semantics.md section 1); a stale one nothing. What was compiled of a group before is used again as far as it is the same.
/// </summary>
internal sealed class SecurityGroupCompiler
{
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly Dictionary<string, SecurityGroupConfig> _groups;
    private readonly Dictionary<string, List<IpPrefix>> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Egress, int Ingress)> _sets = new(StringComparer.Ordinal);
    private readonly List<RuleBlock[]> _blocks = [];
    private readonly Dictionary<string, Func<PeerConfig, IReadOnlyList<IpPrefix>>> _prefixesOf = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Vpc, string Group), IReadOnlyList<IpPrefix>> _membersElsewhere = [];
    private readonly GroupReferences _references;

    public SecurityGroupCompiler(SwitchConfig config, NumberDirectory numbers)
    {
        _config = config;
        _numbers = numbers;
        _references = new GroupReferences(config);
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
            .Compile(isEgress ? group.Egress : group.Ingress, PrefixesIn(group.Vpc));

    /// <summary>What the peers of rules in a VPC stand for.</summary>
    private Func<PeerConfig, IReadOnlyList<IpPrefix>> PrefixesIn(string vpc)
    {
        if (!_prefixesOf.TryGetValue(vpc, out Func<PeerConfig, IReadOnlyList<IpPrefix>>? prefixesOf))
        {
            _prefixesOf.Add(vpc, prefixesOf = peer => PrefixesOf(vpc, peer));
        }

        return prefixesOf;
    }

    private IReadOnlyList<IpPrefix> PrefixesOf(string vpc, PeerConfig peer)
    {
        if (peer.Group is not string name)
        {
            return _config.PrefixesOf(peer.PrefixList!);
        }

        if (_references.WhyStale(vpc, peer) != null || !_members.TryGetValue(name, out List<IpPrefix>? members))
        {
            return [];
        }

        return _groups[name].Vpc == vpc ? members : MembersElsewhere(vpc, name, members);
    }

    /// <summary>Members of a group of a peer, but for addresses that another peer of the VPC has, too: a rule looks at addresses, and would
    /// let the other one in.</summary>
    private IReadOnlyList<IpPrefix> MembersElsewhere(string vpc, string name, List<IpPrefix> members)
    {
        if (!_membersElsewhere.TryGetValue((vpc, name), out IReadOnlyList<IpPrefix>? told))
        {
            string own = _groups[name].Vpc;
            string[] others = [.. _config.Peerings.Where(p => p.Accepted && p.Joins(vpc)).Select(p => p.OtherOf(vpc)).Where(v => v != own)];
            HashSet<string> subnets = [.. _config.Vpcs.Where(v => others.Contains(v.Name)).SelectMany(v => v.Subnets).Select(s => s.Name)];
            HashSet<IpAddress> taken = [.. _config.Enis.Where(e => subnets.Contains(e.Subnet)).SelectMany(e => e.PrivateIps)];
            told = taken.Count == 0 ? members : [.. members.Where(m => !taken.Contains(m.Address))];
            _membersElsewhere.Add((vpc, name), told);
        }

        return told;
    }
}
