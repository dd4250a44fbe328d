using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>The dhcp part of VPCs and subnets: as written, its defaults, its errors, and what is compiled of it.</summary>
public class DhcpConfigTests
{
    private const string Yaml = """
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16, "fd00:a::/48"]
            dhcp: VPC
            subnets:
              - { name: s, cidrs: [10.0.1.0/24, "fd00:a:0:1::/64"], dhcp: SUBNET }
        """;

    [Fact]
    public void What_a_subnet_leaves_out_is_its_VPCs_and_then_the_default()
    {
        DhcpParameters bare = Compile("{}", "{}");
        Assert.True(bare.IsEnabled);
        Assert.Equal(3600u, bare.LeaseSeconds);
        Assert.Empty(bare.Dns4);
        Assert.Empty(bare.DomainLabels);
        Assert.Equal(bare.LeaseSeconds, Compile("null", "null").LeaseSeconds);

        const string Vpc = "{ enabled: false, dns: [10.0.0.53, \"fd00:a::53\"], domainName: a.example, ntp: [10.0.0.1], leaseTime: 1d }";
        DhcpParameters inherited = Compile(Vpc, "{ enabled: true }");
        Assert.True(inherited.IsEnabled);
        Assert.Equal((86400u, 1, 1, 1), (inherited.LeaseSeconds, inherited.Dns4.Length, inherited.Dns6.Length, inherited.Ntp4.Length));
        Assert.Equal("\u0001a\u0007example\0"u8.ToArray(), inherited.DomainLabels);
        Assert.Equal("a.example"u8.ToArray(), inherited.DomainName);
        Assert.Equal((0x00FF_FFFFu, 64), (inherited.Mask4, inherited.Prefix6Bits));
        DhcpParameters own = Compile(Vpc, "{ dns: [], domainName: b, leaseTime: 90s }");
        Assert.False(own.IsEnabled);
        Assert.Equal((90u, 0, 0), (own.LeaseSeconds, own.Dns4.Length, own.Dns6.Length));
        Assert.Equal("\u0001b\0"u8.ToArray(), own.DomainLabels);
    }

    [Theory]
    [InlineData("{ enable: true }", 4, 13, "unknown key 'enable' in dhcp; did you mean 'enabled'?")]
    [InlineData("{ enabled: yes }", 4, 22, "'enabled: yes' is not true or false")]
    [InlineData("{ dns: 10.0.0.53 }", 4, 18, "'dns' must be a list: [a, b] or one '- item' a line")]
    [InlineData("{ dns: [10.0.0.53, ten] }", 4, 30, "ten is not the address of one host, like 10.0.1.53")]
    [InlineData("{ dns: [224.0.0.1] }", 4, 19, "224.0.0.1 is not the address of one host")]
    [InlineData("{ ntp: [0.0.0.0] }", 4, 19, "0.0.0.0 is not the address of one host")]
    [InlineData("{ ntp: [\"ff02::1\"] }", 4, 19, "ff02::1 is not the address of one host")]
    [InlineData("{ ntp: [\"::1\"] }", 4, 19, "::1 is not the address of one host")]
    [InlineData("{ dns: [10.0.0.1, 10.0.0.1] }", 4, 18, "'dns' names 10.0.0.1 twice; remove one")]
    [InlineData("{ dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8, 10.0.0.9] }", 4, 18, "'dns' names more than 8 IPv4 addresses")]
    [InlineData("{ domainName: -a.example }", 4, 25, "'domainName: -a.example' is not a domain name; write words of letters")]
    [InlineData("{ domainName: a..example }", 4, 25, "is not a domain name")]
    [InlineData("{ domainName: lab_1 }", 4, 25, "is not a domain name")]
    [InlineData("{ domainName: [a] }", 4, 25, "'domainName' must be one value")]
    [InlineData("{ leaseTime: 1 }", 4, 24, "'leaseTime: 1' is not a time from 1m to 365d, like 1h or 7d")]
    [InlineData("{ leaseTime: 59s }", 4, 24, "'leaseTime: 59s' is not a time from 1m")]
    [InlineData("{ leaseTime: 366d }", 4, 24, "'leaseTime: 366d' is not a time from 1m")]
    [InlineData("[a]", 4, 11, "dhcp must be a mapping (key: value)")]
    public void A_bad_part_says_where_what_and_the_mend(string text, int line, int column, string expected)
    {
        ConfigResult result = ConfigReader.Parse("x", Yaml.Replace("VPC", text, StringComparison.Ordinal).Replace("SUBNET", "{}", StringComparison.Ordinal));
        ConfigError error = Assert.Single(result.Errors);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(new SourcePosition(line, column), error.Position);
    }

    [Fact]
    public void A_bad_part_of_a_subnet_is_found_too()
    {
        ConfigResult result = ConfigReader.Parse("x", Yaml.Replace("VPC", "{}", StringComparison.Ordinal).Replace("SUBNET", "{ leaseTime: no }", StringComparison.Ordinal));
        Assert.Equal(6, Assert.Single(result.Errors).Position.Line);
    }

    private static DhcpParameters Compile(string vpc, string subnet)
    {
        ConfigResult result = ConfigReader.Parse("x", Yaml.Replace("VPC", vpc, StringComparison.Ordinal).Replace("SUBNET", subnet, StringComparison.Ordinal));
        Assert.Empty(result.Errors);
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(result.Config!, new NumberDirectory());
        return Assert.Single(snapshot.Subnets).Dhcp;
    }
}
