using System.Buffers.Binary;
using VSwitch.Devices.Pcap;

namespace VSwitch.Tests.Devices;

/// <summary>Capture files in memory: written by the writers, or composed by hand where a writer gives no such thing.</summary>
internal static class CaptureImages
{
    public const string Name = "image";

    /// <summary>Frames of 0 to 59 bytes, so that a record without bytes is among them.</summary>
    public static byte[] Frame(int i) => [.. Enumerable.Range(0, i % 60).Select(b => (byte)(b + i))];

    public static long TimeOf(int i) => 1_700_000_000_123_456_789 + (i * 1_000_001L);

    public static byte[] Pcap(int count)
    {
        var stream = new MemoryStream();
        using (var writer = new PcapWriter(Name, stream))
        {
            for (int i = 0; i < count; i++)
            {
                writer.Write(Frame(i), TimeOf(i), Frame(i).Length + (i % 3));
            }
        }

        return stream.ToArray();
    }

    public static byte[] Pcapng(int count)
    {
        var stream = new MemoryStream();
        using (var writer = new PcapngWriter(Name, stream, ["internet", "vm1"]))
        {
            for (int i = 0; i < count; i++)
            {
                writer.Write(i % 2, Frame(i), TimeOf(i), i % 4 == 0 ? null : $"comment {i}", (CaptureDirection)(i % 3), Frame(i).Length + (i % 3));
            }
        }

        return stream.ToArray();
    }

    public static byte[] Of(bool isNg, int count) => isNg ? Pcapng(count) : Pcap(count);

    /// <summary>Offsets at which a whole file of either format may end without being cut.</summary>
    public static HashSet<long> Ends(byte[] image, bool isNg)
    {
        var ends = new HashSet<long>();
        int at = isNg ? 0 : 24;
        while (at < image.Length)
        {
            ends.Add(at);
            at += isNg
                ? BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(at + 4))
                : 16 + BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan(at + 8));
        }

        ends.Add(at);
        return ends;
    }

    public static CaptureReader Open(byte[] image) => CaptureReader.Open(Name, new MemoryStream(image));

    /// <summary>A classic header in either byte order.</summary>
    public static byte[] PcapHeader(uint magic, bool isBig, uint linkType = 1) =>
        [.. U32(magic, isBig), .. U16(2, isBig), .. U16(4, isBig), .. new byte[8], .. U32(65535, isBig), .. U32(linkType, isBig)];

    public static byte[] PcapRecord(bool isBig, uint seconds, uint fraction, byte[] bytes, uint original) =>
        [.. U32(seconds, isBig), .. U32(fraction, isBig), .. U32((uint)bytes.Length, isBig), .. U32(original, isBig), .. bytes];

    public static byte[] Block(bool isBig, uint type, params byte[][] parts)
    {
        byte[] body = [.. parts.SelectMany(p => p)];
        body = [.. body, .. new byte[-body.Length & 3]];
        uint length = (uint)body.Length + 12;
        return [.. U32(type, isBig), .. U32(length, isBig), .. body, .. U32(length, isBig)];
    }

    public static byte[] Section(bool isBig) =>
        Block(isBig, 0x0A0D0D0A, U32(0x1A2B3C4D, isBig), U16(1, isBig), U16(0, isBig), U64(ulong.MaxValue, isBig));

    public static byte[] Interface(bool isBig, ushort linkType, uint snap, params byte[][] options) =>
        Block(isBig, 1, [U16(linkType, isBig), U16(0, isBig), U32(snap, isBig), .. options]);

    public static byte[] Option(bool isBig, ushort code, params byte[] value) =>
        [.. U16(code, isBig), .. U16((ushort)value.Length, isBig), .. value, .. new byte[-value.Length & 3]];

    public static byte[] Packet(bool isBig, uint id, ulong time, byte[] bytes, uint original) => Block(
        isBig, 6, U32(id, isBig), U32((uint)(time >> 32), isBig), U32((uint)time, isBig), U32((uint)bytes.Length, isBig),
        U32(original, isBig), bytes);

    public static byte[] U16(ushort value, bool isBig) => Ordered(BitConverter.GetBytes(value), isBig);

    public static byte[] U32(uint value, bool isBig) => Ordered(BitConverter.GetBytes(value), isBig);

    public static byte[] U64(ulong value, bool isBig) => Ordered(BitConverter.GetBytes(value), isBig);

    private static byte[] Ordered(byte[] little, bool isBig)
    {
        if (isBig == BitConverter.IsLittleEndian)
        {
            Array.Reverse(little);
        }

        return little;
    }
}
