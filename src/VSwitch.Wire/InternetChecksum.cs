using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VSwitch.Wire;

/// <summary>The Internet checksum (RFC 1071) and its incremental update (RFC 1624 equation 3). "Raw" values are loads of wire
/// bytes on this little-endian machine: the one's complement sum does not care for byte order as long as nothing is mixed
/// (RFC 1071 section 2B), so the data plane never swaps.</summary>
public static class InternetChecksum
{
    private const ulong InverseOf65535 = 0xFFFEFFFEFFFEFFFF;
    /// <summary>Raw delta of a TTL (or of any low raw byte) that goes down by one.</summary>
    public const ushort RawMinusOne = 0xFFFE;

    private const int VectorBytes = 32;

    /// <summary>One's complement sum of big-endian 16-bit words, folded: 0 to 0xFFFF. An odd last byte is padded with a zero
    /// on its right. Sums of parts add up as long as all parts but the last have an even number of bytes.</summary>
    public static unsafe uint Sum(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            return BinaryPrimitives.ReverseEndianness((ushort)SumRaw(start, bytes.Length));
        }
    }

    /// <summary>Folds a sum to 16 bits.</summary>
    public static ushort Fold(uint sum) => FoldRaw(sum);

    /// <summary>The checksum of bytes whose checksum field holds zero (RFC 1071). For UDP a result of 0 must be sent as
    /// 0xFFFF (RFC 768): the caller does that.</summary>
    /// <param name="bytes">What the checksum covers.</param>
    /// <param name="pseudoHeader">What <see cref="PseudoHeader"/> gives, or 0.</param>
    public static ushort Compute(ReadOnlySpan<byte> bytes, uint pseudoHeader = 0) =>
        (ushort)~Fold(Sum(bytes) + FoldRaw(pseudoHeader));

    /// <summary>Sum of the pseudo header of TCP and UDP over IPv4 (RFC 9293 section 3.1), and of every transport over IPv6
    /// (RFC 8200 section 8.1); folded.</summary>
    /// <param name="source">The packet's source.</param>
    /// <param name="destination">The packet's last destination, of the same family.</param>
    /// <param name="protocol">The transport's number.</param>
    /// <param name="length">Bytes of the transport header and its data.</param>
    public static uint PseudoHeader(IpAddress source, IpAddress destination, byte protocol, int length) =>
        Fold(SumOfWords(source.Bits) + SumOfWords(destination.Bits) + protocol + FoldRaw((uint)length));

    /// <summary>The checksum after one 16-bit word changed (RFC 1624 equation 3). Equal to a full computation, but for data
    /// that become all zero: 0 here, 0xFFFF there, both right for a receiver.</summary>
    public static ushort Update(ushort checksum, ushort oldWord, ushort newWord) =>
        ApplyRaw(checksum, FoldRaw((uint)(ushort)~oldWord + newWord));

    /// <summary>The same for 32 bits that stand at an even place: an IPv4 address, a sequence number.</summary>
    public static ushort Update(ushort checksum, uint oldValue, uint newValue) =>
        Apply(checksum, Delta(oldValue, newValue));

    /// <summary>The same for 128 bits that stand at an even place: an IPv6 address.</summary>
    public static ushort Update(ushort checksum, UInt128 oldValue, UInt128 newValue) =>
        Apply(checksum, Delta(oldValue, newValue));

    /// <summary>What a change adds to the complement of a checksum, ~old + new folded: worked out once, applied to
    /// every packet of a connection by <see cref="Apply"/> or <see cref="ApplyUdp"/>. Two deltas add up by
    /// <see cref="Fold"/>.</summary>
    public static ushort Delta(uint oldValue, uint newValue) => DeltaRaw(oldValue, newValue);

    /// <summary>The same for 128 bits.</summary>
    public static ushort Delta(UInt128 oldValue, UInt128 newValue) =>
        Fold(SumOfWords(~oldValue) + SumOfWords(newValue));

    /// <summary>RFC 1624 equation 3 with a <see cref="Delta(uint, uint)"/>.</summary>
    public static ushort Apply(ushort checksum, ushort delta) => ApplyRaw(checksum, delta);

    /// <summary>The same for UDP: 0 means no checksum and stays (RFC 768), and a result of 0 is sent as FFFF.</summary>
    public static ushort ApplyUdp(ushort checksum, ushort delta) => ApplyUdpRaw(checksum, delta);

    /// <summary>One's complement sum of raw 16-bit words, folded: 0 to 0xFFFF. An odd last byte is padded with a zero on its
    /// right.</summary>
    public static unsafe uint SumRaw(byte* bytes, int count)
    {
        ulong sum = 0;
        if (count >= 2 * VectorBytes && Vector256.IsHardwareAccelerated)
        {
            int whole = count & -VectorBytes;
            sum = SumVectors(bytes, whole);
            bytes += whole;
            count -= whole;
        }

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

    /// <summary>Sum of 32-bit words in lanes of 64 bits, which 2^32 words cannot overflow.</summary>
    private static unsafe ulong SumVectors(byte* bytes, int count)
    {
        Vector256<ulong> low = Vector256<ulong>.Zero;
        Vector256<ulong> high = Vector256<ulong>.Zero;
        Vector256<ulong> mask = Vector256.Create(0xFFFF_FFFFUL);
        for (int i = 0; i < count; i += VectorBytes)
        {
            Vector256<ulong> words = Vector256.Load((ulong*)(bytes + i));
            low += words & mask;
            high += words >>> 32;
        }

        return Vector256.Sum(low + high);
    }

    /// <summary>Sum of the eight 16-bit words of a number.</summary>
    private static uint SumOfWords(UInt128 bits)
    {
        uint sum = 0;
        for (int i = 0; i < 8; i++)
        {
            sum += (ushort)(bits >> (16 * i));
        }

        return sum;
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
        // Folded to all ones means: a multiple of 65535 and not 0. A multiple of an odd number is known by one product with
        // its inverse modulo 2^64.
        var words = (uint*)header;
        ulong sum = ((ulong)words[0] + words[1]) + ((ulong)words[2] + words[3]) + words[4];
        return (sum * InverseOf65535) - 1 < ulong.MaxValue / 65535;
    }

    /// <summary>True when an IPv4 header of any length sums to all ones.</summary>
    public static unsafe bool IsIpv4HeaderValid(byte* header, int headerBytes) =>
        headerBytes == 20 ? IsIpv4Header20Valid(header) : SumRaw(header, headerBytes) == 0xFFFF;

    /// <summary>What a change of a 32-bit raw word adds to the complement of a checksum: ~old + new, folded.</summary>
    public static ushort DeltaRaw(uint oldRaw, uint newRaw) =>
        FoldRaw(FoldRaw(~oldRaw) + (uint)FoldRaw(newRaw));

    /// <summary>Sum of two deltas.</summary>
    public static ushort AddRaw(ushort a, ushort b) => FoldRaw((uint)a + b);

    /// <summary>RFC 1624 equation 3: HC' = ~(~HC + delta), worked out as HC - delta with the borrow brought around, which gives the
    /// same bits for every input (of the two zeros too).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort ApplyRaw(ushort checksum, ushort delta)
    {
        int difference = checksum - delta;
        return (ushort)(difference + (difference >> 31));
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
