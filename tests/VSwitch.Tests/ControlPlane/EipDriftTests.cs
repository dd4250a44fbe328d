using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Drift;
using VSwitch.ControlPlane.Plan;
using VSwitch.DataPlane.Probes;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Where health checks send an EIP, and how it is written down.</summary>
public class EipDriftTests
{
    private const string Lab = """
        internet: { addresses: [198.51.100.1/24] }
        vpcs: [{ name: blue, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.1.0/24] }] }]
        securityGroups: [{ name: g, vpc: blue }]
        enis:
          - { name: a, subnet: s, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, 10.0.1.20], securityGroups: [g] }
          - { name: b, subnet: s, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [g] }
          - { name: c, subnet: s, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [g] }
        elasticIps:
          - { name: front, address: 203.0.113.10, EIP }
        """;

    /// <summary>Holder and standbys, what is healthy (+) and unhealthy (-), what comes of it: holder and standbys, home.</summary>
    public static TheoryData<string, bool, string, string?> Moves => new()
    {
        { "a,b,c", false, "a+ b+ c+", null },
        { "a,b,c", false, "a- b+ c+", "b,a,c" },
        { "a,b,c", false, "a- b- c+", "c,b,a" },
        { "a,b,c", false, "a- c+", "c,b,a" },
        { "a,b,c", false, "a-", null },
        { "a,b,c", false, "b+ c+", null },
        { "a,b,c", true, "a- b+ c+", "b,a,c home a" },
        { "b,a,c home a", true, "a- b+ c+", null },
        { "b,a,c home a", true, "b+ c+", null },
        { "b,a,c home a", true, "a+ b+ c+", "a,b,c" },
        { "b,a,c home a", true, "a- b- c+", "c,a,b home a" },
        { "c,a,b home a", true, "a+ b- c-", "a,c,b" },
    };

    [Theory]
    [MemberData(nameof(Moves))]
    public void The_first_healthy_standby_takes_over_and_the_former_holder_its_place(string before, bool failback, string health, string? after)
    {
        ElasticIpConfig eip = Parse(before) with { Failback = failback };
        ElasticIpConfig? next = Next(eip, health);
        Assert.Equal(after, next == null ? null : Text(next));
    }

    [Fact]
    public void A_standby_that_has_another_EIP_is_passed_over()
    {
        Assert.Equal("c,b,a", Text(Next(Parse("a,b,c"), "a- b+ c+", taken: "b")!));
    }

    [Fact]
    public void Without_holder_check_or_standbys_nothing_moves()
    {
        Assert.Null(Next(Parse("a,b,c") with { HealthCheck = null }, "a- b+"));
        Assert.Null(Next(Parse("a,b,c") with { Eni = null }, "a- b+"));
        Assert.Null(Next(Parse("a"), "a-"));
    }

    [Fact]
    public void By_hand_to_a_standby_they_change_places_and_elsewhere_the_standbys_stay()
    {
        SwitchConfig config = Read("eni: a, standby: [{ eni: b }, { eni: c }]").Config!;
        ElasticIpConfig eip = config.ElasticIps[0];
        Assert.Equal("b,a,c", Text(new EipAssociation("b", null, null, null).Of(eip, config)));
        Assert.Equal("b,a,c", Text(new EipAssociation("b", TestTopologies.Ip("10.0.1.11"), null, null).Of(eip, config)));
        Assert.Equal("a 10.0.1.20,b,c", Text(new EipAssociation("a", TestTopologies.Ip("10.0.1.20"), null, null).Of(eip, config)));
        Assert.True(new EipAssociation("a", TestTopologies.Ip("10.0.1.10"), null, null).IsOf(eip, config));
        Assert.False(new EipAssociation("a", TestTopologies.Ip("10.0.1.20"), null, null).IsOf(eip, config));
        ElasticIpConfig away = new EipAssociation(null, null, "out", null).Of(eip with { Home = new EipPlaceConfig("b", null) }, config);
        Assert.Equal((null, "out", null), (away.Eni, away.NatGateway, away.Home));
    }

    [Theory]
    [InlineData("eni: a, natGateway: n", "elastic IP 'front' names eni and natGateway; it is associated with one thing at a time: keep one of them")]
    [InlineData("privateIp: 10.0.1.10", "has a privateIp but no eni")]
    [InlineData("eni: a, drift: move", "'drift: move' is not reset, drop or pass")]
    [InlineData("eni: a, standby: [{ eni: z }]", "standby 'z' of elastic IP 'front' is no ENI; add it or correct the name")]
    [InlineData("eni: a, standby: [{ eni: a }]", "is at address 10.0.1.10 of ENI 'a' already, which is also its standby; name another")]
    [InlineData("eni: a, standby: [{ eni: b }, { eni: b, privateIp: 10.0.1.11 }]", "names standby address 10.0.1.11 of ENI 'b' twice; remove one")]
    [InlineData("eni: a, standby: [{ eni: b, privateIp: 10.0.1.12 }]", "standby 'b' of elastic IP 'front' needs an IPv4 address of that ENI as privateIp")]
    [InlineData("eni: a, standby: [{ privateIp: 10.0.1.12 }]", "a standby has no 'eni'; add it")]
    [InlineData("eni: a, failback: true", "shall fail back, which needs 'standby' and 'healthCheck'")]
    [InlineData("eni: a, standby: [{ eni: b }], home: { eni: c }", "has its home at 'c', which is none of its standbys")]
    [InlineData("eni: a, healthCheck: { protocol: tcp }", "the health check of elastic IP 'front' asks by TCP; add the 'port'")]
    [InlineData("eni: a, healthCheck: { protocol: icmp, port: 80 }", "a health check by icmp has no port")]
    [InlineData("eni: a, healthCheck: { protocol: ping }", "'protocol: ping' is not arp, icmp or tcp")]
    [InlineData("eni: a, healthCheck: { interval: 5s }", "a health check has no 'protocol'; add it")]
    [InlineData("eni: a, healthCheck: { protocol: arp, interval: 50ms }", "'interval: 50ms' is not a time from 100ms to 300s")]
    [InlineData("eni: a, healthCheck: { protocol: arp, interval: 1s, timeout: 2s }", "the timeout of 2s is longer than the interval of 1s")]
    [InlineData("eni: a, healthCheck: { protocol: arp, unhealthy: 0 }", "'unhealthy: 0' is not a whole number from 1 to 100")]
    [InlineData("eni: a, healthCheck: { protocol: arp, port: 70000 }", "'port: 70000' is not a whole number from 1 to 65535")]
    [InlineData("eni: a, healthCheck: { protocol: arp, retries: 3 }", "unknown key 'retries' in a health check")]
    public void What_is_wrong_is_said(string eip, string words)
    {
        ConfigResult result = Read(eip);
        Assert.Contains(result.Errors, e => e.ToString().Contains(words, StringComparison.Ordinal));
        Assert.All(result.Errors, e => Assert.StartsWith("lab:", e.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void All_of_it_is_read_and_its_changes_are_said()
    {
        ElasticIpConfig eip = Read("""
            eni: a, privateIp: 10.0.1.20, standby: [{ eni: b }, { eni: c, privateIp: 10.0.1.12 }], failback: true, home: { eni: b }, drift: pass,
            healthCheck: { protocol: tcp, port: 443, interval: 500ms, timeout: 200ms, healthy: 3, unhealthy: 4 }
            """).Config!.ElasticIps[0];
        Assert.Equal("a 10.0.1.20,b,c 10.0.1.12 home b", Text(eip));
        HealthCheckConfig check = eip.HealthCheck!;
        Assert.Equal(
            (ProbeKind.Tcp, 443, 500.0, 200.0, 3, 4, VSwitch.DataPlane.Tables.DriftMode.Pass),
            (check.Protocol, check.Port!.Value, check.Interval.TotalMilliseconds, check.Timeout.TotalMilliseconds, check.Healthy, check.Unhealthy, eip.Drift));

        SwitchConfig before = Read("eni: a, standby: [{ eni: b }]").Config!;
        SwitchConfig after = Read("eni: b, standby: [{ eni: a }], drift: drop, healthCheck: { protocol: arp, interval: 5s }").Config!;
        Assert.Equal(
            "~ elastic IP front  eni a -> b  healthCheck.protocol not set -> arp  healthCheck.interval not set -> 5s  healthCheck.timeout not set -> 1s  " +
            "healthCheck.healthy not set -> 2  healthCheck.unhealthy not set -> 3  drift reset -> drop\n    - standby b\n    + standby a",
            string.Join('\n', PlanText.Lines(ConfigDiff.Between(before, after).Changes, 20).Select(l => l.Text)));
    }

    private static ConfigResult Read(string eip) => ConfigReader.Parse("lab", Lab.Replace("EIP", eip.ReplaceLineEndings(" "), StringComparison.Ordinal));

    private static ElasticIpConfig? Next(ElasticIpConfig eip, string health, string? taken = null)
    {
        SwitchConfig config = Read("eni: a").Config!;
        return EipDrift.Next(
            eip, config.Enis.ToDictionary(e => e.Name), place => health.Contains(place.Eni + "+", StringComparison.Ordinal) ? ProbeHealth.Healthy
                : health.Contains(place.Eni + "-", StringComparison.Ordinal) ? ProbeHealth.Unhealthy : ProbeHealth.Unknown, place => place.Eni == taken);
    }

    private static ElasticIpConfig Parse(string text)
    {
        string[] parts = text.Split(" home ");
        string[] places = parts[0].Split(',');
        return TestTopologies.Eip("front", "203.0.113.10", places[0]) with
        {
            Standby = [.. places[1..].Select(p => new EipPlaceConfig(p, null))],
            Home = parts.Length > 1 ? new EipPlaceConfig(parts[1], null) : null,
            HealthCheck = new HealthCheckConfig { Protocol = ProbeKind.Arp },
        };
    }

    private static string Text(ElasticIpConfig eip) =>
        string.Join(',', eip.Standby.Prepend(new EipPlaceConfig(eip.Eni!, eip.PrivateIp)).Select(Word)) + (eip.Home == null ? "" : $" home {Word(eip.Home)}");

    private static string Word(EipPlaceConfig place) => place.PrivateIp == null ? place.Eni : $"{place.Eni} {place.PrivateIp}";
}
