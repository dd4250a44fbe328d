using System.Globalization;
using System.Text;
using System.Text.Json;

namespace VSwitch.Show;

/// <summary>Reads a document of the API for a table: what is not there is empty.</summary>
internal static class DocumentReading
{
    /// <summary>What stands at a path of names, "counters.received"; null when there is nothing.</summary>
    public static JsonElement? At(this JsonElement element, string path)
    {
        foreach (string name in path.Split('.'))
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }

        return element.ValueKind == JsonValueKind.Null ? null : element;
    }

    /// <summary>A value as text; a list with commas between; empty when there is none.</summary>
    public static string Text(this JsonElement element, string path) => element.At(path) is JsonElement found ? TextOf(found) : "";

    /// <summary>A number; 0 when there is none.</summary>
    public static double Number(this JsonElement element, string path) =>
        element.At(path) is JsonElement { ValueKind: JsonValueKind.Number } found ? found.GetDouble() : 0;

    /// <summary>The members of a list.</summary>
    public static IEnumerable<JsonElement> List(this JsonElement element, string path) =>
        element.At(path) is JsonElement { ValueKind: JsonValueKind.Array } found ? found.EnumerateArray() : [];

    /// <summary>A document as indented lines, as a configuration is written.</summary>
    public static string Describe(this JsonElement element)
    {
        var text = new StringBuilder();
        Describe(element, "", text);
        return text.ToString().TrimEnd();
    }

    private static string TextOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => element.GetString()!,
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Number => element.TryGetInt64(out long whole)
            ? whole.ToString(CultureInfo.InvariantCulture) : element.GetDouble().ToString("0.###", CultureInfo.InvariantCulture),
        JsonValueKind.Array => string.Join(", ", element.EnumerateArray().Select(TextOf)),
        JsonValueKind.Object => string.Join(" ", element.EnumerateObject().Select(p => $"{p.Name} {TextOf(p.Value)}")),
        _ => "",
    };

    private static void Describe(JsonElement element, string indent, StringBuilder text)
    {
        foreach (JsonProperty property in element.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null))
        {
            if (property.Value.ValueKind == JsonValueKind.Object && !property.Value.EnumerateObject().Any())
            {
                text.Append(indent).Append(property.Name).AppendLine(": none");
                continue;
            }

            bool isDeep = property.Value.ValueKind == JsonValueKind.Object ||
                (property.Value.ValueKind == JsonValueKind.Array && property.Value.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Object));
            text.Append(indent).Append(property.Name).Append(isDeep ? ":" : ": ").Append(isDeep ? "" : TextOf(property.Value)).AppendLine();
            if (isDeep && property.Value.ValueKind == JsonValueKind.Object)
            {
                Describe(property.Value, indent + "  ", text);
            }
            else if (isDeep)
            {
                foreach (JsonElement member in property.Value.EnumerateArray())
                {
                    text.Append(indent).Append("  - ").AppendLine(TextOf(member));
                }
            }
        }
    }
}
