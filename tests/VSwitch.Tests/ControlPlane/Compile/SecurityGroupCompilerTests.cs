using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>From groups as written to what the compiled rules answer, and in which words.</summary>
public unsafe class SecurityGroupCompilerTests
{
    [Theory]
    [InlineData("app", 6, "10.0.1.10", 80, true)]
    [InlineData("app", 17, "10.0.1.10", 53, true)]
    [InlineData("app", 6, "10.0.1.11", 80, true)]
    [InlineData("app", 6, "10.0.1.12", 80, false)]
    [InlineData("app", 6, "10.0.2.10", 80, false)]
    [InlineData("app", 6, "fd00:b:0:1::10", 80, true)]
    [InlineData("app", 6, "fd00:b:0:1::12", 80, false)]
    [InlineData("app", 6, "203.0.113.10", 80, false)]
    public void A_group_as_peer_is_the_private_addresses_of_its_members(
        string eni, byte protocol, string remote, ushort port, bool allowed)
    {
        SwitchConfig config = Config(App(TestTopologies.FromGroup("web")));
        Assert.Equal(allowed, Ask(config, eni, isEgress: false, protocol, remote, port) != null);
    }

    [Fact]
    public void A_member_that_comes_or_goes_changes_what_the_reference_means()
    {
        SwitchConfig config = Config(App(TestTopologies.FromGroup("web")));
        SwitchConfig gone = config with { Enis = [.. config.Enis.Where(e => e.Name != "web1")] };
        Assert.NotNull(Ask(config, "app", isEgress: false, 6, "10.0.1.10", 80));
        Assert.Null(Ask(gone, "app", isEgress: false, 6, "10.0.1.10", 80));
        Assert.NotNull(Ask(gone, "app", isEgress: false, 6, "10.0.1.11", 80));
    }

    [Fact]
    public void A_group_is_not_open_to_its_own_members_unless_it_names_itself()
    {
        Assert.Null(Ask(Config(App()), "app", isEgress: false, 6, "10.0.1.13", 80));
        Assert.NotNull(Ask(Config(App(TestTopologies.FromGroup("app"))), "app", isEgress: false, 6, "10.0.1.13", 80));
    }

    [Fact]
    public void A_group_without_members_allows_nobody()
    {
        SwitchConfig config = Config(
            App(TestTopologies.FromGroup("empty")), new SecurityGroupConfig { Name = "empty", Vpc = "blue" });
        Assert.Null(Ask(config, "app", isEgress: false, 6, "10.0.1.10", 80));
    }

    [Theory]
    [InlineData("192.0.2.77", true)]
    [InlineData("192.0.3.77", false)]
    [InlineData("2001:db8:5::1", true)]
    [InlineData("2001:db8:6::1", false)]
    public void A_prefix_list_as_peer_is_its_prefixes(string remote, bool allowed)
    {
        var rule = new RuleConfig { Peer = new PeerConfig(null, null, "offices") };
        SwitchConfig config = Config(App(rule)) with
        {
            PrefixLists =
            [
                new PrefixListConfig(
                    "offices", [TestTopologies.Net("192.0.2.0/24"), TestTopologies.Net("2001:db8:5::/48")], default),
            ],
        };
        Assert.Equal(allowed, Ask(config, "app", isEgress: false, 6, remote, 80) != null);
    }

    [Theory]
    [InlineData("icmp", 1, "10.0.1.10", true)]
    [InlineData("icmp", 58, "fd00:b:0:1::10", false)]
    [InlineData("icmp", 1, "fd00:b:0:1::10", false)]
    [InlineData("icmpv6", 58, "fd00:b:0:1::10", true)]
    [InlineData("icmpv6", 1, "10.0.1.10", false)]
    [InlineData("icmpv6", 58, "10.0.1.10", false)]
    public void Each_icmp_is_of_its_own_family(string name, byte protocol, string remote, bool allowed)
    {
        RuleConfig rule = TestTopologies.FromGroup("web") with { Protocol = name == "icmp" ? (byte)1 : (byte)58 };
        SwitchConfig config = Config(App(rule));
        Assert.Equal(allowed, Ask(config, "app", isEgress: false, protocol, remote, 8 << 8) != null);
    }

    [Theory]
    [InlineData(8, null, 8, 0, true)]
    [InlineData(8, null, 8, 255, true)]
    [InlineData(8, null, 9, 0, false)]
    [InlineData(3, 4, 3, 4, true)]
    [InlineData(3, 4, 3, 3, false)]
    [InlineData(255, 255, 255, 255, true)]
    [InlineData(0, 0, 0, 1, false)]
    public void Icmp_type_and_code_are_what_the_rule_names(int ruleType, int? ruleCode, int type, int code, bool allowed)
    {
        RuleConfig rule = TestTopologies.Rule("0.0.0.0/0", 1) with { IcmpType = (byte)ruleType, IcmpCode = (byte?)ruleCode };
        SwitchConfig config = Config(App(rule));
        Assert.Equal(allowed, Ask(config, "app", isEgress: false, 1, "192.0.2.1", (ushort)((type << 8) | code)) != null);
    }

    [Fact]
    public void Rules_are_described_as_they_are_written()
    {
        PortRange[] ranges = [new PortRange(80, 80), new PortRange(8000, 8100)];
        RuleConfig ports = TestTopologies.Rule("0.0.0.0/0", 6) with { Ports = ranges };
        RuleConfig type = TestTopologies.Rule("192.0.2.0/24", 1) with { IcmpType = 3, IcmpCode = 4 };
        SecurityGroupConfig group = App(
            TestTopologies.FromGroup("web") with { Protocol = 17 }, ports, type, TestTopologies.Rule("::/0", 47));
        Assert.Equal(
            "group app, ingress rule 1 (udp from sg:web)", Ask(Config(group), "app", false, 17, "10.0.1.10", 9));
        Assert.Equal(
            "group app, ingress rule 2 (tcp 80,8000-8100 from 0.0.0.0/0)", Ask(Config(group), "app", false, 6, "1.2.3.4", 8050));
        Assert.Equal(
            "group app, ingress rule 3 (icmp type 3 code 4 from 192.0.2.0/24)", Ask(Config(group), "app", false, 1, "192.0.2.9", 0x0304));
        Assert.Equal(
            "group app, ingress rule 4 (gre from ::/0)", Ask(Config(group), "app", false, 47, "2001:db8::1", 0));
        Assert.Equal(
            "group app, egress default (all)", Ask(Config(group), "app", true, 6, "1.2.3.4", 1));
        Assert.Equal(
            "group app, egress default (all)", Ask(Config(group), "app", true, 58, "2001:db8::1", 1));
        SecurityGroupConfig written = group with { Egress = [TestTopologies.From("10.0.0.0/8")] };
        Assert.Equal(
            "group app, egress rule 1 (all to 10.0.0.0/8)", Ask(Config(written), "app", true, 6, "10.9.9.9", 1));
        Assert.Null(Ask(Config(written), "app", true, 6, "11.0.0.1", 1));
        Assert.Null(Ask(Config(group with { Egress = [] }), "app", true, 6, "10.9.9.9", 1));
    }

    [Fact]
    public void The_rules_of_all_groups_of_an_eni_are_one_set_and_equal_lists_share_it()
    {
        SwitchConfig config = Config(App(TestTopologies.Rule("0.0.0.0/0", 6, 80, 80)));
        config = config with
        {
            Enis =
            [
                .. config.Enis, TestTopologies.Eni("both", "a", 0x31, ["app", "web"], "10.0.1.31"),
                TestTopologies.Eni("turned", "a", 0x32, ["web", "app"], "10.0.1.32"),
            ],
        };
        Assert.NotNull(Ask(config, "both", false, 6, "192.0.2.1", 80));
        Assert.NotNull(Ask(config, "both", false, 6, "192.0.2.1", 443));
        Assert.Null(Ask(config, "app", false, 6, "192.0.2.1", 443));
        Assert.Null(Ask(config, "web1", false, 6, "192.0.2.1", 80));
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        Assert.Equal(SetsOf(snapshot, "both"), SetsOf(snapshot, "turned"));
        Assert.Equal(SetsOf(snapshot, "web1"), SetsOf(snapshot, "web2"));
        Assert.NotEqual(SetsOf(snapshot, "web1"), SetsOf(snapshot, "app"));
    }

    private static SecurityGroupConfig App(params RuleConfig[] ingress) =>
        new() { Name = "app", Vpc = "blue", Ingress = ingress };

    /// <summary>ENIs web1 and web2 in group web (tcp 443 from anywhere), app and app2 in the first group given.</summary>
    private static SwitchConfig Config(params SecurityGroupConfig[] groups)
    {
        SwitchConfig small = TestTopologies.Small();
        return small with
        {
            Vpcs = [small.Vpcs[0] with { Subnets = [small.Vpcs[0].Subnets[0] with { Name = "a" }] }],
            SecurityGroups = [.. groups, App(TestTopologies.Rule("0.0.0.0/0", 6, 443, 443)) with { Name = "web" }],
            Enis =
            [
                TestTopologies.Eni("web1", "a", 0x10, ["web"], "10.0.1.10", "fd00:b:0:1::10"),
                TestTopologies.Eni("web2", "a", 0x11, ["web"], "10.0.1.11"),
                TestTopologies.Eni("app", "a", 0x12, [groups[0].Name], "10.0.1.12", "fd00:b:0:1::12"),
                TestTopologies.Eni("app2", "a", 0x13, [groups[0].Name], "10.0.1.13"),
            ],
        };
    }

    private static (int Egress, int Ingress) SetsOf(ForwardingSnapshot snapshot, string eni)
    {
        Eni* port = snapshot.Enis + Array.IndexOf(snapshot.PortNames, eni);
        return (port->EgressRules, port->IngressRules);
    }

    /// <summary>The words of a rule that allows it; null when none does.</summary>
    private static string? Ask(SwitchConfig config, string eni, bool isEgress, byte protocol, string remote, ushort selector)
    {
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        (int egress, int ingress) = SetsOf(snapshot, eni);
        int set = isEgress ? egress : ingress;
        var ip = IpAddress.Parse(remote);
        int rule = ip.IsV6
            ? snapshot.SecurityGroups.Match(set, protocol, Raw.Ip6(ip), selector)
            : snapshot.SecurityGroups.Match(set, protocol, Raw.Ip4(ip), selector);
        return rule == SecurityGroupTable.NoRule ? null : snapshot.SecurityGroups.Describe(rule);
    }
}
