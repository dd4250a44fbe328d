using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>One direction of a group as it was compiled last, so that the next compilation does only what changed: nothing, some
/// rules in their places or at the end, or else all.</summary>
internal sealed class CompiledRules(int group, bool isEgress)
{
    private static readonly IpPrefix All4 = new(IpAddress.V4(0), 0);
    private static readonly IpPrefix All6 = new(IpAddress.V6(0), 0);
    private readonly Dictionary<PeerConfig, IReadOnlyList<IpPrefix>> _peers = [];
    private RuleBlockBuilder _builder = new();
    private IReadOnlyList<RuleConfig>? _rules;
    private RuleBlock? _block;

    /// <summary>The block of these rules.</summary>
    /// <param name="rules">The group's rules; null = all is allowed.</param>
    /// <param name="prefixesOf">What a peer that is no prefix of its own stands for now.</param>
    public RuleBlock Compile(IReadOnlyList<RuleConfig>? rules, Func<PeerConfig, IReadOnlyList<IpPrefix>> prefixesOf)
    {
        // Until the end of this method there is nothing to go on from: a rule that cannot be compiled leaves nothing half done.
        RuleBlock? known = _block;
        _block = null;
        bool isUsable = known != null && (rules == null) == (_rules == null) && HavePeersStayed(prefixesOf);
        if (!isUsable || !(ReferenceEquals(rules, _rules) || TryChange(rules!, prefixesOf)))
        {
            CompileAll(rules, prefixesOf);
        }

        _rules = rules;
        return _block = _builder.Build();
    }

    /// <summary>The number of a rule: egress rules have the even places and ingress rules the odd ones, so that it hangs on nothing
    /// but the rule's own place.</summary>
    private int NumberOf(int rule) => SecurityGroupTable.NumberOf(group, (2 * rule) + (isEgress ? 0 : 1));

    private bool HavePeersStayed(Func<PeerConfig, IReadOnlyList<IpPrefix>> prefixesOf)
    {
        foreach ((PeerConfig peer, IReadOnlyList<IpPrefix> then) in _peers)
        {
            IReadOnlyList<IpPrefix> now = prefixesOf(peer);
            if (!ReferenceEquals(now, then) && !now.SequenceEqual(then))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes out the rules that changed and puts in what they are now; false when rules moved to other places.</summary>
    private bool TryChange(IReadOnlyList<RuleConfig> rules, Func<PeerConfig, IReadOnlyList<IpPrefix>> prefixesOf)
    {
        ReadOnlySpan<RuleConfig> before = GroupRules.SpanOf(_rules!);
        ReadOnlySpan<RuleConfig> after = GroupRules.SpanOf(rules);
        int start = GroupRules.CommonStart(before, after);
        int end = before.Length == after.Length ? GroupRules.CommonEnd(before, after, start) : 0;
        int changed = Math.Max(before.Length, after.Length) - start - end;
        if (changed > Math.Max(1, after.Length / 8))
        {
            return false;
        }

        for (int i = start; i < before.Length - end; i++)
        {
            Box(before[i], i, PrefixesOf(before[i].Peer, prefixesOf), isAdded: false);
        }

        for (int i = start; i < after.Length - end; i++)
        {
            Box(after[i], i, PrefixesOf(after[i].Peer, prefixesOf), isAdded: true);
        }

        return true;
    }

    private void CompileAll(IReadOnlyList<RuleConfig>? rules, Func<PeerConfig, IReadOnlyList<IpPrefix>> prefixesOf)
    {
        _builder = new RuleBlockBuilder();
        _peers.Clear();
        if (rules == null)
        {
            _builder.Add(BoxOf(null, All4, 0, ushort.MaxValue, NumberOf(0)));
            _builder.Add(BoxOf(null, All6, 0, ushort.MaxValue, NumberOf(0)));
            return;
        }

        ReadOnlySpan<RuleConfig> all = GroupRules.SpanOf(rules);
        for (int i = 0; i < all.Length; i++)
        {
            Box(all[i], i, PrefixesOf(all[i].Peer, prefixesOf), isAdded: true);
        }
    }

    /// <summary>What a rule's peer stands for; noted, so that the next compilation sees whether it still does. Null for a prefix.
    /// </summary>
    private IReadOnlyList<IpPrefix>? PrefixesOf(PeerConfig peer, Func<PeerConfig, IReadOnlyList<IpPrefix>> prefixesOf)
    {
        if (peer.Cidr != null)
        {
            return null;
        }

        if (!_peers.TryGetValue(peer, out IReadOnlyList<IpPrefix>? prefixes))
        {
            prefixes = prefixesOf(peer);
            _peers.Add(peer, prefixes);
        }

        return prefixes;
    }

    private void Box(RuleConfig rule, int place, IReadOnlyList<IpPrefix>? prefixes, bool isAdded)
    {
        int number = NumberOf(place);
        if (prefixes == null)
        {
            Box(rule, number, rule.Peer.Cidr!.Value, isAdded);
            return;
        }

        foreach (IpPrefix prefix in prefixes)
        {
            Box(rule, number, prefix, isAdded);
        }
    }

    private void Box(RuleConfig rule, int number, IpPrefix prefix, bool isAdded)
    {
        if (RuleText.IsOtherFamily(rule, prefix.IsV6))
        {
            return;
        }

        IReadOnlyList<PortRange> selectors = RuleText.SelectorsOf(rule);
        for (int i = 0; i < selectors.Count; i++)
        {
            RuleBox box = BoxOf(rule.Protocol, prefix, selectors[i].First, selectors[i].Last, number);
            if (isAdded)
            {
                _builder.Add(box);
            }
            else
            {
                _builder.Remove(box);
            }
        }
    }

    private static RuleBox BoxOf(byte? protocol, IpPrefix prefix, ushort first, ushort last, int rule)
    {
        if (prefix.IsV6)
        {
            Prefix6 raw = Raw.Prefix6(prefix);
            return new RuleBox(protocol, true, raw.Network, raw.Mask, first, last, rule);
        }

        Prefix4 raw4 = Raw.Prefix4(prefix);
        return new RuleBox(protocol, false, new RawIp6(raw4.Network, 0), new RawIp6(raw4.Mask, 0), first, last, rule);
    }
}
