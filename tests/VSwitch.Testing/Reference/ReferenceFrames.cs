using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Frames that the switch makes itself, byte by byte as the order of checks has them.</summary>
internal static class ReferenceFrames
{
    private const int QuoteBytes4 = 576 - 20 - 8;
    private const int QuoteBytes6 = 1280 - 40 - 8;
    private const byte InternetControl = 0xC0;

    /// <summary>An ARP answer to the frame that asked.</summary>
    public static byte[] ArpAnswer(byte[] request, MacAddress mac)
    {
        byte[] answer = [.. request[6..12], .. OnesComplement.BytesOf(mac), .. request[12..20], 0, 2,
            .. OnesComplement.BytesOf(mac), .. request[38..42], .. request[22..32]];
        return answer;
    }

    public static byte[] ArpRequest(MacAddress mac, IpAddress own, IpAddress target) => Frames.ArpRequest(mac, own, target);

    public static byte[] Solicitation(MacAddress mac, IpAddress own, IpAddress target) => Frames.Solicitation(mac, own, target);

    /// <summary>The question to one neighbour whether it still has its address.</summary>
    public static byte[] Unicast(MacAddress mac, IpAddress own, IpAddress target, MacAddress targetMac) => target.IsV6
        ? PacketBuilder.Eth(mac, targetMac).IPv6(own, target, ip => ip with { HopLimit = 255 }).NeighborSolicitation(target, mac).Build()
        : PacketBuilder.Eth(mac, targetMac).Arp(new ArpLayer(1, mac, own, default, target)).Build();

    /// <summary>A neighbour advertisement for the target of a solicitation.</summary>
    public static byte[] Advertisement(ReferencePacket asked, IpAddress target, MacAddress mac, bool isRouter)
    {
        bool isAnonymous = asked.Source.IsUnspecified;
        IpAddress to = isAnonymous ? IpAddress.Parse("ff02::1") : asked.Source;
        MacAddress toMac = isAnonymous ? new MacAddress(0x3333_0000_0001) : asked.SourceMac;
        int flags = (isRouter ? 0x80 : 0) | (isAnonymous ? 0 : 0x40) | 0x20;
        byte[] body =
            [136, 0, 0, 0, (byte)flags, 0, 0, 0, .. OnesComplement.BytesOf(target), 2, 1, .. OnesComplement.BytesOf(mac)];
        return V6(toMac, mac, 0, 255, target, to, body);
    }

    /// <summary>The answer to an echo request that was sent to the router.</summary>
    public static byte[] EchoAnswer(ReferencePacket request, MacAddress mac)
    {
        byte[] message = request.Frame[request.L4..request.End];
        message[0] = (byte)(request.IsV6 ? 129 : 0);
        if (!request.IsV6)
        {
            return V4(request.SourceMac, mac, request.Frame[15], 255, request.Destination, request.Source, message);
        }

        byte trafficClass = (byte)(request.U16(14) >> 4);
        return V6(request.SourceMac, mac, trafficClass, 255, request.Destination, request.Source, message);
    }

    /// <summary>The reset for a client of an EIP's former holder.</summary>
    public static byte[] DriftReset(ReferencePacket about, MacAddress mac) => PacketBuilder.Eth(mac, about.SourceMac)
        .IPv4(about.Destination, about.Source, ip => ip with { Ttl = 64, DontFragment = true })
        .Tcp((ushort)about.U16(about.L4 + 2), (ushort)about.U16(about.L4), TcpBits.Rst, tcp => tcp with
        {
            Sequence = (uint)((about.U16(about.L4 + 8) << 16) | about.U16(about.L4 + 10)),
            Window = 0,
        }).Build();

    /// <summary>An error of the router about a packet, to who sent it.</summary>
    /// <param name="about">The packet.</param>
    /// <param name="mac">The router's MAC on that port.</param>
    /// <param name="from">The router's address there.</param>
    /// <param name="error">Type, code and second word.</param>
    public static byte[] Error(ReferencePacket about, MacAddress mac, IpAddress from, ReferenceError error)
    {
        int quote = Math.Min(about.IpLength, about.IsV6 ? QuoteBytes6 : QuoteBytes4);
        byte[] message = [error.Type, error.Code, 0, 0, 0, 0, 0, 0, .. about.Frame[14..(14 + quote)]];
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), (uint)error.Rest);
        return about.IsV6
            ? V6(about.SourceMac, mac, 0, 64, from, about.Source, message)
            : V4(about.SourceMac, mac, InternetControl, 64, from, about.Source, message);
    }

    /// <summary>An IPv4 frame in fragments that an MTU lets through; options that are not to be copied become no-operation
    /// in all but the first (RFC 791 3.1).</summary>
    public static IEnumerable<byte[]> Cut(byte[] frame, int mtuBytes)
    {
        int begin = 14 + ((frame[14] & 15) * 4);
        int word = (frame[20] << 8) | frame[21];
        byte[] options = frame[34..begin];
        for (int at = begin; at < frame.Length;)
        {
            int header = 20 + options.Length;
            int room = mtuBytes - header;
            int length = frame.Length - at <= room ? frame.Length - at : room / 8 * 8;
            bool isLast = at + length == frame.Length && (word & 0x2000) == 0;
            byte[] piece = [.. frame[..34], .. options, .. frame[at..(at + length)]];
            piece[14] = (byte)(0x40 | (header / 4));
            Put16(piece, 16, header + length);
            Put16(piece, 20, (word & 0xC000) | (isLast ? 0 : 0x2000) | ((word & 0x1FFF) + ((at - begin) / 8)));
            Put16(piece, 24, 0);
            Put16(piece, 24, OnesComplement.Checksum(piece.AsSpan(14, header)));
            yield return piece;
            at += length;
            options = CopiedOptions(frame.AsSpan(34, begin - 34));
        }
    }

    /// <summary>The options that every fragment carries (RFC 791, copied flag), filled up to whole words.</summary>
    private static byte[] CopiedOptions(ReadOnlySpan<byte> options)
    {
        List<byte> copied = [];
        while (options.Length > 0 && options[0] != 0)
        {
            int length = options[0] == 1 ? 1 : options.Length > 1 ? options[1] : 0;
            if (length > options.Length || (options[0] != 1 && length < 2))
            {
                break;
            }

            if ((options[0] & 0x80) != 0)
            {
                copied.AddRange(options[..length]);
            }

            options = options[length..];
        }

        return [.. copied, .. new byte[(4 - (copied.Count % 4)) % 4]];
    }

    private static byte[] V4(MacAddress to, MacAddress from, byte tos, byte ttl, IpAddress source, IpAddress destination, byte[] message)
    {
        Put16(message, 2, 0);
        Put16(message, 2, OnesComplement.Checksum(message));
        byte[] header = new byte[20];
        (header[0], header[1], header[8], header[9]) = (0x45, tos, ttl, 1);
        Put16(header, 2, 20 + message.Length);
        Put16(header, 6, 0x4000);
        source.Write(header.AsSpan(12));
        destination.Write(header.AsSpan(16));
        Put16(header, 10, OnesComplement.Checksum(header));
        return [.. OnesComplement.BytesOf(to), .. OnesComplement.BytesOf(from), 0x08, 0x00, .. header, .. message];
    }

    private static byte[] V6(MacAddress to, MacAddress from, byte trafficClass, byte hopLimit, IpAddress source,
        IpAddress destination, byte[] message)
    {
        Put16(message, 2, 0);
        Put16(message, 2, OnesComplement.Checksum(message, OnesComplement.Pseudo(source, destination, 58, message.Length)));
        byte[] header = new byte[40];
        Put16(header, 0, 0x6000 | (trafficClass << 4));
        Put16(header, 4, message.Length);
        (header[6], header[7]) = (58, hopLimit);
        source.Write(header.AsSpan(8));
        destination.Write(header.AsSpan(24));
        return [.. OnesComplement.BytesOf(to), .. OnesComplement.BytesOf(from), 0x86, 0xDD, .. header, .. message];
    }

    private static void Put16(byte[] bytes, int at, int value) => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)value);
}

/// <summary>What an error of the router says.</summary>
/// <param name="Type">ICMP or ICMPv6 type.</param>
/// <param name="Code">Code.</param>
/// <param name="Rest">Second word of the header: the MTU, or zero.</param>
internal sealed record ReferenceError(byte Type, byte Code, int Rest = 0)
{
    public static ReferenceError TimeExceeded(bool isV6) => new((byte)(isV6 ? 3 : 11), 0);

    public static ReferenceError NoRoute(bool isV6) => new((byte)(isV6 ? 1 : 3), 0);

    public static ReferenceError NoNeighbor(bool isV6) => isV6 ? new(1, 3) : new(3, 1);

    public static ReferenceError TooBig(bool isV6, int mtuBytes) => isV6 ? new(2, 0, mtuBytes) : new(3, 4, mtuBytes);
}

/// <summary>How many errors a port still gets: a bucket of 100, filled at 100 a second.</summary>
internal sealed class ReferenceErrorBuckets
{
    private const long EachNs = 10_000_000;
    private const long FullNs = 100 * EachNs;

    private readonly Dictionary<string, (long LevelNs, long AtNs)> _buckets = [];

    public bool TryTake(string port, long nowNs)
    {
        (long level, long at) = _buckets.GetValueOrDefault(port, (FullNs, nowNs));
        level = Math.Min(FullNs, level + nowNs - at);
        bool isThere = level >= EachNs;
        _buckets[port] = (isThere ? level - EachNs : level, nowNs);
        return isThere;
    }
}
