using System.Globalization;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>The values that a configuration is written in: numbers with units, addresses, ports, protocols. Each parser gives
/// null for what it does not accept.</summary>
public static class ConfigValues
{
    private static readonly (string Unit, long Factor)[] Rates =
        [("gbps", 1_000_000_000), ("mbps", 1_000_000), ("kbps", 1000), ("bps", 1)];

    private static readonly (string Unit, double Milliseconds)[] Durations =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>A whole number.</summary>
    public static long? Integer(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) ? n : null;

    /// <summary>An IPv4 or IPv6 address.</summary>
    public static IpAddress? Address(string text) => IpAddress.TryParse(text, null, out IpAddress a) ? a : null;

    /// <summary>A prefix: 10.0.0.0/8.</summary>
    public static IpPrefix? Prefix(string text) => IpPrefix.TryParse(text, null, out IpPrefix p) ? p : null;

    /// <summary>A MAC: 02:00:00:00:00:01.</summary>
    public static MacAddress? Mac(string text) => MacAddress.TryParse(text, null, out MacAddress m) ? m : null;

    /// <summary>Bits per second: 100Mbps, 1Gbps, 1.5Mbps.</summary>
    public static long? Rate(string text)
    {
        foreach ((string unit, long factor) in Rates)
        {
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase) && Number(text[..^unit.Length]) is double n && n > 0)
            {
                return n * factor is >= 1 and <= 1e12 ? (long)(n * factor) : null;
            }
        }

        return null;
    }

    /// <summary>A DSCP by number or name: the classes of RFC 2474 and 2597, expedited forwarding (RFC 3246), voice admitted (RFC 5865),
    /// lower effort (RFC 8622).</summary>
    public static byte? Dscp(string text)
    {
        if (Integer(text) is long number)
        {
            return number <= 63 ? (byte)number : null;
        }

        return text switch
        {
            "ef" => 46,
            "va" => 44,
            "le" => 1,
            ['c', 's', >= '0' and <= '7' and char c] => (byte)(8 * (c - '0')),
            ['a', 'f', >= '1' and <= '4' and char c, >= '1' and <= '3' and char drop] => (byte)((8 * (c - '0')) + (2 * (drop - '0'))),
            _ => null,
        };
    }

    /// <summary>A part of 1: 1%, 0.1%, up to 100%.</summary>
    public static double? Percent(string text) =>
        text.EndsWith('%') && decimal.TryParse(text.AsSpan(..^1).TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal n) &&
        n <= 100 ? (double)(n / 100) : null;

    /// <summary>A time, to the millisecond: 500ms, 350s, 5m, 2h, 5d.</summary>
    public static TimeSpan? Duration(string text)
    {
        foreach ((string unit, double milliseconds) in Durations)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal) && Number(text[..^unit.Length]) is double n)
            {
                return n * milliseconds <= TimeSpan.FromDays(3650).TotalMilliseconds ? TimeSpan.FromMilliseconds((long)Math.Round(n * milliseconds)) : null;
            }
        }

        return null;
    }

    /// <summary>An IP protocol by name or number; -1 = all.</summary>
    public static int? Protocol(string text) => text switch
    {
        "all" => -1,
        "icmp" => 1,
        "tcp" => 6,
        "udp" => 17,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" => 58,
        "sctp" => 132,
        _ => Integer(text) is long n and <= 255 ? (int)n : null,
    };

    /// <summary>80 or 8000-8100; null with the reason when it is neither.</summary>
    public static PortRange? Ports(string text, out string? wrong)
    {
        string[] ends = text.Split('-');
        long? first = Integer(ends[0].Trim());
        long? last = ends.Length == 1 ? first : ends.Length == 2 ? Integer(ends[1].Trim()) : null;
        if (first is not (>= 0 and <= 65535) || last is not (>= 0 and <= 65535))
        {
            wrong = $"'{text.Trim()}' is not a port or a range; write 443 or 8000-8100, up to 65535";
            return null;
        }

        wrong = first > last ? $"port range {first}-{last} is backwards; write {last}-{first}" : null;
        return wrong == null ? new PortRange((ushort)first, (ushort)last) : null;
    }

    /// <summary>symmetric, microsoft, or 40 bytes as hexadecimal.</summary>
    public static byte[]? RssKey(string text)
    {
        if (text is "symmetric")
        {
            return Toeplitz.SymmetricKey();
        }

        if (text is "microsoft")
        {
            return Toeplitz.MicrosoftKey();
        }

        string hex = text.Replace(":", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal);
        return hex.Length == 2 * Toeplitz.KeyBytes && hex.All(char.IsAsciiHexDigit) ? Convert.FromHexString(hex) : null;
    }

    private static double? Number(string text) => double.TryParse(
        text.TrimEnd(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double n) && double.IsFinite(n) ? n : null;
}
