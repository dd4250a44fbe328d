using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Compile;

/// <summary>What was compiled of each group last. It only saves work: each compilation compares what it is given with what is here,
/// so a directory and its copies share one. Control thread only.</summary>
internal sealed class CompiledRulesCache
{
    private readonly Dictionary<(int Group, bool IsEgress), CompiledRules> _rules = [];

    /// <summary>One direction of a group.</summary>
    public CompiledRules Of(int group, bool isEgress)
    {
        if (!_rules.TryGetValue((group, isEgress), out CompiledRules? rules))
        {
            rules = new CompiledRules(group, isEgress);
            _rules.Add((group, isEgress), rules);
        }

        return rules;
    }

    /// <summary>Forgets groups that are configured no longer.</summary>
    /// <param name="groups">Groups by number; null where there is none.</param>
    public void KeepOnly(SecurityGroupConfig?[] groups)
    {
        foreach ((int Group, bool IsEgress) key in _rules.Keys)
        {
            if (key.Group >= groups.Length || groups[key.Group] == null)
            {
                _rules.Remove(key);
            }
        }
    }
}
