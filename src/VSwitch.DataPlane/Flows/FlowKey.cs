using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Flows;

/// <summary>The canonical key of a connection: both directions give the same one. The endpoints are sorted by raw address,
/// then port. Low half (IPv4): lower address, higher address. High half: lower endpoint's port (16 bits, raw), higher
/// endpoint's port (16), space (16; a VPC's or a peering's index, or 0 for connections between two EIPs), protocol (8), kind (8).</summary>
public static class FlowKey
{
    /// <summary>Bytes of an IPv4 key.</summary>
    public const int SizeBytes = 16;

    /// <summary>Kind of an ICMP echo query, and of everything that is no ICMP query.</summary>
    public const byte KindEcho = 0;

    /// <summary>Kind of an ICMP timestamp query.</summary>
    public const byte KindTimestamp = 1;

    /// <summary>Kind of an ICMP information query.</summary>
    public const byte KindInformation = 2;

    /// <summary>The high half without ports.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Space(int space, byte protocol, byte kind) =>
        ((ulong)(uint)space << 32) | ((ulong)protocol << 48) | ((ulong)kind << 56);

    /// <summary>The high half in another space.</summary>
    public static ulong InSpace(ulong high, int space) => (high & ~(0xFFFFUL << 32)) | ((ulong)(ushort)space << 32);

    /// <summary>Sorts two IPv4 endpoints into a key, without a branch that the traffic decides.</summary>
    /// <param name="addresses">Source (low half) and destination as they lie in the packet; becomes the low half of the key.</param>
    /// <param name="ports">Source (low half) and destination port, raw; becomes the ports of the key's high half.</param>
    /// <returns>1 when the source is the higher endpoint, else 0.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Sort(ref ulong addresses, ref uint ports)
    {
        ulong turned = BitOperations.RotateLeft(addresses, 32);
        uint turnedPorts = BitOperations.RotateLeft(ports, 16);
        uint swapped = turned > addresses ? 1u : 0;
        if (turned == addresses)
        {
            swapped = turnedPorts > ports ? 1u : 0;
        }

        addresses ^= (addresses ^ turned) & (0 - (ulong)swapped);
        ports ^= (ports ^ turnedPorts) & (0 - swapped);
        return swapped;
    }

    /// <summary>Sorts two IPv6 endpoints.</summary>
    /// <returns>True when the source is the higher endpoint.</returns>
    public static bool Sort(
        RawIp6 source, RawIp6 destination, uint sourcePort, uint destinationPort, out FlowAddresses6 addresses, out ulong ports)
    {
        bool swapped = source.First != destination.First ? source.First > destination.First
            : source.Second != destination.Second ? source.Second > destination.Second
            : sourcePort > destinationPort;
        addresses = swapped ? new FlowAddresses6(destination, source) : new FlowAddresses6(source, destination);
        ports = swapped ? destinationPort | ((ulong)sourcePort << 16) : sourcePort | ((ulong)destinationPort << 16);
        return swapped;
    }

    /// <summary>Hash of a 16-byte key, keyed by a secret of the process: two folded 128-bit products. It is not the RSS hash
    /// (semantics.md decision 14).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Hash(ulong low, ulong high, ulong secretLow, ulong secretHigh)
    {
        ulong top = Math.BigMul(low ^ secretLow, high ^ secretHigh, out ulong bottom);
        ulong mixed = (top ^ bottom) * 0x9E37_79B9_7F4A_7C15UL;
        return (uint)(mixed >> 32);
    }

    /// <summary>Folds an IPv6 address pair into the low half that is hashed and compared first.</summary>
    public static ulong Fold(in FlowAddresses6 addresses, ulong secret)
    {
        ulong top = Math.BigMul(addresses.Lower.First ^ secret, addresses.Lower.Second + secret, out ulong bottom);
        ulong top2 = Math.BigMul(addresses.Higher.First + secret, addresses.Higher.Second ^ secret, out ulong bottom2);
        return (top ^ bottom) + (((top2 ^ bottom2) * 0x9E37_79B9_7F4A_7C15UL) ^ secret);
    }
}

/// <summary>The two addresses of an IPv6 key: the line before an IPv6 entry, and the scratch line of a packet.</summary>
public readonly record struct FlowAddresses6(RawIp6 Lower, RawIp6 Higher);
