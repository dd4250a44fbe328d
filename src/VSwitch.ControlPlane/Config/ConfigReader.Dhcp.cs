using VSwitch.DataPlane.Local;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>DHCP of VPCs and subnets.</content>
public static partial class ConfigReader
{
    private const int LongestDomainName = 253;
    private const int LongestLabel = 63;
    private static readonly TimeSpan ShortestLease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestLease = TimeSpan.FromDays(365);

    private static DhcpConfig? ReadDhcp(ConfigMap owner, ConfigErrors errors)
    {
        if (owner.Node("dhcp") is not ConfigNode node)
        {
            return null;
        }

        var map = new ConfigMap(node, "dhcp", errors);
        var dhcp = new DhcpConfig
        {
            Enabled = map.Has("enabled") ? map.Flag("enabled", otherwise: true) : null,
            Dns = ReadServers(map, "dns", errors),
            DomainName = ReadDomainName(map, errors),
            Ntp = ReadServers(map, "ntp", errors),
            LeaseTime = map.Value<TimeSpan>(
                "leaseTime", t => ConfigValues.Duration(t) is TimeSpan v && v >= ShortestLease && v <= LongestLease ? v : null,
                "a time from 1m to 365d, like 1h or 7d"),
            Position = node.Position,
        };
        map.Finish();
        return dhcp;
    }

    private static List<IpAddress>? ReadServers(ConfigMap map, string key, ConfigErrors errors)
    {
        if (!map.Has(key))
        {
            return null;
        }

        List<IpAddress> servers = map.Values<IpAddress>(
            key, t => ConfigValues.Address(t) is IpAddress a && IsHost(a) ? a : null, "the address of one host, like 10.0.1.53");
        foreach (bool isV6 in (ReadOnlySpan<bool>)[false, true])
        {
            if (servers.Count(s => s.IsV6 == isV6) > DhcpParameters.MaxServers)
            {
                errors.Add(map.PlaceOf(key), $"'{key}' names more than {DhcpParameters.MaxServers} {(isV6 ? "IPv6" : "IPv4")} addresses; a guest takes no more, remove some");
            }
        }

        foreach (IpAddress twice in servers.GroupBy(s => s).Where(g => g.Count() > 1).Select(g => g.Key))
        {
            errors.Add(map.PlaceOf(key), $"'{key}' names {twice} twice; remove one");
        }

        return servers;
    }

    private static bool IsHost(IpAddress address)
    {
        byte first = (byte)(address.Bits >> (address.BitCount - 8));
        return address.IsV6 ? !address.IsUnspecified && address.Bits != 1 && first != 0xFF
            : first is not (0 or 127 or >= 224);
    }

    /// <summary>A name of letters, digits and hyphens (RFC 1123 section 2.1), without the root's dot.</summary>
    private static string? ReadDomainName(ConfigMap map, ConfigErrors errors)
    {
        string? name = map.Text("domainName");
        if (name == null)
        {
            return null;
        }

        bool isGood = name.Length is >= 1 and <= LongestDomainName && name.Split('.').All(label =>
            label.Length is >= 1 and <= LongestLabel && label[0] != '-' && label[^1] != '-' &&
            label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
        if (!isGood)
        {
            errors.Add(map.PlaceOf("domainName"), $"'domainName: {name}' is not a domain name; write words of letters, digits and '-' (at most {LongestLabel} each) with dots between, like lab.example");
        }

        return name;
    }
}
