using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace VSwitch.Wire;

/// <summary>An IPv4 or IPv6 address. IPv4 keeps its 32 bits in the low bits of <see cref="Bits"/>; the number's most
/// significant byte is the first on the wire.</summary>
/// <param name="IsV6">The family: an IPv4-mapped IPv6 address is an IPv6 address here.</param>
/// <param name="Bits">The address as a number, 32 or 128 bits wide.</param>
public readonly record struct IpAddress(bool IsV6, UInt128 Bits)
    : ISpanParsable<IpAddress>, ISpanFormattable, IComparable<IpAddress>
{
    /// <summary>The longest text of an address.</summary>
    public const int MaxTextLength = 39;

    private const int Groups = 8;

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

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

    /// <summary>Strict: dotted quad without leading zeros or short forms (RFC 6943 section 3.1.1), or RFC 4291 section
    /// 2.2 text without a zone, brackets or blanks.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out IpAddress result) =>
        s.Contains(':') ? TryParseV6(s, out result) : TryParseV4(s, out result);

    private static bool TryParseV6(ReadOnlySpan<char> s, out IpAddress result)
    {
        result = default;
        UInt128 bits = 0;
        int groups = 0;
        int gap = s.StartsWith("::", StringComparison.Ordinal) ? 0 : -1;
        int i = gap == 0 ? 2 : 0;
        while (i < s.Length)
        {
            ReadOnlySpan<char> group = s[i..];
            int colon = group.IndexOf(':');
            group = colon < 0 ? group : group[..colon];
            if (!TryAppend(group, isLast: colon < 0, ref bits, ref groups))
            {
                return false;
            }

            i += group.Length;
            if (colon < 0)
            {
                break;
            }

            // Behind a group's colon stands another group, or the one "::" of the text.
            i++;
            if (i == s.Length || (s[i] == ':' && gap >= 0))
            {
                return false;
            }

            if (s[i] == ':')
            {
                gap = groups;
                i++;
            }
        }

        // "::" stands for one group at least.
        if (gap < 0 ? groups != Groups : groups >= Groups)
        {
            return false;
        }

        result = V6(gap < 0 ? bits : OpenGap(bits, 16 * gap, 16 * (groups - gap)));
        return true;
    }

    /// <summary>Takes one group, or the dotted quad that may stand for the last two.</summary>
    private static bool TryAppend(ReadOnlySpan<char> text, bool isLast, ref UInt128 bits, ref int groups)
    {
        if (isLast && text.Contains('.'))
        {
            if (groups > Groups - 2 || !TryParseV4(text, out IpAddress quad))
            {
                return false;
            }

            bits = (bits << 32) | quad.V4Value;
            groups += 2;
            return true;
        }

        // Not ushort.TryParse, which takes trailing NUL characters.
        if (groups == Groups || text.Length is 0 or > 4 || text.ContainsAnyExcept(HexDigits))
        {
            return false;
        }

        bits = (bits << 16) | ushort.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        groups++;
        return true;
    }

    /// <summary>Moves the bits before the gap to the top; a shift by 128 would be one by 0.</summary>
    private static UInt128 OpenGap(UInt128 bits, int bitsBefore, int bitsAfter)
    {
        UInt128 before = bitsBefore == 0 ? 0 : (bits >> bitsAfter) << (128 - bitsBefore);
        UInt128 after = bitsAfter == 0 ? 0 : bits & (UInt128.MaxValue >> (128 - bitsAfter));
        return before | after;
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
            if (octets == 4)
            {
                result = i == s.Length ? V4(value) : default;
                return i == s.Length;
            }

            if (i >= s.Length || s[i++] != '.')
            {
                return false;
            }
        }
    }

    /// <summary>Order: IPv4 before IPv6, then by number.</summary>
    public int CompareTo(IpAddress other) => IsV6 != other.IsV6 ? IsV6.CompareTo(other.IsV6) : Bits.CompareTo(other.Bits);

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <(IpAddress left, IpAddress right) => left.CompareTo(right) < 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <=(IpAddress left, IpAddress right) => left.CompareTo(right) <= 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >(IpAddress left, IpAddress right) => left.CompareTo(right) > 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >=(IpAddress left, IpAddress right) => left.CompareTo(right) >= 0;

    /// <summary>Dotted quad, or RFC 5952 text.</summary>
    public override string ToString()
    {
        Span<char> text = stackalloc char[MaxTextLength];
        return new string(text[..Format(text)]);
    }

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <inheritdoc/>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        Span<char> text = stackalloc char[MaxTextLength];
        int length = Format(text);
        bool fits = text[..length].TryCopyTo(destination);
        charsWritten = fits ? length : 0;
        return fits;
    }

    private int Format(Span<char> text)
    {
        if (!IsV6)
        {
            return FormatV4(text, V4Value);
        }

        // RFC 5952 section 5: a dotted quad behind ::ffff:0:0/96, whose last half is an IPv4 address for certain.
        if (Bits >> 32 == 0xFFFF)
        {
            const string Mapped = "::ffff:";
            Mapped.CopyTo(text);
            return Mapped.Length + FormatV4(text[Mapped.Length..], (uint)Bits);
        }

        return FormatV6(text);
    }

    private static int FormatV4(Span<char> text, uint value)
    {
        int length = 0;
        for (int shift = 24; shift >= 0; shift -= 8)
        {
            ((byte)(value >> shift)).TryFormat(text[length..], out int written, default, CultureInfo.InvariantCulture);
            length += written;
            if (shift > 0)
            {
                text[length++] = '.';
            }
        }

        return length;
    }

    private int FormatV6(Span<char> text)
    {
        (int gap, int gapGroups) = LongestZeroRun();
        int length = 0;
        for (int i = 0; i < Groups; i++)
        {
            if (i == gap)
            {
                text[length++] = ':';
                text[length++] = ':';
                i += gapGroups - 1;
                continue;
            }

            if (i > 0 && i != gap + gapGroups)
            {
                text[length++] = ':';
            }

            Group(i).TryFormat(text[length..], out int written, "x", CultureInfo.InvariantCulture);
            length += written;
        }

        return length;
    }

    /// <summary>RFC 5952 section 4.2: the longest run of zero groups, the first of equals, never one group
    /// alone.</summary>
    private (int Start, int Length) LongestZeroRun()
    {
        (int start, int length) = (-Groups, 1);
        int run = 0;
        for (int i = 0; i < Groups; i++)
        {
            run = Group(i) == 0 ? run + 1 : 0;
            if (run > length)
            {
                (start, length) = (i - run + 1, run);
            }
        }

        return (start, length);
    }

    private ushort Group(int i) => (ushort)(Bits >> (112 - (16 * i)));
}
