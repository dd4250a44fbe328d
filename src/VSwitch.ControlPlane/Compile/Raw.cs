using System.Buffers.Binary;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From numbers to the raw order of the data plane: what a little-endian load of the wire bytes gives.</summary>
public static class Raw
{
    /// <summary>An IPv4 address.</summary>
    public static uint Ip4(IpAddress address) => BinaryPrimitives.ReverseEndianness(address.V4Value);

    /// <summary>An IPv6 address.</summary>
    public static RawIp6 Ip6(IpAddress address) => Ip6(address.Bits);

    /// <summary>A MAC, in the low 48 bits.</summary>
    public static ulong Mac(MacAddress mac) => BinaryPrimitives.ReverseEndianness(mac.Value) >> 16;

    /// <summary>An IPv4 prefix.</summary>
    public static Prefix4 Prefix4(IpPrefix prefix) =>
        new(Ip4(prefix.Network), BinaryPrimitives.ReverseEndianness((uint)prefix.Mask));

    /// <summary>An IPv6 prefix.</summary>
    public static Prefix6 Prefix6(IpPrefix prefix) => new(Ip6(prefix.Network), Ip6(prefix.Mask));

    /// <summary>Low half of the EUI-64 link-local address of a MAC (RFC 4291 appendix A).</summary>
    public static ulong LinkLocalLow(MacAddress mac)
    {
        ulong high = (mac.Value >> 24) ^ 0x02_0000;
        ulong low = mac.Value & 0xFF_FFFF;
        return BinaryPrimitives.ReverseEndianness((high << 40) | (0xFFFEUL << 24) | low);
    }

    private static RawIp6 Ip6(UInt128 bits) =>
        new(BinaryPrimitives.ReverseEndianness((ulong)(bits >> 64)), BinaryPrimitives.ReverseEndianness((ulong)bits));
}
