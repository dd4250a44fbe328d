using System.Diagnostics.CodeAnalysis;

namespace VSwitch.Wire;

/// <summary>A 48-bit Ethernet address (IEEE 802). <see cref="Value"/> holds it as a number: the first byte on the wire
/// is the most significant of the low 48 bits.</summary>
public readonly record struct MacAddress(ulong Value)
    : ISpanParsable<MacAddress>, ISpanFormattable, IComparable<MacAddress>
{
    /// <summary>ff:ff:ff:ff:ff:ff.</summary>
    public static readonly MacAddress Broadcast = new(0xFFFF_FFFF_FFFF);

    /// <summary>True for group addresses (broadcast and multicast): the I/G bit of the first byte is set.</summary>
    public bool IsMulticast => (Value & 0x0100_0000_0000) != 0;

    /// <summary>Reads the six bytes at the start of <paramref name="bytes"/>.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> bytes) =>
        new(((ulong)bytes[0] << 40) | ((ulong)bytes[1] << 32) | ((ulong)bytes[2] << 24) |
            ((ulong)bytes[3] << 16) | ((ulong)bytes[4] << 8) | bytes[5]);

    /// <summary>Writes the six bytes to the start of <paramref name="bytes"/>.</summary>
    public void Write(Span<byte> bytes)
    {
        for (int i = 0; i < 6; i++)
        {
            bytes[i] = (byte)(Value >> (40 - (8 * i)));
        }
    }

    /// <inheritdoc/>
    public static MacAddress Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out MacAddress mac) ? mac : throw new FormatException($"'{s}' is not a MAC address");

    /// <inheritdoc/>
    public static MacAddress Parse(string s, IFormatProvider? provider = null) => Parse(s.AsSpan(), provider);

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out MacAddress result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Reads six hexadecimal pairs, all separated by ':' or all by '-'.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out MacAddress result)
    {
        result = default;
        if (s.Length != 17)
        {
            return false;
        }

        ulong value = 0;
        for (int i = 0; i < 6; i++)
        {
            char high = s[3 * i];
            char low = s[(3 * i) + 1];
            bool isSeparated = i == 5 || (s[(3 * i) + 2] == s[2] && s[2] is (':' or '-'));
            if (!isSeparated || !char.IsAsciiHexDigit(high) || !char.IsAsciiHexDigit(low))
            {
                return false;
            }

            value = (value << 8) | (uint)((HexValue(high) << 4) | HexValue(low));
        }

        result = new MacAddress(value);
        return true;
    }

    /// <summary>The value of a hexadecimal digit.</summary>
    private static int HexValue(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;

    /// <summary>Order: by number.</summary>
    public int CompareTo(MacAddress other) => Value.CompareTo(other.Value);

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <(MacAddress left, MacAddress right) => left.CompareTo(right) < 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <=(MacAddress left, MacAddress right) => left.CompareTo(right) <= 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >(MacAddress left, MacAddress right) => left.CompareTo(right) > 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >=(MacAddress left, MacAddress right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public bool TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        charsWritten = 0;
        if (destination.Length < 17)
        {
            return false;
        }

        for (int i = 0; i < 6; i++)
        {
            byte b = (byte)(Value >> (40 - (8 * i)));
            destination[3 * i] = "0123456789abcdef"[b >> 4];
            destination[(3 * i) + 1] = "0123456789abcdef"[b & 15];
            if (i < 5)
            {
                destination[(3 * i) + 2] = ':';
            }
        }

        charsWritten = 17;
        return true;
    }

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <summary>Six lower-case pairs with colons.</summary>
    public override string ToString() => string.Create(17, this, static (span, mac) => mac.TryFormat(span, out _, default, null));
}
