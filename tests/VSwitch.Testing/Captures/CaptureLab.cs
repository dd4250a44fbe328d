using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>How a capture's hosts are placed and what they may do.</summary>
public sealed record LabOptions
{
    /// <summary>Which addresses of the capture are ENIs with an EIP, the others being beyond the internet port; null =
    /// all hosts are ENIs of one subnet.</summary>
    public Func<IpAddress, bool>? Inside { get; init; }

    /// <summary>Ingress rules of every ENI; the default allows all.</summary>
    public IReadOnlyList<RuleConfig> Ingress { get; init; } = [TestTopologies.From("0.0.0.0/0"),
        TestTopologies.From("::/0")];

    /// <summary><c>tcp: loose</c> on every ENI.</summary>
    public bool Loose { get; init; }

    /// <summary>False leaves VLAN tags on.</summary>
    public bool Untag { get; init; } = true;

    /// <summary>True sends a frame whose MAC is a group's, but whose address is a host's, to that host: hand-made
    /// captures often have the broadcast MAC in all frames.</summary>
    public bool Unicast { get; init; }

    /// <summary>MTU of every port, bytes.</summary>
    public int Mtu { get; init; } = 1500;

    /// <summary>Connections at most.</summary>
    public int Capacity { get; init; } = 100_000;
}

/// <summary>A frame of a capture in the lab.</summary>
/// <param name="Port">Port that it comes in by.</param>
/// <param name="TimestampNs">The capture's time.</param>
/// <param name="Bytes">What comes in.</param>
/// <param name="ToPort">Port that it must leave by if it is forwarded; null when nobody is its receiver.</param>
/// <param name="Leaves">The bytes that must leave: addresses and MACs as the far end sees them, the TTL of a routed
/// packet one less, no padding.</param>
public sealed record LabFrame(string Port, long TimestampNs, byte[] Bytes, string? ToPort, byte[]? Leaves);

/// <summary>A capture moved into a generated configuration: each host is an ENI (or one beyond the internet port), each
/// frame has the MACs and addresses of its ends there. Link types without MACs get an Ethernet header, VLAN tags are
/// taken off; nothing else is mended.</summary>
public sealed class CaptureLab
{
    private static readonly MacAddress Neighbor = new(0x0200_0000_9901);
    private readonly LabOptions _options;
    private readonly LabHosts _hosts;
    private readonly BodyRewriter _rewriter;
    private readonly SwitchSettings _settings;
    private readonly InternetConfig _internet;

    public CaptureLab(IReadOnlyList<CapturedFrame> frames, LabOptions options)
    {
        _options = options;
        _hosts = new LabHosts(options.Inside);
        _rewriter = new BodyRewriter(_hosts);
        _settings = new SwitchSettings { ConnectionCapacity = options.Capacity };
        _internet = Internet(options);
        var known = new List<LabFrame>();
        foreach (CapturedFrame frame in frames)
        {
            // The hosts of a frame may be known only from a later one, so they are collected first.
            if (LinkLayer.Of(frame) is { } link)
            {
                Collect(link);
            }
        }

        foreach (CapturedFrame frame in frames)
        {
            LinkLayer? link = LinkLayer.Of(frame);
            known.Add(link is null ? Bare(frame) : Move(frame, link));
        }

        Frames = known;
        Config = Configure();
    }

    /// <summary>The generated configuration.</summary>
    public SwitchConfig Config { get; }

    /// <summary>The capture's frames, in its order.</summary>
    public IReadOnlyList<LabFrame> Frames { get; }

    private void Collect(LinkLayer link)
    {
        _rewriter.Rewrite(link, LabView.Private);
        LabHost sender = _rewriter.Ends.Source ?? _hosts.OfMac(link.Source);
        _hosts.Saw(link.Source, sender);
    }

    /// <summary>A frame without a whole link header: nothing to rewrite; it comes from the first host.</summary>
    private LabFrame Bare(CapturedFrame frame) =>
        new(_hosts.All.FirstOrDefault()?.Port ?? LabHost.Internet, frame.TimestampNs, frame.Bytes, null, null);

    private LabFrame Move(CapturedFrame frame, LinkLayer link)
    {
        _rewriter.Rewrite(link, LabView.Private);
        LabHost sender = _rewriter.Ends.Source ?? _hosts.OfMac(link.Source);
        bool isToGroup = link.IsToGroup && !(_options.Unicast && _rewriter.Ends.Destination is not null);
        LabHost? receiver = isToGroup ? null : _rewriter.Ends.Destination;
        bool isRouted = !sender.IsInside || receiver is { IsInside: false };
        byte[] body = _rewriter.Rewrite(link, sender.IsInside ? LabView.Private : LabView.Public);
        MacAddress nextHop = isToGroup ? link.Destination
            : !sender.IsInside ? _internet.Mac
            : isRouted ? _settings.GatewayMac : receiver?.Mac ?? _settings.GatewayMac;
        byte[] bytes = Frame(nextHop, sender.IsInside ? sender.Mac : Neighbor, _options.Untag ? [] : link.Tags,
            link.EtherType, body);
        if (receiver is null)
        {
            return new LabFrame(sender.Port, frame.TimestampNs, bytes, null, null);
        }

        byte[] far = _rewriter.Rewrite(link, receiver.IsInside ? LabView.Private : LabView.Public);
        if (isRouted)
        {
            LowerTtl(far);
        }

        MacAddress lastHop = !isRouted ? sender.Mac : receiver.IsInside ? _settings.GatewayMac : _internet.Mac;
        byte[] leaves = Frame(receiver.IsInside ? receiver.Mac : Neighbor, lastHop, [], link.EtherType, Unpadded(far));
        return new LabFrame(sender.Port, frame.TimestampNs, bytes, receiver.Port, leaves);
    }

    private static byte[] Frame(MacAddress to, MacAddress from, byte[] tags, ushort type, byte[] body) =>
        [.. OnesComplement.BytesOf(to), .. OnesComplement.BytesOf(from), .. tags, (byte)(type >> 8), (byte)type,
            .. body];

    private static void LowerTtl(byte[] packet)
    {
        if (packet.Length >= 40 && packet[0] >> 4 == 6)
        {
            packet[7]--;
        }
        else if (packet.Length >= 20)
        {
            var edit = new WordEdit();
            edit.Put(packet, 8, [(byte)(packet[8] - 1), packet[9]]);
            edit.Mend(packet, 10, isUdp: false);
        }
    }

    private static byte[] Unpadded(byte[] packet)
    {
        int length = packet.Length >= 40 && packet[0] >> 4 == 6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(4))
            : packet.Length >= 20 ? BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2)) : packet.Length;
        return packet[..Math.Min(length, packet.Length)];
    }

    private SwitchConfig Configure()
    {
        LabHost[] inside = [.. _hosts.All.Where(host => host.IsInside)];
        IpPrefix[] range = [IpPrefix.Parse("10.1.0.0/16"), IpPrefix.Parse("fd00:1::/48")];
        return new SwitchConfig
        {
            Switch = _settings,
            Internet = _internet,
            Vpcs =
            [
                new VpcConfig
                {
                    Name = "lab",
                    Cidrs = range,
                    Subnets = [new SubnetConfig { Name = "lab-a",
                        Cidrs = [range[0], IpPrefix.Parse("fd00:1:0:1::/64")] }],
                    RouteTables = [new RouteTableConfig { Name = "lab-main", Main = true,
                        Routes = [Out("0.0.0.0/0"), Out("::/0")] }],
                },
            ],
            SecurityGroups = [new SecurityGroupConfig { Name = "lab", Vpc = "lab", Ingress = _options.Ingress }],
            Enis = [.. inside.Select(Eni)],
            ElasticIps = _options.Inside is null ? [] :
                [.. inside.Select(h => new ElasticIpConfig { Name = $"eip-{h.Port}", Address = h.Eip, Eni = h.Port })],
        };
    }

    private EniConfig Eni(LabHost host) => new()
    {
        Name = host.Port,
        Subnet = "lab-a",
        Mac = host.Mac,
        PrivateIps = [host.Private4, host.Private6],
        SecurityGroups = ["lab"],
        TcpLoose = _options.Loose,
        Mtu = _options.Mtu,
    };

    private static RouteConfig Out(string cidr) => new(IpPrefix.Parse(cidr), "internet", default);

    private static InternetConfig Internet(LabOptions options) => new()
    {
        Addresses = [IpPrefix.Parse("192.0.2.1/24"), IpPrefix.Parse("2001:db8:ffff::1/64")],
        Routes =
        [
            new InternetRouteConfig(IpPrefix.Parse("0.0.0.0/0"), IpAddress.Parse("192.0.2.254"), default),
            new InternetRouteConfig(IpPrefix.Parse("::/0"), IpAddress.Parse("2001:db8:ffff::fe"), default),
        ],
        Neighbors = new Dictionary<IpAddress, MacAddress>
        {
            [IpAddress.Parse("192.0.2.254")] = Neighbor,
            [IpAddress.Parse("2001:db8:ffff::fe")] = Neighbor,
        },
        Mtu = options.Mtu,
    };
}
