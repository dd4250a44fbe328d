using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>The section <c>flowLogs</c>.</summary>
public class FlowLogConfigTests
{
    private const string Network = """
        vpcs: [{ name: blue, cidrs: [10.0.0.0/16], subnets: [{ name: near, cidrs: [10.0.1.0/24] }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: a, subnet: near, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open] }]

        """;

    [Fact]
    public void It_is_read_as_written()
    {
        ConfigResult result = Parse("""
            flowLogs:
              - { name: all, vpc: blue, to: { file: /tmp/flows.log } }
              - { name: some, eni: a, traffic: reject, interval: 10s, format: "${srcaddr} ${rule}", to: { file: f.log } }
              - { name: out, subnet: near, traffic: accept, interval: 10m, to: { ipfix: "[::1]:4739" } }
            """);
        Assert.Empty(result.Errors);
        FlowLogConfig[] logs = [.. result.Config!.FlowLogs.Select(l => l with { Position = default })];
        Assert.Equal(new FlowLogConfig { Name = "all", Vpc = "blue", File = "/tmp/flows.log" }, logs[0]);
        Assert.Equal(TimeSpan.FromSeconds(60), logs[0].Interval);
        Assert.Equal(
            new FlowLogConfig
            {
                Name = "some",
                Eni = "a",
                Traffic = FlowLogTraffic.Reject,
                Interval = TimeSpan.FromSeconds(10),
                Format = "${srcaddr} ${rule}",
                File = "f.log",
            },
            logs[1]);
        Assert.Equal("[::1]:4739", logs[2].Ipfix);
    }

    [Theory]
    [InlineData("{ name: x, to: { file: f } }", "exactly one of eni: NAME, subnet: NAME, vpc: NAME")]
    [InlineData("{ name: x, eni: a, vpc: blue, to: { file: f } }", "exactly one of eni: NAME, subnet: NAME, vpc: NAME")]
    [InlineData("{ name: x, eni: b, to: { file: f } }", "flow log 'x' names ENI 'b', which does not exist")]
    [InlineData("{ name: x, subnet: b, to: { file: f } }", "flow log 'x' names subnet 'b', which does not exist")]
    [InlineData("{ name: x, vpc: b, to: { file: f } }", "flow log 'x' names VPC 'b', which does not exist")]
    [InlineData("{ vpc: blue, to: { file: f } }", "a flow log has no 'name'; add it")]
    [InlineData("{ name: x, vpc: blue }", "a flow log has no 'to'")]
    [InlineData("{ name: x, vpc: blue, to: { } }", "'to' is exactly one of")]
    [InlineData("{ name: x, vpc: blue, to: { file: f, ipfix: \"1.2.3.4:5\" } }", "'to' is exactly one of")]
    [InlineData("{ name: x, vpc: blue, to: { file: \"\" } }", "'file' is not a path")]
    [InlineData("{ name: x, vpc: blue, to: { ipfix: \"collector:4739\" } }", "is not an address and a UDP port")]
    [InlineData("{ name: x, vpc: blue, to: { ipfix: \"127.0.0.1\" } }", "is not an address and a UDP port")]
    [InlineData("{ name: x, vpc: blue, to: { ipfix: \"127.0.0.1:0\" } }", "is not an address and a UDP port")]
    [InlineData("{ name: x, vpc: blue, to: { ipfix: \"127.0.0.1:70000\" } }", "is not an address and a UDP port")]
    [InlineData("{ name: x, vpc: blue, traffic: some, to: { file: f } }", "'traffic: some' is not all, accept or reject")]
    [InlineData("{ name: x, vpc: blue, interval: 500ms, to: { file: f } }", "is not a time in whole seconds from 1s to 10m")]
    [InlineData("{ name: x, vpc: blue, interval: 1.5s, to: { file: f } }", "is not a time in whole seconds from 1s to 10m")]
    [InlineData("{ name: x, vpc: blue, interval: 11m, to: { file: f } }", "is not a time in whole seconds from 1s to 10m")]
    [InlineData("{ name: x, vpc: blue, format: \"${source}\", to: { file: f } }", "there is no field 'source'; fields are account-id,")]
    [InlineData("{ name: x, vpc: blue, format: \"${srcaddr}\", to: { ipfix: \"127.0.0.1:4739\" } }", "remove 'format'")]
    [InlineData("{ name: x, vpc: blue, to: { file: f }, colour: red }", "unknown key 'colour' in a flow log")]
    public void What_is_wrong_is_told_with_its_mend(string log, string words)
    {
        ConfigResult result = Parse($"flowLogs: [{log}]");
        Assert.Contains(result.Errors, e => e.Message.Contains(words, StringComparison.Ordinal));
    }

    [Fact]
    public void Names_are_unique() => Assert.Contains(
        Parse("flowLogs: [{ name: x, vpc: blue, to: { file: f } }, { name: x, eni: a, to: { file: g } }]").Errors,
        e => e.Message.Contains("duplicate flow log name 'x'", StringComparison.Ordinal));

    private static ConfigResult Parse(string section) => ConfigReader.Parse("c.yaml", Network + section);
}
