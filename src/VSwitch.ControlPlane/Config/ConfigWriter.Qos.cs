using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>Limits and marks of ENIs, protection of elastic IPs.</content>
public static partial class ConfigWriter
{
    private static void WriteQos(Utf8JsonWriter json, EniConfig eni)
    {
        if (!eni.Limits.IsEmpty)
        {
            json.WriteStartObject("limits");
            WriteIfSet(json, "egress", eni.Limits.EgressBitsPerSecond is long egress ? ConfigText.Rate(egress) : null);
            WriteIfSet(json, "ingress", eni.Limits.IngressBitsPerSecond is long ingress ? ConfigText.Rate(ingress) : null);
            WriteIfSet(json, "egressPackets", eni.Limits.EgressPacketsPerSecond);
            WriteIfSet(json, "ingressPackets", eni.Limits.IngressPacketsPerSecond);
            json.WriteEndObject();
        }

        WriteIfSet(json, "dscp", eni.Dscp == null ? null : ConfigText.Dscp(eni.Dscp));
    }

    private static void WriteProtection(Utf8JsonWriter json, ProtectionConfig? protection)
    {
        if (protection == null)
        {
            return;
        }

        json.WriteStartObject("protection");
        WriteIfSet(json, "bits", protection.BitsPerSecond is long bits ? ConfigText.Rate(bits) : null);
        WriteIfSet(json, "packets", protection.PacketsPerSecond);
        WriteIfSet(json, "syns", protection.SynsPerSecond);
        WriteIfSet(json, "newConnections", protection.NewConnectionsPerSecond);
        WriteIfSet(json, "calmFor", protection.CalmFor == new ProtectionConfig().CalmFor ? null : ConfigText.Duration(protection.CalmFor));
        json.WriteEndObject();
    }
}
