using System.Text.Json;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>Gateways, one on a line.</content>
public static partial class ConfigWriter
{
    /// <summary>A gateway by itself, as the document has it.</summary>
    internal static byte[] ToUtf8(GatewayConfig gateway) => ToUtf8(gateway, WriteGateway);

    private static void WriteGateway(Utf8JsonWriter json, GatewayConfig gateway)
    {
        json.WriteString("name", gateway.Name);
        json.WriteString("vpc", gateway.Vpc);
        if (gateway.Device is DeviceConfig device)
        {
            json.WriteStartObject("device");
            WriteDevice(json, device);
            json.WriteEndObject();
        }

        WriteIfSet(json, "vlan", gateway.Vlan);
        WriteTunnel(json, gateway);
        if (gateway.Mac != GatewayConfig.UsualMac)
        {
            json.WriteString("mac", gateway.Mac.ToString());
        }

        WriteValues(json, "addresses", gateway.Addresses);
        if (gateway.Routes.Count > 0)
        {
            json.WriteStartArray("routes");
            foreach (InternetRouteConfig route in gateway.Routes)
            {
                json.WriteStartObject();
                json.WriteString("destination", route.Destination.ToString());
                json.WriteString("nextHop", route.NextHop.ToString());
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        WriteNeighbors(json, gateway.Neighbors);
        WriteIfSet(json, "mtu", gateway.Mtu);
    }

    private static void WriteTunnel(Utf8JsonWriter json, GatewayConfig gateway)
    {
        if (gateway.Vxlan is VxlanConfig vxlan)
        {
            json.WriteStartObject("vxlan");
            json.WriteNumber("vni", vxlan.Vni);
            json.WriteString("local", vxlan.Local.ToString());
            json.WriteString("remote", vxlan.Remote.ToString());
            WriteIfSet(json, "port", vxlan.Port == VxlanConfig.UsualPort ? null : vxlan.Port);
            json.WriteEndObject();
        }

        if (gateway.Gre is GreConfig gre)
        {
            json.WriteStartObject("gre");
            json.WriteString("local", gre.Local.ToString());
            json.WriteString("remote", gre.Remote.ToString());
            if (gre.Key is uint key)
            {
                json.WriteNumber("key", key);
            }

            if (gre.Ethernet)
            {
                json.WriteBoolean("ethernet", true);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteNeighbors(Utf8JsonWriter json, IReadOnlyDictionary<IpAddress, MacAddress> neighbors)
    {
        if (neighbors.Count > 0)
        {
            json.WriteStartObject("neighbors");
            foreach ((IpAddress address, MacAddress mac) in neighbors.OrderBy(n => n.Key))
            {
                json.WriteString(address.ToString(), mac.ToString());
            }

            json.WriteEndObject();
        }
    }

    private static void WriteRoute(Utf8JsonWriter json, RouteConfig route)
    {
        json.WriteString("destination", ConfigText.Destination(route));
        json.WriteString("target", route.Target);
        if (route.Preference != default)
        {
            json.WriteString("preference", ConfigText.Word(route.Preference));
        }

        WriteIfSet(json, "weight", route.Weight == RouteConfig.UsualWeight ? null : route.Weight);
    }
}
