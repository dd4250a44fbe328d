using System.Text.Json;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>What the API says of a switch.</summary>
public sealed class ApiReadTests : IDisposable
{
    private readonly ApiHost _api = new();

    public void Dispose() => _api.Dispose();

    [Fact]
    public void Health_and_status()
    {
        Assert.Equal("ok\n", _api.Client.GetText("/healthz"));
        JsonElement status = _api.Get("/v1/status");
        Assert.Equal(2, status.GetProperty("workers").GetInt32());
        Assert.Equal(3, status.GetProperty("ports").GetInt32());
        Assert.Equal(1, status.GetProperty("revision").GetInt64());
        Assert.Equal(0, status.GetProperty("connections").GetInt32());
        Assert.EndsWith("Z", status.GetProperty("startedAt").GetString(), StringComparison.Ordinal);
        Assert.True(status.GetProperty("uptimeSeconds").GetDouble() >= 0);
        SwitchConfig all = ApiHost.Config(ApiHost.Yaml);
        _api.Control.Apply(all, ChangeOrigin.Api);
        Assert.Equal(1, _api.Get("/v1/status").GetProperty("revision").GetInt64());
        _api.Control.Apply(all with { ElasticIps = [all.ElasticIps[0]] }, ChangeOrigin.Api);
        Assert.Equal(2, _api.Get("/v1/status").GetProperty("revision").GetInt64());
    }

    [Fact]
    public void Ports_with_their_counters()
    {
        JsonElement[] ports = [.. _api.Get("/v1/ports").GetProperty("ports").EnumerateArray()];
        Assert.Equal(["internet", "one", "two"], ports.Select(p => p.GetProperty("name").GetString()!));
        JsonElement counters = _api.Get("/v1/ports/two").GetProperty("counters");
        string[] names = [.. counters.EnumerateObject().Select(p => p.Name)];
        Assert.Equal(
            ["received", "sent", "forwarded", "answered", "consumed", "dropped", "held", "generated", "receivedBytes", "sentBytes", "drops"],
            names);
        Assert.False(ports[1].TryGetProperty("device", out _), "nothing is attached");
    }

    [Fact]
    public void Enis_as_configured_with_what_they_have()
    {
        JsonElement one = _api.Get("/v1/enis/one");
        Assert.Equal(
            """{"name":"one","primary":false,"vpc":"blue","subnet":"blue-a","mac":"02:00:00:00:01:10","privateIps":["10.0.1.10","10.0.1.11"]""" +
            ""","securityGroups":["web"],"tcp":"loose","sourceDestCheck":false,"mtu":1400""" +
            ""","elasticIps":[{"name":"e1","address":"203.0.113.10","privateIp":"10.0.1.10"}]""" +
            ""","attachment":"none","deleteWithInstance":false,"queues":2""" +
            ""","counters":{"received":0,"sent":0,"forwarded":0,"answered":0,"consumed":0,"dropped":0,"held":0,"generated":0,"receivedBytes":0,"sentBytes":0,"drops":{}}""" +
            ""","dscp":"keep"}""",
            one.GetRawText());
        Assert.Equal(2, _api.Get("/v1/enis").GetProperty("enis").GetArrayLength());
    }

    [Fact]
    public void Groups_as_configured_with_the_enis_that_have_them()
    {
        Assert.Equal(
            """{"name":"web","vpc":"blue","ingress":[{"protocol":"tcp","ports":"80,8000-8100","source":"0.0.0.0/0","remark":"hello"},""" +
            """{"protocol":"icmp","icmpType":8,"source":"sg:web"}],"egress":[{"protocol":"all","destination":"prefixList:branches"}]""" +
            ""","liveConnections":"keep","enis":["one","two"]}""",
            _api.Get("/v1/security-groups/web").GetRawText());
        JsonElement open = _api.Get("/v1/security-groups").GetProperty("securityGroups")[1];
        Assert.False(open.TryGetProperty("egress", out _), "no list of egress rules: all is allowed");
        Assert.Equal("two", open.GetProperty("enis")[0].GetString());
    }

    [Fact]
    public void Elastic_ips_bound_and_unbound()
    {
        const string Nothing = """{"packets":0,"bytes":0,"droppedPackets":0,"droppedBytes":0}""";
        Assert.Equal(
            $$"""{"name":"e1","address":"203.0.113.10","eni":"one","privateIp":"10.0.1.10","bandwidth":100000000,"billing":"bandwidth","sent":{{Nothing}},"received":{{Nothing}},"moves":0}""",
            _api.Get("/v1/elastic-ips/e1").GetRawText());
        Assert.Equal(
            $$"""{"name":"e2","address":"203.0.113.11","billing":"traffic","sent":{{Nothing}},"received":{{Nothing}},"moves":0}""",
            _api.Get("/v1/elastic-ips").GetProperty("elasticIps")[1].GetRawText());
    }

    [Fact]
    public void Route_tables_in_force_with_local_routes_lists_and_subnets()
    {
        JsonElement[] tables = [.. _api.Get("/v1/routes").GetProperty("routeTables").EnumerateArray()];
        Assert.Equal(["even", "odd", "local", "internet"], tables.Select(t => t.GetProperty("name").GetString()!));
        Assert.Equal("""["blue-a"]""", tables[0].GetProperty("subnets").GetRawText());
        Assert.Equal(
            """[{"destination":"10.0.0.0/16","target":"local"},{"destination":"192.0.2.0/25","target":"eni:one","prefixList":"branches"},""" +
            """{"destination":"192.0.2.128/25","target":"eni:one","prefixList":"branches"}]""",
            tables[1].GetProperty("routes").GetRawText());
        Assert.Equal("""["red-a"]""", tables[2].GetProperty("subnets").GetRawText());
        Assert.Equal(
            """[{"destination":"198.51.100.0/24","target":"link"},{"destination":"0.0.0.0/0","target":"via 198.51.100.254"}]""",
            tables[3].GetProperty("routes").GetRawText());
    }

    [Fact]
    public void Workers_with_their_buffers()
    {
        JsonElement[] workers = [.. _api.Get("/v1/workers").GetProperty("workers").EnumerateArray()];
        Assert.Equal([0, 1], workers.Select(w => w.GetProperty("index").GetInt32()));
        Assert.All(workers, w => Assert.Equal(8192, w.GetProperty("smallBuffers").GetProperty("free").GetInt32()));
        Assert.All(workers, w => Assert.Equal(0, w.GetProperty("connections").GetInt32()));
    }

    [Theory]
    [InlineData("/v1/ports/nope", "there is no port 'nope'")]
    [InlineData("/v1/enis/nope", "there is no ENI 'nope'")]
    [InlineData("/v1/security-groups/nope", "there is no security group 'nope'")]
    [InlineData("/v1/elastic-ips/nope", "there is no elastic IP 'nope'")]
    public void What_is_not_there_is_named(string path, string sentence)
    {
        var refusal = Assert.Throws<ApiException>(() => _api.Get(path));
        Assert.Equal((404, sentence), (refusal.Status, refusal.Message));
    }

    [Fact]
    public async Task While_the_configuration_changes_every_answer_is_of_one_configuration()
    {
        SwitchConfig all = ApiHost.Config(ApiHost.Yaml);
        SwitchConfig few = all with { Enis = [all.Enis[0]], ElasticIps = [all.ElasticIps[1]] };
        var changing = Task.Run(() =>
        {
            for (int i = 0; i < 60; i++)
            {
                _api.Control.Apply(i % 2 == 0 ? few : all, ChangeOrigin.Api);
            }
        });
        int seen = 0;
        while (!changing.IsCompleted || seen == 0)
        {
            string[] enis = [.. _api.Get("/v1/enis").GetProperty("enis").EnumerateArray().Select(e => e.GetProperty("name").GetString()!)];
            string[] ports = [.. _api.Get("/v1/ports").GetProperty("ports").EnumerateArray().Select(e => e.GetProperty("name").GetString()!)];
            Assert.True(enis is ["one"] or ["one", "two"], string.Join(' ', enis));
            Assert.True(ports is ["internet", "one"] or ["internet", "one", "two"], string.Join(' ', ports));
            seen++;
        }

        await changing;
        Assert.Equal("", _api.Log);
    }
}
