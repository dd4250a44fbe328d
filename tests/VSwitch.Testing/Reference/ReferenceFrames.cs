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

    /// <summary>Time exceeded in transit.</summary>
    public static byte[] TimeExceeded(ReferencePacket expired, MacAddress mac, IpAddress from)
    {
        int quote = Math.Min(expired.IpLength, expired.IsV6 ? QuoteBytes6 : QuoteBytes4);
        byte[] message = [(byte)(expired.IsV6 ? 3 : 11), 0, 0, 0, 0, 0, 0, 0, .. expired.Frame[14..(14 + quote)]];
        return expired.IsV6
            ? V6(expired.SourceMac, mac, 0, 64, from, expired.Source, message)
            : V4(expired.SourceMac, mac, InternetControl, 64, from, expired.Source, message);
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
