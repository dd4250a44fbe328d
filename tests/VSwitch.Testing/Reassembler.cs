using System.Buffers.Binary;

namespace VSwitch.Testing;

/// <summary>Puts the fragments of one datagram together (RFC 791 section 3.2, RFC 8200 section 4.5), in any order, and refuses
/// whatever a receiver would refuse: gaps, overlaps, other units than 8 bytes, headers that differ.</summary>
public static class Reassembler
{
    private const int EthernetBytes = 14;
    private const int Ip6Bytes = 40;
    private const int Fragment6Bytes = 8;

    /// <summary>The whole frame. IPv6 fragments have the fragment header alone, or as their last extension header.</summary>
    /// <exception cref="PacketAssertException">The fragments do not make a datagram.</exception>
    public static byte[] Join(IEnumerable<byte[]> frames)
    {
        List<Piece> pieces = [.. frames.Select(Read).OrderBy(piece => piece.Offset)];
        var payload = new List<byte>();
        foreach (Piece piece in pieces)
        {
            bool isLast = piece == pieces[^1];
            Require(piece.Offset == payload.Count, $"bytes {payload.Count} to {piece.Offset} are missing or twice there");
            Require(piece.More != isLast, isLast ? "the last fragment says that more follow" : "a fragment too many ends the datagram");
            Require(isLast || piece.Payload.Length % 8 == 0, $"{piece.Payload.Length} bytes are no whole units");
            Require(piece.Name == pieces[0].Name, "addresses, identification or TTL differ");
            payload.AddRange(piece.Payload);
        }

        byte[] head = pieces[0].Head;
        byte[] whole = [.. head, .. payload];
        if (head[12] == 0x86)
        {
            BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(18), (ushort)(whole.Length - EthernetBytes - Ip6Bytes));
            return whole;
        }

        int header = head.Length - EthernetBytes;
        BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(16), (ushort)(whole.Length - EthernetBytes));
        whole.AsSpan(20, 2).Clear();
        whole.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(24), OnesComplement.Checksum(whole.AsSpan(EthernetBytes, header)));
        return whole;
    }

    private static Piece Read(byte[] frame)
    {
        PacketAssert.IsValid(frame);
        if (frame[12] == 0x86)
        {
            Require(frame[20] == 44, "the fragment header is not the first header");
            int field6 = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(EthernetBytes + Ip6Bytes + 2));
            byte[] head6 = frame[..(EthernetBytes + Ip6Bytes)];
            head6[20] = frame[EthernetBytes + Ip6Bytes];
            string name6 = Convert.ToHexString(frame, 21, 33) + Convert.ToHexString(frame, EthernetBytes + Ip6Bytes + 4, 4);
            return new Piece(field6 & 0xFFF8, (field6 & 1) != 0, head6, frame[(EthernetBytes + Ip6Bytes + Fragment6Bytes)..], name6);
        }

        int header = (frame[14] & 15) * 4;
        int field = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(20));
        string name = Convert.ToHexString(frame, 18, 2) + Convert.ToHexString(frame, 22, 2) + Convert.ToHexString(frame, 26, 8);
        return new Piece((field & 0x1FFF) * 8, (field & 0x2000) != 0, frame[..(EthernetBytes + header)], frame[(EthernetBytes + header)..], name);
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new PacketAssertException($"these fragments make no datagram: {otherwise}");
        }
    }

    private sealed record Piece(int Offset, bool More, byte[] Head, byte[] Payload, string Name);
}
