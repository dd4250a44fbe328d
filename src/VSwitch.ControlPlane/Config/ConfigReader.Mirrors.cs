namespace VSwitch.ControlPlane.Config;

/// <content>Mirrors: <c>{ name, port, direction: both|in|out, filter: '…', to: { port: NAME } | { file: PATH } }</c>.</content>
public static partial class ConfigReader
{
    private static MirrorConfig ReadMirror(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a mirror", errors);
        string? toPort = null;
        string? toFile = null;
        if (map.Node("to") is ConfigNode to)
        {
            var inner = new ConfigMap(to, "to", errors);
            toPort = inner.Text("port");
            toFile = inner.Text("file");
            inner.Finish();
        }

        if ((toPort == null) == (toFile == null))
        {
            errors.Add(map.PlaceOf("to"), "a mirror goes to exactly one of to: { port: NAME }, to: { file: PATH }");
        }

        var mirror = new MirrorConfig
        {
            Name = map.Required("name"),
            Port = map.Required("port"),
            Direction = map.Value<MirrorDirection>(
                "direction",
                t => t switch { "both" => MirrorDirection.Both, "in" => MirrorDirection.In, "out" => MirrorDirection.Out, _ => null },
                "both, in or out") ?? MirrorDirection.Both,
            Filter = map.Text("filter"),
            ToPort = toPort,
            ToFile = toFile,
            Position = node.Position,
        };
        map.Finish();
        return mirror;
    }
}
