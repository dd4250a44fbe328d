using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>A rule in plain numbers, host order.</summary>
internal readonly record struct PlainRule(byte? Protocol, IpPrefix Remote, ushort First, ushort Last);

/// <summary>A question to the rules.</summary>
internal readonly record struct PlainPacket(byte Protocol, IpAddress Remote, ushort Selector);

/// <summary>The slow twin of the compiled table: reads all rules, one after the other, in host order.</summary>
internal sealed class LinearRules
{
    private readonly PlainRule[] _rules;
    private readonly UInt128[] _masks;
    private readonly UInt128[] _networks;

    public LinearRules(PlainRule[] rules)
    {
        _rules = rules;
        _masks = [.. rules.Select(r => r.Remote.Mask)];
        _networks = [.. rules.Select(r => r.Remote.Network.Bits)];
    }

    public bool AllowedByAny(in PlainPacket packet)
    {
        for (int i = 0; i < _rules.Length; i++)
        {
            if (Allows(i, packet))
            {
                return true;
            }
        }

        return false;
    }

    public bool Allows(int rule, in PlainPacket packet)
    {
        ref readonly PlainRule r = ref _rules[rule];
        return r.Remote.IsV6 == packet.Remote.IsV6 && (packet.Remote.Bits & _masks[rule]) == _networks[rule] &&
            (r.Protocol is not byte protocol ||
            (protocol == packet.Protocol && packet.Selector >= r.First && packet.Selector <= r.Last));
    }

    /// <summary>The same rules for the table's builder; the rule's number is its index.</summary>
    public static RuleBox BoxOf(PlainRule rule, int number)
    {
        if (rule.Remote.IsV6)
        {
            Prefix6 wide = Raw.Prefix6(rule.Remote);
            return new RuleBox(rule.Protocol, true, wide.Network, wide.Mask, rule.First, rule.Last, number);
        }

        Prefix4 raw = Raw.Prefix4(rule.Remote);
        return new RuleBox(
            rule.Protocol, false, new RawIp6(raw.Network, 0), new RawIp6(raw.Mask, 0), rule.First, rule.Last, number);
    }

    /// <summary>Compiles boxes.</summary>
    public static RuleBlock BlockOf(IEnumerable<RuleBox> boxes)
    {
        var builder = new RuleBlockBuilder();
        foreach (RuleBox box in boxes)
        {
            builder.Add(box);
        }

        return builder.Build();
    }

    /// <summary>A table whose i-th set is the i-th list of blocks.</summary>
    public static SecurityGroupTable TableOf(params RuleBlock[][] sets) => new(sets, [], new NoWords());

    public static int Match(SecurityGroupTable table, int set, in PlainPacket packet) => packet.Remote.IsV6
        ? table.Match(set, packet.Protocol, Raw.Ip6(packet.Remote), packet.Selector)
        : table.Match(set, packet.Protocol, Raw.Ip4(packet.Remote), packet.Selector);

    private sealed class NoWords : IRuleWords
    {
        public string? Of(int group, int ordinal) => null;
    }
}
