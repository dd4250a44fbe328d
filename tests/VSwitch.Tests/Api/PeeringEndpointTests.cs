using System.Net;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using VSwitch.Tests.DataPlane.Peerings;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Peerings as requests: requested, accepted, rejected, deleted; each once, repeated, rehearsed and refused.</summary>
public sealed class PeeringEndpointTests : IDisposable
{
    private const string Gr = "{ name: gr, requester: green, accepter: red, accepted: true }";
    private const string Asked = """{ "name": "bg", "requester": "blue", "accepter": "green" }""";
    private readonly ChangeBed _bed = new(PeeringText.Of(Gr));

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task Both_sides_consent_one_after_the_other()
    {
        Answer asked = await _bed.Send("POST /v1/peerings", Asked);
        Assert.Equal((HttpStatusCode.Created, "/v1/peerings/bg", "+ peering bg  requester blue  accepter green  accepted false"), (asked.Status, asked.Location, asked.Plan));
        Assert.Equal("pending", (await _bed.Send("GET /v1/peerings/bg")).Json.GetProperty("status").GetString());
        Assert.False((await _bed.Send("POST /v1/peerings", Asked)).Changed);

        Assert.Equal("~ peering bg  accepted false -> true", (await _bed.Send("POST /v1/peerings/bg/accept?dryRun=true")).Plan);
        Assert.Equal("pending", (await _bed.Send("GET /v1/peerings/bg")).Json.GetProperty("status").GetString());
        Assert.Equal("~ peering bg  accepted false -> true", (await _bed.Send("POST /v1/peerings/bg/accept")).Plan);
        JsonElement active = (await _bed.Send("GET /v1/peerings/bg")).Json;
        Assert.Equal(("bg", "blue", "green", "active"), (Text(active, "name"), Text(active, "requester"), Text(active, "accepter"), Text(active, "status")));
        Assert.Equal(
            ["blue main 10.1.0.0/16", "blue main 10.2.0.0/16", "blue main fd00:c::/48", "green ways 10.0.0.0/16", "green ways fd00:b::/48"],
            active.GetProperty("routes").EnumerateArray().Select(r => $"{Text(r, "vpc")} {Text(r, "table")} {Text(r, "destination")}"));

        // Neither the acceptance nor the request again changes anything.
        Assert.False((await _bed.Send("POST /v1/peerings/bg/accept")).Changed);
        Assert.False((await _bed.Send("POST /v1/peerings", Asked)).Changed);
        Assert.Equal(2, (await _bed.Send("GET /v1/peerings")).Json.GetProperty("peerings").GetArrayLength());
    }

    [Fact]
    public async Task A_rejected_request_is_gone_and_an_accepted_one_is_not_rejected()
    {
        await _bed.Send("POST /v1/peerings", Asked);
        Assert.Equal("- peering bg  requester blue  accepter green  accepted false", (await _bed.Send("POST /v1/peerings/bg/reject")).Plan);
        Assert.Equal(HttpStatusCode.NotFound, (await _bed.Send("POST /v1/peerings/bg/reject")).Status);
        Answer refused = await _bed.Send("POST /v1/peerings/gr/reject");
        Assert.Equal((HttpStatusCode.Conflict, "peering 'gr' is accepted already; delete it to end it"), (refused.Status, refused.Detail));
    }

    /// <summary>Request, body, status, words of the answer.</summary>
    public static TheoryData<string, string?, HttpStatusCode, string> Refusals => new()
    {
        { "GET /v1/peerings/none", null, HttpStatusCode.NotFound, "there is no peering 'none'" },
        { "POST /v1/peerings/none/accept", null, HttpStatusCode.NotFound, "there is no peering 'none'" },
        { "DELETE /v1/peerings/none", null, HttpStatusCode.NotFound, "there is no peering 'none'" },
        { "POST /v1/peerings", Asked.Replace("\"green\"", "\"green\", \"accepted\": true", StringComparison.Ordinal), HttpStatusCode.UnprocessableEntity, "unknown key 'accepted' in a peering request" },
        { "POST /v1/peerings", Asked.Replace("\"green\"", "\"blue\"", StringComparison.Ordinal), HttpStatusCode.UnprocessableEntity, "peering 'bg' joins VPC 'blue' with itself" },
        { "POST /v1/peerings", Asked.Replace("\"green\"", "\"teal\"", StringComparison.Ordinal), HttpStatusCode.UnprocessableEntity, "peering 'bg' names VPC 'teal', which does not exist" },
        { "POST /v1/peerings", """{ "name": "rg", "requester": "red", "accepter": "green" }""", HttpStatusCode.UnprocessableEntity, "VPC 'red' and VPC 'green' have peering 'gr' already; one a pair" },
        { "POST /v1/peerings", """{ "name": "gr", "requester": "blue", "accepter": "red" }""", HttpStatusCode.Conflict, "peering 'gr' is there already, with another requester; change it" },
        { "POST /v1/peerings", """{ "name": "bg", "requester": "blue" }""", HttpStatusCode.UnprocessableEntity, "a peering request has no 'accepter'; add it" },
        { "POST /v1/peerings", "[]", HttpStatusCode.UnprocessableEntity, "a peering request must be a mapping" },
        { "POST /v1/peerings", "{", HttpStatusCode.BadRequest, "this is not JSON" },
        { "POST /v1/peerings", "", HttpStatusCode.BadRequest, "the body is empty" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_refusal_has_the_rules_words_and_changes_nothing(string request, string? body, HttpStatusCode status, string words)
    {
        Standing before = _bed.Look();
        Answer answer = await _bed.Send(request, body);
        Assert.Equal(status, answer.Status);
        Assert.Contains(words, answer.Text.Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(before, _bed.Look());
    }

    [Fact]
    public async Task Rules_and_routes_outlive_a_deletion_and_are_marked()
    {
        await _bed.Send("POST /v1/peerings", Asked);
        await _bed.Send("POST /v1/peerings/bg/accept");
        await _bed.Send("POST /v1/security-groups/green-sg/ingress", """{ "protocol": "tcp", "ports": "443", "source": "sg:blue-web" }""");
        Assert.Null(Stale(await Rule()));

        Answer deleted = await _bed.Send("DELETE /v1/peerings/bg");
        Assert.Equal(
            "- peering bg  requester blue  accepter green  accepted true\n~ security group green-sg\n" +
            "    - ingress tcp 443 from sg:blue-web\n    + ingress tcp 443 from sg:blue-web by peering bg", deleted.Plan);
        Assert.Equal("there is no peering 'bg'", Stale(await Rule()));
        Assert.Equal("bg", Text(await Rule(), "peering"));
        JsonElement table = (await _bed.Send("GET /v1/routes")).Json.GetProperty("routeTables").EnumerateArray().First(t => Text(t, "vpc") == "blue");
        Assert.Contains(table.GetProperty("routes").EnumerateArray(), r => Text(r, "target") == "peering:bg" && Text(r, "note") == "peering not active");

        // What is in force is a configuration that a file may be: check warns and does not fail.
        ConfigResult read = ConfigReader.Parse("now", (await _bed.Send("GET /v1/config")).Text);
        Assert.Empty(read.Errors);
        Assert.Contains(read.Warnings, w => w.Message.Contains("is stale", StringComparison.Ordinal));
        Assert.Contains(read.Warnings, w => w.Message.Contains("peering not active", StringComparison.Ordinal));

        await _bed.Send("POST /v1/peerings", Asked);
        Assert.Equal("peering 'bg' is not accepted", Stale(await Rule()));
        await _bed.Send("POST /v1/peerings/bg/accept");
        Assert.Null(Stale(await Rule()));

        // The rule as it was posted is the one that is there, mark or not.
        Assert.True((await _bed.Send("DELETE /v1/security-groups/green-sg/ingress", """{ "protocol": "tcp", "ports": "443", "source": "sg:blue-web" }""")).Changed);
    }

    [Fact]
    public async Task A_group_goes_from_under_the_rules_of_a_peer_but_not_of_its_own_vpc()
    {
        await _bed.Send("POST /v1/security-groups", """{ "name": "red-web", "vpc": "red" }""");
        await _bed.Send("POST /v1/security-groups/green-sg/ingress", """{ "protocol": "tcp", "ports": "443", "source": "sg:red-web" }""");
        Assert.Contains("tcp 443 from sg:red-web by peering gr", (await _bed.Send("DELETE /v1/security-groups/red-web")).Plan, StringComparison.Ordinal);
        Assert.Equal("there is no security group 'red-web'", Stale(await Rule()));
        await _bed.Send("POST /v1/security-groups", """{ "name": "red-web", "vpc": "red" }""");
        Assert.Null(Stale(await Rule()));

        await _bed.Send("POST /v1/security-groups/red-open/ingress", """{ "protocol": "tcp", "ports": "443", "source": "sg:red-web" }""");
        Answer used = await _bed.Send("DELETE /v1/security-groups/red-web");
        Assert.Equal(HttpStatusCode.Conflict, used.Status);
        Assert.Contains("a rule of 'red-open' names sg:red-web, which does not exist", used.Detail, StringComparison.Ordinal);
    }

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private static string? Stale(JsonElement rule) => Text(rule, "stale");

    private async Task<JsonElement> Rule() =>
        (await _bed.Send("GET /v1/security-groups/green-sg")).Json.GetProperty("ingress").EnumerateArray().Last();
}
