namespace VSwitch.Devices.Pcap;

/// <summary>What a pcapng interface block says of the packets that name it: link type, snap length, and how its timestamps are
/// to be read (draft-ietf-opsawg-pcapng section 4.2, if_tsresol and if_tsoffset).</summary>
internal readonly struct PcapngInterface
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const int MaxDecimalExponent = 38;
    private readonly UInt128 _unitsPerSecond;
    private readonly ulong _nsPerUnit;
    private readonly long _offsetSeconds;

    /// <param name="linkType">Link type.</param>
    /// <param name="snapLength">Bytes kept of a packet; 0 = all.</param>
    /// <param name="resolution">if_tsresol: a power of ten, or of two with the top bit set; 6 where the option is absent.</param>
    /// <param name="offsetSeconds">if_tsoffset.</param>
    public PcapngInterface(int linkType, uint snapLength, byte resolution, long offsetSeconds)
    {
        LinkType = linkType;
        SnapLength = snapLength;
        _offsetSeconds = offsetSeconds;
        int exponent = resolution & 0x7F;
        _unitsPerSecond = (resolution & 0x80) != 0 ? UInt128.One << exponent : Power10(exponent);
        _nsPerUnit = _unitsPerSecond <= NanosecondsPerSecond && NanosecondsPerSecond % _unitsPerSecond == 0
            ? NanosecondsPerSecond / (ulong)_unitsPerSecond : 0;
    }

    public int LinkType { get; }

    public uint SnapLength { get; }

    /// <summary>A packet's time in nanoseconds since 1970; what lies before that or beyond 2262 gives the nearest of both.</summary>
    public long ToNanoseconds(ulong units)
    {
        // Every resolution in use divides a second's nanoseconds, or is a power of two: only the latter pays the long division.
        UInt128 ns = _nsPerUnit != 0
            ? (UInt128)units * _nsPerUnit
            : (UInt128)units * NanosecondsPerSecond / _unitsPerSecond;
        Int128 total = (Int128)ns + ((Int128)_offsetSeconds * NanosecondsPerSecond);
        return (long)Int128.Clamp(total, 0, long.MaxValue);
    }

    /// <summary>Beyond what a word of 128 bits takes every time is less than a nanosecond anyway.</summary>
    private static UInt128 Power10(int exponent)
    {
        if (exponent > MaxDecimalExponent)
        {
            return UInt128.MaxValue;
        }

        UInt128 power = 1;
        for (int i = 0; i < exponent; i++)
        {
            power *= 10;
        }

        return power;
    }
}
