using VSwitch.ControlPlane.Config;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.Tests.Lab;

/// <summary>The lab's commands, as text.</summary>
public class LabPlanTests
{
    private const string Yaml = """
        internet:
          device: { tap: t-inet }
          addresses: [198.51.100.1/24, "2001:db8:ff::1/64"]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01", 198.51.100.253: "02:00:00:00:99:02" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }
              - { name: blue-b, cidrs: [10.0.2.0/24] }
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        instances: [{ name: vm1, vcpus: 2 }]
        enis:
          - { name: vm1-eth1, instance: vm1, subnet: blue-b, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10, 10.0.2.11], securityGroups: [open], mtu: 1400, device: { tap: t-eth1 } }
          - { name: vm1-eth0, instance: vm1, primary: true, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [open], device: { tap: t-eth0 } }
          - { name: alone, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: t-alone } }
          - { name: replayed, subnet: blue-a, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [open] }
        elasticIps:
          - { name: far, address: 203.0.113.10, eni: alone }
          - { name: near, address: 198.51.100.20 }
        """;

    [Fact]
    public void A_primary_interface_is_set_up_as_a_dhcp_client_would()
    {
        Assert.Equal(
            """
            link set dev t-eth0 netns vs-vm1
            netns exec vs-vm1 sh -c { echo 0 > "/proc/sys/net/ipv6/conf/$0/accept_ra"; } 2>/dev/null; true t-eth0
            -n vs-vm1 link set dev t-eth0 address 02:00:00:00:01:10
            -n vs-vm1 link set dev t-eth0 mtu 1500
            -n vs-vm1 addr add 10.0.1.10/24 dev t-eth0
            -n vs-vm1 addr add fd00:b:0:1::10/64 dev t-eth0 nodad
            -n vs-vm1 link set dev t-eth0 up
            -n vs-vm1 -4 route add default via 10.0.1.1 dev t-eth0
            -n vs-vm1 -6 route add default via fd00:b:0:1::1 dev t-eth0
            """,
            CommandsOf("t-eth0"));
    }

    [Fact]
    public void A_further_interface_answers_by_itself_and_takes_no_default_route()
    {
        Assert.Equal(
            """
            link set dev t-eth1 netns vs-vm1
            netns exec vs-vm1 sh -c { echo 0 > "/proc/sys/net/ipv6/conf/$0/accept_ra"; } 2>/dev/null; true t-eth1
            -n vs-vm1 link set dev t-eth1 address 02:00:00:00:02:10
            -n vs-vm1 link set dev t-eth1 mtu 1400
            -n vs-vm1 addr add 10.0.2.10/24 dev t-eth1
            -n vs-vm1 addr add 10.0.2.11/24 dev t-eth1
            -n vs-vm1 link set dev t-eth1 up
            -n vs-vm1 -4 route add 10.0.2.0/24 dev t-eth1 table 1000
            -n vs-vm1 -4 rule add from 10.0.2.10 lookup 1000
            -n vs-vm1 -4 rule add from 10.0.2.11 lookup 1000
            -n vs-vm1 -4 route add default via 10.0.2.1 dev t-eth1 table 1000
            """,
            CommandsOf("t-eth1"));
    }

    [Fact]
    public void The_outside_plays_the_next_hop_and_knows_what_is_announced()
    {
        Assert.Equal(
            """
            link set dev t-inet netns vs-internet
            -n vs-internet link set dev t-inet address 02:00:00:00:99:01
            -n vs-internet link set dev t-inet mtu 1500
            -n vs-internet addr add 198.51.100.254/24 dev t-inet
            -n vs-internet addr add 2001:db8:ff:0:ffff:ffff:ffff:ffff/64 dev t-inet nodad
            -n vs-internet link set dev t-inet up
            -n vs-internet -4 route add 203.0.113.10/32 via 198.51.100.1 dev t-inet
            -n vs-internet -6 route add fd00:b::/48 via 2001:db8:ff::1 dev t-inet
            """,
            CommandsOf("t-inet"));
    }

    [Fact]
    public void Every_namespace_is_made_before_its_interfaces_come_and_only_ports_with_a_tap_have_one()
    {
        LabPlan plan = Plan(Yaml);
        Assert.Equal(["vs-vm1", "vs-alone", "vs-internet"], plan.Namespaces);
        Assert.Equal(
            ["netns add vs-vm1", "-n vs-vm1 link set dev lo up", "netns add vs-alone", "-n vs-alone link set dev lo up",
                "netns add vs-internet", "-n vs-internet link set dev lo up"],
            plan.Commands.Take(6).Select(c => string.Join(' ', c)));
        Assert.Equal(["vm1-eth1", "vm1-eth0", "alone", "internet"], plan.Interfaces.Select(i => i.Port));
        Assert.DoesNotContain(plan.Commands, c => c.Contains("replayed"));
    }

    [Fact]
    public void Names_of_instances_enis_and_the_outside_find_their_namespace()
    {
        LabPlan plan = Plan(Yaml);
        Assert.Equal("vs-vm1", plan.NamespaceOf("vm1"));
        Assert.Equal("vs-vm1", plan.NamespaceOf("vm1-eth1"));
        Assert.Equal("vs-alone", plan.NamespaceOf("alone"));
        Assert.Equal("vs-internet", plan.NamespaceOf(LabPlan.Outside));
        ArgumentException e = Assert.Throws<ArgumentException>(() => plan.NamespaceOf("replayed"));
        Assert.Equal("the lab has no 'replayed'; it has vm1, vm1-eth1, vm1-eth0, alone, internet", e.Message);
    }

    [Fact]
    public void Names_that_would_meet_get_their_own_namespaces()
    {
        SwitchConfig config = Read(Yaml);
        EniConfig[] enis = [.. config.Enis.Select(e => e.Name switch
        {
            "alone" => e with { Name = "vm1" },
            "vm1-eth0" => e with { Instance = LabPlan.Outside },
            _ => e,
        })];
        var plan = new LabPlan(config with { Enis = enis }, "vs-");
        Assert.Equal(["vs-vm1", "vs-internet-instance", "vs-vm1-eni", "vs-internet"], plan.Namespaces);
    }

    [Fact]
    public void A_name_that_no_file_may_have_is_made_one()
    {
        SwitchConfig config = Read(Yaml);
        var plan = new LabPlan(config with { Enis = [config.Enis[2] with { Name = "a/b c" }], Internet = null }, "vs-");
        Assert.Equal(["vs-a-b-c"], plan.Namespaces);
    }

    [Fact]
    public void Without_a_primary_one_the_first_interface_of_an_instance_has_the_default_route()
    {
        SwitchConfig config = Read(Yaml);
        var plan = new LabPlan(config with { Enis = [.. config.Enis.Select(e => e with { Primary = false })] }, "vs-");
        Assert.Contains(Text(plan), line => line == "-n vs-vm1 -4 route add default via 10.0.2.1 dev t-eth1");
        Assert.Contains(Text(plan), line => line == "-n vs-vm1 -4 route add default via 10.0.1.1 dev t-eth0 table 1001");
    }

    private static string CommandsOf(string tap) =>
        string.Join('\n', Text(Plan(Yaml)).Where(c => c.Contains($"dev {tap}", StringComparison.Ordinal) ||
            c.EndsWith($"; true {tap}", StringComparison.Ordinal) || (tap == "t-eth1" && c.Contains(" rule ", StringComparison.Ordinal))));

    private static IEnumerable<string> Text(LabPlan plan) => plan.Commands.Select(c => string.Join(' ', c));

    private static LabPlan Plan(string yaml) => new(Read(yaml), "vs-");

    private static SwitchConfig Read(string yaml)
    {
        ConfigResult result = ConfigReader.Parse("lab.yaml", yaml);
        Assert.Empty(result.Errors);
        return result.Config!;
    }
}
