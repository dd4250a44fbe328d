using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;

namespace VSwitch.Wire;

/// <summary>An IPv4 or IPv6 address. IPv4 keeps its 32 bits in the low bits of <see cref="Bits"/>; the number's most
/// significant byte is the first on the wire.</summary>
/// <param name="IsV6">The family: an IPv4-mapped IPv6 address is an IPv6 address here.</param>
/// <param name="Bits">The address as a number, 32 or 128 bits wide.</param>
public readonly record struct IpAddress(bool IsV6, UInt128 Bits) : ISpanParsable<IpAddress>
{
    /// <summary>An IPv4 address of a number (10.0.0.1 is 0x0A000001).</summary>
    public static IpAddress V4(uint value) => new(false, value);

    /// <summary>An IPv6 address of a number.</summary>
    public static IpAddress V6(UInt128 value) => new(true, value);

    /// <summary>The IPv4 address as a number in host order; meaningless for IPv6.</summary>
    public uint V4Value => (uint)Bits;

    /// <summary>4 or 16.</summary>
    public int ByteCount => IsV6 ? 16 : 4;

    /// <summary>The number of bits of the family's addresses: 32 or 128.</summary>
    public int BitCount => IsV6 ? 128 : 32;

    /// <summary>True for 224.0.0.0/4 and ff00::/8.</summary>
    public bool IsMulticast => IsV6 ? (byte)(Bits >> 120) == 0xFF : (V4Value >> 28) == 0xE;

    /// <summary>True for 0.0.0.0 and ::.</summary>
    public bool IsUnspecified => Bits == 0;

    /// <summary>True for fe80::/10 and 169.254.0.0/16.</summary>
    public bool IsLinkLocal => IsV6 ? (uint)(Bits >> 118) == 0x3FA : (V4Value >> 16) == 0xA9FE;

    /// <summary>Reads 4 or 16 bytes in network order.</summary>
    public static IpAddress Read(ReadOnlySpan<byte> bytes, bool isV6) => isV6
        ? V6(BinaryPrimitives.ReadUInt128BigEndian(bytes))
        : V4(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    /// <summary>Writes 4 or 16 bytes in network order.</summary>
    public void Write(Span<byte> bytes)
    {
        if (IsV6)
        {
            BinaryPrimitives.WriteUInt128BigEndian(bytes, Bits);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, V4Value);
        }
    }

    /// <inheritdoc/>
    public static IpAddress Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out IpAddress a) ? a : throw new FormatException($"'{s}' is not an IP address");

    /// <inheritdoc/>
    public static IpAddress Parse(string s, IFormatProvider? provider = null) => Parse(s.AsSpan(), provider);

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out IpAddress result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Strict: dotted quad without leading zeros or short forms, or RFC 4291 text without a zone.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out IpAddress result)
    {
        result = default;
        if (!s.Contains(':'))
        {
            return TryParseV4(s, out result);
        }

        if (s.ContainsAny('%', '[', '/') || !System.Net.IPAddress.TryParse(s, out System.Net.IPAddress? parsed) ||
            parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[16];
        parsed.TryWriteBytes(bytes, out _);
        result = Read(bytes, isV6: true);
        return true;
    }

    private static bool TryParseV4(ReadOnlySpan<char> s, out IpAddress result)
    {
        result = default;
        uint value = 0;
        int octets = 0;
        int i = 0;
        while (true)
        {
            int start = i;
            uint octet = 0;
            while (i < s.Length && char.IsAsciiDigit(s[i]) && i - start < 4)
            {
                octet = (octet * 10) + (uint)(s[i++] - '0');
            }

            if (i == start || octet > 255 || (i - start > 1 && s[start] == '0'))
            {
                return false;
            }

            value = (value << 8) | octet;
            octets++;
            if (octets == 4 && i == s.Length)
            {
                result = V4(value);
                return true;
            }

            if (octets == 4 || i >= s.Length || s[i++] != '.')
            {
                return false;
            }
        }
    }

    /// <summary>Order: IPv4 before IPv6, then by number.</summary>
    public int CompareTo(IpAddress other) => IsV6 != other.IsV6 ? IsV6.CompareTo(other.IsV6) : Bits.CompareTo(other.Bits);

    /// <summary>Dotted quad, or RFC 5952 text.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new System.Net.IPAddress(bytes[..ByteCount]).ToString();
    }
}
