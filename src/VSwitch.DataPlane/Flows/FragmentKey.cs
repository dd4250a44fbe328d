using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Flows;

/// <summary>What names the fragments of one datagram on one port: RFC 791 section 3.2; of IPv6 without a protocol, since its
/// fragments may name different ones (RFC 8200 section 4.5).</summary>
/// <param name="Source">Raw source; an IPv4 address in the low bits of the first half.</param>
/// <param name="Destination">Raw destination, likewise.</param>
/// <param name="Identification">Raw identification.</param>
/// <param name="Port">Port that the fragments come in by.</param>
/// <param name="Protocol">IPv4: the protocol. IPv6: 0.</param>
/// <param name="IsV6">1 for IPv6.</param>
public readonly record struct FragmentKey(
    RawIp6 Source, RawIp6 Destination, uint Identification, ushort Port, byte Protocol, byte IsV6)
{
    /// <summary>A hash keyed by a secret, so that nobody can fill a chosen set of a table.</summary>
    public uint Hash(ulong secretLow, ulong secretHigh)
    {
        ulong rest = Identification | ((ulong)Port << 32) | ((ulong)Protocol << 48) | ((ulong)IsV6 << 56);
        ulong top = Math.BigMul(Source.First ^ secretLow, Source.Second ^ secretHigh ^ rest, out ulong bottom);
        ulong top2 = Math.BigMul(Destination.First ^ secretHigh, Destination.Second ^ secretLow ^ (top ^ bottom), out ulong bottom2);
        return (uint)(((top2 ^ bottom2 ^ rest) * 0x9E37_79B9_7F4A_7C15UL) >> 32);
    }
}
