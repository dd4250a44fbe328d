using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Plan;

/// <summary>What changes between two configurations, thing by thing, in the order of the document. Order, spelling, units and places
/// in the text do not count where they mean nothing.</summary>
public sealed class ConfigDiff
{
    private readonly List<ConfigChange> _changes = [];

    private ConfigDiff(SwitchConfig config)
    {
        Config = config;
    }

    /// <summary>What changes, in the order of the document; of each section what stays or is new, then what goes.</summary>
    public IReadOnlyList<ConfigChange> Changes => _changes;

    /// <summary>The new configuration, made of the old one's objects where these say the same: what a change leaves alone is not kept
    /// twice.</summary>
    public SwitchConfig Config { get; private set; }

    /// <summary>True when the two say the same.</summary>
    public bool IsEmpty => _changes.Count == 0;

    /// <summary>"Plan: 1 to add, 2 to change, 0 to remove".</summary>
    public static string Summary(IReadOnlyList<ConfigChange> changes)
    {
        int Count(ChangeAction action) => changes.Count(c => c.Action == action);
        return $"Plan: {Count(ChangeAction.Add)} to add, {Count(ChangeAction.Change)} to change, {Count(ChangeAction.Remove)} to remove";
    }

    /// <summary>Compares two configurations, both valid. 10 000 rules take milliseconds.</summary>
    public static ConfigDiff Between(SwitchConfig before, SwitchConfig after)
    {
        var diff = new ConfigDiff(after);
        diff.Compare(Shapes.Switch, null, [before.Switch], [after.Switch]);
        diff.Compare(Shapes.Internet, null, One(before.Internet), One(after.Internet));
        diff.CompareVpcs(before.Vpcs, after.Vpcs);
        diff.Config = after with
        {
            SecurityGroups = diff.Compare(Shapes.SecurityGroup, null, before.SecurityGroups, after.SecurityGroups, Share),
            NetworkAcls = diff.Compare(Shapes.NetworkAcl, null, before.NetworkAcls, after.NetworkAcls),
            PrefixLists = diff.Compare(Shapes.PrefixList, null, before.PrefixLists, after.PrefixLists),
            Instances = diff.Compare(Shapes.Instance, null, before.Instances, after.Instances),
            Enis = diff.Compare(Shapes.Eni, null, before.Enis, after.Enis),
            ElasticIps = diff.Compare(Shapes.ElasticIp, null, before.ElasticIps, after.ElasticIps),
            FlowLogs = diff.Compare(Shapes.FlowLog, null, before.FlowLogs, after.FlowLogs),
            Mirrors = diff.Compare(Shapes.Mirror, null, before.Mirrors, after.Mirrors),
            Wires = diff.Compare(WireShape.Wire, null, before.Wires, after.Wires),
        };
        return diff;
    }

    private static T[] One<T>(T? thing)
        where T : class => thing == null ? [] : [thing];

    /// <summary>A group's rules are many, and most of them stay.</summary>
    private static SecurityGroupConfig Share(SecurityGroupConfig before, SecurityGroupConfig after)
    {
        ListComparison.Compare(before.Ingress, after.Ingress, RuleComparer.AsWritten, out IReadOnlyList<RuleConfig> ingress);
        IReadOnlyList<RuleConfig>? egress = after.Egress;
        if (before.Egress != null && after.Egress != null)
        {
            ListComparison.Compare(before.Egress, after.Egress, RuleComparer.AsWritten, out egress);
        }

        return after with { Ingress = ingress, Egress = egress };
    }

    private void CompareVpcs(IReadOnlyList<VpcConfig> before, IReadOnlyList<VpcConfig> after)
    {
        var old = before.ToDictionary(v => v.Name, StringComparer.Ordinal);
        foreach (VpcConfig vpc in after)
        {
            VpcConfig? was = old.GetValueOrDefault(vpc.Name);
            Compare(Shapes.Vpc, null, One(was), [vpc]);
            Compare(Shapes.Subnet, vpc.Name, was?.Subnets ?? [], vpc.Subnets);
            Compare(Shapes.RouteTable, vpc.Name, was?.RouteTables ?? [], vpc.RouteTables);
            old.Remove(vpc.Name);
        }

        foreach (VpcConfig gone in before.Where(v => old.ContainsKey(v.Name)))
        {
            Compare(Shapes.Vpc, null, [gone], []);
            Compare(Shapes.Subnet, gone.Name, gone.Subnets, []);
            Compare(Shapes.RouteTable, gone.Name, gone.RouteTables, []);
        }
    }

    /// <summary>Compares things of one kind by their names. Returns the new ones, the old objects where they say the same.</summary>
    private T[] Compare<T>(
        Shape<T> shape, string? vpc, IReadOnlyList<T> before, IReadOnlyList<T> after, Func<T, T, T>? share = null)
        where T : class
    {
        var old = before.ToDictionary(shape.NameOf, StringComparer.Ordinal);
        var result = new T[after.Count];
        for (int i = 0; i < after.Count; i++)
        {
            T thing = after[i];
            old.Remove(shape.NameOf(thing), out T? was);
            if (ReferenceEquals(was, thing))
            {
                result[i] = thing;
                continue;
            }

            FieldChange[] fields = FieldsOf(shape, was, thing);
            if (was == null || fields.Length > 0)
            {
                _changes.Add(new ConfigChange(was == null ? ChangeAction.Add : ChangeAction.Change, shape.Kind, shape.NameOf(thing), vpc, fields));
                result[i] = was == null || share == null ? thing : share(was, thing);
            }
            else
            {
                result[i] = was;
            }
        }

        foreach (T gone in before.Where(t => old.ContainsKey(shape.NameOf(t))))
        {
            _changes.Add(new ConfigChange(ChangeAction.Remove, shape.Kind, shape.NameOf(gone), vpc, FieldsOf(shape, gone, null)));
        }

        return result;
    }

    private static FieldChange[] FieldsOf<T>(Shape<T> shape, T? before, T? after)
        where T : class => [.. shape.Fields.Select(f => f.Compare(before, after)).OfType<FieldChange>()];
}
