using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Right frames at random, by <see cref="PacketBuilder"/>.</summary>
internal sealed class RandomFrames(Random random)
{
    private static readonly ushort[] Ports = [0, 7, 9, 53, 67, 68, 80, 443, 546, 547, 1701, 3544, 4789, 65535];

    /// <summary>A frame of any kind.</summary>
    public byte[] Next()
    {
        PacketBuilder link = Link();
        return random.Next(12) switch
        {
            0 => link.Arp(new ArpLayer(random.Next(1, 10), Mac(), Ip(false), Mac(), Ip(false))).PadTo(random.Next(2) * 60).Build(),
            1 => Fragment(),
            2 => Transport(Network(link, Chance(50), out bool isV6), isV6, isAny: true).PadTo(random.Next(120)).Build(),
            3 => Error(link),
            4 => Discovery(link),
            _ => Transport(Network(link, Chance(50), out bool six), six, isAny: true).Build(),
        };
    }

    /// <summary>A frame without fragments, padding and what PacketDotNet judges otherwise, of whose checksums one will be spoiled.</summary>
    /// <param name="from">Where that checksum's bytes begin whose length and layout no field says; they go on to the frame's end.</param>
    /// <param name="checksum">Its name.</param>
    public byte[] NextWhole(out int from, out string checksum)
    {
        PacketBuilder link = PacketBuilder.Eth(Mac(), Mac());
        bool isV6 = Chance(50);
        int network = isV6 ? 54 : 34;
        PacketBuilder ip = isV6 ? link.IPv6(Ip(true), Ip(true)) : link.IPv4(Ip(false), Ip(false));
        int kind = random.Next(isV6 ? 3 : 4);
        (checksum, from) = kind switch
        {
            0 => ("checksum.tcp", network + 16),
            1 => ("checksum.udp", network + 8),
            2 => ("checksum.icmp", network + 2),
            _ => ("checksum.ip", 24),
        };
        byte[] payload = Bytes(random.Next(1, 200));
        byte[] frame = kind switch
        {
            0 => ip.Tcp(Port(), Port(), TcpBits.Ack, tcp => tcp with { Sequence = Word(), Acknowledgment = Word() }).Payload(payload).Build(),
            1 => ip.Udp(1000, 2000).Payload(payload).Build(),
            2 => ip.Echo(Chance(50), Port(), Port()).Payload(payload).Build(),

            // Behind the checksum of the header only the addresses: SCTP takes nothing from them.
            _ => ip.Protocol(99).Build(),
        };
        return frame;
    }

    private PacketBuilder Link()
    {
        PacketBuilder link = PacketBuilder.Eth(Mac(), Mac());
        for (int tags = Math.Max(0, random.Next(6) - 3); tags > 0; tags--)
        {
            link = link.Vlan(random.Next(4096), tag => tag with
            {
                TagType = (ushort)(Chance(50) ? 0x8100 : 0x88A8),
                Priority = random.Next(8),
            });
        }

        return link;
    }

    private PacketBuilder Network(PacketBuilder link, bool isV6, out bool six)
    {
        six = isV6;
        if (!isV6)
        {
            return link.IPv4(Ip(false), Ip(false), ip => ip with
            {
                TypeOfService = (byte)random.Next(256),
                Identification = Port(),
                DontFragment = Chance(50),
                Ttl = (byte)random.Next(256),
                Options = Chance(20) ? [7, (byte)(4 * random.Next(1, 10)), 4, 0, .. new byte[36]] : [],
            });
        }

        PacketBuilder packet = link.IPv6(Ip(true), Ip(true), ip => ip with
        {
            TrafficClass = (byte)random.Next(256),
            FlowLabel = Word() & 0xF_FFFF,
            HopLimit = (byte)random.Next(256),
        });
        return Chance(70) ? packet : Extended(packet);
    }

    /// <summary>Some of the extension headers, in the order of RFC 8200 section 4.1.</summary>
    private PacketBuilder Extended(PacketBuilder packet)
    {
        byte[] Body() => new byte[6 + (Chance(70) ? 0 : 8 * random.Next(4))];
        packet = Chance(40) ? packet.HopByHop(Body()) : packet;
        packet = Chance(30) ? packet.Routing([4, 0, .. Body()[2..]]) : packet;
        packet = Chance(30) ? packet.Fragment6(0, false, Word()) : packet;
        packet = Chance(10) ? packet.Extension(51, [0, 0, .. Bytes(12)]) : packet;
        return Chance(50) ? packet.DestinationOptions(Body()) : packet;
    }

    private PacketBuilder Transport(PacketBuilder ip, bool isV6, bool isAny) => (random.Next(isAny ? 10 : 3) switch
    {
        0 or 3 or 4 => Tcp(ip),
        1 or 5 or 6 => ip.Udp(Port(), Port(), udp => udp with { Checksum = !isV6 && Chance(10) ? (ushort)0 : null }),
        2 or 7 => ip.Echo(Chance(50), Port(), Port()),
        8 => ip.Sctp(Port(), Port(), Word()),
        _ => ip.Protocol((byte)(Chance(50) ? 47 : 200)),
    }).Payload(Bytes(Chance(5) ? random.Next(9000) : random.Next(120)));

    private PacketBuilder Tcp(PacketBuilder ip)
    {
        byte[][] options = [[2, 4, 5, 180], [3, 3, (byte)random.Next(15)], [4, 2], [8, 10, .. Bytes(8)], [5, 10, .. Bytes(8)], [1], [1, 1], [254, 4, 1, 2]];
        random.Shuffle(options);
        return ip.Tcp(Port(), Port(), (TcpBits)random.Next(Chance(20) ? 4096 : 256), tcp => tcp with
        {
            Sequence = Word(),
            Acknowledgment = Word(),
            Window = Port(),
            Urgent = Chance(20) ? Port() : (ushort)0,
            Options = Chance(50) ? [.. options.Take(random.Next(1, 6)).SelectMany(o => o)] : [],
        });
    }

    /// <summary>Any piece of a datagram, the first too.</summary>
    private byte[] Fragment()
    {
        bool isV6 = Chance(50);
        PacketBuilder ip = PacketBuilder.Eth(Mac(), Mac()).Ip(Ip(isV6), Ip(isV6));
        byte[] whole = Transport(ip, isV6, isAny: false).Payload(Bytes(random.Next(200, 600))).Build();
        IReadOnlyList<byte[]> pieces = Frames.Fragments(whole, 8 * random.Next(8, 30), isV6 ? Word() : Port());
        return pieces[random.Next(pieces.Count)];
    }

    private byte[] Error(PacketBuilder link)
    {
        bool isV6 = Chance(50);
        byte[] quoted = Transport(Network(PacketBuilder.Eth(Mac(), Mac()), isV6, out _), isV6, isAny: true).Build();
        byte[] types = isV6 ? [1, 2, 3, 4] : [3, 4, 5, 11, 12];
        PacketBuilder ip = link.Ip(Ip(isV6), Ip(isV6));

        // Headers of the quote are whole, and eight bytes of what is in it (RFC 792).
        int least = isV6 ? 40 + (quoted.Length > 102 ? 48 : quoted.Length) : 68;
        return ip.IcmpError(types[random.Next(types.Length)], (byte)random.Next(16), quoted, least + random.Next(500), Word()).Build();
    }

    private byte[] Discovery(PacketBuilder link)
    {
        PacketBuilder ip = link.IPv6(Ip(true), Ip(true), six => six with { HopLimit = 255 });
        return (random.Next(4) switch
        {
            0 => ip.NeighborSolicitation(Ip(true), Chance(50) ? Mac() : null),
            1 => ip.NeighborAdvertisement(Ip(true), Chance(50) ? Mac() : null, (byte)(random.Next(8) << 5)),
            2 => ip.Icmp(133, 0).Payload(Chance(50) ? [] : [1, 1, .. Bytes(6)]),
            _ => ip.Icmp(134, 0, Word()).Payload([.. Bytes(8), 5, 1, 0, 0, 0, 0, 5, 220]),
        }).Build();
    }

    private ushort Port() => Chance(20) ? Ports[random.Next(Ports.Length)] : (ushort)random.Next(65536);

    private uint Word() => (uint)random.NextInt64(1L << 32);

    private MacAddress Mac() => new((ulong)random.NextInt64(1L << 48));

    private IpAddress Ip(bool isV6) => isV6
        ? IpAddress.V6(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64())) : IpAddress.V4(Word());

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private bool Chance(int percent) => random.Next(100) < percent;
}
