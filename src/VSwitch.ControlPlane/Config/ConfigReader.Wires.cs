namespace VSwitch.ControlPlane.Config;

/// <content>Wires: <c>{ port, seed, delay, jitter, loss, reorder, duplicate, corrupt, rate, limit, in: { … }, out: { … } }</c>. What stands
/// beside the port is for both directions; <c>in</c> and <c>out</c> say it for one, setting by setting.</content>
public static partial class ConfigReader
{
    private const int MostWireFrames = 4096;

    /// <summary>Reads the faults of a port's wire.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="port">The port, which the text may leave out.</param>
    public static PartResult<WireConfig> ReadWire(ReadOnlySpan<byte> utf8, bool isJson, string port) =>
        ReadPart(utf8, isJson, (node, errors) => ReadWire(node, errors, port));

    private static WireConfig ReadWire(ConfigNode node, ConfigErrors errors, string? port = null)
    {
        var map = new ConfigMap(node, "a wire", errors);
        string name = port == null ? map.Required("port") : map.Text("port") ?? port;
        if (port != null && name != port)
        {
            errors.Add(map.PlaceOf("port"), $"'port' is another than '{port}', which the request is for");
        }

        WireFaultConfig both = ReadFaults(map, new WireFaultConfig());
        var wire = new WireConfig
        {
            Port = name,
            Seed = map.Integer("seed", 0, int.MaxValue) ?? 1,
            In = ReadDirection(map, "in", both, errors),
            Out = ReadDirection(map, "out", both, errors),
            Position = node.Position,
        };
        map.Finish();
        return wire;
    }

    private static WireFaultConfig ReadDirection(ConfigMap map, string key, WireFaultConfig both, ConfigErrors errors)
    {
        if (map.Node(key) is not ConfigNode node)
        {
            return both;
        }

        var inner = new ConfigMap(node, key, errors);
        WireFaultConfig faults = ReadFaults(inner, both);
        inner.Finish();
        return faults;
    }

    private static WireFaultConfig ReadFaults(ConfigMap map, WireFaultConfig otherwise)
    {
        const string Time = "a time, like 20ms";
        const string Part = "a part of the frames, like 1% or 0.1%";
        return new WireFaultConfig
        {
            Delay = map.Value<TimeSpan>("delay", ConfigValues.Duration, Time) ?? otherwise.Delay,
            Jitter = map.Value<TimeSpan>("jitter", ConfigValues.Duration, Time) ?? otherwise.Jitter,
            Loss = map.Value<double>("loss", ConfigValues.Percent, Part) ?? otherwise.Loss,
            Reorder = map.Value<double>("reorder", ConfigValues.Percent, Part) ?? otherwise.Reorder,
            Duplicate = map.Value<double>("duplicate", ConfigValues.Percent, Part) ?? otherwise.Duplicate,
            Corrupt = map.Value<double>("corrupt", ConfigValues.Percent, Part) ?? otherwise.Corrupt,
            RateBitsPerSecond = map.Value<long>("rate", ConfigValues.Rate, "a rate, like 10Mbps") ?? otherwise.RateBitsPerSecond,
            Limit = map.Integer("limit", 1, MostWireFrames) ?? otherwise.Limit,
        };
    }
}
