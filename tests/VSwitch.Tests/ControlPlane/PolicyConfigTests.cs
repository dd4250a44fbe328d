using VSwitch.ControlPlane.Config;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Network ACLs, transit ENIs, live modes and prefix lists as a user writes them, and each error with its place and
/// the mend.</summary>
public sealed class PolicyConfigTests
{
    private static readonly string Good = PolicyLab.Text(
        ", networkAcl: edge", "",
        """
        networkAcls:
          - name: edge
            vpc: blue
            ingress:
              - { priority: 100, action: allow, protocol: tcp, ports: "80,443,8000-8100", source: 0.0.0.0/0 }
              - { priority: 32768, action: deny, protocol: icmp, icmpType: 3, icmpCode: 1, source: "prefixList:friends", remark: why }
            egress:
              - { priority: 100, action: allow, protocol: all, destination: "::/0" }
        prefixLists:
          - { name: friends, cidrs: [192.0.2.0/24] }
        """).Replace("name: open, vpc: blue,", "name: open, vpc: blue, liveConnections: keep,", StringComparison.Ordinal)
        .Replace("172.16.0.0/12, target", "\"prefixList:friends\", target", StringComparison.Ordinal);

    [Fact]
    public void It_reads_what_the_user_wrote()
    {
        SwitchConfig config = PolicyLab.Read(Good);
        NetworkAclConfig acl = Assert.Single(config.NetworkAcls);
        Assert.Equal(("edge", "blue"), (acl.Name, acl.Vpc));
        Assert.Equal([(100, true), (32768, false)], acl.Ingress.Select(r => (r.Priority, r.Allows)));
        Assert.Equal((byte?)6, acl.Ingress[0].Match.Protocol);
        Assert.Equal([new PortRange(80, 80), new PortRange(443, 443), new PortRange(8000, 8100)], acl.Ingress[0].Match.Ports);
        Assert.Equal(((byte?)3, (byte?)1, "friends"), (acl.Ingress[1].Match.IcmpType, acl.Ingress[1].Match.IcmpCode, acl.Ingress[1].Match.Peer.PrefixList));
        Assert.Null(acl.Egress[0].Match.Protocol);
        Assert.Equal(["edge", null], config.Vpcs[0].Subnets.Select(s => s.NetworkAcl));
        Assert.Equal([LiveConnectionPolicy.Keep, LiveConnectionPolicy.Recheck], config.SecurityGroups.Select(g => g.LiveConnections));
        Assert.Equal([true, true, true, false], config.Enis.Select(e => e.SourceDestCheck));
        RouteConfig route = config.Vpcs[0].RouteTables[0].Routes[2];
        Assert.Equal("friends", route.PrefixList);
        Assert.Equal(["192.0.2.0/24"], config.DestinationsOf(route).Select(p => p.ToString()));
    }

    [Theory]
    [InlineData("priority: 32768, action: deny", "priority: 32769, action: deny", "'priority: 32769' is not a whole number from 1 to 32768")]
    [InlineData("priority: 32768, action: deny", "priority: 0, action: deny", "'priority: 0' is not a whole number from 1 to 32768")]
    [InlineData("priority: 32768, action: deny", "action: deny", "has no 'priority'; add it")]
    [InlineData("priority: 32768, action: deny", "priority: 100, action: deny", "priority 100 occurs twice in the ingress rules of network ACL 'edge' (first at line")]
    [InlineData("priority: 32768, action: deny", "priority: 32768, action: reject", "'action: reject' is not allow or deny")]
    [InlineData("priority: 32768, action: deny", "priority: 32768", "has no 'action'; add it")]
    [InlineData("8000-8100\", source: 0.0.0.0/0", "8000-8100\", source: \"sg:open\"", "is a group, which a stateless rule cannot follow; write a prefix like 10.0.0.0/8 or prefixList:NAME")]
    [InlineData("8000-8100\", source: 0.0.0.0/0", "8000-8100\", source: 10.0.0.1/8", "write 10.0.0.0/8")]
    [InlineData("8000-8100\", source: 0.0.0.0/0", "8000-8100\", source: here", "write a prefix like 10.0.0.0/8 or prefixList:NAME")]
    [InlineData("8000-8100\", source: 0.0.0.0/0", "8000-8100\", destination: 0.0.0.0/0", "has no 'source'; add it")]
    [InlineData("8000-8100\", source: 0.0.0.0/0", "8000-8100\", source: \"prefixList:foes\"", "names prefixList:foes, which does not exist")]
    [InlineData("protocol: icmp, icmpType: 3", "protocol: tcp, icmpType: 3", "'icmpType' goes with icmp or icmpv6 only")]
    [InlineData("networkAcl: edge", "networkAcl: hedge", "subnet 'front' names network ACL 'hedge', which does not exist")]
    [InlineData("name: edge\n    vpc: blue", "name: edge\n    vpc: red", "names VPC 'red', which does not exist")]
    [InlineData("liveConnections: keep", "liveConnections: kill", "is not recheck, keep or cut")]
    [InlineData("sourceDestCheck: false", "sourceDestCheck: off", "is not true or false")]
    [InlineData(", sourceDestCheck: false", "", "put 'sourceDestCheck: false' on ENI 'r'")]
    [InlineData("\"prefixList:friends\", target", "\"prefixList:foes\", target", "a route names prefixList:foes, which does not exist")]
    [InlineData("\"prefixList:friends\", target", "friends, target", "is not a prefix, like 0.0.0.0/0, or prefixList:NAME")]
    public void An_error_says_where_what_and_the_mend(string from, string to, string expected)
    {
        Assert.Contains(from, Good, StringComparison.Ordinal);
        string text = Good.Replace(from, to, StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("x.yaml", text);
        Assert.Null(result.Config);
        ConfigError error = result.Errors.First(e => e.Message.Contains(expected, StringComparison.Ordinal));

        // The check of an ENI is missed where a route needs it off.
        string where = from == ", sourceDestCheck: false" ? "destination: \"prefixList:friends\"" : from;
        int line = Good[..Good.IndexOf(where, StringComparison.Ordinal)].Count(c => c == '\n') + 1;
        Assert.InRange(error.Position.Line, line - 1, line + 2);
        Assert.True(error.Position.Column > 0);
    }

    [Fact]
    public void Quotas_are_a_hundred_rules_of_an_acl_and_twenty_acls_of_a_vpc()
    {
        static string Rules(int first, int count, string peer) => string.Join(
            ", ", Enumerable.Range(first, count).Select(p => $"{{ priority: {p}, action: allow, protocol: all, {peer}: 0.0.0.0/0 }}"));
        static string Acls(int count, string rules) => PolicyLab.Text(more: "networkAcls:\n" + string.Join(
            '\n', Enumerable.Range(1, count).Select(i => $"  - {{ name: acl{i}, vpc: blue{rules} }}")));

        Assert.Equal(20, PolicyLab.Read(Acls(20, "")).NetworkAcls.Count);
        ConfigError twentyFirst = Assert.Single(ConfigReader.Parse("x.yaml", Acls(21, "")).Errors);
        Assert.Contains("takes 20 network ACLs, this is number 21", twentyFirst.Message, StringComparison.Ordinal);

        string full = $", ingress: [{Rules(1, 60, "source")}], egress: [{Rules(1, 40, "destination")}]";
        Assert.Equal(60, PolicyLab.Read(Acls(1, full)).NetworkAcls[0].Ingress.Count);
        string over = $", ingress: [{Rules(1, 60, "source")}], egress: [{Rules(1, 41, "destination")}]";
        ConfigError tooMany = Assert.Single(ConfigReader.Parse("x.yaml", Acls(1, over)).Errors);
        Assert.Contains("has 101 rules; it takes 100", tooMany.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_acl_of_another_vpc_is_refused()
    {
        string text = Good.Replace("name: edge\n    vpc: blue", "name: edge\n    vpc: red", StringComparison.Ordinal)
            .Replace("vpcs:\n", "vpcs:\n  - { name: red, cidrs: [10.9.0.0/16] }\n", StringComparison.Ordinal);
        ConfigError error = Assert.Single(ConfigReader.Parse("x.yaml", text).Errors);
        Assert.Contains("network ACL 'edge' is in VPC 'red', subnet 'front' in 'blue'; use an ACL of its VPC", error.Message, StringComparison.Ordinal);
    }
}
