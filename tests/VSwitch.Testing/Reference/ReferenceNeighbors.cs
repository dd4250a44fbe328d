using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>ARP and neighbour discovery (sections 5 and 6), and what was learnt by them on the public side.</summary>
internal sealed class ReferenceNeighbors
{
    private const long AskAgainMs = 1000;
    private const long BelievedMs = 20 * 60 * 1000;
    private const int MaxQuestions = 3;
    private const byte SourceOption = 1;
    private const byte TargetOption = 2;

    // In the order in which they were learnt or asked last.
    private readonly List<Learnt> _learnt = [];
    private readonly Dictionary<IpAddress, long> _askedMs = [];
    private IpAddress? _justLearnt;

    private sealed record Learnt(IpAddress Address, MacAddress Mac, long DueMs, int Questions);

    /// <summary>MAC of a next hop: static, else learnt.</summary>
    public MacAddress? Resolve(ReferenceTopology topology, IpAddress nextHop) =>
        topology.Internet.Neighbors.TryGetValue(nextHop, out MacAddress known) ? known
        : _learnt.Find(learnt => learnt.Address == nextHop)?.Mac;

    /// <summary>Who was not heard of for long is asked, and forgotten after the third question; the questions.</summary>
    public List<byte[]> Age(ReferenceTopology topology, long nowMs)
    {
        List<byte[]> questions = [];
        while (_learnt.Find(learnt => learnt.DueMs <= nowMs) is { } overdue)
        {
            _learnt.Remove(overdue);
            if (overdue.Questions == MaxQuestions)
            {
                continue;
            }

            _learnt.Add(overdue with { Questions = overdue.Questions + 1, DueMs = nowMs + AskAgainMs });
            if (topology.FirstOutside(overdue.Address.IsV6) is { } own)
            {
                questions.Add(ReferenceFrames.Unicast(topology.Internet.Mac, own, overdue.Address, overdue.Mac));
            }
        }

        return questions;
    }

    /// <summary>The question for a next hop's MAC; null when it was asked within the last second.</summary>
    public byte[]? Ask(ReferenceTopology topology, IpAddress nextHop, long nowMs)
    {
        if (topology.FirstOutside(nextHop.IsV6) is not { } own ||
            (_askedMs.TryGetValue(nextHop, out long asked) && nowMs < asked + AskAgainMs))
        {
            return null;
        }

        _askedMs[nextHop] = nowMs;
        return nextHop.IsV6
            ? ReferenceFrames.Solicitation(topology.Internet.Mac, own, nextHop)
            : ReferenceFrames.ArpRequest(topology.Internet.Mac, own, nextHop);
    }

    /// <summary>Whom the last frame told of; null when it told of nobody.</summary>
    public IpAddress? TakeLearnt()
    {
        IpAddress? learnt = _justLearnt;
        _justLearnt = null;
        return learnt;
    }

    public static ReferenceOutcome Arp(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        (int opcode, MacAddress senderMac, IpAddress sender, IpAddress target) = Body(packet);
        if (senderMac != eni.Mac)
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedMac);
        }

        if (!eni.PrivateIps.Contains(sender) && !(opcode == 1 && sender.IsUnspecified))
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedIp);
        }

        if (opcode != 1)
        {
            return opcode == 2 ? ReferenceOutcome.Consume() : ReferenceOutcome.Drop(DropReason.UnsupportedProtocol);
        }

        MacAddress? answer = target == ReferenceTopology.Router(topology.SubnetOf(eni), isV6: false)
            ? topology.GatewayMac
            : topology.Peer(eni, target)?.Mac;
        return eni.PrivateIps.Contains(target) || answer is null
            ? ReferenceOutcome.Consume()
            : ReferenceOutcome.Answer(eni.Name, ReferenceFrames.ArpAnswer(packet.Frame, answer.Value));
    }

    public ReferenceOutcome ArpOutside(ReferenceTopology topology, ReferencePacket packet, long nowMs)
    {
        (int opcode, MacAddress senderMac, IpAddress sender, IpAddress target) = Body(packet);
        if (topology.IsOwnOutside(sender) || topology.IsEip(sender) || senderMac.IsMulticast)
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedIp);
        }

        Learn(topology, sender, senderMac, nowMs);
        if (opcode != 1)
        {
            return opcode == 2 ? ReferenceOutcome.Consume() : ReferenceOutcome.Drop(DropReason.UnsupportedProtocol);
        }

        return topology.IsOwnOutside(target) || topology.Bound(target) is not null
            ? ReferenceOutcome.Answer(ReferenceTopology.InternetPort, ReferenceFrames.ArpAnswer(packet.Frame, topology.Internet.Mac))
            : ReferenceOutcome.Consume();
    }

    public static ReferenceOutcome Discovery(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        if (!IsWellFormed(packet, out IReadOnlyList<(byte Type, MacAddress Mac)> options))
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        byte type = packet.IcmpType;
        if (!ReferenceTopology.Owns(eni, packet.Source) && !(type is 133 or 135 && packet.Source.IsUnspecified))
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedIp);
        }

        if (options.Any(option => option.Type == SourceOption && option.Mac != eni.Mac))
        {
            return ReferenceOutcome.Drop(DropReason.SpoofedMac);
        }

        return type switch
        {
            133 => ReferenceDhcp.Advertise(topology, eni, packet),
            135 => Solicited(topology, eni, packet),
            136 => ReferenceTopology.Owns(eni, TargetOf(packet))
                ? ReferenceOutcome.Consume()
                : ReferenceOutcome.Drop(DropReason.SpoofedIp),
            _ => ReferenceOutcome.Drop(DropReason.UnsupportedProtocol),
        };
    }

    public ReferenceOutcome DiscoveryOutside(ReferenceTopology topology, ReferencePacket packet, long nowMs)
    {
        if (!IsWellFormed(packet, out IReadOnlyList<(byte Type, MacAddress Mac)> options))
        {
            return ReferenceOutcome.Drop(DropReason.MalformedL4);
        }

        switch (packet.IcmpType)
        {
            case 135:
                LearnFrom(topology, packet.Source, options, SourceOption, nowMs);
                IpAddress target = TargetOf(packet);
                return topology.IsOwnOutside(target)
                    ? ReferenceOutcome.Answer(
                        ReferenceTopology.InternetPort,
                        ReferenceFrames.Advertisement(packet, target, topology.Internet.Mac, isRouter: false))
                    : ReferenceOutcome.Consume();
            case 136:
                LearnFrom(topology, TargetOf(packet), options, TargetOption, nowMs);
                return ReferenceOutcome.Consume();
            case 133:
                return ReferenceOutcome.Consume();
            default:
                return ReferenceOutcome.Drop(DropReason.UnsupportedProtocol);
        }
    }

    private static ReferenceOutcome Solicited(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        IpAddress target = TargetOf(packet);
        bool isRouter = target == topology.GatewayLinkLocal ||
            target == ReferenceTopology.Router(topology.SubnetOf(eni), isV6: true);
        MacAddress? answer = isRouter ? topology.GatewayMac : topology.Peer(eni, target)?.Mac;
        return ReferenceTopology.Owns(eni, target) || answer is null
            ? ReferenceOutcome.Consume()
            : ReferenceOutcome.Answer(eni.Name, ReferenceFrames.Advertisement(packet, target, answer.Value, isRouter));
    }

    private void LearnFrom(
        ReferenceTopology topology, IpAddress address, IReadOnlyList<(byte Type, MacAddress Mac)> options, byte type, long nowMs)
    {
        foreach ((byte _, MacAddress mac) in options.Where(option => option.Type == type).Take(1))
        {
            Learn(topology, address, mac, nowMs);
        }
    }

    private void Learn(ReferenceTopology topology, IpAddress address, MacAddress mac, long nowMs)
    {
        if (!address.IsUnspecified && topology.IsOnLink(address) && !topology.Internet.Neighbors.ContainsKey(address))
        {
            _learnt.RemoveAll(learnt => learnt.Address == address);
            _learnt.Add(new Learnt(address, mac, nowMs + BelievedMs, 0));
            _justLearnt = address;
        }
    }

    private static (int Opcode, MacAddress SenderMac, IpAddress Sender, IpAddress Target) Body(ReferencePacket packet) =>
    (
        packet.U16(20),
        MacAddress.Read(packet.Frame.AsSpan(22)),
        IpAddress.Read(packet.Frame.AsSpan(28), isV6: false),
        IpAddress.Read(packet.Frame.AsSpan(38), isV6: false));

    private static IpAddress TargetOf(ReferencePacket packet) => IpAddress.Read(packet.Frame.AsSpan(packet.L4 + 8), isV6: true);

    /// <summary>Hop limit, code, checksum, and a whole number of options behind the message's fixed part.</summary>
    private static bool IsWellFormed(ReferencePacket packet, out IReadOnlyList<(byte Type, MacAddress Mac)> options)
    {
        var found = new List<(byte Type, MacAddress Mac)>();
        options = found;
        int fixedBytes = packet.IcmpType switch { 133 => 8, 134 => 16, 137 => 40, _ => 24 };
        if (packet.Ttl != 255 || packet.IcmpCode != 0 || packet.End - packet.L4 < fixedBytes || !packet.IsIcmpChecksumRight())
        {
            return false;
        }

        int at = packet.L4 + fixedBytes;
        while (at < packet.End)
        {
            int length = at + 2 <= packet.End ? packet.Frame[at + 1] * 8 : 0;
            if (length == 0 || at + length > packet.End)
            {
                return false;
            }

            found.Add((packet.Frame[at], MacAddress.Read(packet.Frame.AsSpan(at + 2))));
            at += length;
        }

        return true;
    }
}
