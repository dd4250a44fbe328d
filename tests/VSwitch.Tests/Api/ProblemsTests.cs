using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Problem details (RFC 9457).</summary>
public sealed class ProblemsTests
{
    [Fact]
    public void A_wrong_configuration_has_each_error_with_its_place()
    {
        ConfigResult read = ConfigReader.Parse("c", "enis:\n  - nonsense\nvpcs: 7\n");
        ProblemHttpResult problem = Problems.WrongConfiguration(read.Errors);
        Assert.Equal(422, problem.StatusCode);
        JsonElement json = JsonSerializer.SerializeToElement(problem.ProblemDetails, ApiJson.Compact);
        Assert.Equal("urn:vswitch:problem:wrong", json.GetProperty("type").GetString());
        Assert.Contains($"{read.Errors.Count} errors", json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        JsonElement first = json.GetProperty("errors")[0];
        Assert.Equal(read.Errors[0].Position.Line, first.GetProperty("line").GetInt32());
        Assert.Equal(read.Errors[0].Position.Column, first.GetProperty("column").GetInt32());
        Assert.Equal(read.Errors[0].Message, first.GetProperty("message").GetString());
    }

    [Fact]
    public void Every_problem_has_type_title_status_and_detail()
    {
        ProblemHttpResult[] all =
        [
            Problems.BadRequest("a"), Problems.NotFound("ENI", "a"), Problems.Conflict("a"), Problems.OtherRevision(7),
            Problems.UnsupportedMediaType("a"), Problems.Unprocessable("a"), Problems.Unavailable("a"), Problems.Of(418, "a"),
        ];
        Assert.Equal([400, 404, 409, 412, 415, 422, 503, 418], all.Select(p => p.StatusCode));
        Assert.All(all, p => Assert.Equal(p.StatusCode, p.ProblemDetails.Status));
        Assert.All(all, p => Assert.Matches("^urn:vswitch:problem:[a-z0-9-]+$", p.ProblemDetails.Type));
        Assert.All(all, p => Assert.False(string.IsNullOrEmpty(p.ProblemDetails.Title)));
        Assert.All(all, p => Assert.False(string.IsNullOrEmpty(p.ProblemDetails.Detail)));
        Assert.Equal(7L, all[3].ProblemDetails.Extensions["revision"]);
    }
}
