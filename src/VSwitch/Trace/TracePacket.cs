using System.Buffers.Binary;
using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Trace;

/// <summary>A packet in words: "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn", "udp A:P > B:P", "sctp A:P > B:P", "icmp A > B",
/// "proto 47 A > B"; IPv6 addresses with ports in brackets. Makes the frame that the port's guest would send.
/// <see cref="PacketWords"/> is the way back.</summary>
internal static class TracePacket
{
    private const int PayloadBytes = 16;
    private const byte Syn = 2;

    /// <summary>The words of the TCP flags, in the order in which they are said.</summary>
    internal static readonly (string Name, byte Bit)[] Flags =
        [("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16), ("urg", 32), ("ece", 64), ("cwr", 128)];

    /// <summary>Makes the frame.</summary>
    /// <param name="text">The words.</param>
    /// <param name="port">The port whose guest sends it.</param>
    /// <param name="config">Where MACs are looked up.</param>
    /// <param name="numbers">Numbers of a TCP segment other than a SYN, which says 0.</param>
    /// <exception cref="ArgumentException">The words are no packet; says what is expected.</exception>
    public static byte[] Parse(string text, string port, SwitchConfig config, TcpNumbers numbers = default)
    {
        string[] words = text.Split([' ', ',', '+'], StringSplitOptions.RemoveEmptyEntries);
        int at = words.Length > 0 && words[0] == "proto" ? 2 : 1;
        if (words.Length < at + 3 || words[at + 1] != ">")
        {
            throw Wrong(text);
        }

        byte protocol = words[0] switch
        {
            "tcp" => 6,
            "udp" => 17,
            "sctp" => 132,
            "icmp" => 1,
            "icmpv6" => 58,
            "proto" when byte.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte n) => n,
            _ => throw Wrong(text),
        };
        bool hasPorts = protocol is 6 or 17 || words[0] == "sctp";
        (IpAddress source, ushort sourcePort) = End(words[at], hasPorts, text);
        (IpAddress destination, ushort destinationPort) = End(words[at + 2], hasPorts, text);
        if (source.IsV6 != destination.IsV6)
        {
            throw new ArgumentException($"'{text}': both addresses must be of one family");
        }

        protocol = protocol == 1 && source.IsV6 ? (byte)58 : protocol;
        byte flags = 0;
        foreach (string word in words[(at + 3)..])
        {
            byte bit = Flags.FirstOrDefault(f => f.Name == word).Bit;
            flags |= bit != 0 && protocol == 6 ? bit : throw Wrong(text);
        }

        byte[] l4 = Transport(protocol, sourcePort, destinationPort, flags == 0 ? Syn : flags, numbers);
        return Frame(port, config, source, destination, protocol, l4);
    }

    private static ArgumentException Wrong(string text) => new(
        $"'{text}' is no packet; write 'tcp 10.0.1.10:40000 > 10.0.2.20:443 syn', 'udp A:P > B:P', 'sctp A:P > B:P', 'icmp A > B' or 'proto N A > B'");

    private static (IpAddress Address, ushort Port) End(string word, bool hasPort, string text)
    {
        if (!hasPort)
        {
            return IpAddress.TryParse(word, null, out IpAddress plain) ? (plain, (ushort)0) : throw Wrong(text);
        }

        int colon = word.LastIndexOf(':');
        bool good = colon > 0 && ushort.TryParse(word[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out _) &&
            IpAddress.TryParse(word[..colon].Trim('[', ']'), null, out _);
        return good ? (IpAddress.Parse(word[..colon].Trim('[', ']')), ushort.Parse(word[(colon + 1)..], CultureInfo.InvariantCulture))
            : throw Wrong(text);
    }

    private static byte[] Transport(byte protocol, ushort from, ushort to, byte flags, TcpNumbers numbers)
    {
        byte[] l4 = new byte[protocol == 6 ? 20 : 8 + PayloadBytes];
        if (protocol is 6 or 17 or 132)
        {
            BinaryPrimitives.WriteUInt16BigEndian(l4, from);
            BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), to);
        }

        if (protocol == 6)
        {
            (l4[12], l4[13], l4[14]) = (0x50, flags, 0xFF);
            if ((flags & Syn) == 0)
            {
                BinaryPrimitives.WriteUInt32BigEndian(l4.AsSpan(4), numbers.Sequence);
                BinaryPrimitives.WriteUInt32BigEndian(l4.AsSpan(8), numbers.Acknowledgment);
            }
        }
        else if (protocol == 17)
        {
            l4[5] = (byte)l4.Length;
        }
        else if (protocol is 1 or 58)
        {
            (l4[0], l4[5], l4[7]) = (protocol == 1 ? (byte)8 : (byte)128, 1, 1);
        }

        return l4;
    }

    private static byte[] Frame(string port, SwitchConfig config, IpAddress source, IpAddress destination, byte protocol, byte[] l4)
    {
        int header = source.IsV6 ? 40 : 20;
        byte[] frame = new byte[14 + header + l4.Length];
        (MacAddress from, MacAddress to) = Macs(port, config, destination);
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), source.IsV6 ? (ushort)0x86DD : (ushort)0x0800);
        Span<byte> ip = frame.AsSpan(14);
        l4.CopyTo(ip[header..]);
        if (source.IsV6)
        {
            (ip[0], ip[6], ip[7]) = (0x60, protocol, 64);
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)l4.Length);
            source.Write(ip[8..]);
            destination.Write(ip[24..]);
        }
        else
        {
            (ip[0], ip[8], ip[9]) = (0x45, 64, protocol);
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(header + l4.Length));
            source.Write(ip[12..]);
            destination.Write(ip[16..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Complement(Sum(ip[..20])));
        }

        Checksum(ip, header, protocol, l4.Length);
        return frame;
    }

    private static void Checksum(Span<byte> ip, int header, byte protocol, int bytes)
    {
        int at = protocol switch { 6 => 16, 17 => 6, 1 or 58 => 2, _ => -1 };
        if (at < 0)
        {
            return;
        }

        uint sum = Sum(ip.Slice(header, bytes));
        if (protocol != 1)
        {
            sum += Sum(header == 40 ? ip.Slice(8, 32) : ip.Slice(12, 8)) + protocol + (uint)bytes;
        }

        ushort checksum = Complement(sum);
        BinaryPrimitives.WriteUInt16BigEndian(ip[(header + at)..], protocol == 17 && checksum == 0 ? (ushort)0xFFFF : checksum);
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i + 1 < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        return sum;
    }

    private static ushort Complement(uint sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~((sum & 0xFFFF) + (sum >> 16));
    }

    /// <summary>A guest sends to its neighbour's MAC within the subnet and to the router's otherwise.</summary>
    private static (MacAddress From, MacAddress To) Macs(string port, SwitchConfig config, IpAddress destination)
    {
        EniConfig? eni = config.Enis.FirstOrDefault(e => e.Name == port);
        if (config.Gateways.FirstOrDefault(g => g.Name == port) is GatewayConfig gateway)
        {
            return (gateway.Neighbors.Values.FirstOrDefault(new MacAddress(0x0200_0000_9901)), gateway.Mac);
        }

        if (eni == null)
        {
            InternetConfig internet = config.Internet ?? new InternetConfig();
            return (internet.Neighbors.Values.FirstOrDefault(new MacAddress(0x0200_0000_9901)), internet.Mac);
        }

        EniConfig? peer = config.Enis.FirstOrDefault(e => e.Subnet == eni.Subnet && e.PrivateIps.Contains(destination));
        return (eni.Mac, peer?.Mac ?? config.Switch.GatewayMac);
    }
}
