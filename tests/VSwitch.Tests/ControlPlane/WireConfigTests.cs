using VSwitch.ControlPlane.Config;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Wires with faults, as a configuration says them.</summary>
public sealed class WireConfigTests
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.9.0.0/16], subnets: [{ name: s, cidrs: [10.9.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: a, subnet: s, mac: "02:00:00:00:09:10", privateIps: [10.9.1.10], securityGroups: [g] }
          - { name: b, subnet: s, mac: "02:00:00:00:09:11", privateIps: [10.9.1.11], securityGroups: [g] }
        wires:
        """;

    [Fact]
    public void What_stands_beside_the_port_is_for_both_ways_and_a_direction_has_the_last_word()
    {
        ConfigResult result = Parse(
            "{ port: a, delay: 20ms, jitter: 5ms, loss: 1%, reorder: 0.25%, duplicate: 2%, corrupt: 0.01%, rate: 10Mbps, limit: 50, seed: 9 }",
            "{ port: b, delay: 20ms, loss: 100%, in: { loss: 0% }, out: { delay: 30ms } }");

        Assert.Empty(result.Errors);
        var all = new WireFaultConfig
        {
            Delay = TimeSpan.FromMilliseconds(20),
            Jitter = TimeSpan.FromMilliseconds(5),
            Loss = 0.01,
            Reorder = 0.0025,
            Duplicate = 0.02,
            Corrupt = 0.0001,
            RateBitsPerSecond = 10_000_000,
            Limit = 50,
        };
        Assert.Equal(
            [
                new WireConfig { Port = "a", Seed = 9, In = all, Out = all },
                new WireConfig
                {
                    Port = "b",
                    In = new WireFaultConfig { Delay = TimeSpan.FromMilliseconds(20) },
                    Out = new WireFaultConfig { Delay = TimeSpan.FromMilliseconds(30), Loss = 1 },
                },
            ],
            result.Config!.Wires.Select(w => w with { Position = default }));
    }

    [Theory]
    [InlineData("{ loss: 1% }", "a wire has no 'port'")]
    [InlineData("{ port: z }", "there is a wire of port 'z', which does not exist")]
    [InlineData("{ port: internet }", "there is a wire of port 'internet', which does not exist")]
    [InlineData("{ port: a, loss: 1 }", "'loss: 1' is not a part of the frames, like 1% or 0.1%")]
    [InlineData("{ port: a, loss: 101% }", "'loss: 101%' is not a part")]
    [InlineData("{ port: a, loss: -1% }", "'loss: -1%' is not a part")]
    [InlineData("{ port: a, delay: 20 }", "'delay: 20' is not a time")]
    [InlineData("{ port: a, rate: 0Mbps }", "'rate: 0Mbps' is not a rate")]
    [InlineData("{ port: a, limit: 5000 }", "not a whole number from 1 to 4096")]
    [InlineData("{ port: a, in: { los: 1% } }", "unknown key 'los' in in; did you mean 'loss'?")]
    [InlineData("{ port: a, reorder: 1% }", "wire of port 'a', direction in: reorder needs a delay")]
    [InlineData("{ port: a, delay: 5ms, out: { jitter: 6ms } }", "wire of port 'a', direction out: jitter is larger than the delay")]
    public void What_is_wrong_is_said(string wire, string sentence) =>
        Assert.Contains(Parse(wire).Errors, e => e.Message.Contains(sentence, StringComparison.Ordinal));

    [Fact]
    public void A_port_has_one_wire() => Assert.Contains(
        "duplicate wire name 'a'", Assert.Single(Parse("{ port: a, loss: 1% }", "{ port: a, loss: 2% }").Errors).Message, StringComparison.Ordinal);

    private static ConfigResult Parse(params string[] wires) =>
        ConfigReader.Parse("x.yaml", Yaml + string.Concat(wires.Select(w => $"\n  - {w}")));
}
