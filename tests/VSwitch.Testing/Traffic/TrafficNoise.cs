using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>What does not belong to a conversation: questions to the switch, and everything that it must refuse.</summary>
internal sealed class TrafficNoise(TrafficPlan plan, Random random)
{
    private const string Outside = "internet";

    private static readonly string[] OddAddresses4 =
        ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "240.0.0.1", "255.255.255.255", "10.0.1.99", "172.16.1.1", "203.0.113.200"];

    private static readonly string[] OddAddresses6 = ["::", "::1", "ff02::1", "fd00:b:0:1::99", "fd00:9:0:1::10", "2001:db8:1::9"];

    private SwitchConfig Config => plan.Config;

    private bool HasOutside => Config.Internet is not null;

    /// <summary>A frame of any kind.</summary>
    public (string Port, byte[] Frame) Any() => random.Next(12) switch
    {
        0 or 1 => HasOutside && random.Next(3) == 0 ? ArpOutside() : ArpInside(),
        2 or 3 => HasOutside && random.Next(3) == 0 ? DiscoveryOutside() : DiscoveryInside(),
        4 => GatewayEcho(),
        5 or 6 => OddAddresses(),
        7 => OddEthernet(),
        8 => StraySegment(),
        9 => HasOutside ? Neighbor() : StraySegment(),
        10 => Dhcp(),
        _ => HasOutside ? OddOutside() : OddAddresses(),
    };

    /// <summary>Flips bits or cuts a frame.</summary>
    public byte[] Mutate(byte[] frame)
    {
        byte[] copy = [.. frame];
        for (int i = random.Next(4); i > 0 && copy.Length > 0; i--)
        {
            copy[random.Next(Math.Min(copy.Length, random.Next(2) == 0 ? 80 : copy.Length))] ^= (byte)(1 << random.Next(8));
        }

        return random.Next(3) == 0 ? copy[..random.Next(copy.Length + 1)] : copy;
    }

    /// <summary>An error about a frame that arrived at a port, sent by whoever received it; sometimes spoiled.</summary>
    public (string Port, byte[] Frame) IcmpError((string Port, byte[] Frame) seen)
    {
        byte[] frame = [.. seen.Frame];
        bool isV6 = frame[12] == 0x86;
        if (frame.Length < 42 || (!isV6 && frame[12] != 0x08) || (!isV6 && frame[13] != 0))
        {
            return GatewayEcho();
        }

        (int at, int size) = isV6 ? (22, 16) : (26, 4);
        IpAddress sender = IpAddress.Read(frame.AsSpan(at), isV6);
        IpAddress self = IpAddress.Read(frame.AsSpan(at + size), isV6);
        MacAddress back = MacAddress.Read(frame.AsSpan(6));
        MacAddress own = MacAddress.Read(frame);
        List<(IpAddress Address, MacAddress Mac)> routers = [.. plan.Remotes.Where(remote => remote.Address.IsV6 == isV6)];
        if (seen.Port == Outside && random.Next(3) == 0 && routers.Count > 0)
        {
            self = plan.Pick(routers).Address;
        }

        if (random.Next(8) == 0)
        {
            int spoil = 14 + random.Next(Math.Min(frame.Length - 14, 60));
            frame[spoil] ^= (byte)(1 << random.Next(8));
        }

        byte[] types = isV6 ? [1, 2, 3, 4] : [3, 4, 5, 11, 12];
        int quote = random.Next(6) switch { 0 => random.Next(60), 1 or 2 => isV6 ? 48 : 28, _ => 500 };
        byte ttl = (byte)(random.Next(20) == 0 ? 1 : 64);
        ushort? checksum = random.Next(20) == 0 ? (ushort)random.Next(65536) : null;
        byte[] error = PacketBuilder.Eth(own, back).Ip(self, sender, ttl)
            .IcmpError(plan.Pick(types), (byte)random.Next(5), frame, quote, 0, icmp => icmp with { Checksum = checksum }).Build();
        return (seen.Port, error);
    }

    /// <summary>A packet to an on-link host that nobody may know yet, or the word of such a host.</summary>
    private (string Port, byte[] Frame) Neighbor()
    {
        List<IpPrefix> owns = [.. Config.Internet!.Addresses];
        IpPrefix link = plan.Pick(owns);
        IpAddress host = link.Network with { Bits = link.Network.Bits + (UInt128)(100 + random.Next(80)) };
        var mac = new MacAddress(0x0200_0000_A000UL + (uint)random.Next(2));
        if (random.Next(4) == 0)
        {
            IpAddress own = link.Address;
            return (Outside, host.IsV6
                ? PacketBuilder.Eth(mac, Config.Internet.Mac).IPv6(host, own, ip => ip with { HopLimit = 255 })
                    .NeighborAdvertisement(host, mac, 0x60).Build()
                : Frames.ArpReply(mac, host, Config.Internet.Mac, own));
        }

        EniConfig eni = plan.AnyEni();
        FrameAddresses ends = new(eni.Mac, plan.GatewayMac, host.IsV6 ? V6Of(eni) : V4Of(eni), host);
        return (eni.Name, random.Next(3) == 0
            ? Frames.Tcp(ends, (ushort)(44_000 + random.Next(3)), 80, TcpBits.Syn)
            : Frames.Udp(ends, (ushort)(44_000 + random.Next(3)), 53));
    }

    /// <summary>Questions of DHCP clients, good ones mostly.</summary>
    private (string Port, byte[] Frame) Dhcp()
    {
        EniConfig eni = plan.AnyEni();
        if (random.Next(3) == 0)
        {
            byte[] types = [1, 4, 6, 11, 3, 5, 8, 9, 12, 2];
            byte[] message = [plan.Pick(types), 1, 2, 3, 0, 1, 0, 10, 0, 3, 0, 1, .. OnesComplement.BytesOf(eni.Mac)];
            byte[] pairs = random.Next(4) == 0 ? [0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0] : [];
            return (eni.Name, PacketBuilder.Eth(eni.Mac, new MacAddress(0x3333_0001_0002))
                .IPv6(Frames.LinkLocal(eni.Mac), TestTopologies.Ip("ff02::1:2")).Udp(546, 547).Payload([.. message, .. pairs]).Build());
        }

        IpAddress own = V4Of(eni);
        byte[] body = new byte[240];
        (body[0], body[1], body[2], body[10]) = (1, 1, 6, (byte)(random.Next(2) * 0x80));
        (random.Next(15) == 0 ? plan.AnyEni().Mac : eni.Mac).Write(body.AsSpan(28));
        new byte[] { 99, 130, 83, 99 }.CopyTo(body, 236);
        bool isBound = random.Next(4) == 0;
        if (isBound)
        {
            own.Write(body.AsSpan(12));
        }

        byte kind = plan.Pick<byte>([1, 3, 3, 8, 7, 4]);
        IpAddress wanted = random.Next(3) == 0 ? V4Of(plan.AnyEni()) : own;
        byte[] options = [53, 1, kind, .. random.Next(2) == 0 && kind == 3 ? (byte[])[50, 4, .. OnesComplement.BytesOf(wanted)] : [], 255];
        bool isUnicast = isBound && random.Next(2) == 0;
        PacketBuilder ip = isUnicast
            ? PacketBuilder.Eth(eni.Mac, plan.GatewayMac).IPv4(own, Router(eni, false))
            : PacketBuilder.Eth(eni.Mac, MacAddress.Broadcast).IPv4(isBound ? own : default, TestTopologies.Ip("255.255.255.255"));
        ushort? checksum = random.Next(20) == 0 ? (ushort)random.Next(3) : null;
        return (eni.Name, ip.Udp(68, 67, udp => udp with { Checksum = checksum }).Payload([.. body, .. options]).Build());
    }

    private (string Port, byte[] Frame) ArpInside()
    {
        EniConfig eni = plan.AnyEni();
        EniConfig other = plan.AnyEni();
        IpAddress own = V4Of(eni);
        IpAddress[] targets = [Router(eni, false), V4Of(other), own, TestTopologies.Ip("10.0.1.99"), TestTopologies.Ip("10.0.2.1")];
        var arp = new ArpLayer(1, eni.Mac, own, default, plan.Pick(targets));
        arp = random.Next(10) switch
        {
            0 => arp with { Opcode = 2, TargetMac = other.Mac },
            1 => arp with { SenderIp = default },
            2 => arp with { SenderIp = V4Of(other) },
            3 => arp with { SenderMac = other.Mac },
            4 => arp with { Opcode = random.Next(5) },
            5 => random.Next(2) == 0 ? arp with { HardwareType = 6 } : arp with { ProtocolSize = 16 },
            _ => arp,
        };
        return (eni.Name, PacketBuilder.Eth(eni.Mac, MacAddress.Broadcast).Arp(arp).PadTo(random.Next(2) * 60).Build());
    }

    private (string Port, byte[] Frame) ArpOutside()
    {
        (IpAddress sender, MacAddress mac) = plan.Pick([.. plan.Remotes.Where(remote => !remote.Address.IsV6)]);
        IpAddress own = Config.Internet!.Addresses.FirstOrDefault(a => !a.IsV6).Address;
        List<IpAddress> targets = [own, TestTopologies.Ip("198.51.100.99"), .. Config.ElasticIps.Select(eip => eip.Address)];
        var arp = new ArpLayer(1, mac, sender, default, plan.Pick(targets));
        arp = random.Next(10) switch
        {
            0 => arp with { SenderIp = plan.Pick(targets) },
            1 => arp with { SenderIp = default },
            2 => arp with { SenderMac = new MacAddress(0x0100_0000_0001) },
            3 or 4 => arp with { Opcode = 2 },
            _ => arp,
        };
        return (Outside, PacketBuilder.Eth(mac, MacAddress.Broadcast).Arp(arp).PadTo(60).Build());
    }

    private (string Port, byte[] Frame) DiscoveryInside()
    {
        EniConfig eni = plan.AnyEni();
        EniConfig other = plan.AnyEni();
        IpAddress own = V6Of(eni);
        IpAddress[] sources = [own, own, own, Frames.LinkLocal(eni.Mac), default(IpAddress) with { IsV6 = true }, V6Of(other)];
        IpAddress[] targets =
            [Router(eni, true), Frames.LinkLocal(plan.GatewayMac), V6Of(other), own, TestTopologies.Ip("fd00:b:0:1::99")];
        return (eni.Name, Discovery(eni.Mac, other.Mac, plan.Pick(sources), plan.Pick(targets), own));
    }

    private (string Port, byte[] Frame) DiscoveryOutside()
    {
        List<(IpAddress Address, MacAddress Mac)> remotes = [.. plan.Remotes.Where(remote => remote.Address.IsV6)];
        List<IpPrefix> owns = [.. Config.Internet!.Addresses.Where(a => a.IsV6)];
        if (remotes.Count == 0 || owns.Count == 0)
        {
            return ArpOutside();
        }

        (IpAddress sender, MacAddress mac) = plan.Pick(remotes);
        IpAddress[] targets = [owns[0].Address, owns[0].Address, sender];
        return (Outside, Discovery(mac, mac, sender, plan.Pick(targets), sender));
    }

    private byte[] Discovery(MacAddress mac, MacAddress other, IpAddress source, IpAddress target, IpAddress own)
    {
        byte hopLimit = (byte)(random.Next(15) == 0 ? 64 : 255);
        ushort? checksum = random.Next(20) == 0 ? (ushort)random.Next(65536) : null;
        MacAddress? option = source.IsUnspecified || random.Next(10) == 0 ? null : random.Next(15) == 0 ? other : mac;
        PacketBuilder builder = PacketBuilder.Eth(mac, Frames.SolicitedNodeMac(target))
            .IPv6(source, Frames.SolicitedNode(target), ip => ip with { HopLimit = hopLimit });
        builder = random.Next(10) switch
        {
            0 => builder.NeighborAdvertisement(own, mac, 0x60, icmp => icmp with { Checksum = checksum }),
            1 => builder.NeighborAdvertisement(target, mac, 0x20),
            2 => builder.Icmp(133, 0).Payload(0),
            3 => builder.Icmp((byte)(random.Next(2) == 0 ? 134 : 137), 0).Payload(new byte[32]),
            4 => builder.Icmp(135, (byte)random.Next(2)).Payload([.. OnesComplement.BytesOf(target), 1, (byte)random.Next(3), 0, 0]),
            _ => builder.NeighborSolicitation(target, option, icmp => icmp with { Checksum = checksum }),
        };
        return builder.Build();
    }

    private (string Port, byte[] Frame) GatewayEcho()
    {
        if (HasOutside && random.Next(4) == 0)
        {
            (IpAddress remote, MacAddress mac) = plan.Pick(plan.Remotes);
            IpAddress own = Config.Internet!.Addresses.FirstOrDefault(a => a.IsV6 == remote.IsV6).Address with { IsV6 = remote.IsV6 };
            return (Outside, ToRouter(new FrameAddresses(mac, Config.Internet.Mac, remote, own)));
        }

        EniConfig eni = plan.AnyEni();
        IpAddress source = plan.Pick(eni.PrivateIps);
        IpAddress router = Router(plan.Pick([.. Config.Enis.Where(e => plan.VpcOf(e) == plan.VpcOf(eni))]), source.IsV6);
        return (eni.Name, ToRouter(new FrameAddresses(eni.Mac, plan.GatewayMac, source, router)));
    }

    private byte[] ToRouter(FrameAddresses ends)
    {
        PacketBuilder ip = ends.Source.IsV6
            ? PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).IPv6(ends.Source, ends.Destination)
            : PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).IPv4(ends.Source, ends.Destination, v4 => v4 with
            {
                TypeOfService = (byte)random.Next(256),
                Ttl = (byte)(1 + random.Next(64)),
                Options = random.Next(10) == 0 ? [1, 1, 1, 0] : [],
            });
        ushort? checksum = random.Next(15) == 0 ? (ushort)random.Next(65536) : null;
        return random.Next(8) switch
        {
            0 => ip.Tcp(40000, 80, TcpBits.Syn).Build(),
            1 => ip.Echo(true, 1, 1).Payload(8).Build(),
            _ => ip.Echo(false, 7, (ushort)random.Next(65536), icmp => icmp with { Checksum = checksum }).Payload(random.Next(80)).Build(),
        };
    }

    private (string Port, byte[] Frame) OddAddresses()
    {
        EniConfig eni = plan.AnyEni();
        EniConfig other = plan.AnyEni();
        bool isV6 = random.Next(3) == 0;
        IpAddress own = isV6 ? V6Of(eni) : V4Of(eni);
        IpAddress odd = TestTopologies.Ip(plan.Pick(isV6 ? OddAddresses6 : OddAddresses4));
        IpAddress peer = isV6 ? V6Of(other) : V4Of(other);
        var unknownMac = new MacAddress(0x0200_00FF_0000UL | (uint)random.Next(256));
        List<IpAddress> eips = [.. Config.ElasticIps.Select(eip => eip.Address)];
        FrameAddresses ends = random.Next(7) switch
        {
            0 => new FrameAddresses(eni.Mac, plan.GatewayMac, odd, peer),
            1 => new FrameAddresses(eni.Mac, plan.GatewayMac, own, odd),
            2 => new FrameAddresses(other.Mac, plan.GatewayMac, own, peer),
            3 => new FrameAddresses(eni.Mac, plan.GatewayMac, peer, own),
            4 => new FrameAddresses(eni.Mac, random.Next(2) == 0 ? unknownMac : other.Mac, own, random.Next(2) == 0 ? odd : peer),
            5 when eips.Count > 0 && !isV6 => new FrameAddresses(eni.Mac, plan.GatewayMac, own, plan.Pick(eips)),
            _ => new FrameAddresses(eni.Mac, random.Next(2) == 0 ? MacAddress.Broadcast : Frames.SolicitedNodeMac(own), own, odd),
        };
        return (eni.Name, Frames.Udp(ends, 68, 67));
    }

    private (string Port, byte[] Frame) OddEthernet()
    {
        EniConfig eni = plan.AnyEni();
        ushort[] types = [0x0026, 0x05FF, 0x88CC, 0x8035, 0x8847, 0x0842, (ushort)random.Next(65536)];
        PacketBuilder ethernet = PacketBuilder.Eth(eni.Mac, plan.GatewayMac, random.Next(3) == 0 ? null : plan.Pick(types));
        IpAddress own = V4Of(eni);
        return (eni.Name, random.Next(3) switch
        {
            0 => ethernet.Payload(random.Next(60)).Build(),
            1 => PacketBuilder.Eth(eni.Mac, plan.GatewayMac).Vlan(random.Next(4096), tag => tag with
            {
                TagType = plan.Pick<ushort>([0x8100, 0x88A8, 0x9100]),
            }).IPv4(own, own).Udp(1, 2).Payload(8).Build(),
            _ => ethernet.IPv4(own, own).Udp(1, 2).Payload(8).CutTo(random.Next(40)).Build(),
        });
    }

    private (string Port, byte[] Frame) StraySegment()
    {
        EniConfig a = plan.AnyEni();
        EniConfig b = plan.AnyEni();
        var ends = new FrameAddresses(a.Mac, plan.GatewayMac, V4Of(a), V4Of(b));
        byte[] frame = random.Next(4) switch
        {
            0 => Frames.Echo(ends, 1, 1, reply: true),
            1 => Frames.Begin(ends).Icmp((byte)random.Next(256), (byte)random.Next(3)).Payload(random.Next(30)).Build(),
            2 => PacketBuilder.Eth(a.Mac, plan.GatewayMac)
                .IPv4(ends.Source, ends.Destination, ip => ip with { FragmentOffset = 1 + random.Next(100) })
                .Protocol(17).Payload(random.Next(100)).Build(),
            _ => Frames.Tcp(ends, (ushort)(41000 + random.Next(4)), 80, (TcpBits)random.Next(64)),
        };
        return (a.Name, frame);
    }

    private (string Port, byte[] Frame) OddOutside()
    {
        InternetConfig internet = Config.Internet!;
        (IpAddress remote, MacAddress mac) = plan.Pick(plan.Remotes);
        EniConfig eni = plan.AnyEni();
        bool isV6 = remote.IsV6;
        List<IpAddress> eips = [.. Config.ElasticIps.Select(eip => eip.Address).DefaultIfEmpty(V4Of(eni))];
        IpAddress to = isV6 ? V6Of(eni) : plan.Pick(eips);
        IpAddress odd = TestTopologies.Ip(plan.Pick(isV6 ? OddAddresses6 : OddAddresses4));
        IpAddress forged = isV6 ? V6Of(plan.AnyEni()) : plan.Pick(eips);
        var ends = new FrameAddresses(mac, internet.Mac, remote, to);
        ends = random.Next(7) switch
        {
            0 => ends with { SourceMac = internet.Mac },
            1 => ends with { DestinationMac = eni.Mac },
            2 => ends with { Source = odd },
            3 => ends with { Source = forged },
            4 => ends with { Destination = odd },
            5 => ends with { SourceMac = new MacAddress(0x0100_5E00_0001) },
            _ => ends,
        };
        return (Outside, Frames.Tcp(ends, 50000, 80, TcpBits.Syn));
    }

    private IpAddress Router(EniConfig eni, bool isV6)
    {
        IpPrefix other = TestTopologies.Net(isV6 ? "fd00:ffff::/64" : "10.255.255.0/24");
        IpAddress network = plan.SubnetOf(eni).Cidrs.FirstOrDefault(cidr => cidr.IsV6 == isV6, other).Network;
        return network with { Bits = network.Bits + 1 };
    }

    private static IpAddress V4Of(EniConfig eni) => eni.PrivateIps.FirstOrDefault(ip => !ip.IsV6, TestTopologies.Ip("10.255.255.1"));

    private static IpAddress V6Of(EniConfig eni) => eni.PrivateIps.FirstOrDefault(ip => ip.IsV6, TestTopologies.Ip("fd00:ffff::1"));
}
