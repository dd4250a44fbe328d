using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Mirrors, as a configuration says them.</summary>
public sealed class MirrorConfigTests
{
    private const string Yaml = """
        internet: { addresses: [198.51.100.1/24] }
        vpcs: [{ name: v, cidrs: [10.9.0.0/16], subnets: [{ name: s, cidrs: [10.9.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: a, subnet: s, mac: "02:00:00:00:09:10", privateIps: [10.9.1.10], securityGroups: [g], device: { tap: t-a } }
          - { name: b, subnet: s, mac: "02:00:00:00:09:11", privateIps: [10.9.1.11], securityGroups: [g], device: { tap: t-b } }
          - { name: c, subnet: s, mac: "02:00:00:00:09:12", privateIps: [10.9.1.12], securityGroups: [g] }
        mirrors:
        """;

    [Fact]
    public void All_that_a_mirror_can_be_is_read()
    {
        ConfigResult result = Parse(
            "{ name: one, port: a, to: { port: b } }",
            "{ name: two, port: internet, direction: out, filter: 'tcp and host 10.9.1.10 and eni c', to: { file: m.pcapng } }",
            "{ name: three, port: b, direction: in, to: { port: a } }");

        Assert.Empty(result.Errors);
        Assert.Equal(
            [
                new MirrorConfig { Name = "one", Port = "a", ToPort = "b" },
                new MirrorConfig { Name = "two", Port = "internet", Direction = MirrorDirection.Out, Filter = "tcp and host 10.9.1.10 and eni c", ToFile = "m.pcapng" },
                new MirrorConfig { Name = "three", Port = "b", Direction = MirrorDirection.In, ToPort = "a" },
            ],
            result.Config!.Mirrors.Select(m => m with { Position = default }));
    }

    [Theory]
    [InlineData("{ port: a, to: { port: b } }", "a mirror has no 'name'")]
    [InlineData("{ name: m, to: { port: b } }", "a mirror has no 'port'")]
    [InlineData("{ name: m, port: a }", "exactly one of to: { port: NAME }, to: { file: PATH }")]
    [InlineData("{ name: m, port: a, to: { port: b, file: f } }", "exactly one of to:")]
    [InlineData("{ name: m, port: a, to: { prot: b } }", "did you mean 'port'?")]
    [InlineData("{ name: m, port: a, direction: up, to: { port: b } }", "is not both, in or out")]
    [InlineData("{ name: m, port: x, to: { port: b } }", "mirror 'm' names port 'x', which does not exist")]
    [InlineData("{ name: m, port: a, to: { port: x } }", "goes to port 'x', which does not exist")]
    [InlineData("{ name: m, port: a, to: { port: a } }", "goes to the port that it copies")]
    [InlineData("{ name: m, port: a, to: { port: c } }", "goes to port 'c', which has no device")]
    [InlineData("{ name: m, port: a, to: { port: internet } }", "goes to port 'internet', which has no device")]
    [InlineData("{ name: m, port: a, to: { file: '-' } }", "needs the path of a file")]
    [InlineData("{ name: m, port: a, filter: 'colour red', to: { port: b } }", "filter of mirror 'm': 'colour' is no word")]
    [InlineData("{ name: m, port: a, filter: 'port b', to: { port: b } }", "the port stands in 'port'")]
    [InlineData("{ name: m, port: a, filter: 'dir in', to: { port: b } }", "the direction stands in 'direction'")]
    [InlineData("{ name: m, port: a, filter: 'state close', to: { port: b } }", "'state' is for connections")]
    [InlineData("{ name: m, port: a, filter: 'eni z', to: { port: b } }", "there is no ENI 'z'")]
    [InlineData("{ name: m, port: a, filter: 'vpc z', to: { port: b } }", "there is no VPC 'z'")]
    public void What_is_wrong_is_said(string mirror, string sentence) =>
        Assert.Contains(Parse(mirror).Errors, e => e.Message.Contains(sentence, StringComparison.Ordinal));

    [Fact]
    public void Names_and_files_are_each_one_mirrors_and_there_are_16_at_most()
    {
        Assert.Contains("duplicate mirror name 'm'", Assert.Single(Parse(
            "{ name: m, port: a, to: { port: b } }", "{ name: m, port: b, to: { port: a } }").Errors).Message, StringComparison.Ordinal);
        Assert.Contains("goes to the file of mirror 'm'", Assert.Single(Parse(
            "{ name: m, port: a, to: { file: f } }", "{ name: n, port: a, to: { file: ./f } }").Errors).Message, StringComparison.Ordinal);
        string[] many = [.. Enumerable.Range(1, 17).Select(i => $"{{ name: m{i}, port: a, to: {{ port: b }} }}")];
        Assert.Empty(Parse(many[..16]).Errors);
        Assert.Contains("takes 16 mirrors, this is number 17", Assert.Single(Parse(many).Errors).Message, StringComparison.Ordinal);
    }

    private static ConfigResult Parse(params string[] mirrors) =>
        ConfigReader.Parse("x.yaml", Yaml + string.Concat(mirrors.Select(m => $"\n  - {m}")));
}
