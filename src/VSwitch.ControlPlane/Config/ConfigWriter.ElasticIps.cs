using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>Where elastic IPs drift.</content>
public static partial class ConfigWriter
{
    private static void WriteDrift(Utf8JsonWriter json, ElasticIpConfig eip)
    {
        if (eip.Standby.Count > 0)
        {
            json.WriteStartArray("standby");
            foreach (EipPlaceConfig place in eip.Standby)
            {
                json.WriteStartObject();
                WritePlace(json, place);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        WriteHealthCheck(json, eip.HealthCheck);
        if (eip.Failback)
        {
            json.WriteBoolean("failback", true);
        }

        if (eip.Home is EipPlaceConfig home)
        {
            json.WriteStartObject("home");
            WritePlace(json, home);
            json.WriteEndObject();
        }

        WriteIfSet(json, "drift", eip.Drift == default ? null : ConfigText.Word(eip.Drift));
    }

    private static void WritePlace(Utf8JsonWriter json, EipPlaceConfig place)
    {
        json.WriteString("eni", place.Eni);
        WriteIfSet(json, "privateIp", place.PrivateIp?.ToString());
    }
}
