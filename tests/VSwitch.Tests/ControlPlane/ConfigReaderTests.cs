using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

public class ConfigReaderTests
{
    private const string Marks = "{}[]:,-\"'#&*!|>%@`\n\t x9";

    private const string Good = """
        switch:
          workers: 2
          rss: { key: symmetric }
          gatewayMac: "02:76:73:00:00:01"
          connections: { capacity: 1000000 }
          timeouts: { tcpEstablished: 5d, tcpTransient: 60s, udp: 30s, udpStream: 180s, icmp: 30s, other: 600s }
        internet:
          device: { tap: vs-inet }
          mac: "02:76:73:00:00:02"
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24], routeTable: blue-main }
              - { name: blue-b, cidrs: [10.0.2.0/24] }
            routeTables:
              - name: blue-main
                main: true
                routes: [{ destination: 0.0.0.0/0, target: internet }]
        securityGroups:
          - name: web
            vpc: blue
            ingress:
              - { protocol: tcp, ports: "80,443,8000-8100", source: 0.0.0.0/0 }
              - { protocol: icmp, source: "sg:web" }
            egress:
              - { protocol: all, destination: 0.0.0.0/0 }
        instances:
          - { name: vm1, vcpus: 2 }
        enis:
          - name: vm1-eth0
            instance: vm1
            primary: true
            subnet: blue-a
            mac: "02:00:00:00:01:10"
            privateIps: [10.0.1.10, 10.0.1.11]
            securityGroups: [web]
            device: { tap: vm1-eth0 }
        elasticIps:
          - { name: eip-1, address: 203.0.113.10, eni: vm1-eth0, privateIp: 10.0.1.10, bandwidth: 100Mbps, billing: bandwidth }
        """;

    [Fact]
    public void The_example_of_the_interface_page_reads_as_written()
    {
        ConfigResult result = ConfigReader.Parse("x.yaml", Good);
        Assert.Empty(result.Errors);
        SwitchConfig c = result.Config!;
        Assert.Equal(2, c.Switch.Workers);
        Assert.Equal(TimeSpan.FromDays(5), c.Switch.Timeouts.TcpEstablished);
        Assert.Equal("vs-inet", c.Internet!.Device!.Tap);
        Assert.Equal(MacAddress.Parse("02:00:00:00:99:01"), c.Internet.Neighbors[IpAddress.Parse("198.51.100.254")]);
        Assert.Equal(["10.0.0.0/16", "fd00:b::/48"], c.Vpcs[0].Cidrs.Select(p => p.ToString()));
        Assert.Equal("blue-main", c.Vpcs[0].Subnets[0].RouteTable);
        Assert.Equal([new PortRange(80, 80), new PortRange(443, 443), new PortRange(8000, 8100)], c.SecurityGroups[0].Ingress[0].Ports);
        Assert.Equal("web", c.SecurityGroups[0].Ingress[1].Peer.Group);
        Assert.Null(c.SecurityGroups[0].Egress![0].Protocol);
        Assert.True(c.Enis[0].Primary);
        Assert.Equal(100_000_000, c.ElasticIps[0].BandwidthBitsPerSecond);
    }

    [Theory]
    [InlineData("{ tap: vm1-eth0 }", true)]
    [InlineData("{ tap: vm1-eth0, offload: true }", true)]
    [InlineData("{ tap: vm1-eth0, offload: false }", false)]
    public void A_tap_has_offload_unless_the_configuration_says_otherwise(string device, bool expected)
    {
        ConfigResult result = ConfigReader.Parse("c.yaml", Good.Replace("{ tap: vm1-eth0 }", device, StringComparison.Ordinal));
        Assert.Equal(expected, result.Config!.Enis.Single(e => e.Device?.Tap == "vm1-eth0").Device!.Offload);
    }

    [Theory]
    [InlineData("name: blue\n", "nam: blue\n", "unknown key 'nam'", "did you mean 'name'")]
    [InlineData("primary: true", "primary: yes", "'primary: yes' is not true or false", null)]
    [InlineData("ports: \"80,443,8000-8100\"", "ports: \"100-80\"", "backwards; write 80-100", null)]
    [InlineData("ports: \"80,443,8000-8100\"", "ports: \"70000\"", "not a port", null)]
    [InlineData("protocol: tcp, ports", "protocol: all, ports", "'ports' goes with tcp, udp or sctp", null)]
    [InlineData("source: 0.0.0.0/0", "source: 10.0.0.1", "write 10.0.0.1/32", null)]
    [InlineData("source: 0.0.0.0/0", "source: 10.0.0.1/8", "write 10.0.0.0/8", null)]
    [InlineData("source: \"sg:web\"", "source: \"sg:wob\"", "sg:wob, which does not exist", null)]
    [InlineData("mac: \"02:00:00:00:01:10\"", "mac: \"03:00:00:00:01:10\"", "not a unicast address", null)]
    [InlineData("mac: \"02:00:00:00:01:10\"", "mac: \"02:76:73:00:00:01\"", "belongs to the gateway", null)]
    [InlineData("mac: \"02:00:00:00:01:10\"", "mac: fe", "is not a MAC address", null)]
    [InlineData("privateIps: [10.0.1.10, 10.0.1.11]", "privateIps: [10.0.1.1]", "reserved", "needs an IPv4 address of ENI")]
    [InlineData("privateIps: [10.0.1.10, 10.0.1.11]", "privateIps: [10.0.1.10, 10.0.1.2]", "reserved", null)]
    [InlineData("privateIps: [10.0.1.10, 10.0.1.11]", "privateIps: [10.0.1.10, 10.0.1.255]", "reserved", null)]
    [InlineData("privateIps: [10.0.1.10, 10.0.1.11]", "privateIps: [10.0.1.10, 10.0.2.5]", "is not in subnet 'blue-a'", null)]
    [InlineData("privateIps: [10.0.1.10, 10.0.1.11]", "privateIps: [10.0.1.10, 10.0.1.10]", "of the same VPC", null)]
    [InlineData("securityGroups: [web]", "securityGroups: []", "it needs 1 to 5", null)]
    [InlineData("securityGroups: [web]", "securityGroups: [wab]", "'wab', which does not exist", null)]
    [InlineData("subnet: blue-a", "subnet: blue-x", "'blue-x', which does not exist", null)]
    [InlineData("instance: vm1", "instance: vm2", "'vm2', which does not exist", null)]
    [InlineData("primary: true", "primary: false", "has no primary ENI", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { tap: vm1-eth0, interface: eth0 }", "exactly one of", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { tap: vm1-eth0, sharppcap: eth0 }", "exactly one of", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { sharppcap: vs-inet }", "is the device of port", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { sharppcap: \"\" }", "is not an interface name", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { tap: vs-inet }", "is the device of port", null)]
    [InlineData("device: { tap: vm1-eth0 }", "device: { tap: a-name-that-is-too-long }", "is not an interface name", null)]
    [InlineData("address: 203.0.113.10", "address: 10.0.3.3", "inside VPC 'blue'", null)]
    [InlineData("address: 203.0.113.10", "address: 198.51.100.1", "the switch's own address", null)]
    [InlineData("address: 203.0.113.10", "address: \"2001:db8::1\"", "must be IPv4", null)]
    [InlineData("eni: vm1-eth0, privateIp", "eni: vm9, privateIp", "'vm9', which does not exist", null)]
    [InlineData("bandwidth: 100Mbps", "bandwidth: 100", "is not a rate", null)]
    [InlineData("billing: bandwidth", "billing: free", "not bandwidth, traffic or monthly", null)]
    [InlineData("cidrs: [10.0.1.0/24], routeTable", "cidrs: [10.1.1.0/24], routeTable", "is not inside a range of VPC", null)]
    [InlineData("cidrs: [10.0.2.0/24]", "cidrs: [10.0.1.128/25]", "overlaps subnet 'blue-a'", null)]
    [InlineData("cidrs: [10.0.2.0/24]", "cidrs: [10.0.2.0/29]", "not between /16 and /28", null)]
    [InlineData("routeTable: blue-main", "routeTable: red", "names route table 'red'", null)]
    [InlineData("target: internet", "target: intranet", "is not internet, blackhole, eni:NAME, nat:NAME, peering:NAME or gateway:NAME", null)]
    [InlineData("nextHop: 198.51.100.254", "nextHop: 192.0.2.1", "is on none of the internet side's prefixes", null)]
    [InlineData("tcpTransient: 60s", "tcpTransient: 60", "is not a time", null)]
    [InlineData("tcpTransient: 60s", "tcpTransient: 30d", "is not a time from 1s to 20d", null)]
    [InlineData("workers: 2", "workers: 0", "a whole number from 1 to 64", null)]
    [InlineData("capacity: 1000000", "capacity: 1e9", "a whole number", null)]
    [InlineData("key: symmetric", "key: abcd", "80 hexadecimal digits", null)]
    [InlineData("vcpus: 2", "vcpus: many", "a whole number", null)]
    [InlineData("  workers: 2\n", "  workers: 2\n  workers: 3\n", "duplicate key 'workers'", null)]
    [InlineData("  workers: 2\n", "  workers: &a 2\n  rss2: *a\n", "aliases", null)]
    [InlineData("  workers: 2\n", "\tworkers: 2\n", "not YAML", null)]
    [InlineData("vpc: blue", "vpc: red", "names VPC 'red'", null)]
    public void A_bad_configuration_says_where_what_and_the_mend(string from, string to, string expected, string? also)
    {
        Assert.Contains(from, Good, StringComparison.Ordinal);
        int line = Good[..Good.IndexOf(from, StringComparison.Ordinal)].Count(c => c == '\n') + 1;
        ConfigResult result = ConfigReader.Parse("x.yaml", Good.Replace(from, to, StringComparison.Ordinal));
        Assert.Null(result.Config);
        Assert.Contains(result.Errors, e => e.Message.Contains(expected, StringComparison.Ordinal));
        Assert.True(also == null || result.Errors.Any(e => e.Message.Contains(also, StringComparison.Ordinal)));
        Assert.All(result.Errors, e => Assert.True(e.Position.Line >= 1 && e.Position.Column >= 1));
        Assert.Contains(result.Errors, e => Math.Abs(e.Position.Line - line) <= 12);
    }

    [Fact]
    public void All_errors_are_found_at_once_in_order()
    {
        string bad = Good.Replace("workers: 2", "workers: 0", StringComparison.Ordinal)
            .Replace("vcpus: 2", "vcpus: x", StringComparison.Ordinal).Replace("billing: bandwidth", "billing: no", StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("x.yaml", bad);
        Assert.Equal(3, result.Errors.Count);
        Assert.Equal(result.Errors.OrderBy(e => e.Position.Line), result.Errors);
        Assert.StartsWith("x.yaml:2:12: ", result.Errors[0].ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("- a\n- b\n")]
    [InlineData("just text")]
    [InlineData("a: [1, 2")]
    [InlineData("a: b: c")]
    [InlineData("%YAML 9.9\n---\n{")]
    [InlineData("? [a]\n: b\n")]
    public void Text_that_is_no_configuration_is_refused_without_an_exception(string text)
    {
        ConfigResult result = ConfigReader.Parse("x", text);
        Assert.Null(result.Config);
        Assert.NotEmpty(result.Errors);
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        ConfigResult result = ConfigReader.Parse("x", new string('[', 5000));
        Assert.NotEmpty(result.Errors);
    }

    [Fact]
    public void Random_damage_never_throws()
    {
        var random = new Random(Seeded.Take("configuration damage"));
        for (int i = 0; i < 2000; i++)
        {
            char[] text = Good.ToCharArray();
            for (int flips = random.Next(1, 6); flips > 0; flips--)
            {
                text[random.Next(text.Length)] = Marks[random.Next(Marks.Length)];
            }

            ConfigResult result = ConfigReader.Parse("x", new string(text));
            Assert.True(result.Config != null ^ result.Errors.Count > 0);
        }
    }
}
