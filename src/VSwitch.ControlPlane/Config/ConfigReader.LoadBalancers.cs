using VSwitch.DataPlane.Balancing;

namespace VSwitch.ControlPlane.Config;

/// <content>Load balancers.</content>
public static partial class ConfigReader
{
    private const int MostWeight = 100;
    private static readonly TimeSpan LongestStickiness = TimeSpan.FromHours(1);

    /// <summary>Reads a load balancer.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="name">Its name, where that is said elsewhere: the text may leave it out.</param>
    public static PartResult<LoadBalancerConfig> ReadLoadBalancer(ReadOnlySpan<byte> utf8, bool isJson, string? name = null) =>
        ReadPart(utf8, isJson, (node, errors) => ReadLoadBalancer(WithName(node, name, errors), errors));

    private static LoadBalancerConfig ReadLoadBalancer(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a load balancer", errors);
        map.Required("address");
        var balancer = new LoadBalancerConfig
        {
            Name = map.Required("name"),
            Subnet = map.Required("subnet"),
            Address = map.Address("address") ?? default,
            Listeners = ReadAll(map, "listeners", n => ReadListener(n, errors)),
            Position = node.Position,
        };
        map.Finish();
        return balancer;
    }

    private static ListenerConfig ReadListener(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a listener", errors);
        map.Required("protocol");
        map.Required("port");
        var listener = new ListenerConfig
        {
            Name = map.Text("name"),
            Protocol = map.Value<byte>("protocol", t => t switch { "tcp" => (byte)6, "udp" => (byte)17, _ => null }, "tcp or udp") ?? 6,
            Port = map.Integer("port", 1, 65535) ?? 1,
            Algorithm = map.Value<BalancerAlgorithm>("algorithm", t => t switch
            {
                "roundRobin" => BalancerAlgorithm.RoundRobin,
                "leastConnections" => BalancerAlgorithm.LeastConnections,
                "sourceIp" => BalancerAlgorithm.SourceIp,
                _ => null,
            }, "roundRobin, leastConnections or sourceIp") ?? BalancerAlgorithm.RoundRobin,
            Stickiness = ReadHeldTime(map, "stickiness", TimeSpan.FromSeconds(1), "a time from 1s to 1h, like 300s"),
            Drain = ReadHeldTime(map, "drain", TimeSpan.Zero, "a time from 0s to 1h, like 60s") ?? new ListenerConfig().Drain,
            HealthCheck = ReadHealthCheck(map, errors),
            Backends = ReadAll(map, "backends", n => ReadBackend(n, errors)),
            Position = node.Position,
        };
        map.Finish();
        return listener;
    }

    private static TimeSpan? ReadHeldTime(ConfigMap map, string key, TimeSpan least, string form) => map.Value<TimeSpan>(
        key, t => ConfigValues.Duration(t) is TimeSpan v && v >= least && v <= LongestStickiness ? v : null, form);

    private static BackendConfig ReadBackend(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a backend", errors);
        map.Required("port");
        var backend = new BackendConfig(
            map.Required("eni"), map.Address("privateIp"), map.Integer("port", 1, 65535) ?? 1,
            map.Integer("weight", 0, MostWeight) ?? BackendConfig.UsualWeight, map.Flag("draining", otherwise: false), node.Position);
        map.Finish();
        return backend;
    }
}
