using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Filters;

namespace VSwitch.ControlPlane.Validation;

/// <content>Mirrors. Two ports may mirror each other: copies are never mirrored again.</content>
internal sealed partial class ConfigValidator
{
    private const string InternetPort = "internet";

    private void ValidateMirrors()
    {
        if (_config.Mirrors.Count > Quotas.Mirrors)
        {
            _errors.Add(_config.Mirrors[Quotas.Mirrors].Position, $"the switch takes {Quotas.Mirrors} mirrors, this is number {Quotas.Mirrors + 1}; remove some");
        }

        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (MirrorConfig mirror in _config.Mirrors)
        {
            if (!HasPort(mirror.Port))
            {
                _errors.Add(mirror.Position, $"mirror '{mirror.Name}' names port '{mirror.Port}', which does not exist; add the ENI or correct the name");
            }

            ValidateMirrorTarget(mirror, files);
            ValidateMirrorFilter(mirror);
        }
    }

    private void ValidateMirrorTarget(MirrorConfig mirror, Dictionary<string, string> files)
    {
        if (mirror.ToFile is string file)
        {
            if (file.Length == 0 || file == "-")
            {
                _errors.Add(mirror.Position, $"mirror '{mirror.Name}' needs the path of a file");
            }
            else if (!files.TryAdd(Path.GetFullPath(file), mirror.Name))
            {
                _errors.Add(mirror.Position, $"mirror '{mirror.Name}' goes to the file of mirror '{files[Path.GetFullPath(file)]}'; choose another");
            }

            return;
        }

        if (mirror.ToPort is not string to)
        {
            return;
        }

        DeviceConfig? device = to == InternetPort ? _config.Internet?.Device
            : _enis.GetValueOrDefault(to)?.Device ?? _config.Gateways.FirstOrDefault(g => g.Name == to && !_config.IsShared(g))?.Device;
        if (to == mirror.Port)
        {
            _errors.Add(mirror.Position, $"mirror '{mirror.Name}' goes to the port that it copies; choose another");
        }
        else if (!HasPort(to))
        {
            _errors.Add(mirror.Position, $"mirror '{mirror.Name}' goes to port '{to}', which does not exist; add the ENI or correct the name");
        }
        else if (device == null)
        {
            _errors.Add(mirror.Position, $"mirror '{mirror.Name}' goes to port '{to}', which has no device; give it one");
        }
    }

    private void ValidateMirrorFilter(MirrorConfig mirror)
    {
        if (mirror.Filter is not string text)
        {
            return;
        }

        string? wrong = !PacketFilter.TryParse(text, out PacketFilter filter, out string? error) ? error
            : filter.Port != null ? "the port stands in 'port', not in the filter"
            : filter.Direction != null ? "the direction stands in 'direction', not in the filter"
            : PacketFilterCompiler.WhyNotForPackets(filter)
                ?? (filter.Enis.FirstOrDefault(e => !_enis.ContainsKey(e)) is string eni ? $"there is no ENI '{eni}'"
                : filter.Vpc is string vpc && !_vpcs.ContainsKey(vpc) ? $"there is no VPC '{vpc}'"
                : null);
        if (wrong != null)
        {
            _errors.Add(mirror.Position, $"filter of mirror '{mirror.Name}': {wrong}");
        }
    }

    private bool HasPort(string name) => name == InternetPort ? _config.Internet != null : _enis.ContainsKey(name) || _gateways.ContainsKey(name);
}
