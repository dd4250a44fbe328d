using VSwitch.ControlPlane.Config;

namespace VSwitch.ControlPlane.Compile;

/// <summary>What a rule says, in words and in ranges: the same for groups and for network ACLs.</summary>
internal static class RuleText
{
    private const byte Icmp = 1;
    private const byte Icmp6 = 58;
    private static readonly PortRange[] All = [new PortRange(0, ushort.MaxValue)];

    /// <summary>ICMP is IPv4's and ICMPv6 is IPv6's: such a rule names no address of the other family.</summary>
    public static bool IsOtherFamily(RuleConfig rule, bool isV6) => rule.Protocol == (isV6 ? Icmp : Icmp6);

    /// <summary>Ports, or ICMP types * 256 + codes; one range of all when the rule names none.</summary>
    public static IReadOnlyList<PortRange> SelectorsOf(RuleConfig rule) =>
        rule.IcmpType is byte type
            ? [new PortRange((ushort)((type << 8) | (rule.IcmpCode ?? 0)), (ushort)((type << 8) | (rule.IcmpCode ?? 255)))]
        : rule.Ports.Count > 0 ? rule.Ports
        : All;

    /// <summary>"tcp 80,443 from 0.0.0.0/0".</summary>
    public static string Of(RuleConfig rule, bool isEgress)
    {
        string selectors = rule.IcmpType is byte type
            ? $"type {type}{(rule.IcmpCode is byte code ? $" code {code}" : "")}"
            : ConfigText.Ports(rule.Ports);
        return $"{ConfigText.Protocol(rule.Protocol)}{(selectors.Length > 0 ? " " + selectors : "")} {(isEgress ? "to" : "from")} {ConfigText.Peer(rule.Peer)}{(rule.Peer.Peering is string peering ? $" by peering {peering}" : "")}";
    }
}
