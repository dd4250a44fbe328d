using System.Net;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>The life of instances and ENIs as requests (semantics.md section 9): what comes of each, that a repetition changes nothing, and
/// each rule that refuses, in its words.</summary>
public sealed class InstanceEndpointTests : IDisposable
{
    private const string Lab = """
        internet:
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }, { name: small, cidrs: [10.0.9.0/28] }]
            routeTables: [{ name: main, main: true, routes: [{ destination: 172.16.0.0/12, target: "eni:router" }] }]
          - { name: red, cidrs: [10.0.0.0/16], subnets: [{ name: red-a, cidrs: [10.0.1.0/24] }] }
        securityGroups:
          - { name: g1, vpc: blue, template: open }
          - { name: g2, vpc: blue }
          - { name: g3, vpc: blue }
          - { name: g4, vpc: blue }
          - { name: g5, vpc: blue }
          - { name: g6, vpc: blue }
          - { name: red-open, vpc: red, template: open }
        instances: [{ name: vm1, vcpus: 2 }, { name: vm2, vcpus: 4 }, { name: vm4, vcpus: 8 }, { name: red1, vcpus: 4 }]
        enis:
          - { name: vm1-eth0, instance: vm1, primary: true, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, 10.0.1.11], securityGroups: [g1] }
          - { name: vm2-eth0, instance: vm2, primary: true, subnet: blue-a, mac: "02:00:00:00:01:20", privateIps: [10.0.1.20], securityGroups: [g1] }
          - { name: stays, instance: vm2, subnet: blue-a, mac: "02:00:00:00:01:21", privateIps: [10.0.1.21, 10.0.1.22], securityGroups: [g1] }
          - { name: goes, instance: vm2, subnet: blue-a, mac: "02:00:00:00:01:23", privateIps: [10.0.1.23], securityGroups: [g1], deleteWithInstance: true }
          - { name: free, subnet: blue-a, mac: "02:00:00:00:01:30", privateIps: [10.0.1.30], securityGroups: [g1], detached: true }
          - { name: red-free, subnet: red-a, mac: "02:00:00:00:02:30", privateIps: [10.0.1.30], securityGroups: [red-open], detached: true }
          - { name: red1-eth0, instance: red1, primary: true, subnet: red-a, mac: "02:00:00:00:02:10", privateIps: [10.0.1.10], securityGroups: [red-open] }
          - { name: router, instance: vm4, primary: true, subnet: blue-a, mac: "02:00:00:00:01:40", privateIps: [10.0.1.40], securityGroups: [g1], sourceDestCheck: false }
          - { name: full, subnet: small, mac: "02:00:00:00:09:10", privateIps: [10.0.9.3, 10.0.9.5, 10.0.9.6, 10.0.9.7, 10.0.9.8, 10.0.9.9, 10.0.9.10, 10.0.9.11, 10.0.9.12, 10.0.9.13], securityGroups: [g1] }
        elasticIps:
          - { name: eip-goes, address: 203.0.113.10, eni: goes }
          - { name: eip-stays, address: 203.0.113.11, eni: stays, privateIp: 10.0.1.22 }
          - { name: eip-zone, address: 203.0.113.12, singleZone: true }
        """;

    private readonly ChangeBed _bed = new(Lab);

    /// <summary>Request, body, status, plan, status of the same again.</summary>
    public static TheoryData<string, string?, HttpStatusCode, string, HttpStatusCode> Changes => new()
    {
        { "POST /v1/instances", """{ "name": "vm3", "vcpus": 4, "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"], "mac": "02:00:00:00:01:50" } }""", HttpStatusCode.Created, "+ instance vm3  vcpus 4\n+ eni vm3-eth0  instance vm3  primary true  subnet blue-a  mac 02:00:00:00:01:50  privateIps 10.0.1.3  securityGroups g1", HttpStatusCode.OK },
        { "PATCH /v1/instances/vm1", """{ "vcpus": 8 }""", HttpStatusCode.OK, "~ instance vm1  vcpus 2 -> 8", HttpStatusCode.OK },
        { "DELETE /v1/instances/vm2", null, HttpStatusCode.OK, "- instance vm2  vcpus 4\n~ eni stays  instance vm2 -> not set  detached false -> true\n- eni vm2-eth0  instance vm2  primary true  subnet blue-a  mac 02:00:00:00:01:20  privateIps 10.0.1.20  securityGroups g1\n- eni goes  instance vm2  subnet blue-a  mac 02:00:00:00:01:23  privateIps 10.0.1.23  securityGroups g1  deleteWithInstance true\n~ elastic IP eip-goes  eni goes -> not set", HttpStatusCode.NotFound },
        { "POST /v1/enis/free/attach", """{ "instance": "vm1" }""", HttpStatusCode.OK, "~ eni free  instance not set -> vm1  detached true -> false", HttpStatusCode.OK },
        { "POST /v1/enis/stays/detach", null, HttpStatusCode.OK, "~ eni stays  instance vm2 -> not set  detached false -> true", HttpStatusCode.OK },
        { "PATCH /v1/enis/stays", """{ "deleteWithInstance": true }""", HttpStatusCode.OK, "~ eni stays  deleteWithInstance false -> true", HttpStatusCode.OK },
        { "PATCH /v1/enis/stays", """{ "securityGroups": ["g1", "g2", "g3", "g4", "g5"], "queues": 4 }""", HttpStatusCode.OK, "~ eni stays  queues not set -> 4\n    + securityGroups g2\n    + securityGroups g3\n    + securityGroups g4\n    + securityGroups g5", HttpStatusCode.OK },
        { "POST /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.99"] }""", HttpStatusCode.OK, "~ eni stays\n    + privateIps 10.0.1.99", HttpStatusCode.OK },
        { "DELETE /v1/enis/vm1-eth0/private-ips", """{ "addresses": ["10.0.1.11"] }""", HttpStatusCode.OK, "~ eni vm1-eth0\n    - privateIps 10.0.1.11", HttpStatusCode.NotFound },
        { "DELETE /v1/enis/free", null, HttpStatusCode.OK, "- eni free  subnet blue-a  mac 02:00:00:00:01:30  privateIps 10.0.1.30  securityGroups g1  detached true", HttpStatusCode.NotFound },
        { "POST /v1/enis", """{ "name": "own", "subnet": "blue-a", "securityGroups": ["g1"], "detached": true, "mac": "02:00:00:00:01:60" }""", HttpStatusCode.Created, "+ eni own  subnet blue-a  mac 02:00:00:00:01:60  privateIps 10.0.1.3  securityGroups g1  detached true", HttpStatusCode.OK },
        { "PUT /v1/enis/stays/rss", """{ "key": "microsoft" }""", HttpStatusCode.OK, "~ eni stays  rss.key not set -> microsoft", HttpStatusCode.OK },
        { "PUT /v1/elastic-ips/eip-zone/association", """{ "eni": "vm1-eth0" }""", HttpStatusCode.OK, "~ elastic IP eip-zone  eni not set -> vm1-eth0", HttpStatusCode.OK },
    };

    /// <summary>Request, body, status, words of the answer.</summary>
    public static TheoryData<string, string?, HttpStatusCode, string> Refusals => new()
    {
        { "POST /v1/instances", """{ "name": "vm9", "vcpus": 2 }""", HttpStatusCode.UnprocessableEntity, "instance 'vm9' has no 'primaryEni'; add it: a primary ENI is made with its instance" },
        { "POST /v1/instances", """{ "name": "vm9", "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"], "instance": "vm1" } }""", HttpStatusCode.UnprocessableEntity, "'instance' has no place in 'primaryEni'" },
        { "POST /v1/instances", """{ "name": "vm9", "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"], "name": "free" } }""", HttpStatusCode.Conflict, "ENI 'free' is there already, and a primary ENI is made with its instance" },
        { "POST /v1/instances", """{ "name": "vm1", "vcpus": 2, "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"], "name": "other" } }""", HttpStatusCode.Conflict, "instance 'vm1' is there already, with another primary ENI" },
        { "POST /v1/instances", """{ "name": "vm1", "vcpus": 4, "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"], "name": "vm1-eth0" } }""", HttpStatusCode.Conflict, "instance 'vm1' is there already, with another vcpus" },
        { "POST /v1/instances", """{ "name": "vm9", "vcpus": 0, "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"] } }""", HttpStatusCode.UnprocessableEntity, "'vcpus: 0' is not a whole number from 1 to 1024" },
        { "POST /v1/instances", """{ "name": "vm9", "primaryEni": { "subnet": "small", "securityGroups": ["g1"] , "privateIps": 3 } }""", HttpStatusCode.Conflict, "subnet 'small' has no free address in 10.0.9.0/28 for ENI 'vm9-eth0'" },
        { "POST /v1/instances", "{", HttpStatusCode.BadRequest, "this is not JSON" },
        { "PATCH /v1/instances/vm2", """{ "vcpus": 3 }""", HttpStatusCode.UnprocessableEntity, "instance 'vm2' with 3 vCPUs takes 2 ENIs, this is number 3" },
        { "PATCH /v1/instances/vm2", """{ "name": "x" }""", HttpStatusCode.UnprocessableEntity, "a name does not change" },
        { "PATCH /v1/instances/none", "{}", HttpStatusCode.NotFound, "there is no instance 'none'" },
        { "DELETE /v1/instances/none", null, HttpStatusCode.NotFound, "there is no instance 'none'" },
        { "DELETE /v1/instances/vm4", null, HttpStatusCode.Conflict, "instance 'vm4' is in use: without it route target 'eni:router' is not an ENI of VPC 'blue'" },
        { "POST /v1/enis/vm1-eth0/detach", null, HttpStatusCode.Conflict, "ENI 'vm1-eth0' is the primary ENI of instance 'vm1', which is never detached by itself" },
        { "DELETE /v1/enis/vm1-eth0", null, HttpStatusCode.Conflict, "is the primary ENI of instance 'vm1', which is never deleted by itself: it is made and deleted with its instance" },
        { "DELETE /v1/enis/stays", null, HttpStatusCode.Conflict, "elastic IP 'eip-stays' names ENI 'stays', which does not exist" },
        { "PATCH /v1/enis/vm1-eth0", """{ "deleteWithInstance": false }""", HttpStatusCode.UnprocessableEntity, "ENI 'vm1-eth0' is a primary one, which is always deleted with its instance" },
        { "PATCH /v1/enis/vm1-eth0", """{ "primary": false }""", HttpStatusCode.Conflict, "ENI 'vm1-eth0' is and stays the primary ENI" },
        { "PATCH /v1/enis/stays", """{ "primary": true }""", HttpStatusCode.Conflict, "ENI 'stays' does not become a primary ENI" },
        { "PATCH /v1/enis/vm1-eth0", """{ "instance": "vm2" }""", HttpStatusCode.Conflict, "never detached by itself" },
        { "PATCH /v1/enis/stays", """{ "instance": "vm1" }""", HttpStatusCode.Conflict, "are changed by POST /v1/enis/stays/attach and /detach" },
        { "PATCH /v1/enis/vm1-eth0", """{ "privateIps": ["10.0.1.11"] }""", HttpStatusCode.Conflict, "10.0.1.10 is the primary address of ENI 'vm1-eth0', which is never released" },
        { "POST /v1/enis", """{ "name": "p", "instance": "vm1", "primary": true, "subnet": "blue-a", "securityGroups": ["g1"] }""", HttpStatusCode.Conflict, "a primary ENI is made with its instance; POST /v1/instances" },
        { "POST /v1/enis", """{ "name": "s", "subnet": "blue-a", "securityGroups": [] }""", HttpStatusCode.UnprocessableEntity, "has 0 security groups; it needs 1 to 5" },
        { "PATCH /v1/enis/stays", """{ "securityGroups": ["g1", "g2", "g3", "g4", "g5", "g6"] }""", HttpStatusCode.UnprocessableEntity, "has 6 security groups; it needs 1 to 5" },
        { "POST /v1/enis/free/attach", """{ "instance": "none" }""", HttpStatusCode.NotFound, "there is no instance 'none'" },
        { "POST /v1/enis/none/attach", """{ "instance": "vm1" }""", HttpStatusCode.NotFound, "there is no ENI 'none'" },
        { "POST /v1/enis/free/attach", "{}", HttpStatusCode.UnprocessableEntity, "an attachment has no 'instance'" },
        { "POST /v1/enis/free/attach", """{ "instance": "red1" }""", HttpStatusCode.Conflict, "ENI 'free' is in VPC 'blue' and instance 'red1' in 'red'; an ENI is attached only inside its VPC" },
        { "POST /v1/enis/stays/attach", """{ "instance": "vm1" }""", HttpStatusCode.Conflict, "ENI 'stays' is attached to instance 'vm2', and an ENI has one instance at a time; detach it first" },
        { "POST /v1/enis/none/detach", null, HttpStatusCode.NotFound, "there is no ENI 'none'" },
        { "POST /v1/enis/stays/private-ips", """{ "count": 20 }""", HttpStatusCode.UnprocessableEntity, "ENI 'stays' has 22 addresses; it needs 1 to 21" },
        { "POST /v1/enis/stays/private-ips", """{ "count": 21 }""", HttpStatusCode.UnprocessableEntity, "'count: 21' is not a whole number from 1 to 20" },
        { "POST /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.2"] }""", HttpStatusCode.UnprocessableEntity, "address 10.0.1.2 of ENI 'stays' is reserved" },
        { "POST /v1/enis/stays/private-ips", """{ "addresses": ["10.0.9.4"] }""", HttpStatusCode.UnprocessableEntity, "is not in subnet 'blue-a'" },
        { "POST /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.10"] }""", HttpStatusCode.UnprocessableEntity, "belongs to ENI" },
        { "POST /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.98"], "count": 1 }""", HttpStatusCode.UnprocessableEntity, "say either which 'addresses' or the 'count'" },
        { "POST /v1/enis/full/private-ips", """{ "count": 3 }""", HttpStatusCode.Conflict, "subnet 'small' has no free address in 10.0.9.0/28 for ENI 'full'" },
        { "DELETE /v1/enis/vm1-eth0/private-ips", """{ "addresses": ["10.0.1.10"] }""", HttpStatusCode.Conflict, "10.0.1.10 is the primary address of ENI 'vm1-eth0', which is never released" },
        { "DELETE /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.22"] }""", HttpStatusCode.Conflict, "address 10.0.1.22 of ENI 'stays' has elastic IP 'eip-stays'; disassociate it first" },
        { "DELETE /v1/enis/stays/private-ips", """{ "addresses": ["10.0.1.77"] }""", HttpStatusCode.NotFound, "there is no private address of ENI 'stays' '10.0.1.77'" },
        { "DELETE /v1/enis/stays/private-ips", """{ "count": 1 }""", HttpStatusCode.UnprocessableEntity, "unknown key 'count'" },
        { "PATCH /v1/enis/vm1-eth0", """{ "queues": 4 }""", HttpStatusCode.UnprocessableEntity, "ENI 'vm1-eth0' asks for 4 queues; with 2 vCPUs it takes 2" },
        { "PUT /v1/enis/stays/rss", """{ "key": "short" }""", HttpStatusCode.UnprocessableEntity, "'key' is not symmetric, microsoft, or 40 bytes" },
        { "PUT /v1/enis/stays/rss", """{ "indirection": [0, 0] }""", HttpStatusCode.UnprocessableEntity, "'indirection' is 128 numbers from 0 to 63, or 1 to 64 weights that are not all 0" },
        { "PUT /v1/enis/none/rss", "{}", HttpStatusCode.NotFound, "there is no ENI 'none'" },
        { "PUT /v1/elastic-ips/eip-zone/association", """{ "eni": "stays" }""", HttpStatusCode.UnprocessableEntity, "an EIP of a single zone is never a secondary ENI's" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_change_is_made_once_and_says_what_it_did(string request, string? body, HttpStatusCode status, string plan, HttpStatusCode again)
    {
        Standing before = _bed.Look();
        Answer rehearsed = await _bed.Send(request + "?dryRun=true", body);
        Assert.Equal((HttpStatusCode.OK, plan, false), (rehearsed.Status, rehearsed.Plan, rehearsed.Changed));
        Assert.Equal(before, _bed.Look());

        Answer made = await _bed.Send(request, body);
        Assert.Equal((status, plan, true), (made.Status, made.Plan, made.Changed));
        Standing after = _bed.Look();
        Assert.NotEqual(before, after);
        Assert.Empty(ConfigReader.Parse("again", after.Document).Errors);

        Answer repeated = await _bed.Send(request, body);
        Assert.Equal(again, repeated.Status);
        Assert.True(again == HttpStatusCode.NotFound || !repeated.Changed);
        Assert.Equal(after, _bed.Look());
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_rule_refuses_in_its_words_and_nothing_changes(string request, string? body, HttpStatusCode status, string words)
    {
        Standing before = _bed.Look();
        Answer answer = await _bed.Send(request, body);
        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.Type));
        Assert.Contains(words, answer.Detail, StringComparison.Ordinal);
        Assert.Equal(before, _bed.Look());
    }

    [Fact]
    public async Task The_system_gives_the_lowest_free_addresses_and_fills_the_gap_that_a_release_leaves()
    {
        Assert.Equal("~ eni full\n    + privateIps 10.0.9.4", (await _bed.Send("POST /v1/enis/full/private-ips", """{ "count": 1 }""")).Plan);
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("DELETE /v1/enis/full/private-ips", """{ "addresses": ["10.0.9.6", "10.0.9.13"] }""")).Status);
        Answer filled = await _bed.Send("POST /v1/enis/full/private-ips", """{ "count": 2 }""");
        Assert.Equal("~ eni full\n    + privateIps 10.0.9.6\n    + privateIps 10.0.9.13", filled.Plan);
    }

    [Fact]
    public async Task An_ENI_is_attached_up_to_the_quota_of_its_instance_and_is_one_of_it()
    {
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("POST /v1/enis/free/attach", """{ "instance": "vm1" }""")).Status);
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("POST /v1/enis/stays/detach")).Status);
        Answer third = await _bed.Send("POST /v1/enis/stays/attach", """{ "instance": "vm1" }""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, third.Status);
        Assert.Contains("instance 'vm1' with 2 vCPUs takes 2 ENIs, this is number 3", third.Detail, StringComparison.Ordinal);

        JsonElement vm1 = (await _bed.Send("GET /v1/instances/vm1")).Json;
        Assert.Equal("vm1-eth0", vm1.GetProperty("primaryEni").GetString());
        Assert.Equal("free", vm1.GetProperty("secondaryEnis")[0].GetString());
        Assert.Equal((2, 2), (vm1.GetProperty("mostEnis").GetInt32(), vm1.GetProperty("mostQueues").GetInt32()));
        Assert.Equal("secondary", (await _bed.Send("GET /v1/enis/free")).Json.GetProperty("attachment").GetString());
        JsonElement stays = (await _bed.Send("GET /v1/enis/stays")).Json;
        Assert.Equal("detached", stays.GetProperty("attachment").GetString());
        Assert.Equal("203.0.113.11", stays.GetProperty("elasticIps")[0].GetProperty("address").GetString());
    }

    [Fact]
    public async Task A_MAC_by_the_system_is_local_and_the_same_for_the_same_name()
    {
        const string Body = """{ "name": "vm9", "primaryEni": { "subnet": "blue-a", "securityGroups": ["g1"] } }""";
        Assert.Equal(HttpStatusCode.Created, (await _bed.Send("POST /v1/instances", Body)).Status);
        string first = (await _bed.Send("GET /v1/enis/vm9-eth0")).Json.GetProperty("mac").GetString()!;
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("POST /v1/instances", Body)).Status);
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("DELETE /v1/instances/vm9")).Status);
        Assert.Equal(HttpStatusCode.Created, (await _bed.Send("POST /v1/instances", Body)).Status);
        Assert.Equal(first, (await _bed.Send("GET /v1/enis/vm9-eth0")).Json.GetProperty("mac").GetString());
        Assert.StartsWith("02:", first, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_RSS_is_shown_as_it_counts_and_taken_away()
    {
        Answer usual = await _bed.Send("GET /v1/enis/stays/rss");
        Assert.Equal(("worker", 4), (usual.Json.GetProperty("mode").GetString(), usual.Json.GetProperty("queues").GetInt32()));
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("PUT /v1/enis/stays/rss", """{ "key": "microsoft", "indirection": [3, 1] }""")).Status);
        JsonElement own = (await _bed.Send("GET /v1/enis/stays/rss")).Json;
        Assert.Equal("microsoft", own.GetProperty("key").GetString());
        Assert.Equal([.. Enumerable.Repeat(0, 96), .. Enumerable.Repeat(1, 32)], own.GetProperty("indirection").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal(HttpStatusCode.OK, (await _bed.Send("DELETE /v1/enis/stays/rss")).Status);
        Assert.Equal(usual.Text, (await _bed.Send("GET /v1/enis/stays/rss")).Text);
    }

    public void Dispose() => _bed.Dispose();
}
