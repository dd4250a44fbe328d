using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Plan;

/// <content>Gateways.</content>
internal static partial class Shapes
{
    public static readonly Shape<GatewayConfig> Gateway = new(
        "gateway", g => g.Name,
        new ValueField<GatewayConfig>("vpc", g => g.Vpc),
        new ValueField<GatewayConfig>("device", g => Device(g.Device)),
        new ValueField<GatewayConfig>("vlan", g => Number(g.Vlan)),
        new ValueField<GatewayConfig>("vxlan", g => g.Vxlan is VxlanConfig v
            ? string.Create(CultureInfo.InvariantCulture, $"{v.Vni} from {v.Local} to {v.Remote} port {v.Port}") : null),
        new ValueField<GatewayConfig>("gre", g => g.Gre is GreConfig r
            ? string.Create(CultureInfo.InvariantCulture, $"from {r.Local} to {r.Remote}{(r.Key is uint key ? $" key {key}" : "")}{(r.Ethernet ? " ethernet" : "")}")
            : null),
        new ValueField<GatewayConfig>("mac", g => g.Mac.ToString(), GatewayConfig.UsualMac.ToString()),
        new ListField<GatewayConfig, IpPrefix>("addresses", g => g.Addresses, a => a.ToString(), orderOf: _ => ""),
        new ListField<GatewayConfig, (IpPrefix Destination, IpAddress NextHop)>(
            "routes", g => [.. g.Routes.Select(r => (r.Destination, r.NextHop))], r => $"{r.Destination} by {r.NextHop}",
            orderOf: r => r.Destination.ToString()),
        new ListField<GatewayConfig, KeyValuePair<IpAddress, MacAddress>>(
            "neighbors", g => [.. g.Neighbors.OrderBy(n => n.Key)], n => $"{n.Key} at {n.Value}"),
        new ValueField<GatewayConfig>("mtu", g => Number(g.Mtu)));
}
