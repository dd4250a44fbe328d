using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;

namespace VSwitch.Api;

/// <summary>A list of the configuration whose things can be changed one by one.</summary>
/// <param name="Words">What people call such a thing.</param>
/// <param name="Kind">Its kind in a plan.</param>
/// <param name="NameOf">Its name.</param>
/// <param name="Of">The list.</param>
/// <param name="With">The configuration with another list.</param>
internal sealed record ConfigSection<T>(
    string Words, string Kind, Func<T, string> NameOf, Func<SwitchConfig, IReadOnlyList<T>> Of,
    Func<SwitchConfig, IReadOnlyList<T>, SwitchConfig> With)
    where T : class
{
    /// <summary>The thing of a name.</summary>
    /// <exception cref="ProblemException">404: there is none.</exception>
    public T Find(SwitchConfig config, string name) => Of(config).FirstOrDefault(t => NameOf(t) == name).OrNotFound(Words, name);

    /// <summary>True when there is one of that name.</summary>
    public bool Has(SwitchConfig config, string name) => Of(config).Any(t => NameOf(t) == name);

    /// <summary>With one more; one that is there already and says the same leaves all as it is.</summary>
    /// <exception cref="ProblemException">409: one of that name is there and says something else. 422: the configuration would be wrong.
    /// </exception>
    public SwitchConfig Add(SwitchConfig config, T thing)
    {
        string name = NameOf(thing);
        if (!Has(config, name))
        {
            return ConfigEdit.Settled(With(config, [.. Of(config), thing]), config);
        }

        ConfigDiff diff = ConfigDiff.Between(config, ConfigEdit.Chosen(Put(config, thing), config));
        return diff.IsEmpty ? config : throw new ProblemException(Problems.Conflict(
            $"{Words} '{name}' is there already, with another {string.Join(", ", diff.Changes[0].Fields.Select(f => f.Name))}; change it instead of adding it"));
    }

    /// <summary>With another thing of the same name.</summary>
    /// <exception cref="ProblemException">422: the configuration would be wrong.</exception>
    public SwitchConfig Replace(SwitchConfig config, T thing) => ConfigEdit.Settled(Put(config, thing), config);

    /// <summary>Without one.</summary>
    /// <exception cref="ProblemException">404: there is none. 409: something else needs it.</exception>
    public SwitchConfig Remove(SwitchConfig config, string name)
    {
        Find(config, name);
        SwitchConfig left = With(config, [.. Of(config).Where(t => NameOf(t) != name)]);
        IReadOnlyList<ConfigError> errors = ConfigReader.Validate(left);
        return errors.Count == 0 ? left : throw new ProblemException(Problems.Conflict(
            $"{Words} '{name}' is in use: without it {string.Join("; ", errors.Select(e => e.Message))}"));
    }

    private SwitchConfig Put(SwitchConfig config, T thing) =>
        With(config, [.. Of(config).Select(t => NameOf(t) == NameOf(thing) ? thing : t)]);
}

/// <summary>The lists whose things can be changed one by one.</summary>
internal static class ConfigEdit
{
    public static readonly ConfigSection<EniConfig> Enis = new("ENI", "eni", e => e.Name, c => c.Enis, (c, list) => c with { Enis = list });

    public static readonly ConfigSection<ElasticIpConfig> ElasticIps =
        new("elastic IP", "elastic-ip", e => e.Name, c => c.ElasticIps, (c, list) => c with { ElasticIps = list });

    public static readonly ConfigSection<SecurityGroupConfig> SecurityGroups =
        new("security group", "security-group", g => g.Name, c => c.SecurityGroups, (c, list) => c with { SecurityGroups = list });

    public static readonly ConfigSection<LoadBalancerConfig> LoadBalancers =
        new("load balancer", "load-balancer", b => b.Name, c => c.LoadBalancers, (c, list) => c with { LoadBalancers = list });

    public static readonly ConfigSection<PeeringConfig> Peerings =
        new("peering", "peering", p => p.Name, c => c.Peerings, (c, list) => c with { Peerings = list });

    public static readonly ConfigSection<InstanceConfig> Instances =
        new("instance", "instance", i => i.Name, c => c.Instances, (c, list) => c with { Instances = list });

    /// <summary>The configuration with what the system chooses, if it holds together.</summary>
    /// <exception cref="ProblemException">409: there is nothing to choose from. 422 with all errors.</exception>
    public static SwitchConfig Settled(SwitchConfig config, SwitchConfig inForce)
    {
        config = Chosen(config, inForce);
        return ChangeAnswers.Require(config, ConfigReader.Validate(config), isUnreadable: false);
    }

    /// <summary>The configuration with what the system chooses.</summary>
    /// <exception cref="ProblemException">409: there is nothing to choose from.</exception>
    public static SwitchConfig Chosen(SwitchConfig config, SwitchConfig inForce)
    {
        try
        {
            return SystemChoices.Fill(config, inForce);
        }
        catch (InvalidOperationException e)
        {
            throw new ProblemException(Problems.Conflict(e.Message));
        }
    }
}
