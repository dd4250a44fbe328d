using System.Runtime.CompilerServices;

namespace VSwitch.Wire;

/// <summary>The Internet checksum (RFC 1071) and its incremental update (RFC 1624 equation 3). "Raw" values are loads of wire
/// bytes on this little-endian machine: the one's complement sum does not care for byte order as long as nothing is mixed
/// (RFC 1071 section 2B), so the data plane never swaps.</summary>
public static class InternetChecksum
{
    /// <summary>Raw delta of a TTL (or of any low raw byte) that goes down by one.</summary>
    public const ushort RawMinusOne = 0xFFFE;

    /// <summary>One's complement sum of raw 16-bit words, not folded to less than 32 bits' worth; an odd last byte is padded with
    /// a zero on its right.</summary>
    public static unsafe uint SumRaw(byte* bytes, int count)
    {
        ulong sum = 0;
        while (count >= 8)
        {
            ulong word = *(ulong*)bytes;
            sum += word & 0xFFFF_FFFF;
            sum += word >> 32;
            bytes += 8;
            count -= 8;
        }

        if ((count & 4) != 0)
        {
            sum += *(uint*)bytes;
            bytes += 4;
        }

        if ((count & 2) != 0)
        {
            sum += *(ushort*)bytes;
            bytes += 2;
        }

        if ((count & 1) != 0)
        {
            sum += *bytes;
        }

        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        return FoldRaw((uint)sum);
    }

    /// <summary>Folds a sum to 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FoldRaw(uint sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)sum;
    }

    /// <summary>True when an IPv4 header of 20 bytes sums to all ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe bool IsIpv4Header20Valid(byte* header)
    {
        // Three loads, whose 32-bit halves cannot overflow a 64-bit sum; then the sum of 16-bit words modulo 2^16 - 1.
        ulong a = *(ulong*)header;
        ulong b = *(ulong*)(header + 8);
        ulong sum = (a & 0xFFFF_FFFF) + (a >> 32) + (b & 0xFFFF_FFFF) + (b >> 32) + *(uint*)(header + 16);
        sum = (sum & 0xFFFF) + ((sum >> 16) & 0xFFFF) + (sum >> 32);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)((sum & 0xFFFF) + (sum >> 16)) == 0xFFFF;
    }

    /// <summary>True when an IPv4 header of any length sums to all ones.</summary>
    public static unsafe bool IsIpv4HeaderValid(byte* header, int headerBytes) => FoldRaw(SumRaw(header, headerBytes)) == 0xFFFF;

    /// <summary>What a change of a 32-bit raw word adds to the complement of a checksum: ~old + new, folded.</summary>
    public static ushort DeltaRaw(uint oldRaw, uint newRaw) =>
        FoldRaw(FoldRaw(~oldRaw) + (uint)FoldRaw(newRaw));

    /// <summary>Sum of two deltas.</summary>
    public static ushort AddRaw(ushort a, ushort b) => FoldRaw((uint)a + b);

    /// <summary>RFC 1624 equation 3: HC' = ~(~HC + delta).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ApplyRaw(ushort checksum, ushort delta)
    {
        uint sum = (uint)(ushort)~checksum + delta;
        return (ushort)~((sum & 0xFFFF) + (sum >> 16));
    }

    /// <summary>The same for UDP: 0 means no checksum and stays (RFC 768), and a result of 0 is sent as FFFF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ApplyUdpRaw(ushort checksum, ushort delta)
    {
        if (checksum == 0)
        {
            return 0;
        }

        ushort updated = ApplyRaw(checksum, delta);
        return updated == 0 ? (ushort)0xFFFF : updated;
    }
}
