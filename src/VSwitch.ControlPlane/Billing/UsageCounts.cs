namespace VSwitch.ControlPlane.Billing;

/// <summary>What an EIP counted in one direction, in IP packets and their bytes (IP header included, Ethernet header not).</summary>
/// <param name="Packets">Packets forwarded: what is billed.</param>
/// <param name="Bytes">Bytes of them.</param>
/// <param name="DroppedPackets">Packets over the bandwidth, dropped: never billed.</param>
/// <param name="DroppedBytes">Bytes of them.</param>
public readonly record struct UsageWay(long Packets, long Bytes, long DroppedPackets, long DroppedBytes)
{
    /// <summary>Both together.</summary>
    public static UsageWay operator +(UsageWay a, UsageWay b) =>
        new(a.Packets + b.Packets, a.Bytes + b.Bytes, a.DroppedPackets + b.DroppedPackets, a.DroppedBytes + b.DroppedBytes);

    /// <summary>What came since.</summary>
    public static UsageWay operator -(UsageWay a, UsageWay b) =>
        new(a.Packets - b.Packets, a.Bytes - b.Bytes, a.DroppedPackets - b.DroppedPackets, a.DroppedBytes - b.DroppedBytes);

    /// <summary>The larger of each number: what never falls.</summary>
    public static UsageWay Max(UsageWay a, UsageWay b) => new(
        Math.Max(a.Packets, b.Packets), Math.Max(a.Bytes, b.Bytes), Math.Max(a.DroppedPackets, b.DroppedPackets), Math.Max(a.DroppedBytes, b.DroppedBytes));
}

/// <summary>What an EIP counted both ways.</summary>
/// <param name="Sent">From its holder to the outside.</param>
/// <param name="Received">From the outside to its holder.</param>
public readonly record struct UsageCounts(UsageWay Sent, UsageWay Received)
{
    private const int Numbers = 8;

    /// <summary>Both together.</summary>
    public static UsageCounts operator +(UsageCounts a, UsageCounts b) => new(a.Sent + b.Sent, a.Received + b.Received);

    /// <summary>What came since.</summary>
    public static UsageCounts operator -(UsageCounts a, UsageCounts b) => new(a.Sent - b.Sent, a.Received - b.Received);

    /// <summary>The larger of each number: what never falls.</summary>
    public static UsageCounts Max(UsageCounts a, UsageCounts b) => new(UsageWay.Max(a.Sent, b.Sent), UsageWay.Max(a.Received, b.Received));

    /// <summary>The eight numbers in the order of the ledger: sent packets, bytes, dropped packets, dropped bytes; received the same.
    /// </summary>
    internal long[] ToArray() =>
    [
        Sent.Packets, Sent.Bytes, Sent.DroppedPackets, Sent.DroppedBytes,
        Received.Packets, Received.Bytes, Received.DroppedPackets, Received.DroppedBytes,
    ];

    /// <summary>The other way round; null when these are not eight numbers from 0.</summary>
    internal static UsageCounts? Of(long[]? n) => n?.Length == Numbers && n.All(v => v >= 0)
        ? new UsageCounts(new UsageWay(n[0], n[1], n[2], n[3]), new UsageWay(n[4], n[5], n[6], n[7])) : null;
}
