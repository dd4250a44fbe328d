using System.Net;
using System.Text.Json;
using VSwitch.Show;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Load balancers by the API: added, read, shown, drained, removed.</summary>
public sealed class LoadBalancerEndpointTests : IDisposable
{
    private const string Balancer = """
        { "subnet": "blue-a", "address": "10.0.1.100", "listeners": [
          { "protocol": "tcp", "port": 443, "algorithm": "leastConnections", "backends": [{ "eni": "vm1", "port": 8443 }, { "eni": "vm2", "port": 8443, "weight": 0 }] },
          { "name": "dns", "protocol": "udp", "port": 53, "stickiness": "60s" }] }
        """;

    private readonly ChangeBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public async Task A_load_balancer_lives_through_the_api()
    {
        Assert.Equal(HttpStatusCode.Created, (await _bed.Send("PUT /v1/load-balancers/front", Balancer)).Status);
        Assert.False((await _bed.Send("PUT /v1/load-balancers/front", Balancer)).Json.GetProperty("changed").GetBoolean());
        JsonElement document = (await _bed.Send("GET /v1/load-balancers/front")).Json;
        Assert.Equal(("blue", "10.0.1.100"), (document.GetProperty("vpc").GetString(), document.GetProperty("address").GetString()));
        JsonElement listener = document.GetProperty("listeners")[0];
        Assert.Equal(("tcp-443", "leastConnections"), (listener.GetProperty("name").GetString(), listener.GetProperty("algorithm").GetString()));
        Assert.Equal(["serving", "idle"], States(document));
        Assert.Equal("unchecked", listener.GetProperty("backends")[0].GetProperty("health").GetString());
        Assert.Equal(60, document.GetProperty("listeners")[1].GetProperty("stickinessSeconds").GetDouble());

        const string Draining = " /v1/load-balancers/front/listeners/tcp-443/backends/vm1/draining";
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("PUT" + Draining)).Status);
        document = (await _bed.Send("GET /v1/load-balancers/front")).Json;
        Assert.Equal(["draining", "idle"], States(document));
        Assert.InRange(document.GetProperty("listeners")[0].GetProperty("backends")[0].GetProperty("drainSecondsLeft").GetDouble(), 0, 60);
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("DELETE" + Draining)).Status);
        Assert.Equal(["serving", "idle"], States((await _bed.Send("GET /v1/load-balancers")).Json.GetProperty("loadBalancers")[0]));

        string metrics = (await _bed.Send("GET /metrics")).Text;
        Assert.Contains("vswitch_backend_serving{load_balancer=\"front\",listener=\"tcp-443\",backend=\"vm1:8443\"} 1", metrics, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("DELETE /v1/load-balancers/front")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _bed.Send("GET /v1/load-balancers/front")).Status);
    }

    [Theory]
    [InlineData("PUT /v1/load-balancers/front/listeners/tcp-443/backends/vm1/draining", HttpStatusCode.NotFound, "there is no load balancer 'front'")]
    [InlineData("DELETE /v1/load-balancers/front", HttpStatusCode.NotFound, "there is no load balancer 'front'")]
    [InlineData("PUT /v1/load-balancers/front", HttpStatusCode.UnprocessableEntity, "belongs to ENI 'vm1' of the same VPC; choose another")]
    [InlineData("POST /v1/load-balancers", HttpStatusCode.UnprocessableEntity, "a load balancer has no 'name'; add it")]
    public async Task A_refusal_says_why(string request, HttpStatusCode status, string words)
    {
        Answer answer = await _bed.Send(
            request, request[0] == 'P' && !request.EndsWith("draining", StringComparison.Ordinal) ? """{ "subnet": "blue-a", "address": "10.0.1.10" }""" : null);
        Assert.Equal(status, answer.Status);
        Assert.Contains(words, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_table_has_a_line_for_each_backend()
    {
        await _bed.Send("PUT /v1/load-balancers/front", Balancer);
        JsonElement row = (await _bed.Send("GET /v1/load-balancers/front")).Json;
        ShowSubject subject = ShowSubject.All.Single(s => s.Name == "load-balancers");
        Column backend = subject.Columns.Single(c => c.Title == "backend");
        Assert.Equal("vm1 10.0.1.10:8443\nvm2 10.0.1.12:8443\n", backend.Text(new Sample(row, null, 0)));
    }

    private static IEnumerable<string?> States(JsonElement balancer) =>
        balancer.GetProperty("listeners")[0].GetProperty("backends").EnumerateArray().Select(b => b.GetProperty("state").GetString());
}
