using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>Gateways: <c>{ name, vpc, device: { … }, vlan: N | vxlan: { vni, local, remote, port } | gre: { local, remote, key, ethernet },
/// mac, addresses, routes, neighbors, mtu }</c>.</content>
public static partial class ConfigReader
{
    private const int MostVlan = 4094;
    private const int MostVni = (1 << 24) - 1;

    private static GatewayConfig ReadGateway(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a gateway", errors);
        var gateway = new GatewayConfig
        {
            Name = map.Required("name"),
            Vpc = map.Required("vpc"),
            Device = map.Node("device") is ConfigNode d ? ReadDevice(d, errors) : null,
            Vlan = map.Integer("vlan", 1, MostVlan),
            Vxlan = map.Node("vxlan") is ConfigNode v ? ReadVxlan(v, errors) : null,
            Gre = map.Node("gre") is ConfigNode g ? ReadGre(g, errors) : null,
            Mac = map.Mac("mac") ?? GatewayConfig.UsualMac,
            Addresses = map.Values<IpPrefix>("addresses", ConfigValues.Prefix, "an address with its prefix length, like 169.254.100.1/30"),
            Routes = ReadAll(map, "routes", n => ReadInternetRoute(n, errors)),
            Neighbors = ReadNeighbors(map, errors),
            Mtu = map.Integer("mtu", 576, 65535),
            Position = node.Position,
        };
        int kinds = (gateway.Device != null ? 1 : 0) + (gateway.Vxlan != null ? 1 : 0) + (gateway.Gre != null ? 1 : 0);
        if (kinds > 1)
        {
            errors.Add(node.Position, "a gateway has one of device, vxlan and gre; keep one");
        }

        map.Finish();
        return gateway;
    }

    private static VxlanConfig ReadVxlan(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "vxlan", errors);
        map.Required("vni");
        map.Required("local");
        map.Required("remote");
        var vxlan = new VxlanConfig(
            map.Integer("vni", 0, MostVni) ?? 0, map.Address("local") ?? default, map.Address("remote") ?? default,
            map.Integer("port", 1, ushort.MaxValue) ?? VxlanConfig.UsualPort);
        map.Finish();
        return vxlan;
    }

    private static GreConfig ReadGre(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "gre", errors);
        map.Required("local");
        map.Required("remote");
        uint? key = map.Value<uint>(
            "key", t => ConfigValues.Integer(t) is long number and >= 0 and <= uint.MaxValue ? (uint)number : null,
            $"a whole number from 0 to {uint.MaxValue}");
        var gre = new GreConfig(
            map.Address("local") ?? default, map.Address("remote") ?? default, key, map.Flag("ethernet", otherwise: false));
        map.Finish();
        return gre;
    }

    private static RoutePreference ReadPreference(ConfigMap map) => map.Value<RoutePreference>(
        "preference", t => t switch { "static" => RoutePreference.Static, "propagated" => RoutePreference.Propagated, _ => null },
        "static or propagated") ?? RoutePreference.Static;

    private static Dictionary<IpAddress, MacAddress> ReadNeighbors(ConfigMap map, ConfigErrors errors)
    {
        var neighbors = new Dictionary<IpAddress, MacAddress>();
        if (map.Node("neighbors") is ConfigNode list)
        {
            var inner = new ConfigMap(list, "neighbors", errors);
            foreach ((ScalarNode key, ConfigNode value) in inner.Entries())
            {
                MacAddress? mac = value is ScalarNode scalar ? ConfigValues.Mac(scalar.Value) : null;
                if (ConfigValues.Address(key.Value) is IpAddress address && mac is MacAddress good)
                {
                    neighbors[address] = good;
                }
                else
                {
                    errors.Add(key.Position, "a neighbour is an address and a MAC, like 198.51.100.254: \"02:00:00:00:99:01\"");
                }
            }
        }

        return neighbors;
    }
}
