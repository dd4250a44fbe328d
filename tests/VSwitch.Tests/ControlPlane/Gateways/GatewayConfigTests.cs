using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.DataPlane.Routing;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Gateways;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Gateways;

/// <summary>Gateways as configured: every refusal with its words and place, what is written back, what a change is called.</summary>
public sealed class GatewayConfigTests
{
    private const string Frame = """
        internet: { addresses: [198.51.100.1/24] }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: main, main: true, routes: [ROUTES] }]
          - { name: red, cidrs: [10.0.0.0/16] }
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: e1, subnet: a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: t1 } }]
        gateways:
          - { name: g, vpc: blue, addresses: [169.254.1.1/30] }
          - GATEWAY
        """;

    [Theory]
    [InlineData("{ name: e1, vpc: blue, addresses: [169.254.2.1/30] }", "gateway 'e1' has the name of another port")]
    [InlineData("{ name: internet, vpc: blue, addresses: [169.254.2.1/30] }", "gateway 'internet' has the name of another port")]
    [InlineData("{ name: g, vpc: blue, addresses: [169.254.2.1/30] }", "duplicate gateway name 'g'")]
    [InlineData("{ name: h, vpc: green, addresses: [169.254.2.1/30] }", "names VPC 'green', which does not exist")]
    [InlineData("{ name: h, vpc: blue }", "has no 'addresses'")]
    [InlineData("{ name: h, vpc: blue, addresses: [10.0.9.1/24] }", "overlaps VPC 'blue', where local routes beat all others")]
    [InlineData("{ name: h, vpc: blue, mac: \"03:00:00:00:00:01\", addresses: [169.254.2.1/30] }", "is not a unicast address")]
    [InlineData("{ name: h, vpc: blue, vlan: 5, addresses: [169.254.2.1/30] }", "has VLAN 5 but no interface or tap")]
    [InlineData("{ name: h, vpc: blue, vlan: 5, device: { pcap: { in: x } }, addresses: [169.254.2.1/30] }", "has VLAN 5 but no interface or tap")]
    [InlineData("{ name: h, vpc: blue, vlan: 4095, device: { tap: d }, addresses: [169.254.2.1/30] }", "'vlan: 4095' is not a whole number from 1 to 4094")]
    [InlineData("{ name: h, vpc: blue, vlan: 5, device: { tap: e1 }, addresses: [169.254.2.1/30] }", "interface 'e1' with VLANs is a port of that name")]
    [InlineData("{ name: h, vpc: blue, vlan: 5, device: { tap: t1 }, addresses: [169.254.2.1/30] }", "interface 't1' is the device of port")]
    [InlineData("{ name: h, vpc: blue, device: { tap: d }, vxlan: { vni: 1, local: 198.51.100.1, remote: 198.51.100.2 }, addresses: [169.254.2.1/30] }", "one of device, vxlan and gre")]
    [InlineData("{ name: h, vpc: blue, vxlan: { vni: 16777216, local: 198.51.100.1, remote: 198.51.100.2 }, addresses: [169.254.2.1/30] }", "from 0 to 16777215")]
    [InlineData("{ name: h, vpc: blue, vxlan: { vni: 1, local: 198.51.100.7, remote: 198.51.100.2 }, addresses: [169.254.2.1/30] }", "is none of the internet side's own addresses")]
    [InlineData("{ name: h, vpc: blue, vxlan: { vni: 1, local: 198.51.100.1, remote: 198.51.100.1 }, addresses: [169.254.2.1/30] }", "is an address of this switch")]
    [InlineData("{ name: h, vpc: blue, gre: { local: \"2001:db8::1\", remote: \"2001:db8::2\" } }", "must be IPv4")]
    [InlineData("{ name: h, vpc: blue, gre: { local: 198.51.100.1, remote: 198.51.100.2, key: 4294967296 } }", "'key: 4294967296' is not a whole number")]
    [InlineData("{ name: h, vpc: blue, gre: { local: 198.51.100.1, remote: 198.51.100.2 }, routes: [{ destination: 0.0.0.0/0, nextHop: 1.2.3.4 }] }", "takes no 'routes' and no 'neighbors'")]
    [InlineData("{ name: h, vpc: blue, addresses: [169.254.2.1/30], routes: [{ destination: 0.0.0.0/0, nextHop: 169.254.3.2 }] }", "next hop 169.254.3.2 is on none of the prefixes")]
    [InlineData("{ name: h, vpc: blue, addresses: [169.254.2.1/30], neighbors: { 169.254.3.2: \"02:00:00:00:00:01\" } }", "neighbour 169.254.3.2 is on none")]
    [InlineData("{ name: h, vpc: blue, addresses: [169.254.2.1/30], vlann: 3 }", "did you mean 'vlan'?")]
    public void A_wrong_gateway_is_refused_where_it_stands(string gateway, string words)
    {
        ConfigError error = Read("", gateway).Errors.First(e => e.Message.Contains(words, StringComparison.Ordinal));
        Assert.Equal(12, error.Position.Line);
    }

    [Theory]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:nobody\" }", "is not a gateway of VPC 'blue'")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:r\" }", "is not a gateway of VPC 'blue'")]
    [InlineData("{ destination: \"fd00::/16\", target: \"gateway:g\" }", "which has no IPv6 address")]
    [InlineData("{ destination: 192.168.0.0/16, target: internet, preference: propagated }", "is for routes to gateways")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:g\", weight: 3 }", "counts among propagated routes only")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:g\", preference: propagated, weight: 257 }", "from 1 to 256")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:g\", preference: dynamic }", "is not static or propagated")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:g\" }, { destination: 192.168.0.0/16, target: internet }", "has two static routes")]
    [InlineData("{ destination: 192.168.0.0/16, target: \"gateway:g\" }, { destination: 192.168.0.0/16, target: \"gateway:g\", preference: propagated }", "twice in route table 'main'")]
    [InlineData("{ destination: 192.168.0.0/16, target: vpn }", "peering:NAME or gateway:NAME")]
    public void A_wrong_route_is_refused_where_it_stands(string routes, string words)
    {
        ConfigError error = Read(routes, "{ name: r, vpc: red, addresses: [169.254.2.1/30] }").Errors
            .First(e => e.Message.Contains(words, StringComparison.Ordinal));
        Assert.Equal(6, error.Position.Line);
    }

    [Fact]
    public void Gateways_that_share_a_device_are_told_apart_and_name_it_alike()
    {
        static string Two(string a, string b) => $"{{ name: h, vpc: blue, addresses: [169.254.2.1/30], {a} }}\n  - {{ name: i, vpc: red, addresses: [169.254.2.1/30], {b} }}";
        Assert.Empty(Read("", Two("device: { tap: d }, vlan: 1", "device: { tap: d }, vlan: 2")).Errors);
        Assert.Empty(Read("", Two("device: { tap: d }, vlan: 1", "device: { tap: d }")).Errors);
        Assert.Contains("has VLAN 1 of interface 'd' already", Read("", Two("device: { tap: d }, vlan: 1", "device: { tap: d }, vlan: 1")).Errors[0].Message, StringComparison.Ordinal);
        Assert.Contains("write the same device at both", Read("", Two("device: { tap: d }, vlan: 1", "device: { tap: d, queues: 2 }, vlan: 2")).Errors[0].Message, StringComparison.Ordinal);
        Assert.NotEmpty(Read("", Two("device: { tap: d }", "device: { tap: d }")).Errors);
        const string Tunnel = "vxlan: { vni: 1, local: 198.51.100.1, remote: 198.51.100.2 }";
        Assert.Contains("is the tunnel of gateway 'h' too", Read("", Two(Tunnel, Tunnel)).Errors[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_reads_back()
    {
        SwitchConfig config = GatewayLab.Config;
        ConfigResult again = ConfigReader.Parse("written.json", ConfigWriter.ToJson(config));
        Assert.Equal([], again.Errors);
        Assert.Null(ConfigEquality.Difference(config, again.Config));
    }

    [Fact]
    public void A_change_is_told_in_words()
    {
        SwitchConfig before = Read("{ destination: 192.168.0.0/16, target: \"gateway:g\" }", "{ name: h, vpc: blue, addresses: [169.254.2.1/30] }").Config!;
        SwitchConfig after = Read(
            "{ destination: 192.168.0.0/16, target: \"gateway:g\", preference: propagated, weight: 3 }",
            "{ name: h, vpc: blue, addresses: [169.254.2.1/30], vxlan: { vni: 42, local: 198.51.100.1, remote: 198.51.100.9 } }").Config!;
        ConfigDiff diff = ConfigDiff.Between(before, after);
        Assert.Equal(["route-table", "gateway"], diff.Changes.Select(c => c.Kind));
        string text = string.Join('\n', diff.Changes.SelectMany(c => c.Fields).SelectMany(f => (f.Added ?? []).Append(f.To)));
        Assert.Contains("gateway:g (propagated, weight 3)", text, StringComparison.Ordinal);
        Assert.Contains("42 from 198.51.100.1 to 198.51.100.9 port 4789", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Headers_are_counted_from_the_RFCs()
    {
        Assert.Equal(50, Gateway.OverheadBytesOf(GatewayLink.Vxlan, hasKey: false));
        Assert.Equal(24, Gateway.OverheadBytesOf(GatewayLink.Gre, hasKey: false));
        Assert.Equal(28, Gateway.OverheadBytesOf(GatewayLink.Gre, hasKey: true));
        Assert.Equal(38, Gateway.OverheadBytesOf(GatewayLink.GreTap, hasKey: false));
    }

    private static ConfigResult Read(string routes, string gateway) => ConfigReader.Parse(
        "gateways.yaml", Frame.Replace("ROUTES", routes, StringComparison.Ordinal).Replace("GATEWAY", gateway, StringComparison.Ordinal));
}
