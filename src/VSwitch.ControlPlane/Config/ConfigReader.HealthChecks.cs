using VSwitch.DataPlane.Probes;

namespace VSwitch.ControlPlane.Config;

/// <content>Health checks, of whatever has them.</content>
public static partial class ConfigReader
{
    private const int MostInARow = 100;
    private static readonly TimeSpan LeastProbeTimeout = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LeastProbeInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MostProbeInterval = TimeSpan.FromSeconds(300);

    /// <summary>The value of a key <c>healthCheck</c>; null when there is none.</summary>
    private static HealthCheckConfig? ReadHealthCheck(ConfigMap owner, ConfigErrors errors)
    {
        if (owner.Node("healthCheck") is not ConfigNode node)
        {
            return null;
        }

        var map = new ConfigMap(node, "a health check", errors);
        var usual = new HealthCheckConfig();
        map.Required("protocol");
        var check = new HealthCheckConfig
        {
            Protocol = map.Value<ProbeKind>("protocol", t => t switch
            {
                "arp" => ProbeKind.Arp,
                "icmp" => ProbeKind.Icmp,
                "tcp" => ProbeKind.Tcp,
                _ => null,
            }, "arp, icmp or tcp") ?? default,
            Port = map.Integer("port", 1, 65535),
            Interval = map.Value<TimeSpan>(
                "interval", t => ConfigValues.Duration(t) is TimeSpan v && v >= LeastProbeInterval && v <= MostProbeInterval ? v : null,
                "a time from 100ms to 300s, like 2s") ?? usual.Interval,
            Timeout = map.Value<TimeSpan>(
                "timeout", t => ConfigValues.Duration(t) is TimeSpan v && v >= LeastProbeTimeout && v <= MostProbeInterval ? v : null,
                "a time from 10ms to the interval, like 500ms") ?? usual.Timeout,
            Healthy = map.Integer("healthy", 1, MostInARow) ?? usual.Healthy,
            Unhealthy = map.Integer("unhealthy", 1, MostInARow) ?? usual.Unhealthy,
            Position = node.Position,
        };
        map.Finish();
        if (check.Timeout > check.Interval)
        {
            errors.Add(map.PlaceOf("timeout"), $"the timeout of {ConfigText.Duration(check.Timeout)} is longer than the interval of {ConfigText.Duration(check.Interval)}; shorten it, or ask less often");
        }

        if (check.Port != null && check.Protocol != ProbeKind.Tcp)
        {
            errors.Add(map.PlaceOf("port"), $"a health check by {ConfigText.Word(check.Protocol)} has no port; remove 'port', or say 'protocol: tcp'");
        }

        return check;
    }
}
