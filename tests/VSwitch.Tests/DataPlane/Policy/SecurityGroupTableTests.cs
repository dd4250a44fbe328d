using System.Globalization;
using VSwitch.DataPlane.Policy;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>The compiled rules say what a scan of all rules says.</summary>
public class SecurityGroupTableTests
{
    private const int Packets = 100_000;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(1000)]
    [InlineData(10_000)]
    public void Agrees_with_a_linear_scan(int count)
    {
        var random = new Random(Seeded.Take($"{count} rules"));
        PlainRule[] rules = [.. Enumerable.Range(0, count).Select(_ => RandomRule(random))];
        var linear = new LinearRules(rules);
        SecurityGroupTable table = Compile(rules, out int set, out int empty);
        int allowed = 0;
        for (int i = 0; i < Packets; i++)
        {
            PlainPacket packet = RandomPacket(random, rules);
            int seen = LinearRules.Match(table, set, packet);
            bool agrees = seen == SecurityGroupTable.NoRule ? !linear.AllowedByAny(packet) : linear.Allows(seen, packet);
            Assert.True(agrees, $"packet {i} {packet}: the table says rule {seen}");
            Assert.Equal(SecurityGroupTable.NoRule, LinearRules.Match(table, empty, packet));
            allowed += seen == SecurityGroupTable.NoRule ? 0 : 1;
        }

        Assert.True(count == 0 || allowed is > Packets / 100 and < Packets, $"{allowed} allowed: the packets ask nothing");
    }

    [Fact]
    public void A_match_allocates_nothing()
    {
        var random = new Random(Seeded.Take("allocation"));
        PlainRule[] rules = [.. Enumerable.Range(0, 1000).Select(_ => RandomRule(random))];
        PlainPacket[] packets = [.. Enumerable.Range(0, 1000).Select(_ => RandomPacket(random, rules))];
        SecurityGroupTable table = Compile(rules, out int set, out _);
        AllocationGuard.RequireNone("matching 1000 packets", () =>
        {
            foreach (PlainPacket packet in packets)
            {
                LinearRules.Match(table, set, packet);
            }
        });
    }

    [Theory]
    [InlineData("10.0.0.0", 32, 1)]
    [InlineData("10.0.0.0", 24, 256)]
    [InlineData("2001:db8::", 128, 1)]
    [InlineData("2001:db8::", 64, 1)]
    public void Ten_thousand_rules_for_neighbouring_prefixes_compile_and_stay_a_few_probes_each(
        string first, int length, int step)
    {
        var start = IpAddress.Parse(first);
        UInt128 stride = start.IsV6 ? UInt128.One << (128 - length) : (UInt128)step;
        PlainRule[] rules = [.. Enumerable.Range(0, 10_000).Select(i => new PlainRule(
            6, new IpPrefix(start with { Bits = start.Bits + (stride * (UInt128)i) }, length), 80, 80))];
        SecurityGroupTable table = Compile(rules, out int set, out _);

        Assert.InRange(table.LongestProbe, 1, 64);
        for (int i = 0; i < rules.Length; i++)
        {
            Assert.Equal(i, LinearRules.Match(table, set, new PlainPacket(6, rules[i].Remote.Address, 80)));
            Assert.Equal(SecurityGroupTable.NoRule, LinearRules.Match(table, set, new PlainPacket(6, rules[i].Remote.Address, 81)));
        }
    }

    [Fact]
    public void The_same_prefix_in_many_rule_sets_is_told_apart_in_a_few_probes()
    {
        RuleBlock[][] sets = [.. Enumerable.Range(0, 5000).Select(i => (RuleBlock[])[
            LinearRules.BlockOf([LinearRules.BoxOf(new PlainRule(6, IpPrefix.Parse("0.0.0.0/0"), 80, 80), i)])])];
        SecurityGroupTable table = LinearRules.TableOf(sets);
        Assert.InRange(table.LongestProbe, 1, 64);
        for (int i = 0; i < 5000; i++)
        {
            Assert.Equal(i, LinearRules.Match(table, i, new PlainPacket(6, IpAddress.Parse("10.0.0.1"), 80)));
        }
    }

    [Fact]
    public void A_rule_for_each_protocol_answers_for_its_own_only()
    {
        PlainRule[] rules = [.. Enumerable.Range(0, 256).Select(p => new PlainRule(
            (byte)p, IpPrefix.Parse(p % 2 == 0 ? "10.0.0.0/8" : "fd00::/8"), 0, ushort.MaxValue))];
        SecurityGroupTable table = Compile(rules, out int set, out _);
        for (int p = 0; p < 256; p++)
        {
            int rule4 = LinearRules.Match(table, set, new PlainPacket((byte)p, IpAddress.Parse("10.1.2.3"), 7));
            int rule6 = LinearRules.Match(table, set, new PlainPacket((byte)p, IpAddress.Parse("fd00::3"), 7));
            Assert.Equal(p % 2 == 0 ? (p, SecurityGroupTable.NoRule) : (SecurityGroupTable.NoRule, p), (rule4, rule6));
        }
    }

    [Theory]
    [InlineData("1-10:0 11-20:0 5-12:0", "1:0 12:0 20:0 0:- 21:-")]
    [InlineData("10-20:0 15-30:1 12-14:2", "10:0 20:0 21:1 30:1 31:- 9:-")]
    [InlineData("0-65535:0 80-80:1", "0:0 80:0 65535:0")]
    [InlineData("65535-65535:0 0-0:1", "65535:0 0:1 1:- 65534:-")]
    [InlineData("443-443:1 80-80:0", "79:- 80:0 81:- 442:- 443:1 444:-")]
    public void Ranges_that_touch_or_overlap_are_one_union(string ranges, string expected)
    {
        var boxes = new List<RuleBox>();
        foreach (string range in ranges.Split(' '))
        {
            int[] n = [.. range.Split('-', ':').Select(t => int.Parse(t, CultureInfo.InvariantCulture))];
            boxes.Add(LinearRules.BoxOf(new PlainRule(6, IpPrefix.Parse("0.0.0.0/0"), (ushort)n[0], (ushort)n[1]), n[2]));
        }

        const int Set = 0;
        SecurityGroupTable table = LinearRules.TableOf([LinearRules.BlockOf(boxes)]);
        Assert.All(expected.Split(' '), pair =>
        {
            string[] parts = pair.Split(':');
            int rule = parts[1] == "-" ? SecurityGroupTable.NoRule : int.Parse(parts[1], CultureInfo.InvariantCulture);
            ushort selector = ushort.Parse(parts[0], CultureInfo.InvariantCulture);
            Assert.Equal(rule, LinearRules.Match(table, Set, new PlainPacket(6, IpAddress.Parse("192.0.2.1"), selector)));
        });
    }

    [Fact]
    public void A_rule_for_all_protocols_takes_no_heed_of_its_ports()
    {
        SecurityGroupTable table = Compile([new PlainRule(null, IpPrefix.Parse("10.0.0.0/8"), 80, 80)], out int set, out _);
        Assert.Equal(0, LinearRules.Match(table, set, new PlainPacket(17, IpAddress.Parse("10.0.0.1"), 53)));
        Assert.Equal(0, LinearRules.Match(table, set, new PlainPacket(47, IpAddress.Parse("10.0.0.1"), 0)));
        Assert.Equal(
            SecurityGroupTable.NoRule, LinearRules.Match(table, set, new PlainPacket(17, IpAddress.Parse("11.0.0.1"), 80)));
    }

    private static SecurityGroupTable Compile(PlainRule[] rules, out int set, out int empty)
    {
        empty = 0;
        set = 1;
        return LinearRules.TableOf([], [LinearRules.BlockOf(rules.Select((rule, i) => LinearRules.BoxOf(rule, i)))]);
    }

    private static PlainRule RandomRule(Random random)
    {
        bool isV6 = random.Next(3) == 0;
        byte? protocol = random.Next(20) switch
        {
            0 => null,
            < 4 => 17,
            < 6 => 1,
            6 => 58,
            7 => 132,
            8 => (byte)random.Next(256),
            _ => 6,
        };
        int length = isV6 ? random.Next(3) switch { 0 => random.Next(40, 129), 1 => 64, _ => 128 }
            : random.Next(3) switch { 0 => random.Next(12, 33), 1 => 24, _ => 32 };
        var prefix = new IpPrefix(RandomAddress(random, isV6), length);
        ushort first = (ushort)random.Next(2000);
        return new PlainRule(
            protocol, new IpPrefix(prefix.Network, length), first,
            random.Next(4) == 0 ? ushort.MaxValue : (ushort)(first + random.Next(100)));
    }

    /// <summary>Two packets in three are near a rule: inside its prefix or one bit beside, at its range's edges.</summary>
    private static PlainPacket RandomPacket(Random random, PlainRule[] rules)
    {
        byte protocol = random.Next(6) switch { 0 => 17, 1 => 1, 2 => (byte)random.Next(256), _ => 6 };
        if (rules.Length == 0 || random.Next(3) == 0)
        {
            return new PlainPacket(protocol, RandomAddress(random, random.Next(3) == 0), (ushort)random.Next(65_536));
        }

        PlainRule rule = rules[random.Next(rules.Length)];
        IpAddress address = rule.Remote.Address;
        UInt128 host = new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()) & ~rule.Remote.Mask &
            (address.IsV6 ? UInt128.MaxValue : uint.MaxValue);
        UInt128 flip = random.Next(3) == 0 ? UInt128.One << random.Next(address.BitCount) : 0;
        int selector = (random.Next(2) == 0 ? rule.First : rule.Last) + random.Next(-1, 2);
        return new PlainPacket(
            random.Next(4) == 0 ? protocol : rule.Protocol ?? protocol, address with { Bits = (address.Bits | host) ^ flip },
            (ushort)selector);
    }

    private static IpAddress RandomAddress(Random random, bool isV6) => isV6
        ? IpAddress.V6(((UInt128)0x2001_0db8_0000_0000UL << 64) | ((UInt128)(uint)random.Next(64) << 64) | (uint)random.Next(1024))
        : IpAddress.V4(0x0A00_0000u | ((uint)random.Next(64) << 8) | (uint)random.Next(256));
}
