using VSwitch.ControlPlane.Config;

namespace VSwitch.Lab;

/// <summary>Which namespace belongs to whom: <c>PREFIX + NAME</c> of the instance, or of an ENI without instance. Names that would
/// meet (an ENI named as an instance is) get a suffix; the same configuration always gives the same names.</summary>
internal sealed class LabNames
{
    private const string InstanceSuffix = "-instance";
    private const string EniSuffix = "-eni";
    private readonly Dictionary<string, string> _instances = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _enis = new(StringComparer.Ordinal);
    private readonly string? _outside;

    public LabNames(SwitchConfig config, string prefix)
    {
        var taken = new HashSet<string>(StringComparer.Ordinal);
        if (config.Internet?.Device?.Tap != null)
        {
            _outside = Claim(taken, prefix, LabPlan.Outside, "");
        }

        List<EniConfig> attached = [.. config.Enis.Where(e => e.Device?.Tap != null && !e.Detached)];
        foreach (string instance in attached.Where(e => e.Instance != null).Select(e => e.Instance!).Distinct(StringComparer.Ordinal))
        {
            _instances[instance] = Claim(taken, prefix, instance, InstanceSuffix);
        }

        foreach (EniConfig eni in attached)
        {
            _enis[eni.Name] = eni.Instance != null ? _instances[eni.Instance] : Claim(taken, prefix, eni.Name, EniSuffix);
        }
    }

    /// <summary>Every name that has a namespace.</summary>
    public IEnumerable<string> All => _instances.Keys.Concat(_enis.Keys).Concat(_outside != null ? [LabPlan.Outside] : []).Distinct();

    /// <summary>The namespace of an ENI.</summary>
    public string Of(EniConfig eni) => _enis[eni.Name];

    /// <summary>The namespace of a name; the outside before instances before ENIs; null when there is none.</summary>
    public string? Find(string name) =>
        name == LabPlan.Outside && _outside != null ? _outside
            : _instances.GetValueOrDefault(name) ?? _enis.GetValueOrDefault(name);

    /// <summary>A namespace is a file of that name: what a file or a shell would take amiss becomes a hyphen.</summary>
    private static string Claim(HashSet<string> taken, string prefix, string name, string suffix)
    {
        string wanted = prefix + string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-'));
        while (!taken.Add(wanted))
        {
            wanted += suffix;
        }

        return wanted;
    }
}
