using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using VSwitch.Wire;

namespace VSwitch.Watching;

/// <summary>A frame in words, those that <c>vswitch trace</c> takes: "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn". Takes any bytes, also the
/// mere beginning of a frame, and says as much as they tell.</summary>
internal static class PacketWords
{
    private const int ArpBytes = 28;
    private const int Ip4Bytes = 20;
    private const int Ip6Bytes = 40;
    private const int MaxExtensions = 8;
    private static readonly (byte Bit, string Name)[] TcpFlags =
        [(2, "syn"), (16, "ack"), (1, "fin"), (4, "rst"), (8, "psh"), (32, "urg")];

    /// <summary>The words.</summary>
    public static string Of(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < EthernetView.HeaderBytes)
        {
            return $"{frame.Length} bytes, less than an Ethernet header";
        }

        ReadOnlySpan<byte> body = frame[EthernetView.HeaderBytes..];
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        return (EtherType)type switch
        {
            EtherType.Arp when body.Length >= ArpBytes => Arp(body),
            EtherType.Ipv4 when body.Length >= Ip4Bytes => Ip4(body),
            EtherType.Ipv6 when body.Length >= Ip6Bytes => Ip6(body),
            _ => $"ethertype 0x{type:x4} {MacAddress.Read(frame[6..])} > {MacAddress.Read(frame)}",
        };
    }

    private static string Arp(ReadOnlySpan<byte> arp)
    {
        int operation = BinaryPrimitives.ReadUInt16BigEndian(arp[6..]);
        IpAddress sender = IpAddress.Read(arp[14..], isV6: false);
        IpAddress target = IpAddress.Read(arp[24..], isV6: false);
        return operation switch
        {
            ArpView.Request => $"arp {sender} asks for {target}",
            ArpView.Reply => $"arp {sender} is at {MacAddress.Read(arp[8..])}, to {target}",
            _ => $"arp operation {operation} {sender} > {target}",
        };
    }

    private static string Ip4(ReadOnlySpan<byte> ip)
    {
        int header = Math.Max(Ip4Bytes, (ip[0] & 15) * 4);
        int fragment = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        int offset = (fragment & 0x1FFF) * 8;
        ReadOnlySpan<byte> l4 = offset == 0 && header <= ip.Length ? ip[header..] : default;
        string words = Transport(
            ip[9], IpAddress.Read(ip[12..], isV6: false), IpAddress.Read(ip[16..], isV6: false), l4, isV6: false);
        return (fragment & 0x3FFF) == 0 ? words : $"{words}, fragment at {offset}";
    }

    private static string Ip6(ReadOnlySpan<byte> ip)
    {
        byte next = ip[6];
        int at = Ip6Bytes;
        int offset = -1;
        for (int i = 0; next is 0 or 43 or 44 or 51 or 60 && i < MaxExtensions && at + 8 <= ip.Length && offset <= 0; i++)
        {
            ReadOnlySpan<byte> header = ip[at..];
            offset = next == 44 ? BinaryPrimitives.ReadUInt16BigEndian(header[2..]) & 0xFFF8 : offset;
            at += next == 44 ? 8 : next == 51 ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
            next = header[0];
        }

        ReadOnlySpan<byte> l4 = offset <= 0 && at <= ip.Length ? ip[at..] : default;
        string words = Transport(next, IpAddress.Read(ip[8..], isV6: true), IpAddress.Read(ip[24..], isV6: true), l4, isV6: true);
        return offset < 0 ? words : $"{words}, fragment at {offset}";
    }

    private static string Transport(byte protocol, IpAddress source, IpAddress destination, ReadOnlySpan<byte> l4, bool isV6)
    {
        string name = (IpProtocol)protocol switch
        {
            IpProtocol.Tcp => "tcp",
            IpProtocol.Udp => "udp",
            IpProtocol.Sctp => "sctp",
            IpProtocol.Icmp => "icmp",
            IpProtocol.Icmpv6 => "icmpv6",
            _ => string.Create(CultureInfo.InvariantCulture, $"proto {protocol}"),
        };
        bool hasPorts = (IpProtocol)protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp && l4.Length >= 4;
        if (hasPorts)
        {
            string from = End(source, BinaryPrimitives.ReadUInt16BigEndian(l4), isV6);
            string to = End(destination, BinaryPrimitives.ReadUInt16BigEndian(l4[2..]), isV6);
            return $"{name} {from} > {to}{(name == "tcp" && l4.Length >= 14 ? Flags(l4[13]) : "")}";
        }

        bool isMessage = (IpProtocol)protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 && l4.Length >= 2;
        return $"{name} {source} > {destination}{(isMessage ? $" {Message((IpProtocol)protocol, l4[0], l4[1])}" : "")}";
    }

    private static string End(IpAddress address, ushort port, bool isV6) =>
        string.Create(CultureInfo.InvariantCulture, $"{(isV6 ? $"[{address}]" : address.ToString())}:{port}");

    private static string Flags(byte flags)
    {
        var text = new StringBuilder();
        foreach ((byte bit, string name) in TcpFlags)
        {
            text.Append((flags & bit) != 0 ? $" {name}" : "");
        }

        return text.ToString();
    }

    private static string Message(IpProtocol protocol, byte type, byte code) => (protocol, type) switch
    {
        (IpProtocol.Icmp, 8) or (IpProtocol.Icmpv6, 128) => "echo request",
        (IpProtocol.Icmp, 0) or (IpProtocol.Icmpv6, 129) => "echo reply",
        (IpProtocol.Icmp, 3) or (IpProtocol.Icmpv6, 1) => $"unreachable, code {code}",
        (IpProtocol.Icmp, 11) or (IpProtocol.Icmpv6, 3) => $"time exceeded, code {code}",
        (IpProtocol.Icmpv6, 2) => "too big",
        (IpProtocol.Icmpv6, 133) => "router solicitation",
        (IpProtocol.Icmpv6, 134) => "router advertisement",
        (IpProtocol.Icmpv6, 135) => "neighbour solicitation",
        (IpProtocol.Icmpv6, 136) => "neighbour advertisement",
        _ => $"type {type} code {code}",
    };
}
