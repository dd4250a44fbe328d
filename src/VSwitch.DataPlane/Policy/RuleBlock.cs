using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>The compiled allow rules of one group in one direction. Immutable: every snapshot in which the group has these rules
/// has the same block.
/// Because any match allows, no order is needed among rules: they are grouped by family, protocol and prefix length (a tuple
/// space), and a look-up probes one hash slot for each prefix length that occurs. So its cost hardly depends on the number of
/// rules.</summary>
public sealed class RuleBlock
{
    internal RuleBlock(FamilyRules<uint, RawAddress4> v4, FamilyRules<RawIp6, RawAddress6> v6)
    {
        V4 = v4;
        V6 = v6;
    }

    /// <summary>Rules for IPv4.</summary>
    internal FamilyRules<uint, RawAddress4> V4 { get; }

    /// <summary>Rules for IPv6.</summary>
    internal FamilyRules<RawIp6, RawAddress6> V6 { get; }
}
