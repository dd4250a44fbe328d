using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>What a capture did to the packets and the network did not: frames that were cut by the snap length, and
/// checksums that the capturing host left to its network card. A test that asks for these says so by name.</summary>
public static class CaptureMend
{
    /// <summary>Frames at their length on the wire, with zeros for the bytes that were not captured.</summary>
    public static IReadOnlyList<CapturedFrame> Whole(IReadOnlyList<CapturedFrame> frames) =>
        [.. frames.Select(f => f with { Bytes = [.. f.Bytes, .. new byte[f.OriginalLength - f.Bytes.Length]] })];

    /// <summary>IPv4 header checksums, and TCP and UDP checksums of whole IPv4 packets, as the card would have filled
    /// them in. Ethernet only.</summary>
    public static IReadOnlyList<CapturedFrame> Checksums(IReadOnlyList<CapturedFrame> frames) =>
        [.. frames.Select(f => f with { Bytes = Checksums(f.Bytes) })];

    private static byte[] Checksums(byte[] bytes)
    {
        byte[] frame = [.. bytes];
        if (frame.Length < 34 || U16(frame, 12) != 0x0800)
        {
            return frame;
        }

        Span<byte> ip = frame.AsSpan(14);
        int header = (ip[0] & 15) * 4;
        int total = U16(frame, 16);
        ip[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], OnesComplement.Checksum(ip[..header]));
        bool isWhole = (U16(frame, 20) & 0x3FFF) == 0 && total <= ip.Length;
        if (isWhole && ip[9] is 6 or 17)
        {
            Span<byte> segment = ip[header..total];
            int at = ip[9] == 6 ? 16 : 6;
            segment[at..(at + 2)].Clear();
            ulong pseudo = OnesComplement.Pseudo(IpAddress.Read(ip[12..], false), IpAddress.Read(ip[16..], false),
                ip[9], segment.Length);
            ushort sum = OnesComplement.Checksum(segment, pseudo);
            BinaryPrimitives.WriteUInt16BigEndian(segment[at..], sum == 0 && ip[9] == 17 ? (ushort)0xFFFF : sum);
        }

        return frame;
    }

    private static ushort U16(byte[] b, int at) => BinaryPrimitives.ReadUInt16BigEndian(b.AsSpan(at));
}
