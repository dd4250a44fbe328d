namespace VSwitch.ControlPlane.Config;

/// <content>Peerings: <c>{ name, requester: VPC, accepter: VPC, accepted: true|false }</c>.</content>
public static partial class ConfigReader
{
    /// <summary>Reads the request for a peering: name, requester and accepter; that it is accepted is not the requester's to say.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    public static PartResult<PeeringConfig> ReadPeeringRequest(ReadOnlySpan<byte> utf8, bool isJson) =>
        ReadPart(utf8, isJson, (node, errors) =>
        {
            var map = new ConfigMap(node, "a peering request", errors);
            PeeringConfig peering = ReadEnds(map, node);
            map.Finish();
            return peering;
        });

    private static PeeringConfig ReadPeering(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a peering", errors);
        PeeringConfig peering = ReadEnds(map, node) with { Accepted = map.Flag("accepted", otherwise: false) };
        map.Finish();
        return peering;
    }

    private static PeeringConfig ReadEnds(ConfigMap map, ConfigNode node) => new()
    {
        Name = map.Required("name"),
        Requester = map.Required("requester"),
        Accepter = map.Required("accepter"),
        Position = node.Position,
    };
}
