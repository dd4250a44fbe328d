using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>The routes, the OpenAPI document and the table of src/VSwitch/Api/README.md say the same.</summary>
public sealed partial class ApiDescriptionTests : IDisposable
{
    private readonly ApiHost _api = new();

    public void Dispose() => _api.Dispose();

    [Fact]
    public void The_document_has_every_route_and_no_other()
    {
        JsonElement paths = _api.Get("/openapi/v1.json").GetProperty("paths");
        IEnumerable<string> described = paths.EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Select(o => $"{o.Name.ToUpperInvariant()} {Named(p.Name)}"));
        Assert.Equal(Mapped().Where(r => r != "GET /openapi/v1.json").Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_operation_has_a_summary_an_answer_and_its_parameters()
    {
        foreach (JsonProperty path in _api.Get("/openapi/v1.json").GetProperty("paths").EnumerateObject())
        {
            foreach (JsonProperty operation in path.Value.EnumerateObject())
            {
                string name = $"{operation.Name} {path.Name}";
                Assert.True(operation.Value.TryGetProperty("summary", out JsonElement summary) && summary.GetString()!.Length > 0, name);
                JsonElement responses = operation.Value.GetProperty("responses");
                Assert.True(responses.EnumerateObject().Any(r => r.Name[0] == '2' && r.Value.TryGetProperty("content", out _)), $"{name} answers");
                int inPath = operation.Value.TryGetProperty("parameters", out JsonElement parameters)
                    ? parameters.EnumerateArray().Count(p => p.GetProperty("in").GetString() == "path") : 0;
                Assert.Equal(path.Name.Count(c => c == '{'), inPath);
                if (inPath > 0)
                {
                    Assert.True(responses.TryGetProperty("404", out _), $"{name} may find nothing");
                }
            }
        }
    }

    [Fact]
    public void The_table_has_every_route_and_no_other()
    {
        string[] mapped = [.. Mapped()];
        string[] written = [.. Written()];
        Assert.Equal([], mapped.Except(written));
        Assert.Equal([], written.Except(mapped));
    }

    [Fact]
    public void The_table_is_read_as_it_is_meant()
    {
        string[] written = [.. Written()];
        Assert.Contains("GET /v1/ports/NAME", written);
        Assert.Contains("PATCH /v1/enis/NAME", written);
        Assert.Contains("PUT /v1/elastic-ips/NAME/association", written);
        Assert.Contains("DELETE /v1/security-groups/NAME/egress", written);
        Assert.DoesNotContain("PATCH /v1/enis", written);
    }

    private IEnumerable<string> Mapped() => _api.Server.Routes
        .SelectMany(r => r.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(m => $"{m} {Named(r.RoutePattern.RawText!)}"));

    /// <summary>The code words of the table's first cells: methods, which hold for the next path (or, where a path has none, those of the one
    /// before), paths, and a word that stands for the last segment of the path before it.</summary>
    private static IEnumerable<string> Written()
    {
        foreach (string row in File.ReadLines(Path.Combine(RepositoryRoot.Folder, "src", "VSwitch", "Api", "README.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal)))
        {
            var methods = new List<string>();
            var next = new List<string>();
            string path = "";
            foreach (Match code in Code().Matches(row.Split('|')[1]))
            {
                string[] words = code.Groups[1].Value.Split(' ');
                next.AddRange(words.Where(w => char.IsUpper(w[0])));
                string? named = words.FirstOrDefault(w => !char.IsUpper(w[0]));
                if (named == null)
                {
                    continue;
                }

                (methods, next) = next.Count > 0 ? (next, []) : (methods, next);
                path = named[0] == '/' ? named : path[..(path.LastIndexOf('/') + 1)] + named;
                foreach (string method in methods)
                {
                    yield return $"{method} {path}";
                }
            }
        }
    }

    private static string Named(string pattern) =>
        Parameter().Replace(pattern.Replace("{documentName}", "v1", StringComparison.Ordinal), "NAME");

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Parameter();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}
