using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>The internet checksum (RFC 1071) and its incremental update (RFC 1624), written for tests alone: slow, and
/// on purpose not the switch's own.</summary>
public static class OnesComplement
{
    /// <summary>Sum of 16-bit words, an odd last byte padded with zero, not folded.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (ulong)bytes[i] << (i % 2 == 0 ? 8 : 0);
        }

        return sum;
    }

    /// <summary>Adds the carries until none is left.</summary>
    public static ushort Fold(ulong sum)
    {
        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    /// <summary>The checksum of bytes whose checksum field holds zero.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> bytes, ulong pseudoSum = 0) => (ushort)~Fold(Sum(bytes) + pseudoSum);

    /// <summary>True when bytes with their checksum in place add up to all ones.</summary>
    public static bool IsRight(ReadOnlySpan<byte> bytes, ulong pseudoSum = 0) => Fold(Sum(bytes) + pseudoSum) == 0xFFFF;

    /// <summary>Sum of the pseudo header (RFC 793 3.1, RFC 8200 8.1).</summary>
    public static ulong Pseudo(IpAddress source, IpAddress destination, byte protocol, int length)
    {
        byte[] addresses = [.. BytesOf(source), .. BytesOf(destination)];
        return Sum(addresses) + protocol + (ulong)(length >> 16) + (ulong)(length & 0xFFFF);
    }

    /// <summary>RFC 1624 eq. 3 over all changed words at once.</summary>
    public static ushort Update(ushort checksum, IEnumerable<(ushort Old, ushort New)> changes)
    {
        ulong sum = (ushort)~checksum;
        foreach ((ushort old, ushort @new) in changes)
        {
            sum += (ulong)(ushort)~old + @new;
        }

        return (ushort)~Fold(sum);
    }

    /// <summary>The 16-bit words in which two addresses of one family differ, or all of them.</summary>
    public static IEnumerable<(ushort Old, ushort New)> Changes(IpAddress old, IpAddress @new)
    {
        byte[] from = BytesOf(old);
        byte[] to = BytesOf(@new);
        for (int i = 0; i < from.Length; i += 2)
        {
            yield return (BinaryPrimitives.ReadUInt16BigEndian(from.AsSpan(i)), BinaryPrimitives.ReadUInt16BigEndian(to.AsSpan(i)));
        }
    }

    /// <summary>An address as it is on the wire.</summary>
    public static byte[] BytesOf(IpAddress address)
    {
        byte[] bytes = new byte[address.ByteCount];
        address.Write(bytes);
        return bytes;
    }

    /// <summary>A MAC as it is on the wire.</summary>
    public static byte[] BytesOf(MacAddress address)
    {
        byte[] bytes = new byte[6];
        address.Write(bytes);
        return bytes;
    }
}
