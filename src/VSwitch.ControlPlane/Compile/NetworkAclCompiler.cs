using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From network ACLs as configured to lists in the order of their priority.</summary>
internal sealed class NetworkAclCompiler
{
    private readonly SwitchConfig _config;
    private readonly NetworkAclTableBuilder _builder = new();
    private readonly Dictionary<string, (int Egress, int Ingress)> _lists = new(StringComparer.Ordinal);

    public NetworkAclCompiler(SwitchConfig config)
    {
        _config = config;
        foreach (NetworkAclConfig acl in config.NetworkAcls)
        {
            _lists.Add(acl.Name, (AddList(acl, isEgress: true), AddList(acl, isEgress: false)));
        }
    }

    /// <summary>The lists of a subnet's ACL; none for a subnet without one.</summary>
    public (int Egress, int Ingress) ListsOf(SubnetConfig subnet) =>
        subnet.NetworkAcl == null ? (NetworkAclTable.NoList, NetworkAclTable.NoList) : _lists[subnet.NetworkAcl];

    public NetworkAclTable Build() => _builder.Build();

    private int AddList(NetworkAclConfig acl, bool isEgress) => _builder.AddList(
        (isEgress ? acl.Egress : acl.Ingress).OrderBy(rule => rule.Priority).Select(rule => Compile(acl, rule, isEgress)));

    private NetworkAclEntry Compile(NetworkAclConfig acl, NetworkAclRuleConfig rule, bool isEgress)
    {
        RuleConfig match = rule.Match;
        IReadOnlyList<IpPrefix> prefixes = match.Peer.Cidr is IpPrefix cidr ? [cidr] : _config.PrefixesOf(match.Peer.PrefixList!);
        string action = rule.Allows ? "allow" : "deny";
        string direction = isEgress ? "egress" : "ingress";
        return new NetworkAclEntry(
            match.Protocol, rule.Allows, [.. RuleText.SelectorsOf(match).Select(r => new SelectorSpan(r.First, r.Last))],
            SpansOf(match, prefixes, isV6: false), SpansOf(match, prefixes, isV6: true),
            $"network ACL {acl.Name}, {direction} rule {rule.Priority} ({action} {RuleText.Of(match, isEgress)})");
    }

    private static List<AddressSpan> SpansOf(RuleConfig match, IEnumerable<IpPrefix> prefixes, bool isV6) =>
        RuleText.IsOtherFamily(match, isV6) ? []
        : [.. prefixes.Where(p => p.IsV6 == isV6).Select(p => new AddressSpan(NumberOf(p.Network), NumberOf(p.Last)))];

    private static UInt128 NumberOf(IpAddress address) => address.IsV6 ? address.Bits : address.V4Value;
}
