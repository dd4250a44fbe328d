using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>NAT gateways in a configuration: what is read, and what is refused with its place and the mend.</summary>
public class NatConfigTests
{
    private const string Yaml = """
        internet: { addresses: [198.51.100.1/24] }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: "nat:out" }] }]
          - { name: green, cidrs: [10.1.0.0/16] }
        securityGroups: [{ name: g, vpc: blue }]
        natGateways:
          - { name: out, vpc: blue, size: medium, timeouts: { tcpEstablished: 1h, udp: 90s } }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:00:0a", privateIps: [10.0.1.10], securityGroups: [g] }
        elasticIps:
          - { name: e, address: 203.0.113.1, natGateway: out }
          - { name: f, address: 203.0.113.2 }
        """;

    [Fact]
    public void A_gateway_is_read_with_its_size_and_idle_times()
    {
        SwitchConfig config = Read(Yaml);
        NatGatewayConfig gateway = Assert.Single(config.NatGateways);
        Assert.Equal(("out", "blue", 3_000_000), (gateway.Name, gateway.Vpc, gateway.ConnectionCapacity));
        Assert.Equal(
            new NatTimeoutSettings { TcpEstablished = TimeSpan.FromHours(1), Udp = TimeSpan.FromSeconds(90) }, gateway.Timeouts);
        Assert.Equal("out", config.ElasticIps[0].NatGateway);
        var defaults = new NatTimeoutSettings();
        Assert.Equal([1800, 60, 60, 60], new[] { defaults.TcpEstablished, defaults.TcpTransient, defaults.Udp, defaults.Icmp }.Select(t => (int)t.TotalSeconds));
    }

    [Theory]
    [InlineData("size: small", 1_000_000)]
    [InlineData("size: large", 10_000_000)]
    [InlineData("size: 500", 500)]
    public void A_size_is_a_word_or_a_number(string size, int connections) =>
        Assert.Equal(connections, Read(Yaml.Replace("size: medium", size, StringComparison.Ordinal)).NatGateways[0].ConnectionCapacity);

    [Theory]
    [InlineData("size: medium", "size: huge", 10, "'size: huge' is not small, medium, large or a number of connections from 1 to 10000000")]
    [InlineData("size: medium", "size: 0", 10, "is not small, medium, large or a number")]
    [InlineData("size: medium", "size: 10000001", 10, "is not small, medium, large or a number")]
    [InlineData("udp: 90s", "udp: 100ms", 10, "is not a time from 1s to 20d")]
    [InlineData("udp: 90s", "tcp: 90s", 10, "unknown key 'tcp' in timeouts of a NAT gateway")]
    [InlineData("name: out, vpc: blue", "vpc: blue", 10, "a NAT gateway has no 'name'; add it")]
    [InlineData("name: out, vpc: blue", "name: out", 10, "a NAT gateway has no 'vpc'; add it")]
    [InlineData("name: out, vpc: blue", "name: out, vpc: red", 10, "NAT gateway 'out' names VPC 'red', which does not exist")]
    [InlineData("name: out, vpc: blue", "name: out, vpc: green", 6, "NAT gateway 'out' is in VPC 'green', the route in 'blue'; use a gateway of the same VPC")]
    [InlineData("target: \"nat:out\"", "target: \"nat:in\"", 6, "route target 'nat:in' names a NAT gateway that does not exist")]
    [InlineData("destination: 0.0.0.0/0", "destination: \"::/0\"", 6, "has an IPv6 destination, and a NAT gateway translates IPv4 only")]
    [InlineData("natGateway: out }", "natGateway: in }", 14, "elastic IP 'e' names NAT gateway 'in', which does not exist")]
    [InlineData("natGateway: out }", "natGateway: out, eni: a }", 14, "names eni and natGateway; it is associated with one thing at a time")]
    [InlineData("natGateway: out }", "natGateway: out, privateIp: 10.0.1.10 }", 14, "has a privateIp, but NAT gateway 'out' stands for many; remove the address")]
    [InlineData("internet: { addresses: [198.51.100.1/24] }", "switch: {}", 14, "elastic IP 'e' is bound, but there is no internet section; add one")]
    public void What_is_wrong_is_said_with_its_place(string part, string instead, int line, string words)
    {
        Assert.Contains(part, Yaml, StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("test.yaml", Yaml.Replace(part, instead, StringComparison.Ordinal));
        ConfigError error = Assert.Single(result.Errors, e => e.Message.Contains(words, StringComparison.Ordinal));
        Assert.Equal(line, error.Position.Line);
    }

    [Fact]
    public void Two_of_a_name_six_in_a_VPC_and_eleven_EIPs_are_too_many()
    {
        string more = string.Concat(Enumerable.Range(1, 5).Select(i => $"\n  - {{ name: n{i}, vpc: blue }}"));
        string eips = string.Concat(Enumerable.Range(10, 10).Select(i => $"\n  - {{ name: x{i}, address: 203.0.113.{i}, natGateway: out }}"));
        Assert.Contains("VPC 'blue' takes 5 NAT gateways, this is number 6", Errors(Yaml.Replace("udp: 90s } }", "udp: 90s } }" + more, StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("NAT gateway 'out' takes 10 elastic IPs, this is number 11", Errors(Yaml.Replace("address: 203.0.113.2 }", "address: 203.0.113.2 }" + eips, StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Contains("duplicate NAT gateway name 'out'", Errors(Yaml.Replace("udp: 90s } }", "udp: 90s } }\n  - { name: out, vpc: green }", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_says_what_changes_of_a_gateway()
    {
        SwitchConfig before = Read(Yaml);
        SwitchConfig after = Read(Yaml.Replace("size: medium", "size: 5000", StringComparison.Ordinal).Replace("udp: 90s", "udp: 60s", StringComparison.Ordinal)
            .Replace("203.0.113.2 }", "203.0.113.2, natGateway: out }", StringComparison.Ordinal));
        Assert.Equal(
            ["~ elastic IP f  natGateway not set -> out", "~ NAT gateway out  size medium -> 5000  timeouts.udp 90s -> 1m"],
            PlanText.Lines(ConfigDiff.Between(before, after).Changes).Select(l => l.Text));
    }

    private static SwitchConfig Read(string yaml)
    {
        ConfigResult result = ConfigReader.Parse("test.yaml", yaml);
        Assert.Empty(result.Errors);
        return result.Config!;
    }

    private static string Errors(string yaml) => string.Join('\n', ConfigReader.Parse("test.yaml", yaml).Errors);
}
