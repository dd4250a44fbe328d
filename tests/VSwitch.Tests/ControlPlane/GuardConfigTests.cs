using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Limits, marks and protection as a user writes them, and each error with its place and the mend.</summary>
public sealed class GuardConfigTests
{
    private const string Head = """
        internet: { addresses: [198.51.100.1/24] }
        vpcs: [{ name: v, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: v }]
        """;

    [Fact]
    public void It_reads_what_the_user_wrote_and_writes_it_again()
    {
        SwitchConfig config = Read("limits: { egress: 100Mbps, ingress: 1Gbps, egressPackets: 10000, ingressPackets: 20000 }, dscp: af11",
            "protection: { bits: 1Gbps, packets: 100000, syns: 2000, newConnections: 5000, calmFor: 30s }");
        Assert.Equal(
            new EniLimitsConfig { EgressBitsPerSecond = 100_000_000, IngressBitsPerSecond = 1_000_000_000, EgressPacketsPerSecond = 10_000, IngressPacketsPerSecond = 20_000 },
            config.Enis[0].Limits);
        Assert.Equal((byte?)10, config.Enis[0].Dscp);
        Assert.Equal(
            new ProtectionConfig { BitsPerSecond = 1_000_000_000, PacketsPerSecond = 100_000, SynsPerSecond = 2000, NewConnectionsPerSecond = 5000, CalmFor = TimeSpan.FromSeconds(30) },
            config.ElasticIps[0].Protection);
        ConfigResult again = ConfigReader.Parse("again", ConfigWriter.ToJson(config));
        Assert.True(ConfigDiff.Between(config, again.Config!).IsEmpty);
        Assert.Equal(config.Enis[0].Limits, again.Config!.Enis[0].Limits);
    }

    [Fact]
    public void A_change_is_named_setting_by_setting()
    {
        SwitchConfig before = Read("limits: { egress: 100Mbps }, dscp: ef", "protection: { syns: 2000 }");
        SwitchConfig after = Read("limits: { egress: 200Mbps, ingressPackets: 5 }", "protection: { syns: 3000 }");
        Assert.Equal(
            ["limits.egress 100Mbps 200Mbps", "limits.ingressPackets  5", "dscp ef keep", "protection.syns 2000 3000"],
            ConfigDiff.Between(before, after).Changes.SelectMany(c => c.Fields).Select(f => $"{f.Name} {f.From} {f.To}"));
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("63", 63)]
    [InlineData("ef", 46)]
    [InlineData("af43", 38)]
    [InlineData("cs7", 56)]
    [InlineData("va", 44)]
    [InlineData("le", 1)]
    public void A_DSCP_has_a_number_or_a_name(string text, byte value)
    {
        Assert.Equal(value, ConfigValues.Dscp(text));
        Assert.Equal(value, ConfigValues.Dscp(ConfigText.Dscp(value)));
    }

    [Fact]
    public void Every_DSCP_is_written_as_it_is_read() =>
        Assert.All(Enumerable.Range(0, 64), d => Assert.Equal((byte?)d, ConfigValues.Dscp(ConfigText.Dscp((byte)d))));

    [Theory]
    [InlineData("dscp: 64", "", "'dscp: 64' is not keep, a number from 0 to 63, or a name")]
    [InlineData("dscp: af14", "", "'dscp: af14' is not keep")]
    [InlineData("limits: { egress: 100 }", "", "'egress: 100' is not a rate")]
    [InlineData("limits: { egress: 0Mbps }", "", "'egress: 0Mbps' is not a rate")]
    [InlineData("limits: { egressPackets: 0 }", "", "is not a whole number from 1 to 10000000")]
    [InlineData("limits: { ingressPackets: -1 }", "", "is not a whole number from 1 to 10000000")]
    [InlineData("limits: { ingresPackets: 5 }", "", "did you mean 'ingressPackets'?")]
    [InlineData("limits: [5]", "", "limits must be a mapping")]
    [InlineData("", "protection: { }", "protection has no threshold")]
    [InlineData("", "protection: { calmFor: 10s }", "protection has no threshold")]
    [InlineData("", "protection: { syns: 5, calmFor: 500ms }", "'calmFor: 500ms' is not a time from 1s to 1h")]
    [InlineData("", "protection: { syns: 5, calmFor: 2h }", "is not a time from 1s to 1h")]
    [InlineData("", "protection: { syns: many }", "'syns: many' is not a whole number")]
    [InlineData("", "protection: { syn: 5 }", "did you mean 'syns'?")]
    [InlineData("", "protection: on", "protection must be a mapping")]
    public void Each_error_says_what_is_wrong(string eni, string eip, string words)
    {
        ConfigResult result = ConfigReader.Parse("x.yaml", Text(eni, eip));
        Assert.Contains(result.Errors, e => e.Message.Contains(words, StringComparison.Ordinal) && e.Position.Line > 3);
    }

    [Fact]
    public void A_part_of_the_API_may_say_bits_as_a_number()
    {
        SwitchConfig config = Read("limits: { egressPackets: 7 }", "protection: { syns: 9 }");
        EniConfig eni = ConfigReader.ReadEni("{\"limits\":{\"egress\":5000000}}"u8, isJson: true, config.Enis[0]).Value!;
        Assert.Equal(new EniLimitsConfig { EgressBitsPerSecond = 5_000_000, EgressPacketsPerSecond = 7 }, eni.Limits);
        Assert.True(ConfigReader.ReadEni("{\"limits\":null}"u8, isJson: true, eni).Value!.Limits.IsEmpty);
        ElasticIpConfig eip = ConfigReader.ReadElasticIp("{\"protection\":{\"bits\":1000}}"u8, isJson: true, config.ElasticIps[0]).Value!;
        Assert.Equal((1000L, 9), (eip.Protection!.BitsPerSecond, eip.Protection.SynsPerSecond));
    }

    private static SwitchConfig Read(string eni, string eip)
    {
        ConfigResult result = ConfigReader.Parse("x.yaml", Text(eni, eip));
        Assert.Empty(result.Errors);
        return result.Config!;
    }

    private static string Text(string eni, string eip) => $"""
        {Head}
        enis:
          - name: e
            subnet: s
            mac: "02:00:00:00:00:01"
            privateIps: [10.0.1.10]
            securityGroups: [g]
            {eni.Replace(", dscp", "\n    dscp", StringComparison.Ordinal)}
        elasticIps:
          - name: i
            address: 198.51.100.10
            eni: e
            {eip}
        """;
}
