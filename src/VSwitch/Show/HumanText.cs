using System.Globalization;

namespace VSwitch.Show;

/// <summary>Numbers as people read them; <c>--json</c> has them exact.</summary>
internal static class HumanText
{
    private static readonly string[] Prefixes = ["", "k", "M", "G", "T", "P"];

    /// <summary>Bits per second: 1.2 Gbit/s.</summary>
    public static string Rate(double bitsPerSecond) => Scaled(bitsPerSecond, "bit/s");

    /// <summary>Packets per second: 1.2 Mpps.</summary>
    public static string PacketRate(double perSecond) => Scaled(perSecond, "pps");

    /// <summary>Bytes, in powers of 1000: 1.2 GB.</summary>
    public static string Bytes(double bytes) => Scaled(bytes, "B");

    /// <summary>A number where the unit stands elsewhere: 1.2G.</summary>
    public static string Short(double value) => Scaled(value, "").Replace(" ", "", StringComparison.Ordinal);

    /// <summary>A time: 350 ms, 12 s, 5 min, 2.5 h, 3.1 d.</summary>
    public static string Time(double seconds) => seconds switch
    {
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0} ms"),
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min"),
        < 172_800 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.#} h"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 86_400:0.#} d"),
    };

    private static string Scaled(double value, string unit)
    {
        int step = 0;
        // 999.95 would be written as 1000.0.
        while (Math.Abs(value) >= 999.95 && step < Prefixes.Length - 1)
        {
            value /= 1000;
            step++;
        }

        string number = value.ToString(step == 0 || Math.Abs(value) >= 99.95 ? "0" : "0.0", CultureInfo.InvariantCulture);
        return $"{number} {Prefixes[step]}{unit}";
    }
}
