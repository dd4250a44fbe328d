using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>Health checks, of whatever has them.</content>
public static partial class ConfigWriter
{
    private static void WriteHealthCheck(Utf8JsonWriter json, HealthCheckConfig? check)
    {
        if (check == null)
        {
            return;
        }

        var usual = new HealthCheckConfig();
        json.WriteStartObject("healthCheck");
        json.WriteString("protocol", ConfigText.Word(check.Protocol));
        WriteIfSet(json, "port", check.Port);
        WriteIfSet(json, "interval", check.Interval == usual.Interval ? null : ConfigText.Duration(check.Interval));
        WriteIfSet(json, "timeout", check.Timeout == usual.Timeout ? null : ConfigText.Duration(check.Timeout));
        WriteIfSet(json, "healthy", check.Healthy == usual.Healthy ? (int?)null : check.Healthy);
        WriteIfSet(json, "unhealthy", check.Unhealthy == usual.Unhealthy ? (int?)null : check.Unhealthy);
        json.WriteEndObject();
    }
}
