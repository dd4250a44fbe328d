using VSwitch.ControlPlane.Config;

namespace VSwitch.Api;

/// <summary>What may become of an instance while the switch runs (semantics.md section 9). An instance has no power state here: its ENIs are
/// plugged in and pulled out whether its guest runs or not, and a guest that is off is a device whose link is down.</summary>
internal static class InstanceLife
{
    /// <summary>A new instance with its primary ENI. One that is there with the very same ENI stays as it is.</summary>
    /// <exception cref="ProblemException">409: one of either name is there and says something else. 422: the configuration would be wrong.
    /// </exception>
    public static SwitchConfig Create(SwitchConfig config, NewInstance asked)
    {
        EniConfig? eni = config.Enis.FirstOrDefault(e => e.Name == asked.Primary.Name);
        if (ConfigEdit.Instances.Has(config, asked.Instance.Name))
        {
            return eni is { Primary: true } && eni.Instance == asked.Instance.Name
                ? ConfigEdit.Enis.Add(ConfigEdit.Instances.Add(config, asked.Instance), asked.Primary)
                : throw new ProblemException(Problems.Conflict($"instance '{asked.Instance.Name}' is there already, with another primary ENI; change it instead of adding it"));
        }

        return eni != null
            ? throw new ProblemException(Problems.Conflict($"ENI '{eni.Name}' is there already, and a primary ENI is made with its instance; give it another name"))
            : ConfigEdit.Settled(config with { Instances = [.. config.Instances, asked.Instance], Enis = [.. config.Enis, asked.Primary] }, config);
    }

    /// <summary>An instance goes, and with it its primary ENI and the secondary ones that are to go with it; the others stay, detached. EIPs of
    /// what goes are disassociated.</summary>
    /// <exception cref="ProblemException">404: there is none. 409: something else names an ENI that would go.</exception>
    public static SwitchConfig Delete(SwitchConfig config, string name)
    {
        ConfigEdit.Instances.Find(config, name);
        HashSet<string> gone = [.. config.Enis.Where(e => e.Instance == name && e.DeleteWithInstance).Select(e => e.Name)];
        SwitchConfig left = config with
        {
            Instances = [.. config.Instances.Where(i => i.Name != name)],
            Enis = [.. config.Enis.Where(e => !gone.Contains(e.Name)).Select(e => e.Instance == name ? e with { Instance = null, Detached = true } : e)],
            ElasticIps = [.. config.ElasticIps.Select(e => e.Eni is string eni && gone.Contains(eni) ? e with { Eni = null, PrivateIp = null } : e)],
        };
        IReadOnlyList<ConfigError> errors = ConfigReader.Validate(left);
        return errors.Count == 0 ? left : throw new ProblemException(Problems.Conflict(
            $"instance '{name}' is in use: without it {string.Join("; ", errors.Select(e => e.Message))}"));
    }
}
