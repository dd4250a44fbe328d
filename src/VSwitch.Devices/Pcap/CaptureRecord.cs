namespace VSwitch.Devices.Pcap;

/// <summary>One record of a capture file. The bytes are valid until the next record is read.</summary>
public readonly ref struct CaptureRecord
{
    /// <summary>Captured bytes; none for a record of length zero, which is delivered like any other.</summary>
    public ReadOnlySpan<byte> Bytes { get; init; }

    /// <summary>Nanoseconds since 1970, UTC, never negative. Seconds are unsigned, so pcap reaches 2106. A fraction of a second
    /// and more, which pcap can hold but not mean, is taken for the last of its second: a damaged one could put time an hour
    /// ahead, and a replay as recorded would wait for it. A record without a time (pcapng's simple packet block) has the time
    /// of the record before it, 0 when there is none.</summary>
    public long TimestampNs { get; init; }

    /// <summary>Bytes that were on the wire, as the file says.</summary>
    public long OriginalLength { get; init; }

    /// <summary>Link type (1 = Ethernet) of the interface it was captured on.</summary>
    public int LinkType { get; init; }

    /// <summary>pcapng interface number within its section; 0 in pcap.</summary>
    public int InterfaceId { get; init; }

    /// <summary>pcapng comment, UTF-8; empty when there is none.</summary>
    public ReadOnlySpan<byte> Comment { get; init; }

    /// <summary>Which way the frame went, as pcapng may tell.</summary>
    public CaptureDirection Direction { get; init; }

    /// <summary>Packets of the interface that were lost since the one before, as pcapng may tell.</summary>
    public long LostBefore { get; init; }

    /// <summary>Whether the capture kept only the frame's beginning (snap length).</summary>
    public bool IsCut => Bytes.Length < OriginalLength;
}
