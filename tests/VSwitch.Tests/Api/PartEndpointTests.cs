using System.Net;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Single changes as requests: what comes of each, said as a plan; that a repetition changes nothing; and what is wrong.
/// </summary>
public sealed class PartEndpointTests : IDisposable
{
    private const string Eni3 = """{ "name": "vm3", "subnet": "blue-a", "mac": "02:00:00:00:01:13", "privateIps": ["10.0.1.13"], "securityGroups": ["web"] }""";
    private readonly ChangeBed _bed = new();

    /// <summary>Request, body, status, plan, status of the same again.</summary>
    public static TheoryData<string, string?, HttpStatusCode, string, HttpStatusCode> Changes => new()
    {
        { "POST /v1/enis", Eni3, HttpStatusCode.Created, "+ eni vm3  subnet blue-a  mac 02:00:00:00:01:13  privateIps 10.0.1.13  securityGroups web", HttpStatusCode.OK },
        { "PATCH /v1/enis/vm2", """{ "privateIps": ["10.0.1.12", "10.0.1.20"] }""", HttpStatusCode.OK, "~ eni vm2\n    + privateIps 10.0.1.20", HttpStatusCode.OK },
        { "PATCH /v1/enis/vm2", """{ "mtu": 1400, "securityGroups": ["web", "db"] }""", HttpStatusCode.OK, "~ eni vm2  mtu not set -> 1400\n    + securityGroups db", HttpStatusCode.OK },
        { "DELETE /v1/enis/vm2", null, HttpStatusCode.OK, "- eni vm2  subnet blue-a  mac 02:00:00:00:01:12  privateIps 10.0.1.12  securityGroups web", HttpStatusCode.NotFound },
        { "POST /v1/elastic-ips", """{ "name": "eip-3", "address": "203.0.113.12", "bandwidth": 5000000 }""", HttpStatusCode.Created, "+ elastic IP eip-3  address 203.0.113.12  bandwidth 5Mbps", HttpStatusCode.OK },
        { "PATCH /v1/elastic-ips/eip-1", """{ "bandwidth": "200Mbps" }""", HttpStatusCode.OK, "~ elastic IP eip-1  bandwidth 100Mbps -> 200Mbps", HttpStatusCode.OK },
        { "PATCH /v1/elastic-ips/eip-1", """{ "bandwidth": 200000000, "billing": "traffic" }""", HttpStatusCode.OK, "~ elastic IP eip-1  bandwidth 100Mbps -> 200Mbps  billing bandwidth -> traffic", HttpStatusCode.OK },
        { "PATCH /v1/elastic-ips/eip-1", """{ "bandwidth": null }""", HttpStatusCode.OK, "~ elastic IP eip-1  bandwidth 100Mbps -> not set", HttpStatusCode.OK },
        { "DELETE /v1/elastic-ips/eip-2", null, HttpStatusCode.OK, "- elastic IP eip-2  address 203.0.113.11", HttpStatusCode.NotFound },
        { "PUT /v1/elastic-ips/eip-1/association", """{ "eni": "vm2", "allowReassociation": true }""", HttpStatusCode.OK, "~ elastic IP eip-1  eni vm1 -> vm2", HttpStatusCode.OK },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm1", "privateIp": "10.0.1.11" }""", HttpStatusCode.OK, "~ elastic IP eip-2  eni not set -> vm1  privateIp not set -> 10.0.1.11", HttpStatusCode.OK },
        { "DELETE /v1/elastic-ips/eip-1/association", null, HttpStatusCode.OK, "~ elastic IP eip-1  eni vm1 -> not set", HttpStatusCode.OK },
        { "POST /v1/security-groups", """{ "name": "new", "vpc": "blue", "template": "open" }""", HttpStatusCode.Created, "+ security group new  vpc blue\n    + ingress all from 0.0.0.0/0\n    + ingress all from ::/0\n    + egress all to 0.0.0.0/0\n    + egress all to ::/0", HttpStatusCode.OK },
        { "PUT /v1/security-groups/new", """{ "vpc": "blue" }""", HttpStatusCode.Created, "+ security group new  vpc blue  egress all allowed", HttpStatusCode.OK },
        { "PUT /v1/security-groups/db", """{ "name": "db", "vpc": "blue", "ingress": [{ "protocol": "tcp", "ports": "3306", "source": "sg:web" }], "egress": [] }""", HttpStatusCode.OK, "~ security group db\n    - ingress tcp 5432 from sg:web\n    + ingress tcp 3306 from sg:web", HttpStatusCode.OK },
        { "DELETE /v1/security-groups/db", null, HttpStatusCode.OK, "- security group db  vpc blue  egress none allowed\n    - ingress tcp 5432 from sg:web", HttpStatusCode.NotFound },
        { "POST /v1/security-groups/web/ingress", """{ "protocol": "udp", "ports": "53", "source": "10.0.0.0/8" }""", HttpStatusCode.OK, "~ security group web\n    + ingress udp 53 from 10.0.0.0/8", HttpStatusCode.OK },
        { "POST /v1/security-groups/web/ingress", """[{ "protocol": "icmp", "source": "0.0.0.0/0" }, { "protocol": "icmpv6", "source": "::/0" }]""", HttpStatusCode.OK, "~ security group web\n    + ingress icmp from 0.0.0.0/0\n    + ingress icmpv6 from ::/0", HttpStatusCode.OK },
        { "POST /v1/security-groups/web/egress", """{ "protocol": "udp", "ports": "53", "destination": "10.0.0.0/8" }""", HttpStatusCode.OK, "~ security group web  egress all allowed -> 3 listed\n    + egress all to 0.0.0.0/0\n    + egress all to ::/0\n    + egress udp 53 to 10.0.0.0/8", HttpStatusCode.OK },
        { "DELETE /v1/security-groups/web/ingress", """{ "protocol": "tcp", "ports": "443", "source": "0.0.0.0/0" }""", HttpStatusCode.OK, "~ security group web\n    - ingress tcp 443 from 0.0.0.0/0 \"public\"", HttpStatusCode.NotFound },
        { "PUT /v1/wires/vm1", """{ "delay": "20ms", "in": { "loss": "0.5%" } }""", HttpStatusCode.Created, "+ wire vm1  in.delay 20ms  in.loss 0.5%  out.delay 20ms", HttpStatusCode.OK },
        { "DELETE /v1/security-groups/web/egress", """{ "protocol": "all", "destination": "::/0" }""", HttpStatusCode.OK, "~ security group web  egress all allowed -> 1 listed\n    + egress all to 0.0.0.0/0", HttpStatusCode.NotFound },
    };

    /// <summary>Request, body, status, words of the answer.</summary>
    public static TheoryData<string, string?, HttpStatusCode, string> Refusals => new()
    {
        { "POST /v1/enis", Eni3.Replace("vm3", "vm2", StringComparison.Ordinal), HttpStatusCode.Conflict, "ENI 'vm2' is there already, with another mac, privateIps; change it" },
        { "POST /v1/enis", Eni3.Replace("blue-a", "nowhere", StringComparison.Ordinal), HttpStatusCode.UnprocessableEntity, "ENI 'vm3' names subnet 'nowhere', which does not exist" },
        { "POST /v1/enis", Eni3.Replace("10.0.1.13", "10.0.1.12", StringComparison.Ordinal), HttpStatusCode.UnprocessableEntity, "belongs to ENI 'vm2'" },
        { "POST /v1/enis", """{ "name": 7, "subnet": "blue-a", "mac": [] }""", HttpStatusCode.UnprocessableEntity, "'mac' must be one value" },
        { "POST /v1/enis", """{ "name": "vm3", "subnet": "blue-a", "mac": "02:00:00:00:01:13", "privateIp": ["10.0.1.13"] }""", HttpStatusCode.UnprocessableEntity, "unknown key 'privateIp' in an ENI; did you mean 'privateIps'?" },
        { "POST /v1/enis", "[]", HttpStatusCode.UnprocessableEntity, "an ENI must be a mapping" },
        { "POST /v1/enis", "{ \"name\": ", HttpStatusCode.BadRequest, "this is not JSON" },
        { "POST /v1/enis", "{\"name\": \"\xFF\"}", HttpStatusCode.BadRequest, "this is not JSON" },
        { "POST /v1/enis", "", HttpStatusCode.BadRequest, "the body is empty" },
        { "PATCH /v1/enis/vm9", "{}", HttpStatusCode.NotFound, "there is no ENI 'vm9'" },
        { "PATCH /v1/enis/vm2", """{ "name": "other" }""", HttpStatusCode.UnprocessableEntity, "a name does not change" },
        { "PATCH /v1/enis/vm2", """{ "subnet": null }""", HttpStatusCode.UnprocessableEntity, "an ENI has no 'subnet'; add it" },
        { "PATCH /v1/enis/vm2", """{ "nothing": null }""", HttpStatusCode.UnprocessableEntity, "unknown key 'nothing'" },
        { "PATCH /v1/enis/vm1", """{ "privateIps": [] }""", HttpStatusCode.UnprocessableEntity, "has 0 addresses" },
        { "DELETE /v1/enis/vm1", null, HttpStatusCode.Conflict, "ENI 'vm1' is in use: without it elastic IP 'eip-1' names ENI 'vm1', which does not exist" },
        { "POST /v1/elastic-ips", """{ "name": "eip-9", "address": "203.0.113.10" }""", HttpStatusCode.UnprocessableEntity, "belongs to elastic IP 'eip-1' too" },
        { "POST /v1/elastic-ips", """{ "name": "eip-9", "address": "203.0.113.19", "bandwidth": "fast" }""", HttpStatusCode.UnprocessableEntity, "is not a rate" },
        { "PATCH /v1/elastic-ips/eip-1", """{ "bandwidth": -1 }""", HttpStatusCode.UnprocessableEntity, "is not a rate" },
        { "PUT /v1/wires/vm9", """{ "loss": "1%" }""", HttpStatusCode.UnprocessableEntity, "there is a wire of port 'vm9', which does not exist" },
        { "PUT /v1/wires/vm1", """{ "port": "vm2", "loss": "1%" }""", HttpStatusCode.UnprocessableEntity, "'port' is another than 'vm1'" },
        { "DELETE /v1/wires/vm1", null, HttpStatusCode.NotFound, "there is no wire 'vm1'" },
        { "PUT /v1/elastic-ips/eip-9/association", """{ "eni": "vm1" }""", HttpStatusCode.NotFound, "there is no elastic IP 'eip-9'" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm9" }""", HttpStatusCode.UnprocessableEntity, "names ENI 'vm9', which does not exist" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm1" }""", HttpStatusCode.UnprocessableEntity, "has elastic IP 'eip-1' already" },
        { "PUT /v1/elastic-ips/eip-2/association", "{}", HttpStatusCode.UnprocessableEntity, "an association names exactly one of 'eni', 'natGateway' and 'loadBalancer'" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm1", "natGateway": "out" }""", HttpStatusCode.UnprocessableEntity, "an association names exactly one of" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "natGateway": "out", "privateIp": "10.0.1.11" }""", HttpStatusCode.UnprocessableEntity, "has a privateIp, but NAT gateway 'out' stands for many" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm1", "privateIp": "10.0.1.12" }""", HttpStatusCode.UnprocessableEntity, "needs an IPv4 address of ENI 'vm1' as privateIp" },
        { "PUT /v1/elastic-ips/eip-2/association", """{ "eni": "vm1", "allowReassociation": "yes" }""", HttpStatusCode.UnprocessableEntity, "'allowReassociation: yes' is not true or false" },
        { "PUT /v1/elastic-ips/eip-1/association", """{ "eni": "vm2" }""", HttpStatusCode.Conflict, "elastic IP 'eip-1' is associated with ENI 'vm1' already; disassociate it first, or say" },
        { "PUT /v1/elastic-ips/eip-1/association", """{ "eni": "vm1", "privateIp": "10.0.1.11" }""", HttpStatusCode.Conflict, "is associated with ENI 'vm1' already" },
        { "DELETE /v1/elastic-ips/eip-9/association", null, HttpStatusCode.NotFound, "there is no elastic IP 'eip-9'" },
        { "DELETE /v1/security-groups/web", null, HttpStatusCode.Conflict, "security group 'web' is in use: without it a rule of 'db' names sg:web, which does not exist; add the group or correct the name; ENI 'vm1' names security group 'web'" },
        { "PUT /v1/security-groups/web", """{ "name": "db", "vpc": "blue" }""", HttpStatusCode.UnprocessableEntity, "a name does not change" },
        { "PUT /v1/security-groups/new", """{ "vpc": "red" }""", HttpStatusCode.UnprocessableEntity, "names VPC 'red', which does not exist" },
        { "POST /v1/security-groups/web/ingress", """{ "protocol": "tcp", "ports": "443", "source": "0.0.0.0/0", "remark": "other" }""", HttpStatusCode.Conflict, "with another remark" },
        { "POST /v1/security-groups/web/ingress", """{ "protocol": "tcp", "ports": "443", "destination": "0.0.0.0/0" }""", HttpStatusCode.UnprocessableEntity, "a rule with 'source' has no 'source'" },
        { "POST /v1/security-groups/no/ingress", """{ "protocol": "all", "source": "0.0.0.0/0" }""", HttpStatusCode.NotFound, "there is no security group 'no'" },
        { "DELETE /v1/security-groups/web/ingress", """{ "protocol": "tcp", "ports": "80", "source": "0.0.0.0/0" }""", HttpStatusCode.NotFound, "security group 'web' has no ingress rule tcp 80 from 0.0.0.0/0" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_change_is_made_once_and_says_what_it_did(string request, string? body, HttpStatusCode status, string plan, HttpStatusCode again)
    {
        Standing before = _bed.Look();
        string dry = request + "?dryRun=true";
        Answer rehearsed = await _bed.Send(dry, body);
        Assert.Equal((HttpStatusCode.OK, plan, false, "\"1\""), (rehearsed.Status, rehearsed.Plan, rehearsed.Changed, rehearsed.Tag));
        Assert.Equal(0, rehearsed.Json.GetProperty("connections").GetProperty("lost").GetInt64());
        Assert.Equal(before, _bed.Look());

        Answer made = await _bed.Send(request, body);
        Assert.Equal((status, plan, true, "\"2\""), (made.Status, made.Plan, made.Changed, made.Tag));
        Assert.Equal(2, made.Json.GetProperty("revision").GetInt64());
        Standing after = _bed.Look();
        Assert.NotSame(before.Snapshot, after.Published);
        Answer document = await _bed.Send("GET /v1/config");
        Assert.Equal((after.Document, "\"2\"", "application/json"), (document.Text, document.Tag, document.Type));
        Assert.Equal(status == HttpStatusCode.Created, made.Location != null && (await _bed.Send("GET " + made.Location)).Status == HttpStatusCode.OK);

        Answer repeated = await _bed.Send(request, body);
        Assert.Equal(again, repeated.Status);
        Assert.Equal(again == HttpStatusCode.NotFound, repeated.Type == "application/problem+json");
        Assert.True(again == HttpStatusCode.NotFound || !repeated.Changed);
        Assert.Equal(after, _bed.Look());
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task What_is_wrong_is_said_and_changes_nothing(string request, string? body, HttpStatusCode status, string words)
    {
        Standing before = _bed.Look();
        Answer answer = await _bed.Send(request, body);
        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.Type));
        Assert.Contains(words, answer.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("line ", answer.Detail, StringComparison.Ordinal);
        Assert.Equal(before, _bed.Look());
    }

    [Fact]
    public async Task A_body_may_be_YAML_and_its_errors_have_its_own_places()
    {
        Answer made = await _bed.Send("POST /v1/enis", "name: vm3\nsubnet: blue-a\nmac: 02:00:00:00:01:13\nprivateIps: [10.0.1.13]\nsecurityGroups: [web]\n", "application/yaml");
        Assert.Equal(HttpStatusCode.Created, made.Status);
        Answer wrong = await _bed.Send("PATCH /v1/enis/vm3", "mtu: 1400\ntcp: lose\n", "text/yaml; charset=utf-8");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.Status);
        Assert.Equal(2, wrong.Json.GetProperty("errors")[0].GetProperty("line").GetInt32());
        Assert.Equal(6, wrong.Json.GetProperty("errors")[0].GetProperty("column").GetInt32());
    }

    public void Dispose() => _bed.Dispose();
}
