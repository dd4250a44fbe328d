using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>A switch that has seen many configurations has the same rules as one that sees only the last.</summary>
public unsafe class IncrementalCompileTests
{
    private const int Rounds = 80;
    private const int Questions = 150;

    [Fact]
    public void After_any_change_the_rules_are_those_of_a_compilation_from_nothing()
    {
        var random = new Random(Seeded.Take("incremental compilation"));
        SwitchConfig config = First();
        NumberDirectory numbers = Numbers();
        for (int round = 0; round < Rounds; round++)
        {
            config = Changed(config, random);

            // As a live switch does: once on a copy that may come to nothing, then for good.
            SnapshotCompiler.Compile(random.Next(4) == 0 ? Changed(config, random) : config, numbers.Copy());
            ForwardingSnapshot later = SnapshotCompiler.Compile(config, numbers);
            ForwardingSnapshot fresh = SnapshotCompiler.Compile(config, Numbers());
            for (int i = 0; i < Questions; i++)
            {
                Ask(later, fresh, random, $"round {round}, question {i}");
            }
        }
    }

    [Fact]
    public void A_group_that_is_what_it_was_keeps_its_version_and_one_that_changed_and_came_back_too_has_a_new_one()
    {
        SwitchConfig config = First();
        SwitchConfig other = WithRules(config, 0, [.. config.SecurityGroups[0].Ingress.Skip(1)]);
        var numbers = new NumberDirectory();
        int number = numbers.GroupOf("g0");
        int rule = SecurityGroupTable.NumberOf(number, 1);
        SnapshotCompiler.Compile(WithCut(config), numbers);

        // Tried on a copy and never in force: nothing has changed.
        SnapshotCompiler.Compile(WithCut(other), numbers.Copy());
        Assert.False(SnapshotCompiler.Compile(WithCut(config), numbers).SecurityGroups.IsCut(rule, 1));
        Assert.True(SnapshotCompiler.Compile(WithCut(other), numbers).SecurityGroups.IsCut(rule, 2));
        Assert.True(SnapshotCompiler.Compile(WithCut(config), numbers).SecurityGroups.IsCut(rule, 3));
    }

    [Fact]
    public void A_remark_or_a_place_in_the_text_is_no_change_of_a_rule()
    {
        SecurityGroupConfig group = First().SecurityGroups[0];
        SecurityGroupConfig moved = group with
        {
            Ingress = [.. group.Ingress.Select(r => r with { Remark = "why", Position = new SourcePosition(7, 7), Ports = [.. r.Ports] })],
        };
        Assert.Equal(new GroupRules(group), new GroupRules(moved));
        Assert.NotEqual(new GroupRules(group), new GroupRules(group with { Egress = [] }));
        Assert.NotEqual(new GroupRules(group), new GroupRules(group with { Ingress = [.. group.Ingress.Reverse()] }));
        Assert.NotEqual(
            new GroupRules(group),
            new GroupRules(group with { Ingress = [group.Ingress[0] with { Ports = [new PortRange(1, 2)] }, .. group.Ingress.Skip(1)] }));
    }

    private static void Ask(ForwardingSnapshot later, ForwardingSnapshot fresh, Random random, string where)
    {
        string name = $"e{random.Next(6)}";
        Eni* a = later.Enis + Array.IndexOf(later.PortNames, name);
        Eni* b = fresh.Enis + Array.IndexOf(fresh.PortNames, name);
        bool isEgress = random.Next(2) == 0;
        byte protocol = random.Next(4) switch { 0 => 17, 1 => 1, _ => 6 };
        uint remote = Raw.Ip4(RandomPrefix(random, 32).Address);
        ushort selector = (ushort)random.Next(60);
        int seen = later.SecurityGroups.Match(isEgress ? a->EgressRules : a->IngressRules, protocol, remote, selector);
        int expected = fresh.SecurityGroups.Match(isEgress ? b->EgressRules : b->IngressRules, protocol, remote, selector);
        Assert.Equal((where, WordsOf(fresh, expected)), (where, WordsOf(later, seen)));
    }

    private static string WordsOf(ForwardingSnapshot snapshot, int rule) =>
        rule == SecurityGroupTable.NoRule ? "none" : snapshot.SecurityGroups.Describe(rule);

    /// <summary>A rule changed, added, put in, taken out or moved; all new; a member or a prefix more or less; a group's egress.</summary>
    private static SwitchConfig Changed(SwitchConfig config, Random random)
    {
        int at = random.Next(config.SecurityGroups.Count);
        List<RuleConfig> rules = [.. config.SecurityGroups[at].Ingress];
        int place = random.Next(rules.Count + 1);
        switch (random.Next(10))
        {
            case 0 when place < rules.Count:
                rules[place] = RandomRule(random);
                break;
            case 1:
                rules.Add(RandomRule(random));
                break;
            case 2:
                rules.Insert(place, RandomRule(random));
                break;
            case 3 when place < rules.Count:
                rules.RemoveAt(place);
                break;
            case 4:
                rules.Reverse();
                break;
            case 5:
                rules = [.. Enumerable.Range(0, random.Next(40)).Select(_ => RandomRule(random))];
                break;
            case 6:
                return config with { PrefixLists = [Offices([.. Enumerable.Range(0, random.Next(5)).Select(_ => RandomPrefix(random, 28))])] };
            case 7:
                return config with
                {
                    Enis = [.. config.Enis.Select((e, i) => i == place % 6 ? e with { SecurityGroups = GroupsOf(random) } : e)],
                };
            case 8:
                return config with
                {
                    SecurityGroups = [.. config.SecurityGroups.Select((g, i) => i == at ? g with { Egress = g.Egress == null ? rules : null } : g)],
                };
            default:
                return config with { SecurityGroups = [.. config.SecurityGroups.Select(g => g with { Ingress = [.. g.Ingress.Select(r => r with { Remark = "again" })] })] };
        }

        return WithRules(config, at, rules);
    }

    /// <summary>Of equal rules of two groups the one with the lower number is named: so both sides number the groups alike.</summary>
    private static NumberDirectory Numbers()
    {
        var numbers = new NumberDirectory();
        for (int group = 0; group < 4; group++)
        {
            numbers.GroupOf($"g{group}");
        }

        return numbers;
    }

    private static SwitchConfig WithRules(SwitchConfig config, int group, IReadOnlyList<RuleConfig> rules) => config with
    {
        SecurityGroups = [.. config.SecurityGroups.Select((g, i) => i == group ? g with { Ingress = rules } : g)],
    };

    private static SwitchConfig WithCut(SwitchConfig config) => config with
    {
        SecurityGroups = [.. config.SecurityGroups.Select(g => g with { LiveConnections = LiveConnectionPolicy.Cut })],
    };

    private static SwitchConfig First()
    {
        var random = new Random(7);
        return new SwitchConfig
        {
            Vpcs =
            [
                new VpcConfig
                {
                    Name = "v", Cidrs = [TestTopologies.Net("10.0.0.0/16")],
                    Subnets = [new SubnetConfig { Name = "a", Cidrs = [TestTopologies.Net("10.0.1.0/24")] }],
                },
            ],
            PrefixLists = [Offices([TestTopologies.Net("10.0.0.0/28")])],
            SecurityGroups = [.. Enumerable.Range(0, 4).Select(g => new SecurityGroupConfig
            {
                Name = $"g{g}", Vpc = "v", Ingress = [.. Enumerable.Range(0, 20).Select(_ => RandomRule(random))],
            })],
            Enis = [.. Enumerable.Range(0, 6).Select(i => TestTopologies.Eni($"e{i}", "a", (byte)(0x10 + i), [$"g{i % 4}"], $"10.0.1.{10 + i}"))],
        };
    }

    private static PrefixListConfig Offices(IReadOnlyList<IpPrefix> prefixes) => new("offices", prefixes, default);

    private static string[] GroupsOf(Random random) =>
        [.. Enumerable.Range(0, 4).Where(_ => random.Next(2) == 0).Select(g => $"g{g}").DefaultIfEmpty("g0")];

    private static RuleConfig RandomRule(Random random)
    {
        PeerConfig peer = random.Next(5) switch
        {
            0 => new PeerConfig(null, $"g{random.Next(4)}", null),
            1 => new PeerConfig(null, null, "offices"),
            _ => new PeerConfig(RandomPrefix(random, random.Next(22, 33)), null, null),
        };
        ushort first = (ushort)random.Next(50);
        return random.Next(6) switch
        {
            0 => new RuleConfig { Peer = peer },
            1 => new RuleConfig { Protocol = 1, IcmpType = (byte)random.Next(2), Peer = peer },
            _ => new RuleConfig { Protocol = random.Next(2) == 0 ? (byte)17 : (byte)6, Ports = [new PortRange(first, (ushort)(first + random.Next(10)))], Peer = peer },
        };
    }

    private static IpPrefix RandomPrefix(Random random, int length) =>
        new(new IpPrefix(IpAddress.V4(0x0A00_0000u + (uint)random.Next(1024)), length).Network, length);
}
