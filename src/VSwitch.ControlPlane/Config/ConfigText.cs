using System.Globalization;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Values as a configuration writes them: what <see cref="ConfigValues"/> reads, the other way round. Each reads back as the
/// very same value.</summary>
public static class ConfigText
{
    private static readonly (long Factor, string Unit)[] Rates = [(1_000_000_000, "Gbps"), (1_000_000, "Mbps"), (1000, "kbps")];

    private static readonly (long Milliseconds, string Unit)[] Durations = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];

    /// <summary>Bits per second in the largest unit that leaves no fraction: 100Mbps, 1500kbps.</summary>
    public static string Rate(long bitsPerSecond) => InUnits(bitsPerSecond, Rates, "bps");

    /// <summary>A DSCP by name where it has one, else by number; keep for null.</summary>
    public static string Dscp(byte? dscp) => dscp switch
    {
        null => "keep",
        46 => "ef",
        44 => "va",
        1 => "le",
        byte d and <= 56 when d % 8 == 0 => $"cs{d / 8}",
        byte d and >= 10 and <= 38 when d % 2 == 0 => $"af{d / 8}{d % 8 / 2}",
        byte d => d.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>A time, to the millisecond, in the largest unit that leaves no fraction: 5d, 90s.</summary>
    public static string Duration(TimeSpan time) => InUnits((long)time.TotalMilliseconds, Durations, "ms");

    /// <summary>A part of 1 as a percentage: 0.1%; null for none.</summary>
    public static string? Percent(double part) =>
        part == 0 ? null : ((decimal)part * 100).ToString("0.############", CultureInfo.InvariantCulture) + "%";

    /// <summary>An IP protocol by name, else by number; all for null.</summary>
    public static string Protocol(byte? protocol) => protocol switch
    {
        null => "all",
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "icmpv6",
        132 => "sctp",
        byte number => number.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>80,443,8000-8100.</summary>
    public static string Ports(IReadOnlyList<PortRange> ranges) =>
        ranges.Count == 1 ? Ports(ranges[0]) : string.Join(',', ranges.Select(Ports));

    /// <summary>10.0.0.0/8, sg:web or prefixList:branches.</summary>
    public static string Peer(PeerConfig peer) =>
        peer.Cidr?.ToString() ?? (peer.Group != null ? $"sg:{peer.Group}" : $"prefixList:{peer.PrefixList}");

    /// <summary>A route's destination: a prefix, or prefixList:branches.</summary>
    public static string Destination(RouteConfig route) =>
        route.PrefixList == null ? route.Destination.ToString() : $"prefixList:{route.PrefixList}";

    /// <summary>symmetric, microsoft, or 80 hexadecimal digits.</summary>
    public static string RssKey(ReadOnlySpan<byte> key) =>
        key.SequenceEqual(Toeplitz.SymmetricKey()) ? "symmetric"
        : key.SequenceEqual(Toeplitz.MicrosoftKey()) ? "microsoft"
        : Convert.ToHexStringLower(key);

    /// <summary>The word of a choice: its member's name in lower case.</summary>
    public static string Word<TEnum>(TEnum value)
        where TEnum : struct, Enum => value.ToString().ToLowerInvariant();

    private static string Ports(PortRange range) => range.First == range.Last ? $"{range.First}" : $"{range.First}-{range.Last}";

    private static string InUnits(long value, (long Factor, string Unit)[] units, string otherwise)
    {
        foreach ((long factor, string unit) in units)
        {
            if (value != 0 && value % factor == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{value / factor}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value}{otherwise}");
    }
}
