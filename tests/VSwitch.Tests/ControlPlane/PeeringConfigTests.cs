using VSwitch.ControlPlane.Config;
using VSwitch.Tests.DataPlane.Peerings;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Peerings as a user writes them, each refusal with the rule's words, and what is only warned of.</summary>
public sealed class PeeringConfigTests
{
    private const string Bg = "name: bg, requester: blue, accepter: green, accepted: true";
    private static readonly string Good = PeeringText.Of();

    [Fact]
    public void It_reads_what_the_user_wrote()
    {
        SwitchConfig config = PolicyLab.Read(Good);
        Assert.Equal([("bg", "blue", "green", true), ("gr", "green", "red", true)], config.Peerings.Select(p => (p.Name, p.Requester, p.Accepter, p.Accepted)));
        Assert.False(PolicyLab.Read(Good.Replace(", accepted: true", "", StringComparison.Ordinal)).Peerings[0].Accepted);
        Assert.Empty(ConfigReader.Parse("x.yaml", Good).Warnings);
    }

    [Theory]
    [InlineData(Bg, "requester: blue, accepter: green", "a peering has no 'name'; add it")]
    [InlineData(Bg, "name: bg, requester: blue", "a peering has no 'accepter'; add it")]
    [InlineData(Bg, Bg + ", state: on", "unknown key 'state' in a peering")]
    [InlineData(Bg, "name: bg, requester: blue, accepter: green, accepted: perhaps", "is not true or false")]
    [InlineData(Bg, "name: \"\", requester: blue, accepter: green", "the peering has an empty name; give it one")]
    [InlineData(Bg, "name: gr, requester: blue, accepter: green", "duplicate peering name 'gr' (first at line")]
    [InlineData(Bg, "name: bg, requester: blue, accepter: teal", "peering 'bg' names VPC 'teal', which does not exist; add it or correct the name")]
    [InlineData(Bg, "name: bg, requester: blue, accepter: blue", "peering 'bg' joins VPC 'blue' with itself; name two VPCs")]
    [InlineData(Bg, Bg + " }, { name: gb, requester: green, accepter: blue", "VPC 'green' and VPC 'blue' have peering 'bg' (line")]
    [InlineData("cidrs: [10.2.0.0/16]", "cidrs: [10.2.0.0/16, 10.1.128.0/17]", "peering 'gr' cannot be: 10.1.0.0/16 of VPC 'green' overlaps 10.1.128.0/17 of VPC 'red'; peer VPCs whose ranges are apart")]
    [InlineData("cidrs: [10.2.0.0/16]", "cidrs: [10.2.0.0/16, \"fd00:c::/32\"]", "fd00:c::/48 of VPC 'green' overlaps fd00:c::/32 of VPC 'red'")]
    [InlineData("destination: 10.1.0.0/16, target: \"peering:bg\"", "destination: 10.1.0.0/16, target: \"peering:gr\"", "route target 'peering:gr' joins VPC 'green' and VPC 'red', not VPC 'blue'; name a peering of this VPC")]
    [InlineData("destination: 10.1.0.0/16, target: \"peering:bg\"", "destination: 10.0.9.0/24, target: \"peering:bg\"", "the route to 10.0.9.0/24 into peering 'bg' can never be used: it lies inside VPC 'blue' itself, and local routes beat all others")]
    [InlineData("destination: 10.1.0.0/16, target: \"peering:bg\"", "destination: 10.1.0.0/16, target: peer", "is not internet, blackhole, eni:NAME, nat:NAME, peering:NAME or gateway:NAME")]
    [InlineData("name: blue-web, vpc: blue, ingress: []", "name: blue-web, vpc: blue, ingress: [{ protocol: tcp, source: \"sg:red-open\" }]", "sg:red-open is in VPC 'red', the rule's group in 'blue', and no peering joins them")]
    [InlineData("name: blue-web, vpc: blue, ingress: []", "name: blue-web, vpc: blue, ingress: [{ protocol: tcp, source: \"sg:nobody\" }]", "names sg:nobody, which does not exist")]
    [InlineData("name: blue-web, vpc: blue, ingress: []", "name: blue-web, vpc: blue, ingress: [{ protocol: tcp, source: \"sg:blue-open\", peering: bg }]", "sg:blue-open is in the VPC of the rule's own group, 'blue', which no peering leads to; remove 'peering'")]
    [InlineData("name: blue-web, vpc: blue, ingress: []", "name: blue-web, vpc: blue, ingress: [{ protocol: tcp, source: 10.0.0.0/8, peering: bg }]", "'peering' says by which peering a group is reached, and 'source: 10.0.0.0/8' is no group")]
    public void An_error_says_where_what_and_the_mend(string from, string to, string expected)
    {
        Assert.Contains(from, Good, StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("x.yaml", Good.Replace(from, to, StringComparison.Ordinal));
        Assert.Null(result.Config);
        ConfigError error = result.Errors.First(e => e.Message.Contains(expected, StringComparison.Ordinal));
        Assert.True(error.Position is { Line: > 0, Column: > 0 });
    }

    /// <summary>What was right once and is not any more, as where a peering, or a group of the other side, was deleted.</summary>
    [Theory]
    [InlineData(Bg, "name: bg, requester: blue, accepter: green", "the route to 10.1.0.0/16 drops all: peering not active ('bg' is not accepted)")]
    [InlineData("{ " + Bg + " }, ", "", "the route to 10.1.0.0/16 drops all: peering not active (there is no peering 'bg')")]
    [InlineData("ingress: []", "ingress: [{ protocol: tcp, source: \"sg:gone\", peering: bg }]", "a rule of 'blue-web' is stale and matches nothing: there is no security group 'gone'; remove it, or bring back what sg:gone needs")]
    [InlineData("ingress: []", "ingress: [{ protocol: tcp, source: \"sg:green-sg\", peering: old }]", "a rule of 'blue-web' is stale and matches nothing: there is no peering 'old'")]
    [InlineData("ingress: []", "ingress: [{ protocol: tcp, source: \"sg:red-open\", peering: gr }]", "is stale and matches nothing: peering 'gr' does not join VPC 'blue' and VPC 'red'")]
    public void What_went_is_only_warned_of(string from, string to, string expected)
    {
        Assert.Contains(from, Good, StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("x.yaml", Good.Replace(from, to, StringComparison.Ordinal));
        Assert.True(result.Config != null, string.Join('\n', result.Errors));
        Assert.Contains(result.Warnings, w => w.Message.Contains(expected, StringComparison.Ordinal) && w.Position.Line > 0);
    }

    [Fact]
    public void A_rule_with_a_group_of_a_pending_peer_is_stale()
    {
        string rule = Good.Replace("ingress: []", "ingress: [{ protocol: tcp, source: \"sg:green-sg\" }]", StringComparison.Ordinal);
        Assert.Empty(ConfigReader.Parse("x.yaml", rule).Warnings);
        ConfigResult pending = ConfigReader.Parse("x.yaml", rule.Replace("accepter: green, accepted: true", "accepter: green", StringComparison.Ordinal));
        Assert.Contains(pending.Warnings, w => w.Message.StartsWith("a rule of 'blue-web' is stale and matches nothing: peering 'bg' is not accepted", StringComparison.Ordinal));
    }

    [Fact]
    public void A_vpc_takes_ten_peerings()
    {
        static string Hub(int count, string accepted) => "vpcs:\n  - { name: hub, cidrs: [10.0.0.0/16] }\n" +
            string.Concat(Enumerable.Range(1, count).Select(i => $"  - {{ name: v{i}, cidrs: [10.{i}.0.0/16] }}\n")) +
            "peerings:\n" + string.Concat(Enumerable.Range(1, count).Select(i => $"  - {{ name: p{i}, requester: {(i % 2 == 0 ? "hub" : $"v{i}")}, accepter: {(i % 2 == 0 ? $"v{i}" : "hub")}{accepted} }}\n"));
        Assert.Equal(10, PolicyLab.Read(Hub(10, ", accepted: true")).Peerings.Count);
        ConfigError eleventh = Assert.Single(ConfigReader.Parse("x.yaml", Hub(11, "")).Errors);
        Assert.Equal("VPC 'hub' takes 10 peerings, this is number 11; remove some", eleventh.Message);
    }
}
