using VSwitch.DataPlane.Policy;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>Which of several matching rules is named, blocks of several groups together, and a block after changes.</summary>
public class RuleBlockTests
{
    private const int Packets = 20_000;

    [Theory]
    [InlineData(1, 12)]
    [InlineData(3, 10)]
    [InlineData(5, 8)]
    public void Blocks_of_several_groups_name_the_rule_that_all_in_one_block_would(int groups, int rules)
    {
        var random = new Random(Seeded.Take($"{groups} groups of {rules} rules"));
        RuleBox[][] boxes = [.. Enumerable.Range(0, groups).Select(g =>
            RandomRules(random, rules).Select((r, i) => LinearRules.BoxOf(r, SecurityGroupTable.NumberOf(g, i))).ToArray())];
        SecurityGroupTable table = LinearRules.TableOf(
            [.. boxes.Select(LinearRules.BlockOf)], [LinearRules.BlockOf(boxes.SelectMany(b => b))]);
        int allowed = 0;
        for (int i = 0; i < Packets; i++)
        {
            PlainPacket packet = RandomPacket(random);
            int apart = LinearRules.Match(table, 0, packet);
            Assert.Equal(LinearRules.Match(table, 1, packet), apart);
            allowed += apart == SecurityGroupTable.NoRule ? 0 : 1;
        }

        Assert.True(allowed > Packets / 100, $"{allowed} allowed: the packets ask nothing");
    }

    [Fact]
    public void Of_several_rules_that_allow_a_packet_the_same_one_is_named_always()
    {
        var random = new Random(Seeded.Take("which rule"));
        PlainRule[] rules = RandomRules(random, 300);
        SecurityGroupTable table = LinearRules.TableOf([LinearRules.BlockOf(rules.Select(LinearRules.BoxOf))]);
        var linear = new LinearRules(rules);
        for (int i = 0; i < Packets; i++)
        {
            PlainPacket packet = RandomPacket(random);
            int expected = Enumerable.Range(0, rules.Length).Where(r => linear.Allows(r, packet))
                .OrderBy(r => rules[r].Protocol == null).ThenBy(r => rules[r].Remote.Length).ThenBy(r => FirstOf(rules[r]))
                .ThenBy(r => LastOf(rules[r])).ThenBy(r => r).FirstOrDefault(SecurityGroupTable.NoRule);
            Assert.Equal(expected, LinearRules.Match(table, 0, packet));
        }
    }

    [Fact]
    public void A_block_after_changes_is_the_block_of_what_is_there_then()
    {
        var random = new Random(Seeded.Take("changes"));
        var builder = new RuleBlockBuilder();
        var there = new List<RuleBox>();
        for (int round = 0; round < 60; round++)
        {
            for (int i = random.Next(8); i > 0 && there.Count > 0; i--)
            {
                int gone = random.Next(there.Count);
                builder.Remove(there[gone]);
                there.RemoveAt(gone);
            }

            foreach (PlainRule rule in RandomRules(random, random.Next(12)))
            {
                RuleBox box = LinearRules.BoxOf(rule, (round * 100) + there.Count);
                builder.Add(box);
                there.Add(box);
            }

            SecurityGroupTable table = LinearRules.TableOf([builder.Build()], [LinearRules.BlockOf(there)]);
            for (int i = 0; i < 500; i++)
            {
                PlainPacket packet = RandomPacket(random);
                Assert.Equal(LinearRules.Match(table, 1, packet), LinearRules.Match(table, 0, packet));
            }
        }
    }

    [Fact]
    public void A_block_does_not_change_with_its_builder()
    {
        var builder = new RuleBlockBuilder();
        RuleBox box = LinearRules.BoxOf(new PlainRule(6, IpPrefix.Parse("10.0.0.0/8"), 80, 80), 1);
        builder.Add(box);
        SecurityGroupTable before = LinearRules.TableOf([builder.Build()]);
        builder.Remove(box);
        SecurityGroupTable after = LinearRules.TableOf([builder.Build()]);
        var packet = new PlainPacket(6, IpAddress.Parse("10.1.2.3"), 80);
        Assert.Equal(1, LinearRules.Match(before, 0, packet));
        Assert.Equal(SecurityGroupTable.NoRule, LinearRules.Match(after, 0, packet));
    }

    [Fact]
    public void What_is_not_there_cannot_be_taken_out()
    {
        var builder = new RuleBlockBuilder();
        RuleBox box = LinearRules.BoxOf(new PlainRule(6, IpPrefix.Parse("10.0.0.0/8"), 80, 80), 1);
        Assert.Throws<InvalidOperationException>(() => builder.Remove(box));
        builder.Add(box);
        Assert.Throws<InvalidOperationException>(() => builder.Remove(box with { Last = 81 }));
        Assert.Throws<InvalidOperationException>(() => builder.Remove(box with { Protocol = null }));
    }

    [Theory]
    [InlineData("0.0.0.0/0", "198.51.100.7", true)]
    [InlineData("198.51.100.7/32", "198.51.100.7", true)]
    [InlineData("198.51.100.7/32", "198.51.100.6", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("::/0", "198.51.100.7", false)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    [InlineData("2001:db8::1/128", "2001:db8::1", true)]
    [InlineData("2001:db8::1/128", "2001:db8::2", false)]
    [InlineData("2001:db8::/65", "2001:db8::7fff:0:0:1", true)]
    [InlineData("2001:db8::/65", "2001:db8::8000:0:0:1", false)]
    public void The_widest_and_the_narrowest_prefixes(string prefix, string remote, bool allowed)
    {
        RuleBox box = LinearRules.BoxOf(new PlainRule(17, IpPrefix.Parse(prefix), 0, ushort.MaxValue), 3);
        SecurityGroupTable table = LinearRules.TableOf([LinearRules.BlockOf([box])]);
        int rule = LinearRules.Match(table, 0, new PlainPacket(17, IpAddress.Parse(remote), 53));
        Assert.Equal(allowed ? 3 : SecurityGroupTable.NoRule, rule);
    }

    [Fact]
    public void Of_rules_that_say_the_same_the_first_is_named()
    {
        var rule = new PlainRule(6, IpPrefix.Parse("10.0.0.0/8"), 80, 90);
        SecurityGroupTable table = LinearRules.TableOf(
            [LinearRules.BlockOf([LinearRules.BoxOf(rule, 9), LinearRules.BoxOf(rule, 4), LinearRules.BoxOf(rule, 7)])]);
        Assert.Equal(4, LinearRules.Match(table, 0, new PlainPacket(6, IpAddress.Parse("10.0.0.1"), 85)));
    }

    private static ushort FirstOf(PlainRule rule) => rule.Protocol == null ? (ushort)0 : rule.First;

    private static ushort LastOf(PlainRule rule) => rule.Protocol == null ? ushort.MaxValue : rule.Last;

    /// <summary>Few addresses and ports, so that most packets meet several rules.</summary>
    private static PlainRule[] RandomRules(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        bool isV6 = random.Next(3) == 0;
        byte? protocol = random.Next(9) switch { 0 => null, 1 => 17, 2 => 1, 3 => 58, _ => 6 };
        int length = isV6 ? random.Next(4) switch { 0 => 0, 1 => 128, _ => random.Next(116, 129) }
            : random.Next(5) switch { 0 => 0, 1 => 32, _ => random.Next(20, 33) };
        IpAddress network = new IpPrefix(RandomAddress(random, isV6), length).Network;
        ushort first = (ushort)random.Next(300);
        return new PlainRule(protocol, new IpPrefix(network, length), first, (ushort)(first + random.Next(60)));
    })];

    private static PlainPacket RandomPacket(Random random) => new(
        random.Next(5) switch { 0 => 17, 1 => 1, 2 => 58, _ => 6 }, RandomAddress(random, random.Next(3) == 0),
        (ushort)random.Next(400));

    private static IpAddress RandomAddress(Random random, bool isV6) => isV6
        ? IpAddress.V6(((UInt128)0x2001_0db8_0000_0000UL << 64) | (uint)random.Next(4096))
        : IpAddress.V4(0x0A00_0000u | (uint)random.Next(4096));
}
