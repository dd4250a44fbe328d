namespace VSwitch.Devices.Faults;

/// <summary>What one direction of a wire does to frames. The default does nothing. Chances are parts of 1.</summary>
/// <remarks>The order: loss, duplication, corruption, then the queue of <see cref="Limit"/> frames, which empties at
/// <see cref="BitsPerSecond"/>, then the delay.</remarks>
public sealed record LineFaults
{
    /// <summary>No fault.</summary>
    public static readonly LineFaults None = new();

    /// <summary>Frames that a line holds at most, unless said otherwise.</summary>
    public const int DefaultLimit = 1000;

    /// <summary>Most frames that a line may hold.</summary>
    public const int MostFrames = 4096;

    /// <summary>How long every frame is on its way, nanoseconds.</summary>
    public long DelayNs { get; init; }

    /// <summary>Up to so much more or less, evenly spread, nanoseconds. Frames stay in order, as on a wire.</summary>
    public long JitterNs { get; init; }

    /// <summary>Frames lost.</summary>
    public double Loss { get; init; }

    /// <summary>Frames that go at once, and so before others which are still delayed.</summary>
    public double Reorder { get; init; }

    /// <summary>Frames that come twice.</summary>
    public double Duplicate { get; init; }

    /// <summary>Frames with one bit flipped, anywhere in the frame.</summary>
    public double Corrupt { get; init; }

    /// <summary>Bits of frames (Ethernet header included, FCS not) that pass a second; 0 = no limit.</summary>
    public long BitsPerSecond { get; init; }

    /// <summary>Frames that are on their way at most; one more is lost.</summary>
    public int Limit { get; init; } = DefaultLimit;

    /// <summary>True when frames pass as they are, at once.</summary>
    public bool IsNone => this with { Limit = DefaultLimit } == None;
}

/// <summary>What a line did to frames so far.</summary>
/// <param name="Passed">Frames that came out at the other end, doubles included.</param>
/// <param name="Lost">Frames lost by chance.</param>
/// <param name="Overflowed">Frames lost because as many as may be were on their way, or the device took no more.</param>
/// <param name="Duplicated">Frames that came once more.</param>
/// <param name="Corrupted">Frames with a bit flipped.</param>
/// <param name="Reordered">Frames that were sent ahead of others.</param>
public readonly record struct LineCounts(long Passed, long Lost, long Overflowed, long Duplicated, long Corrupted, long Reordered);
