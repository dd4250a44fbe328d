using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VSwitch.Api;

/// <summary>How every JSON document of this program is written: camelCase, enumerations as words, null left out, times in UTC (write a
/// <see cref="DateTime"/> of kind UTC: RFC 3339 with Z). The API and <c>--json</c> write the same.</summary>
internal static class ApiJson
{
    /// <summary>For machines: one line.</summary>
    public static JsonSerializerOptions Compact { get; } = Create(new JsonSerializerOptions());

    /// <summary>For people: indented.</summary>
    public static JsonSerializerOptions Indented { get; } = Create(new JsonSerializerOptions { WriteIndented = true });

    /// <summary>What the API takes: a member that is not known is an error, as in a configuration.</summary>
    public static void ConfigureStrict(JsonSerializerOptions options)
    {
        Create(options);
        options.PropertyNameCaseInsensitive = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
    }

    private static JsonSerializerOptions Create(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        return options;
    }
}
