using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>DHCP and router solicitations (section 8): whether they are answered, and between which addresses. What the answers
/// say is for tests of their own.</summary>
internal static class ReferenceDhcp
{
    private const int HeaderBytes = 240;

    private static readonly IpAddress Servers6 = IpAddress.Parse("ff02::1:2");
    private static readonly IpAddress AllNodes = IpAddress.Parse("ff02::1");
    private static readonly IpAddress Everybody = IpAddress.Parse("255.255.255.255");

    /// <summary>What becomes of a request; null when the packet is none.</summary>
    public static ReferenceOutcome? Answer(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        if (packet.Protocol != 17 || packet.IsFragment)
        {
            return null;
        }

        return (packet.IsV6, packet.U16(packet.L4 + 2)) switch
        {
            (false, 67) => Answer4(topology, eni, packet),
            (true, 547) => Answer6(topology, eni, packet),
            _ => null,
        };
    }

    /// <summary>A router solicitation.</summary>
    public static ReferenceOutcome Advertise(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        if (!IsEnabled(topology, eni) || ReferenceTopology.Router(topology.SubnetOf(eni), isV6: true) is null)
        {
            return ReferenceOutcome.Consume();
        }

        bool isAnonymous = packet.Source.IsUnspecified;
        return ByAddresses(topology, eni, isAnonymous ? new MacAddress(0x3333_0000_0001) : packet.SourceMac,
            topology.GatewayLinkLocal, isAnonymous ? AllNodes : packet.Source);
    }

    private static bool IsEnabled(ReferenceTopology topology, EniConfig eni) =>
        DhcpConfig.Merge(topology.VpcOf(eni).Dhcp, topology.SubnetOf(eni).Dhcp).Enabled != false;

    private static ReferenceOutcome? Answer4(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        IpAddress? router = ReferenceTopology.Router(topology.SubnetOf(eni), isV6: false);
        List<IpAddress> own = [.. eni.PrivateIps.Where(ip => !ip.IsV6)];
        bool isOwn = own.Contains(packet.Source);
        bool isBroadcast = packet.Destination == Everybody && packet.DestinationMac.IsMulticast && (isOwn || packet.Source.IsUnspecified);
        bool isUnicast = packet.Destination == router && packet.DestinationMac == topology.GatewayMac && isOwn;
        if (!isBroadcast && !isUnicast)
        {
            return null;
        }

        if (!IsEnabled(topology, eni) || own.Count == 0)
        {
            return ReferenceOutcome.Consume();
        }

        int body = packet.L4 + 8;
        int end = packet.L4 + packet.U16(packet.L4 + 4);
        bool isWhole = IsChecksumRight(packet, end) && end - body >= HeaderBytes;
        if (!isWhole || Options(packet.Frame, body, end) is not { } options)
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        if (MacAddress.Read(packet.Frame.AsSpan(body + 28)) != eni.Mac)
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedMac);
        }

        IpAddress client = IpAddress.Read(packet.Frame.AsSpan(body + 12), isV6: false);
        IpAddress relay = IpAddress.Read(packet.Frame.AsSpan(body + 24), isV6: false);
        bool isForeignRelay = !relay.IsUnspecified && !own.Contains(relay);
        if (isForeignRelay || !IsAnswered(options, client, own, router!.Value))
        {
            return ReferenceOutcome.Consume();
        }

        // By broadcast a refusal always, and to a client without an address if it asks so or wants none (RFC 2131 4.1).
        IpAddress wanted = AddressIn(options, 50) ?? client;
        bool isRefused = options[53][0] == 3 && wanted != own[0];
        bool wantsBroadcast = (packet.Frame[body + 10] & 0x80) != 0;
        bool isToAll = isRefused || (client.IsUnspecified && (wantsBroadcast || options[53][0] == 8));
        IpAddress to = isToAll ? Everybody : client.IsUnspecified ? own[0] : client;
        return ByAddresses(topology, eni, isToAll ? MacAddress.Broadcast : eni.Mac, router.Value, to);
    }

    private static bool IsAnswered(Dictionary<int, byte[]> options, IpAddress client, List<IpAddress> own, IpAddress router)
    {
        bool isOthers = AddressIn(options, 54) is { } server && server != router;
        return (options.TryGetValue(53, out byte[]? kind) ? kind[0] : 0) switch
        {
            1 => true,
            3 => !isOthers,
            8 => client.IsUnspecified || own.Contains(client),
            _ => false,
        };
    }

    private static ReferenceOutcome? Answer6(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        if (packet.Destination != Servers6 || !packet.DestinationMac.IsMulticast || packet.Source != Frames.LinkLocal(eni.Mac))
        {
            return null;
        }

        if (!IsEnabled(topology, eni) || ReferenceTopology.Router(topology.SubnetOf(eni), isV6: true) is null)
        {
            return ReferenceOutcome.Consume();
        }

        int body = packet.L4 + 8;
        int end = packet.L4 + packet.U16(packet.L4 + 4);
        if (packet.U16(packet.L4 + 6) == 0 || !IsChecksumRight(packet, end) || end - body < 4)
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        if (Options6(packet.Frame[(body + 4)..end]) is not { } options)
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        // Server identifiers are the switch's own choice: a message that must name it is only known when it names none.
        bool namesClient = options.Any(option => option.Number == 1);
        bool namesServer = options.Any(option => option.Number == 2);
        bool isAnswered = !namesServer && packet.Frame[body] switch
        {
            1 or 6 => namesClient,
            4 => namesClient && options.Any(option => option.Number == 3 && Options6(option.Body[12..])!.Any(inner => inner.Number == 5)),
            11 => !options.Any(option => option.Number is 3 or 4 or 25),
            _ => false,
        };
        return isAnswered
            ? ByAddresses(topology, eni, eni.Mac, topology.GatewayLinkLocal, packet.Source)
            : ReferenceOutcome.Consume();
    }

    private static bool IsChecksumRight(ReferencePacket packet, int end)
    {
        ulong pseudo = OnesComplement.Pseudo(packet.Source, packet.Destination, 17, end - packet.L4);
        return packet.U16(packet.L4 + 6) == 0 || OnesComplement.IsRight(packet.Frame.AsSpan(packet.L4..end), pseudo);
    }

    /// <summary>The options behind the magic cookie; null when the body is not whole.</summary>
    private static Dictionary<int, byte[]>? Options(byte[] frame, int body, int end)
    {
        var options = new Dictionary<int, byte[]>();
        if (frame[body] != 1 || frame[body + 1] != 1 || frame[body + 2] != 6 || !frame.AsSpan(body + 236, 4).SequenceEqual<byte>([99, 130, 83, 99]))
        {
            return null;
        }

        int at = body + HeaderBytes;
        while (at < end && frame[at] != 255)
        {
            if (frame[at] == 0)
            {
                at++;
                continue;
            }

            if (at + 2 > end || at + 2 + frame[at + 1] > end)
            {
                return null;
            }

            options[frame[at]] = frame[(at + 2)..(at + 2 + frame[at + 1])];
            at += 2 + frame[at + 1];
        }

        bool isGood = options.All(option => option.Key switch
        {
            50 or 54 => option.Value.Length == 4,
            53 => option.Value.Length == 1,
            55 => option.Value.Length >= 1,
            57 => option.Value.Length == 2,
            61 => option.Value.Length >= 2,
            _ => true,
        });
        return isGood ? options : null;
    }

    /// <summary>The options at one level; null when one is cut short.</summary>
    private static List<(int Number, byte[] Body)>? Options6(byte[] bytes)
    {
        var options = new List<(int Number, byte[] Body)>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = at + 4 <= bytes.Length ? (bytes[at + 2] << 8) | bytes[at + 3] : bytes.Length;
            if (at + 4 + length > bytes.Length)
            {
                return null;
            }

            options.Add(((bytes[at] << 8) | bytes[at + 1], bytes[(at + 4)..(at + 4 + length)]));
            at += 4 + length;
        }

        return options;
    }

    private static IpAddress? AddressIn(Dictionary<int, byte[]> options, int number) =>
        options.TryGetValue(number, out byte[]? value) ? IpAddress.Read(value, isV6: false) : null;

    /// <summary>An answer of which only the headers' addresses are told.</summary>
    private static ReferenceOutcome ByAddresses(ReferenceTopology topology, EniConfig eni, MacAddress to, IpAddress from, IpAddress address)
    {
        byte[] frame = Frames.Begin(new FrameAddresses(topology.GatewayMac, to, from, address)).Protocol(59).Build();
        return ReferenceOutcome.Answer(eni.Name, frame) with { IsByAddresses = true };
    }
}
