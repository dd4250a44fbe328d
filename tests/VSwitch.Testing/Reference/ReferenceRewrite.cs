using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>The copy of a frame that goes on: padding cut off, and for a routed one new MACs, TTL and addresses.</summary>
internal static class ReferenceRewrite
{
    /// <summary>A switched frame: nothing but the padding changes.</summary>
    public static byte[] Switched(ReferencePacket packet) => packet.Frame[..packet.End];

    /// <summary>A routed frame. The checksums are mended by RFC 1624 and so stay wrong by what they were wrong.</summary>
    public static byte[] Routed(ReferencePacket packet, MacAddress to, MacAddress from, IpAddress source, IpAddress destination)
    {
        byte[] frame = packet.Frame[..packet.End];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        if (packet.IsV6)
        {
            frame[21]--;
            return frame;
        }

        int oldTtlWord = packet.U16(22);
        frame[22]--;
        var addresses = OnesComplement.Changes(packet.Source, source)
            .Concat(OnesComplement.Changes(packet.Destination, destination)).ToList();
        Mend(frame, 24, [((ushort)oldTtlWord, (ushort)(oldTtlWord - 0x100)), .. addresses]);
        source.Write(frame.AsSpan(26));
        destination.Write(frame.AsSpan(30));
        bool isTranslated = source != packet.Source || destination != packet.Destination;
        if (isTranslated && !packet.IsLaterFragment)
        {
            MendTransport(frame, packet.Protocol, packet.L4, packet.End, addresses);
        }

        return frame;
    }

    /// <summary>Translates the addresses in an IPv4 error's quote and mends the quoted checksums and the error's own.</summary>
    public static void TranslateQuote(byte[] frame, ReferencePacket error, ReferenceQuote quote, IpAddress source, IpAddress destination)
    {
        if (source == quote.Source && destination == quote.Destination)
        {
            return;
        }

        var addresses = OnesComplement.Changes(quote.Source, source)
            .Concat(OnesComplement.Changes(quote.Destination, destination)).ToList();
        List<(ushort Old, ushort New)> changes = [.. addresses];
        source.Write(frame.AsSpan(quote.Start + 12));
        destination.Write(frame.AsSpan(quote.Start + 16));
        changes.Add(Mend(frame, quote.Start + 10, addresses));
        if (MendTransport(frame, quote.Protocol, quote.L4, quote.End, addresses) is { } transport)
        {
            changes.Add(transport);
        }

        Mend(frame, error.L4 + 2, changes);
    }

    /// <summary>Writes a DSCP (RFC 2474): the upper six bits of IPv4's type of service or of IPv6's traffic class.</summary>
    public static void Mark(byte[] frame, bool isV6, byte dscp)
    {
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(14));
        ushort mask = isV6 ? (ushort)0x0FC0 : (ushort)0x00FC;
        ushort marked = (ushort)((old & ~mask) | (dscp << (isV6 ? 6 : 2)));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), marked);
        if (!isV6)
        {
            Mend(frame, 24, [(old, marked)]);
        }
    }

    private static (ushort Old, ushort New)? MendTransport(byte[] frame, byte protocol, int l4, int end,
        List<(ushort Old, ushort New)> changes)
    {
        int at = protocol switch { 6 => l4 + 16, 17 => l4 + 6, _ => end };
        bool isThere = at + 2 <= end;
        bool isWithout = isThere && protocol == 17 && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at)) == 0;
        if (!isThere || isWithout)
        {
            return null;
        }

        (ushort old, ushort mended) = Mend(frame, at, changes);
        if (protocol == 17 && mended == 0)
        {
            mended = 0xFFFF;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), mended);
        }

        return (old, mended);
    }

    private static (ushort Old, ushort New) Mend(byte[] frame, int at, IEnumerable<(ushort Old, ushort New)> changes)
    {
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));
        ushort mended = OnesComplement.Update(old, changes);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), mended);
        return (old, mended);
    }
}

/// <summary>The packet that an ICMP error quotes.</summary>
internal sealed record ReferenceQuote(int Start, int L4, int End, byte Protocol, IpAddress Source, IpAddress Destination,
    bool IsLaterFragment)
{
    private const int MaxExtensionHeaders = 8;

    /// <summary>Reads the quote; null when it holds less than an IP header and 8 bytes.</summary>
    public static ReferenceQuote? Read(ReferencePacket error)
    {
        byte[] bytes = error.Frame;
        int at = error.L4 + 8;
        int end = LengthOf(error) is > 0 and var length ? Math.Min(error.End, at + length) : error.End;
        return error.IsV6 ? ReadV6(bytes, at, end) : ReadV4(bytes, at, end);
    }

    /// <summary>The length field of an error that may have extensions behind its quote, bytes (RFC 4884 section 5); 0 without.
    /// </summary>
    private static int LengthOf(ReferencePacket error) => (error.IsV6, error.IcmpType) switch
    {
        (false, 3 or 11 or 12) => error.Frame[error.L4 + 5] * 4,
        (true, 1 or 3) => error.Frame[error.L4 + 4] * 8,
        _ => 0,
    };

    private static ReferenceQuote? ReadV4(byte[] bytes, int at, int end)
    {
        if (at + 20 > end || bytes[at] >> 4 != 4)
        {
            return null;
        }

        int header = (bytes[at] & 15) * 4;
        int quotedEnd = Math.Min(end, at + ((bytes[at + 2] << 8) | bytes[at + 3]));
        bool isLater = (((bytes[at + 6] << 8) | bytes[at + 7]) & 0x1FFF) != 0;
        return header < 20 || at + header + 8 > end || !OnesComplement.IsRight(bytes.AsSpan(at, header))
            ? null
            : new ReferenceQuote(
                at, at + header, quotedEnd, bytes[at + 9], IpAddress.Read(bytes.AsSpan(at + 12), isV6: false),
                IpAddress.Read(bytes.AsSpan(at + 16), isV6: false), isLater);
    }

    private static ReferenceQuote? ReadV6(byte[] bytes, int at, int end)
    {
        if (at + 40 > end || bytes[at] >> 4 != 6)
        {
            return null;
        }

        int quotedEnd = Math.Min(end, at + 40 + ((bytes[at + 4] << 8) | bytes[at + 5]));
        if (ReferenceExtensions.Walk(bytes, at + 40, end, bytes[at + 6], MaxExtensionHeaders) is not { } found ||
            found.TransportAt + 8 > end)
        {
            return null;
        }

        return new ReferenceQuote(
            at, found.TransportAt, quotedEnd, found.Protocol, IpAddress.Read(bytes.AsSpan(at + 8), isV6: true),
            IpAddress.Read(bytes.AsSpan(at + 24), isV6: true), found.FragmentOffset != 0);
    }
}
