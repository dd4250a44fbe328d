using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>Wires.</content>
public static partial class ConfigWriter
{
    private static void WriteWire(Utf8JsonWriter json, WireConfig wire)
    {
        json.WriteString("port", wire.Port);
        WriteIfSet(json, "seed", wire.Seed == 1 ? null : wire.Seed);
        if (wire.In == wire.Out)
        {
            WriteFaults(json, wire.In);
            return;
        }

        WriteDirection(json, "in", wire.In);
        WriteDirection(json, "out", wire.Out);
    }

    private static void WriteDirection(Utf8JsonWriter json, string key, WireFaultConfig faults)
    {
        json.WriteStartObject(key);
        WriteFaults(json, faults);
        json.WriteEndObject();
    }

    private static void WriteFaults(Utf8JsonWriter json, WireFaultConfig faults)
    {
        WriteIfSet(json, "delay", faults.Delay == default ? null : ConfigText.Duration(faults.Delay));
        WriteIfSet(json, "jitter", faults.Jitter == default ? null : ConfigText.Duration(faults.Jitter));
        WriteIfSet(json, "loss", ConfigText.Percent(faults.Loss));
        WriteIfSet(json, "reorder", ConfigText.Percent(faults.Reorder));
        WriteIfSet(json, "duplicate", ConfigText.Percent(faults.Duplicate));
        WriteIfSet(json, "corrupt", ConfigText.Percent(faults.Corrupt));
        WriteIfSet(json, "rate", faults.RateBitsPerSecond is long rate ? ConfigText.Rate(rate) : null);
        WriteIfSet(json, "limit", faults.Limit);
    }
}
