using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>One port of the bench: an ENI, or the uplink.</summary>
/// <param name="Name">Its letter; of the uplink X.</param>
/// <param name="Port">Its name in the switch.</param>
/// <param name="Subnet">Its subnet's name; of the uplink nothing.</param>
/// <param name="Mac">Its MAC.</param>
/// <param name="Ip">Its address.</param>
/// <param name="Eip">Its elastic IP, if it has one.</param>
/// <param name="Ip6">Its IPv6 address where the bench has both families; null for the ports of vpc2.</param>
internal sealed record BenchPort(string Name, string Port, string? Subnet, MacAddress Mac, IpAddress Ip,
    IpAddress? Eip, IpAddress? Ip6)
{
    private const string Prefix = "vbb-";

    public static readonly MacAddress GatewayMac = MacAddress.Parse("02:76:73:00:00:01");
    public static readonly MacAddress UplinkMac = MacAddress.Parse("02:76:73:00:00:02");
    public static readonly IpAddress Router1 = IpAddress.Parse("10.1.0.1");
    public static readonly IpAddress SwitchOutside6 = IpAddress.Parse("2001:db8:100::1");
    public static readonly IpAddress SwitchOutside = IpAddress.Parse("198.51.100.1");
    public static readonly BenchPort A = Eni("A", "one", "02:00:00:00:01:0a", "10.1.0.10", "203.0.113.10",
        "fd00:1:0:1::a");
    public static readonly BenchPort B = Eni("B", "one", "02:00:00:00:01:0b", "10.1.0.11", "203.0.113.11",
        "fd00:1:0:1::b");
    public static readonly BenchPort C = Eni("C", "two", "02:00:00:00:01:0c", "10.1.1.10", null, "fd00:1:0:2::c");
    public static readonly BenchPort D = Eni("D", "three", "02:00:00:00:02:0a", "10.1.0.10", "203.0.113.20", null);
    public static readonly BenchPort E = Eni("E", "three", "02:00:00:00:02:0b", "10.1.0.11", null, null);
    public static readonly BenchPort X = new(
        "X", "internet", null, MacAddress.Parse("02:00:00:00:ff:01"), IpAddress.Parse("198.51.100.10"), null,
        IpAddress.Parse("2001:db8:100::10"));

    public static readonly IReadOnlyList<BenchPort> All = [A, B, C, D, E, X];

    /// <summary>Network namespace of the TAP's kernel side; also the TAP's name.</summary>
    public string Namespace => Prefix + Name.ToLowerInvariant();

    /// <summary>The MAC that this port sends to for what is not in its subnet.</summary>
    public MacAddress RouterMac => Subnet == null ? UplinkMac : GatewayMac;

    /// <summary>The router's address that its kernel has as default gateway.</summary>
    public IpAddress Router => Subnet == null ? SwitchOutside : Ip with { Bits = (Ip.Bits & ~(UInt128)0xFF) | 1 };

    /// <summary>The same in IPv6.</summary>
    public IpAddress Router6 => Subnet == null
        ? SwitchOutside6 : Ip6!.Value with { Bits = (Ip6.Value.Bits & ~(UInt128)0xFF) | 1 };

    /// <summary>Ends of a packet as this port sends it: to a neighbour's MAC within a subnet, else to the
    /// router's.</summary>
    public FrameAddresses To(BenchPort other) =>
        Subnet != null && Subnet == other.Subnet ? new(Mac, other.Mac, Ip, other.Ip) : Via(other.Ip);

    /// <summary>Ends of a packet as this port sends it by the router.</summary>
    public FrameAddresses Via(IpAddress destination) => new(Mac, RouterMac, Ip, destination);

    /// <summary>Ends of a packet of this port as another gets it: from the router when it was routed.</summary>
    public FrameAddresses At(BenchPort other, IpAddress? source = null) =>
        Subnet != null && Subnet == other.Subnet && source == null
            ? new(Mac, other.Mac, Ip, other.Ip) : new(other.RouterMac, other.Mac, source ?? Ip, other.Ip);

    public override string ToString() => Name;

    private static BenchPort Eni(string name, string subnet, string mac, string ip, string? eip, string? ip6) => new(
        name, name, subnet, MacAddress.Parse(mac), IpAddress.Parse(ip), eip == null ? null : IpAddress.Parse(eip),
        ip6 == null ? null : IpAddress.Parse(ip6));
}
