using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane.Plan;

public sealed class ConfigDiffTests(ITestOutputHelper output)
{
    private const string Before = """
        switch: { timeouts: { udp: 60s } }
        internet:
          addresses: [198.51.100.1/24, 198.51.100.2/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01", 198.51.100.253: "02:00:00:00:99:02" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, 10.1.0.0/16]
            dhcp: { dns: [10.0.0.53, 10.0.0.54] }
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24] }
              - { name: blue-b, cidrs: [10.0.2.0/24], networkAcl: edge }
            routeTables:
              - name: main
                main: true
                routes:
                  - { destination: 0.0.0.0/0, target: internet }
                  - { destination: 192.0.2.0/24, target: blackhole }
        networkAcls:
          - name: edge
            vpc: blue
            ingress:
              - { priority: 100, action: allow, protocol: tcp, ports: "80,443", source: 0.0.0.0/0 }
              - { priority: 200, action: deny, protocol: all, source: 0.0.0.0/0 }
        prefixLists: [{ name: branches, cidrs: [172.16.0.0/12, 192.168.0.0/16] }]
        securityGroups:
          - name: web
            vpc: blue
            ingress:
              - { protocol: tcp, ports: "80,443", source: 0.0.0.0/0 }
              - { protocol: icmp, source: 0.0.0.0/0, remark: ping }
              - { protocol: tcp, ports: 22, source: "prefixList:branches" }
          - { name: db, vpc: blue, egress: [] }
        instances: [{ name: vm1, vcpus: 2 }]
        enis:
          - { name: vm1, instance: vm1, primary: true, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, 10.0.1.11, 10.0.1.12], securityGroups: [web, db] }
          - { name: vm2, subnet: blue-b, mac: "02:00:00:00:01:12", privateIps: [10.0.2.12], securityGroups: [web] }
        elasticIps: [{ name: eip-1, address: 203.0.113.10, eni: vm1, bandwidth: 100Mbps }]
        """;

    /// <summary>What is replaced, by what, the plan.</summary>
    public static TheoryData<string, string, string> Rows => new()
    {
        // The same in other words.
        { "100Mbps", "100000000bps, billing: bandwidth", "" },
        { "udp: 60s", "udp: 1m, icmp: 30s", "" },
        { "\"80,443\", source: 0.0.0.0/0 }\n      - { protocol: icmp", "\"443,80\", source: 0.0.0.0/0 }\n      - { protocol: icmp", "" },
        { "[10.0.0.0/16, 10.1.0.0/16]", "[10.1.0.0/16, 10.0.0.0/16]", "" },
        { "[web, db]", "[db, web]", "" },
        { "[172.16.0.0/12, 192.168.0.0/16]", "[192.168.0.0/16, 172.16.0.0/12]", "" },
        { "subnet: blue-a, mac: \"02:00:00:00:01:10\"", "mac: \"02-00-00-00-01-10\", sourceDestCheck: true, tcp: strict, subnet: blue-a", "" },

        // Order that means something.
        { "[10.0.1.10, 10.0.1.11, 10.0.1.12]", "[10.0.1.11, 10.0.1.10, 10.0.1.12]", "~ eni vm1  privateIps 10.0.1.10, 10.0.1.11, 10.0.1.12 -> 10.0.1.11, 10.0.1.10, 10.0.1.12" },
        { "[198.51.100.1/24, 198.51.100.2/24]", "[198.51.100.2/24, 198.51.100.1/24]", "~ internet  addresses 198.51.100.1/24, 198.51.100.2/24 -> 198.51.100.2/24, 198.51.100.1/24" },
        { "[10.0.0.53, 10.0.0.54]", "[10.0.0.54, 10.0.0.53]", "~ vpc blue  dhcp.dns 10.0.0.53, 10.0.0.54 -> 10.0.0.54, 10.0.0.53" },

        // Settings.
        { "udp: 60s", "udp: 90s", "~ switch  timeouts.udp 1m -> 90s" },
        { "100Mbps", "200Mbps", "~ elastic IP eip-1  bandwidth 100Mbps -> 200Mbps" },
        { "eni: vm1, bandwidth: 100Mbps", "bandwidth: 1.5Mbps", "~ elastic IP eip-1  eni vm1 -> not set  bandwidth 100Mbps -> 1500kbps" },
        { "vcpus: 2", "vcpus: 4", "~ instance vm1  vcpus 2 -> 4" },
        { "{ name: db, vpc: blue, egress: [] }", "{ name: db, vpc: blue }", "~ security group db  egress none allowed -> all allowed" },
        { "{ name: db, vpc: blue, egress: [] }", "{ name: db, vpc: blue, egress: [], liveConnections: cut }", "~ security group db  liveConnections recheck -> cut" },

        // Items of lists.
        { "[10.0.1.10, 10.0.1.11, 10.0.1.12]", "[10.0.1.10, 10.0.1.12, 10.0.1.13]", "~ eni vm1\n    - privateIps 10.0.1.11\n    + privateIps 10.0.1.13" },
        { "{ protocol: icmp, source: 0.0.0.0/0, remark: ping }", "{ protocol: icmp, source: 0.0.0.0/0 }", "~ security group web\n    - ingress icmp from 0.0.0.0/0 \"ping\"\n    + ingress icmp from 0.0.0.0/0" },
        { "      - { protocol: tcp, ports: 22, source: \"prefixList:branches\" }\n", "", "~ security group web\n    - ingress tcp 22 from prefixList:branches" },
        { "priority: 200, action: deny", "priority: 200, action: allow", "~ network ACL edge\n    - ingress 200 deny all from 0.0.0.0/0\n    + ingress 200 allow all from 0.0.0.0/0" },
        { "192.0.2.0/24, target: blackhole", "192.0.2.0/24, target: internet", "~ route table main of vpc blue\n    - routes 192.0.2.0/24 to blackhole\n    + routes 192.0.2.0/24 to internet" },
        { "\"02:00:00:00:99:02\"", "\"02:00:00:00:99:03\"", "~ internet\n    - neighbors 198.51.100.253 at 02:00:00:00:99:02\n    + neighbors 198.51.100.253 at 02:00:00:00:99:03" },
        { "[172.16.0.0/12, 192.168.0.0/16]", "[172.16.0.0/12]", "~ prefix list branches\n    - cidrs 192.168.0.0/16" },

        // Things.
        { "  - { name: vm2,", "  - { name: vm3,", "+ eni vm3  subnet blue-b  mac 02:00:00:00:01:12  privateIps 10.0.2.12  securityGroups web\n- eni vm2  subnet blue-b  mac 02:00:00:00:01:12  privateIps 10.0.2.12  securityGroups web" },
        { "elasticIps: [{ name: eip-1, address: 203.0.113.10, eni: vm1, bandwidth: 100Mbps }]", "", "- elastic IP eip-1  address 203.0.113.10  eni vm1  bandwidth 100Mbps" },
        { "      - { name: blue-a, cidrs: [10.0.1.0/24] }\n", "      - { name: blue-a, cidrs: [10.0.1.0/24] }\n      - { name: blue-c, cidrs: [10.0.3.0/24], dhcp: { enabled: false } }\n", "+ subnet blue-c of vpc blue  cidrs 10.0.3.0/24  dhcp.enabled false" },
        { "  - name: blue\n", "  - { name: red, cidrs: [10.0.0.0/16] }\n  - name: blue\n", "+ vpc red  cidrs 10.0.0.0/16" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_difference_is_said_as_what_changes(string old, string next, string plan)
    {
        string text = Before;
        string after = text.Replace(old, next, StringComparison.Ordinal);
        Assert.NotEqual(text, after);
        var diff = ConfigDiff.Between(Read(text), Read(after));
        Assert.Equal(plan, Text(diff));
        Assert.Equal(plan.Length == 0, diff.IsEmpty);
        Assert.Null(ConfigEquality.Difference(diff.IsEmpty ? Sorted(Read(text)) : Sorted(Read(after)), Sorted(diff.Config)));
    }

    [Fact]
    public void The_summary_counts_things()
    {
        Assert.Equal("Plan: 13 to add, 1 to change, 0 to remove", ConfigDiff.Summary(ConfigDiff.Between(new SwitchConfig(), Read(Before)).Changes));
        Assert.Equal("Plan: 0 to add, 1 to change, 13 to remove", ConfigDiff.Summary(ConfigDiff.Between(Read(Before), new SwitchConfig()).Changes));
    }

    [Fact]
    public void Random_configurations_differ_exactly_when_they_are_not_the_same()
    {
        int seed = Seeded.Take("configurations compared", output.WriteLine);
        var random = new RandomConfig(new Random(seed));
        SwitchConfig before = random.Next();
        for (int round = 0; round < 300; round++)
        {
            SwitchConfig next = random.Next();
            Assert.True(ConfigDiff.Between(next, Shuffled(next, seed + round)).IsEmpty, $"round {round}: order made a difference");
            var diff = ConfigDiff.Between(before, next);
            Assert.Equal(ConfigEquality.Difference(before, next) == null, diff.IsEmpty);
            Assert.True(ConfigDiff.Between(diff.Config, next).IsEmpty, $"round {round}: the shared configuration is another");
            Assert.All(PlanText.Lines(diff.Changes), line => Assert.DoesNotContain(line.Text, c => char.IsControl(c)));
            before = next;
        }
    }

    [Fact]
    public void Of_ten_thousand_rules_only_what_changed_is_named_and_the_rest_is_shared()
    {
        SwitchConfig before = WithRules(Enumerable.Range(0, 10_000));
        SwitchConfig after = WithRules(Enumerable.Range(1, 10_000).Reverse());
        var diff = ConfigDiff.Between(before, after);
        Assert.Equal("~ security group open\n    - ingress tcp 0 from 10.0.0.0/8\n    + ingress tcp 10000 from 10.0.0.0/8", Text(diff));
        Assert.Same(before.SecurityGroups[0].Ingress[1], diff.Config.SecurityGroups[0].Ingress[^1]);
        Assert.Same(before.Enis[0], diff.Config.Enis[0]);

        var all = ConfigDiff.Between(before, WithRules(Enumerable.Range(20_000, 10_000)));
        PlanLine[] lines = [.. PlanText.Lines(all.Changes)];
        Assert.Equal(202, lines.Length);
        Assert.Equal("      ingress: 19800 more", lines[^1].Text);
        Assert.Equal(20_001, PlanText.Lines(all.Changes, int.MaxValue).Count());
    }

    private static SwitchConfig WithRules(IEnumerable<int> ports)
    {
        SwitchConfig small = TestTopologies.Small();
        return small with
        {
            SecurityGroups = [small.SecurityGroups[0] with
            {
                Ingress = [.. ports.Select(port => new RuleConfig { Protocol = 6, Ports = [new PortRange((ushort)port, (ushort)port)], Peer = new PeerConfig(IpPrefix.Parse("10.0.0.0/8"), null, null) })],
            }],
        };
    }

    private static SwitchConfig Shuffled(SwitchConfig config, int seed)
    {
        T[] Shuffle<T>(IEnumerable<T> items)
        {
            T[] all = [.. items];
            new Random(seed).Shuffle(all);
            return all;
        }

        return config with
        {
            Vpcs = Shuffle(config.Vpcs.Select(v => v with { Subnets = Shuffle(v.Subnets), Cidrs = Shuffle(v.Cidrs), RouteTables = Shuffle(v.RouteTables) })),
            SecurityGroups = Shuffle(config.SecurityGroups.Select(g => g with { Ingress = Shuffle(g.Ingress), Egress = g.Egress == null ? null : Shuffle(g.Egress) })),
            NetworkAcls = Shuffle(config.NetworkAcls.Select(a => a with { Ingress = Shuffle(a.Ingress) })),
            PrefixLists = Shuffle(config.PrefixLists.Select(l => l with { Cidrs = Shuffle(l.Cidrs) })),
            Instances = Shuffle(config.Instances),
            Enis = Shuffle(config.Enis.Select(e => e with { SecurityGroups = Shuffle(e.SecurityGroups) })),
            ElasticIps = Shuffle(config.ElasticIps),
            FlowLogs = Shuffle(config.FlowLogs),
            Mirrors = Shuffle(config.Mirrors),
        };
    }

    /// <summary>Without the orders that mean nothing and that a shared configuration may have from the old one.</summary>
    private static SwitchConfig Sorted(SwitchConfig config) => config with
    {
        Vpcs = [.. config.Vpcs.Select(v => v with { Cidrs = [.. v.Cidrs.Order()] })],
        PrefixLists = [.. config.PrefixLists.Select(l => l with { Cidrs = [.. l.Cidrs.Order()] })],
        SecurityGroups = [.. config.SecurityGroups.Select(g => g with { Ingress = [.. g.Ingress.Select(r => r with { Ports = [.. r.Ports.OrderBy(p => p.First)] })] })],
        Enis = [.. config.Enis.Select(e => e with { SecurityGroups = [.. e.SecurityGroups.Order(StringComparer.Ordinal)] })],
    };

    private static SwitchConfig Read(string text)
    {
        ConfigResult result = ConfigReader.Parse("test", text);
        Assert.Empty(result.Errors);
        return result.Config!;
    }

    private static string Text(ConfigDiff diff) => string.Join('\n', PlanText.Lines(diff.Changes).Select(l => l.Text));
}
