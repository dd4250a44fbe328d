using VSwitch.Devices.Pcap;

namespace VSwitch.Testing.Captures;

/// <summary>One record of a capture file, kept.</summary>
/// <param name="TimestampNs">Nanoseconds since 1970.</param>
/// <param name="LinkType">tcpdump.org/linktypes; 1 = Ethernet.</param>
/// <param name="Bytes">Captured bytes.</param>
/// <param name="OriginalLength">Bytes that were on the wire.</param>
public sealed record CapturedFrame(long TimestampNs, int LinkType, byte[] Bytes, long OriginalLength)
{
    /// <summary>All records of a file, up to what the reader refuses.</summary>
    public static IReadOnlyList<CapturedFrame> Read(string path, out string? error)
    {
        using CaptureReader reader = CaptureReader.Open(path);
        var frames = new List<CapturedFrame>();
        while (reader.TryReadNext(out CaptureRecord r))
        {
            frames.Add(new CapturedFrame(r.TimestampNs, r.LinkType, r.Bytes.ToArray(), r.OriginalLength));
        }

        error = reader.Error;
        return frames;
    }
}
