using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>An allow rule as a box: protocol, prefix, selectors.</summary>
/// <param name="Protocol">IP protocol, or null for all (then the selectors do not count).</param>
/// <param name="IsV6">Family of the prefix.</param>
/// <param name="Network">Raw network; IPv4 in the low half of <c>First</c>.</param>
/// <param name="Mask">Raw mask.</param>
/// <param name="First">First selector: port, or ICMP type * 256 + code.</param>
/// <param name="Last">Last selector.</param>
/// <param name="Rule">The rule's number: <see cref="SecurityGroupTable.NumberOf"/>.</param>
public readonly record struct RuleBox(
    byte? Protocol, bool IsV6, RawIp6 Network, RawIp6 Mask, ushort First, ushort Last, int Rule);

/// <summary>A rule of one partition: prefix length, protocol and family are the partition's.</summary>
/// <typeparam name="TAddress">uint or <see cref="RawIp6"/>.</typeparam>
internal readonly record struct PrefixRule<TAddress>(TAddress Network, ushort First, ushort Last, int Rule)
    where TAddress : unmanaged, IEquatable<TAddress>;
