using System.Globalization;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>The security groups of a configuration as a ruleset of nftables for a router between the subnets: what is
/// spoofed goes before it is tracked, what belongs to a connection passes, what is new must pass the sender's egress rules and
/// the receiver's ingress rules. Only for ENIs that have a subnet of their own: a router does not see the rest.</summary>
public static class NftRules
{
    /// <summary>Writes the ruleset; the interface of an ENI is named by <paramref name="interfaceOf"/>.</summary>
    public static string Of(SwitchConfig config, Func<string, string> interfaceOf)
    {
        var text = new StringBuilder();
        text.Append("table inet vswitch {\n");
        foreach (EniConfig eni in config.Enis)
        {
            List<RuleConfig> ingress = [.. GroupsOf(config, eni).SelectMany(group => group.Ingress)];
            Chain(text, $"ingress-{eni.Name}", Matches(config, ingress, isIngress: true).Select(match => match + " accept"));
        }

        Chain(text, "ingress", config.Enis.Select(eni => $"oifname \"{interfaceOf(eni.Name)}\" goto ingress-{eni.Name}"));
        foreach (EniConfig eni in config.Enis)
        {
            bool isOpen = GroupsOf(config, eni).Any(group => group.Egress is null);
            List<RuleConfig> egress = [.. GroupsOf(config, eni).SelectMany(group => group.Egress ?? [])];
            IEnumerable<string> matches = Matches(config, egress, isIngress: false).Select(match => match + " goto ingress");
            Chain(text, $"egress-{eni.Name}", isOpen ? ["goto ingress"] : matches);
        }

        Chain(text, "new", config.Enis.Select(eni => $"iifname \"{interfaceOf(eni.Name)}\" goto egress-{eni.Name}"));
        Chain(text, "spoofed",
        [
            "type filter hook prerouting priority raw; policy accept;",
            .. config.Enis.SelectMany(eni => Spoofed(eni, interfaceOf(eni.Name))),
        ]);
        Chain(text, "through",
        [
            "type filter hook forward priority filter; policy drop;",
            "ct state invalid drop", "ct state { established, related } accept", "ct state new goto new",
        ]);
        text.Append("}\n");
        return text.ToString();
    }

    private static IEnumerable<SecurityGroupConfig> GroupsOf(SwitchConfig config, EniConfig eni) =>
        eni.SecurityGroups.Select(name => config.SecurityGroups.Single(group => group.Name == name));

    private static void Chain(StringBuilder text, string name, IEnumerable<string> lines)
    {
        text.Append(CultureInfo.InvariantCulture, $"  chain {name} {{\n");
        foreach (string line in lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"    {line}\n");
        }

        text.Append("  }\n");
    }

    private static IEnumerable<string> Spoofed(EniConfig eni, string name)
    {
        foreach (bool isV6 in new[] { false, true })
        {
            string own = string.Join(", ", eni.PrivateIps.Where(ip => ip.IsV6 == isV6));
            string any = $"iifname \"{name}\" meta nfproto {(isV6 ? "ipv6" : "ipv4")}";
            yield return own.Length == 0 ? $"{any} drop" : $"{any} {Family(isV6)} saddr != {{ {own} }} drop";
        }
    }

    private static IEnumerable<string> Matches(SwitchConfig config, IEnumerable<RuleConfig> rules, bool isIngress) =>
        from rule in rules
        from prefix in PeersOf(config, rule.Peer)
        from transport in Transports(rule)
        select $"{Family(prefix.Address.IsV6)} {(isIngress ? "saddr" : "daddr")} {prefix}{transport}";

    private static IEnumerable<IpPrefix> PeersOf(SwitchConfig config, PeerConfig peer)
    {
        if (peer.Cidr is { } cidr)
        {
            return [cidr];
        }

        return peer.PrefixList is { } list
            ? config.PrefixLists.Single(prefixes => prefixes.Name == list).Cidrs
            : config.Enis.Where(eni => eni.SecurityGroups.Contains(peer.Group!)).SelectMany(eni => eni.PrivateIps)
                .Select(ip => new IpPrefix(ip, ip.IsV6 ? 128 : 32));
    }

    private static IEnumerable<string> Transports(RuleConfig rule)
    {
        string protocol = rule.Protocol is { } number ? $" meta l4proto {number}" : "";
        if (rule.IcmpType is { } type)
        {
            string icmp = rule.Protocol == 58 ? "icmpv6" : "icmp";
            return [$"{protocol} {icmp} type {type}{(rule.IcmpCode is { } code ? $" {icmp} code {code}" : "")}"];
        }

        return rule.Ports.Count == 0
            ? [protocol]
            : rule.Ports.Select(ports => $"{protocol} th dport {ports.First}-{ports.Last}");
    }

    private static string Family(bool isV6) => isV6 ? "ip6" : "ip";
}
