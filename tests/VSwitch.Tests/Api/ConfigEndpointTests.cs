using System.Net;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.Live;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>The whole configuration by the API: what is put is what is got, a change is all or nothing, and two writers never both win.
/// </summary>
public sealed class ConfigEndpointTests : IDisposable
{
    private readonly ChangeBed _bed = new();

    [Fact]
    public async Task The_same_configuration_in_other_words_changes_nothing()
    {
        Standing before = _bed.Look();
        string other = ChangeBed.Lab.Replace("100Mbps", "0.1Gbps", StringComparison.Ordinal).Replace("privateIps: [10.0.1.12]", "primary: false, privateIps: [10.0.1.12]", StringComparison.Ordinal);
        foreach ((string text, string type) in new[] { (other, "application/yaml"), (ConfigWriter.ToJson(before.Config), "application/json"), (ChangeBed.Lab, "") })
        {
            Answer answer = await _bed.Send("PUT /v1/config", text, type);
            Assert.Equal((HttpStatusCode.OK, false, "\"1\""), (answer.Status, answer.Changed, answer.Tag));
            Assert.Empty(answer.Json.GetProperty("changes").EnumerateArray());
        }

        Assert.Equal(before, _bed.Look());
    }

    [Fact]
    public async Task A_configuration_is_rehearsed_then_put_in_force_and_read_back()
    {
        Standing before = _bed.Look();
        string wanted = ChangeBed.Lab.Replace("100Mbps", "200Mbps", StringComparison.Ordinal)
            .Replace("10.0.1.12]", "10.0.1.12], device: { pcap: { out: \"" + _bed.FolderPath("vm2.pcap") + "\" } }", StringComparison.Ordinal);
        Answer dry = await _bed.Send("PUT /v1/config?dryRun=true", wanted, "application/yaml");
        Assert.Equal($"~ eni vm2  device not set -> pcap out {_bed.FolderPath("vm2.pcap")}\n~ elastic IP eip-1  bandwidth 100Mbps -> 200Mbps", dry.Plan);
        Assert.Equal(0, dry.Json.GetProperty("connections").GetProperty("kept").GetInt64());
        Assert.Equal(before, _bed.Look());
        Assert.False(File.Exists(_bed.FolderPath("vm2.pcap")), "a dry run opens no device");

        Answer put = await _bed.Send("PUT /v1/config", wanted, "application/yaml");
        Assert.Equal((HttpStatusCode.OK, true, "\"2\"", dry.Plan), (put.Status, put.Changed, put.Tag, put.Plan));
        Assert.Equal("vm2", Assert.Single(_bed.Host.Devices).Port);
        Answer read = await _bed.Send("GET /v1/config");
        Assert.Equal("\"2\"", read.Tag);
        Answer same = await _bed.Send("PUT /v1/config", read.Text);
        Assert.Equal((HttpStatusCode.OK, false, "\"2\""), (same.Status, same.Changed, same.Tag));
    }

    [Theory]
    [InlineData("switch: { workers: 4 }", HttpStatusCode.Conflict, "switch.workers from 1 to 4 cannot change while the switch runs: restart it")]
    [InlineData("switch: { connections: { capacity: 5 }, rss: { key: microsoft } }", HttpStatusCode.Conflict, "switch.connections.capacity from 1000000 to 5 and switch.rss.key cannot change")]
    [InlineData("switch: { workers: 1 }", HttpStatusCode.OK, "")]
    public async Task What_cannot_change_while_it_runs_is_refused_before_anything_happens(string settings, HttpStatusCode status, string words)
    {
        Standing before = _bed.Look();
        foreach (string query in new[] { "?dryRun=true", "" })
        {
            Answer answer = await _bed.Send("PUT /v1/config" + query, settings + "\n" + ChangeBed.Lab, "application/yaml");
            Assert.Equal(status, answer.Status);
            if (status != HttpStatusCode.OK)
            {
                Assert.StartsWith(words, answer.Detail, StringComparison.Ordinal);
                Assert.Equal(before, _bed.Look());
            }
        }
    }

    [Fact]
    public async Task A_device_that_cannot_be_opened_or_changed_and_too_many_ports_change_nothing()
    {
        string Device(string eni, string file) => ChangeBed.Lab.Replace($"name: {eni},", $"name: {eni}, device: {{ pcap: {{ out: \"{_bed.FolderPath(file)}\" }} }},", StringComparison.Ordinal);
        Standing before = _bed.Look();
        string second = Device("vm1", "vm1.pcap").Replace("name: vm2,", "name: vm2, device: { pcap: { out: \"" + _bed.FolderPath("nowhere/vm2.pcap") + "\" } },", StringComparison.Ordinal);
        Answer answer = await _bed.Send("PUT /v1/config", second, "application/yaml");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Contains("nowhere", answer.Detail, StringComparison.Ordinal);
        Assert.Equal(before, _bed.Look());

        Assert.True((await _bed.Send("PUT /v1/config", Device("vm1", "vm1.pcap"), "application/yaml")).Changed);
        Standing after = _bed.Look();
        answer = await _bed.Send("PUT /v1/config", Device("vm1", "other.pcap"), "application/yaml");
        Assert.Equal(HttpStatusCode.Conflict, answer.Status);
        Assert.Contains("the device of port 'vm1' cannot change while it runs", answer.Detail, StringComparison.Ordinal);

        var many = new StringBuilder(ChangeBed.Lab.Replace("cidrs: [10.0.0.0/16]", "cidrs: [10.0.0.0/16, 10.9.0.0/16]", StringComparison.Ordinal)
            .Replace("[{ name: blue-a,", "[{ name: big, cidrs: [10.9.0.0/16] }, { name: blue-a,", StringComparison.Ordinal));
        int at = many.ToString().IndexOf("elasticIps:", StringComparison.Ordinal);
        string enis = string.Concat(Enumerable.Range(0, 1100).Select(i =>
            $"  - {{ name: m{i}, subnet: big, mac: \"02:00:00:01:{i >> 8:x2}:{i & 255:x2}\", privateIps: [10.9.{1 + (i >> 7)}.{10 + (i & 127)}], securityGroups: [web] }}\n"));
        answer = await _bed.Send("PUT /v1/config", many.ToString().Insert(at, enis), "application/yaml");
        Assert.Equal(HttpStatusCode.Conflict, answer.Status);
        Assert.Contains("was started for 1027 ports", answer.Detail, StringComparison.Ordinal);
        Assert.Equal(after, _bed.Look());
    }

    /// <summary>Body, type, status, words, line of the first error.</summary>
    [Theory]
    [InlineData("vpcs: [}", "application/yaml", HttpStatusCode.BadRequest, "this is not YAML", 1)]
    [InlineData("{\n  \"vpcs\": [\n", "application/json", HttpStatusCode.BadRequest, "this is not JSON", 3)]
    [InlineData("{ vpcs: [] }", "application/json", HttpStatusCode.BadRequest, "this is not JSON", 1)]
    [InlineData("enis: \xFF\n", "application/yaml", HttpStatusCode.BadRequest, "not UTF-8", 1)]
    [InlineData("enis:\n  - { name: a, subnet: x, mac: \"02:00:00:00:00:01\" }\n", "application/yaml", HttpStatusCode.UnprocessableEntity, "ENI 'a' names subnet 'x', which does not exist", 2)]
    [InlineData("enis: 7\nnope: 1\n", "application/yaml", HttpStatusCode.UnprocessableEntity, "'enis' must be a list", 1)]
    [InlineData("a=b", "application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType, "send application/json or application/yaml", 0)]
    [InlineData("{}", "application/json; charset=latin1", HttpStatusCode.UnsupportedMediaType, "in UTF-8", 0)]
    public async Task What_is_no_configuration_gets_its_places(string body, string type, HttpStatusCode status, string words, int line)
    {
        Standing before = _bed.Look();
        Answer answer = await _bed.Send("PUT /v1/config", body, type);
        Assert.Equal((status, "application/problem+json"), (answer.Status, answer.Type));
        Assert.Contains(words, answer.Detail, StringComparison.Ordinal);
        Assert.Equal(line, line == 0 ? 0 : answer.Json.GetProperty("errors")[0].GetProperty("line").GetInt32());
        Assert.Equal(before, _bed.Look());
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused()
    {
        Answer answer = await _bed.Send("POST /v1/enis", new string(' ', (16 << 20) + 1));
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "application/problem+json"), (answer.Status, answer.Type));
    }

    [Theory]
    [InlineData("\"1\"", HttpStatusCode.OK)]
    [InlineData("*", HttpStatusCode.OK)]
    [InlineData("\"7\", \"1\"", HttpStatusCode.OK)]
    [InlineData("\"2\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("W/\"1\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("1", HttpStatusCode.BadRequest)]
    public async Task If_Match_says_which_revision_a_change_is_for(string tag, HttpStatusCode status)
    {
        Standing before = _bed.Look();
        Answer answer = await _bed.Send("PATCH /v1/elastic-ips/eip-1", """{ "bandwidth": "1Gbps" }""", ifMatch: tag);
        Assert.Equal(status, answer.Status);
        Assert.Equal(status == HttpStatusCode.OK, before != _bed.Look());
    }

    [Fact]
    public async Task Of_writers_with_one_revision_exactly_one_wins()
    {
        for (int round = 0; round < 20; round++)
        {
            string tag = $"\"{_bed.Control.Revision}\"";
            Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(i =>
                _bed.Send("PATCH /v1/elastic-ips/eip-1", $$"""{ "bandwidth": {{(round * 10) + i + 1}} }""", ifMatch: tag)));
            Answer won = Assert.Single(answers, a => a.Status == HttpStatusCode.OK);
            Assert.True(won.Changed);
            Assert.Equal(5, answers.Count(a => a.Status == HttpStatusCode.PreconditionFailed));
        }

        Assert.Equal(21, _bed.Control.Revision);
    }

    [Fact]
    public async Task Writers_without_a_revision_are_served_in_turn_and_nothing_is_lost()
    {
        await Task.WhenAll(Enumerable.Range(0, 24).Select(async i => Assert.Equal(HttpStatusCode.OK, (await _bed.Send(
            "POST /v1/security-groups/db/ingress", $$"""{ "protocol": "tcp", "ports": "{{1000 + i}}", "source": "10.0.0.0/8" }""")).Status)));
        Assert.Equal(25, _bed.Host.Config.SecurityGroups[1].Ingress.Count);
        Assert.Equal(25, _bed.Control.Revision);
    }

    [Fact]
    public async Task Who_waits_too_long_for_a_turn_is_refused()
    {
        using var bed = new ChangeBed(waitLimit: TimeSpan.FromMilliseconds(50));
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Task<ChangeOutcome> first = Task.Run(() => bed.Control.ChangeAsync(new ChangeRequest(config =>
        {
            entered.Set();
            release.Wait();
            return config;
        })
        { By = ChangeOrigin.Api }));
        entered.Wait();
        Answer answer = await bed.Send("DELETE /v1/enis/vm2");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.Status);
        Assert.Contains("nothing was changed, try again", answer.Detail, StringComparison.Ordinal);
        release.Set();
        Assert.False((await first).Changed);
        Assert.True((await bed.Send("DELETE /v1/enis/vm2")).Changed);
    }

    [Fact]
    public async Task An_edit_that_throws_gives_the_turn_back()
    {
        await Assert.ThrowsAsync<FormatException>(() => _bed.Control.ChangeAsync(new ChangeRequest(_ => throw new FormatException()) { By = ChangeOrigin.Api }));
        Assert.True((await _bed.Send("DELETE /v1/enis/vm2")).Changed);
    }

    public void Dispose() => _bed.Dispose();
}
