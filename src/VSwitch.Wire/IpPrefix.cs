using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace VSwitch.Wire;

/// <summary>An address and a prefix length (CIDR, RFC 4632). The host bits may be set: <see cref="Network"/> clears them.</summary>
/// <param name="Address">Any address of the prefix.</param>
/// <param name="Length">How many leading bits decide: 0 to 32 or 128.</param>
public readonly record struct IpPrefix(IpAddress Address, int Length)
    : ISpanParsable<IpPrefix>, ISpanFormattable, IComparable<IpPrefix>
{
    /// <summary>The longest text of a prefix.</summary>
    public const int MaxTextLength = IpAddress.MaxTextLength + 4;

    /// <summary>True for an IPv6 prefix.</summary>
    public bool IsV6 => Address.IsV6;

    /// <summary>Ones where the prefix decides, as wide as the family.</summary>
    public UInt128 Mask
    {
        get
        {
            UInt128 all = Address.IsV6 ? UInt128.MaxValue : uint.MaxValue;
            int hostBits = Address.BitCount - Length;
            return hostBits >= 128 ? 0 : (all >> hostBits) << hostBits;
        }
    }

    /// <summary>The first address.</summary>
    public IpAddress Network => Address with { Bits = Address.Bits & Mask };

    /// <summary>The last address: the broadcast address of an IPv4 subnet.</summary>
    public IpAddress Last => Address with { Bits = Address.Bits | (~Mask & (IsV6 ? UInt128.MaxValue : uint.MaxValue)) };

    /// <summary>True when no host bit is set.</summary>
    public bool IsNetwork => Network == Address;

    /// <summary>True when the address is of this family and inside.</summary>
    public bool Contains(IpAddress address) =>
        address.IsV6 == IsV6 && ((address.Bits ^ Address.Bits) & Mask) == 0;

    /// <summary>True when the two share an address.</summary>
    public bool Overlaps(IpPrefix other) => other.Length < Length ? other.Contains(Address) : Contains(other.Address);

    /// <inheritdoc/>
    public static IpPrefix Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out IpPrefix p) ? p : throw new FormatException($"'{s}' is not an address with a prefix length");

    /// <inheritdoc/>
    public static IpPrefix Parse(string s, IFormatProvider? provider = null) => Parse(s.AsSpan(), provider);

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out IpPrefix result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <summary>Reads ADDRESS/LENGTH; the length is needed, in decimal digits without leading zeros.</summary>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out IpPrefix result)
    {
        result = default;
        int slash = s.IndexOf('/');
        if (slash < 0 || !IpAddress.TryParse(s[..slash], provider, out IpAddress address) ||
            !TryParseLength(s[(slash + 1)..], out int length) || length > address.BitCount)
        {
            return false;
        }

        result = new IpPrefix(address, length);
        return true;
    }

    /// <summary>One to three digits; int.TryParse would take trailing NUL characters and leading zeros too.</summary>
    private static bool TryParseLength(ReadOnlySpan<char> s, out int length)
    {
        length = 0;
        if (s.Length is 0 or > 3 || (s.Length > 1 && s[0] == '0'))
        {
            return false;
        }

        foreach (char digit in s)
        {
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }

            length = (length * 10) + (digit - '0');
        }

        return true;
    }

    /// <summary>ADDRESS/LENGTH.</summary>
    public override string ToString() => $"{Address}/{Length}";

    /// <inheritdoc/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    /// <inheritdoc/>
    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) =>
        destination.TryWrite(CultureInfo.InvariantCulture, $"{Address}/{Length}", out charsWritten);

    /// <summary>Order: by address (IPv4 first), then the shorter length: a network before those that it
    /// contains.</summary>
    public int CompareTo(IpPrefix other)
    {
        int byAddress = Address.CompareTo(other.Address);
        return byAddress != 0 ? byAddress : Length.CompareTo(other.Length);
    }

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <(IpPrefix left, IpPrefix right) => left.CompareTo(right) < 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator <=(IpPrefix left, IpPrefix right) => left.CompareTo(right) <= 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >(IpPrefix left, IpPrefix right) => left.CompareTo(right) > 0;

    /// <summary>Order of <see cref="CompareTo"/>.</summary>
    public static bool operator >=(IpPrefix left, IpPrefix right) => left.CompareTo(right) >= 0;
}
