using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>Puts the lab's addresses in place of a capture's: in the IP header, in what an ICMP error quotes, in ARP
/// and in neighbour discovery. Checksums follow the change and nothing else, so a wrong one stays wrong; all other
/// bytes stay.</summary>
public sealed class BodyRewriter(LabHosts hosts)
{
    private static readonly byte[] ReplyTypes4 = [0, 14, 16, 18, 43];

    /// <summary>Ends of the packet that was rewritten last; null where there is none.</summary>
    public (LabHost? Source, LabHost? Destination) Ends { get; private set; }

    /// <summary>A copy of a body with the lab's addresses as <paramref name="view"/> has them.</summary>
    public byte[] Rewrite(LinkLayer link, LabView view)
    {
        byte[] body = [.. link.Body];
        Ends = default;
        switch (link.EtherType)
        {
            case 0x0800:
                Ends = V4(body, view, null);
                break;
            case 0x86DD:
                Ends = V6(body, view, null, link);
                break;
            case 0x0806:
                Ends = Arp(body, view, link);
                break;
        }

        return body;
    }

    private (LabHost? Source, LabHost? Destination) V4(Span<byte> p, LabView view, WordEdit? around)
    {
        if (p.Length < 20 || p[0] >> 4 != 4)
        {
            return default;
        }

        int header = (p[0] & 15) * 4;
        bool isFirst = header >= 20 && (U16(p, 6) & 0x1FFF) == 0;
        ReadOnlySpan<byte> transport = isFirst && header <= p.Length ? p[header..] : default;
        (LabHost?, LabHost?) ends = EndsOf(IpAddress.Read(p[12..], false), IpAddress.Read(p[16..], false), p[9],
            transport);
        var edit = new WordEdit();
        PutAddress(p, 12, ends.Item1, view, edit, false);
        PutAddress(p, 16, ends.Item2, view, edit, false);
        around?.Add(edit);
        edit.Mend(p, 10, isUdp: false, around);
        if (isFirst && p[9] is 6 or 17)
        {
            if (around is null)
            {
                ClientHardwareAddress(p, header, edit);
            }

            edit.Mend(p, header + (p[9] == 6 ? 16 : 6), isUdp: p[9] == 17, around);
        }
        else if (isFirst && p[9] == 1 && around is null && p.Length > header + 8 && p[header] is 3 or 4 or 5 or 11 or 12)
        {
            var quote = new WordEdit();
            V4(p[(header + 8)..], view, quote);
            quote.Mend(p, header + 2, isUdp: false);
        }

        return ends;
    }

    /// <summary>chaddr of a BOOTP message (RFC 2131 2), which must be the sender's MAC wherever it goes.</summary>
    private void ClientHardwareAddress(Span<byte> p, int header, WordEdit edit)
    {
        const int ChaddrOffset = 8 + 28;
        int at = header + ChaddrOffset;
        if (p[9] == 17 && p.Length >= at + 6 && U16(p, header) + U16(p, header + 2) == 67 + 68)
        {
            edit.Put(p, at, OnesComplement.BytesOf(hosts.OfMac(MacAddress.Read(p[at..])).Mac));
        }
    }

    private (LabHost? Source, LabHost? Destination) V6(Span<byte> p, LabView view, WordEdit? around, LinkLayer link)
    {
        if (p.Length < 40 || p[0] >> 4 != 6)
        {
            return default;
        }

        (byte protocol, int at) = Transport6(p);
        ReadOnlySpan<byte> transport = at > 0 && at <= p.Length ? p[at..] : default;
        (LabHost?, LabHost?) ends = EndsOf(IpAddress.Read(p[8..], true), IpAddress.Read(p[24..], true), protocol,
            transport);
        var edit = new WordEdit();
        PutAddress(p, 8, ends.Item1, view, edit, true);
        PutAddress(p, 24, ends.Item2, view, edit, true);
        around?.Add(edit);
        if (at < 0)
        {
            return ends;
        }

        if (protocol is 6 or 17)
        {
            edit.Mend(p, at + (protocol == 6 ? 16 : 6), isUdp: protocol == 17, around);
        }
        else if (protocol == 58 && p.Length > at)
        {
            if (around is null && p[at] is >= 1 and <= 4 && p.Length > at + 8)
            {
                V6(p[(at + 8)..], view, edit, link);
            }
            else if (p[at] is >= 133 and <= 136)
            {
                Neighbors6(p, at, view, edit, ends.Item1 ?? hosts.OfMac(link.Source));
            }

            edit.Mend(p, at + 2, isUdp: false, around);
        }

        return ends;
    }

    /// <summary>Protocol and offset of the transport header; offset -1 in a later fragment or behind a cut
    /// chain.</summary>
    private static (byte Protocol, int Offset) Transport6(ReadOnlySpan<byte> p)
    {
        byte next = p[6];
        int at = 40;
        while (next is 0 or 43 or 44 or 60)
        {
            if (at + 8 > p.Length || (next == 44 && (U16(p, at + 2) & 0xFFF8) != 0))
            {
                return (next, -1);
            }

            int size = next == 44 ? 8 : (p[at + 1] + 1) * 8;
            next = p[at];
            at += size;
        }

        return (next, at);
    }

    /// <summary>Target and link-layer address options (RFC 4861 4).</summary>
    private void Neighbors6(Span<byte> p, int at, LabView view, WordEdit edit, LabHost sender)
    {
        bool hasTarget = p[at] is 135 or 136;
        int option = at + (p[at] switch { 133 => 8, 134 => 16, _ => 24 });
        LabHost? target = null;
        if (hasTarget && p.Length >= at + 24)
        {
            target = hosts.Of(IpAddress.Read(p[(at + 8)..], true), -1);
            PutAddress(p, at + 8, target, view, edit, true);
        }

        while (option + 8 <= p.Length && p[option + 1] > 0)
        {
            LabHost? holder = p[option] switch { 1 => sender, 2 => target, _ => null };
            if (holder is not null && p[option + 1] == 1)
            {
                edit.Put(p, option + 2, OnesComplement.BytesOf(holder.Mac));
            }

            option += p[option + 1] * 8;
        }
    }

    private (LabHost? Source, LabHost? Destination) Arp(Span<byte> p, LabView view, LinkLayer link)
    {
        if (p.Length < 28 || p[4] != 6 || p[5] != 4)
        {
            return default;
        }

        LabHost? sender = hosts.Of(IpAddress.Read(p[14..], false), -1);
        LabHost? target = hosts.Of(IpAddress.Read(p[24..], false), -1);
        var edit = new WordEdit();
        PutAddress(p, 14, sender, view, edit, false);
        PutAddress(p, 24, target, view, edit, false);
        if (sender is not null && MacAddress.Read(p[8..]) == link.Source)
        {
            edit.Put(p, 8, OnesComplement.BytesOf(sender.Mac));
        }

        if (target is not null && MacAddress.Read(p[18..]).Value is not 0 and not 0xFFFF_FFFF_FFFF)
        {
            edit.Put(p, 18, OnesComplement.BytesOf(target.Mac));
        }

        return (sender, target);
    }

    private (LabHost? Source, LabHost? Destination) EndsOf(IpAddress source, IpAddress destination, byte protocol,
        ReadOnlySpan<byte> transport)
    {
        if (source != destination)
        {
            return (hosts.Of(source, -1), hosts.Of(destination, -1));
        }

        bool isSecond = protocol is 6 or 17 or 132
            ? transport.Length >= 4 && U16(transport, 0) < U16(transport, 2)
            : transport.Length >= 1 && (source.IsV6 ? transport[0] == 129 : ReplyTypes4.Contains(transport[0]));
        return (hosts.Of(source, isSecond ? 1 : 0), hosts.Of(destination, isSecond ? 0 : 1));
    }

    private static void PutAddress(Span<byte> p, int at, LabHost? host, LabView view, WordEdit edit, bool isV6)
    {
        if (host is null)
        {
            return;
        }

        Span<byte> bytes = stackalloc byte[16];
        IpAddress address = host.Address(IpAddress.Read(p[at..], isV6), view);
        address.Write(bytes);
        edit.Put(p, at, bytes[..(isV6 ? 16 : 4)]);
    }

    private static ushort U16(ReadOnlySpan<byte> p, int at) => BinaryPrimitives.ReadUInt16BigEndian(p[at..]);
}
