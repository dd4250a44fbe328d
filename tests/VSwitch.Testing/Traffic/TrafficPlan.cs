using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>An end of a conversation: its port, and the addresses on what it sends.</summary>
internal sealed record TrafficEnd(string Port, FrameAddresses Addresses);

/// <summary>Who can talk to whom in a configuration.</summary>
internal sealed class TrafficPlan
{
    private const string Outside = "internet";

    private readonly Random _random;

    public TrafficPlan(SwitchConfig config, Random random)
    {
        Config = config;
        _random = random;
        Remotes = RemotesOf(config);
    }

    public SwitchConfig Config { get; }

    /// <summary>Addresses beyond the public port, and the MAC that brings their packets.</summary>
    public IReadOnlyList<(IpAddress Address, MacAddress Mac)> Remotes { get; }

    public MacAddress GatewayMac => Config.Switch.GatewayMac;

    public T Pick<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];

    public EniConfig AnyEni() => Pick(Config.Enis);

    public VpcConfig VpcOf(EniConfig eni) => Config.Vpcs.First(vpc => vpc.Subnets.Any(subnet => subnet.Name == eni.Subnet));

    public SubnetConfig SubnetOf(EniConfig eni) => VpcOf(eni).Subnets.First(subnet => subnet.Name == eni.Subnet);

    /// <summary>A new conversation between two ends that could reach each other if the rules let them.</summary>
    public TrafficConversation Conversation()
    {
        (TrafficEnd a, TrafficEnd b) = Ends();
        return TrafficConversation.Make(_random, a, b);
    }

    /// <summary>The EIP bound to an ENI's address.</summary>
    public IpAddress? EipOf(EniConfig eni, IpAddress address) => Config.ElasticIps
        .Where(eip => eip.Eni == eni.Name && (eip.PrivateIp ?? eni.PrivateIps.First(ip => !ip.IsV6)) == address)
        .Select(eip => (IpAddress?)eip.Address).FirstOrDefault();

    /// <summary>More than a small cap lets through at once, over one capped EIP; null when there is none.</summary>
    public (string Port, IReadOnlyList<byte[]> Frames)? Flood()
    {
        const int MostBitsPerSecond = 2_000_000;
        const int FrameCount = 120;
        ElasticIpConfig? eip = Config.ElasticIps.FirstOrDefault(e => e.BandwidthBitsPerSecond <= MostBitsPerSecond && e.Eni is not null);
        List<(IpAddress Address, MacAddress Mac)> remotes = [.. Remotes.Where(remote => !remote.Address.IsV6)];
        if (eip is null || remotes.Count == 0)
        {
            return null;
        }

        EniConfig eni = Config.Enis.First(e => e.Name == eip.Eni);
        (IpAddress remote, MacAddress mac) = Pick(remotes);
        IpAddress inside = eip.PrivateIp ?? eni.PrivateIps.First(ip => !ip.IsV6);
        bool isOutbound = _random.Next(2) == 0;
        byte[] frame = isOutbound
            ? Frames.Udp(new FrameAddresses(eni.Mac, GatewayMac, inside, remote), 40000, 1000, 1430)
            : Frames.Udp(new FrameAddresses(mac, Config.Internet!.Mac, remote, eip.Address), 40000, 1000, 1430);
        return (isOutbound ? eni.Name : Outside, [.. Enumerable.Repeat(frame, FrameCount)]);
    }

    /// <summary>More packets that die at the router than it tells of in a second.</summary>
    public (string Port, IReadOnlyList<byte[]> Frames) Storm()
    {
        const int FrameCount = 130;
        (TrafficEnd from, TrafficEnd _) = Ends();
        return (from.Port, [.. Enumerable.Repeat(Frames.Begin(from.Addresses, 1).Udp(40000, 1000).Payload(20).Build(), FrameCount)]);
    }

    /// <summary>More beginnings of connections than an ENI's share in a small table.</summary>
    public (string Port, IReadOnlyList<byte[]> Frames) HalfOpen()
    {
        (TrafficEnd from, TrafficEnd _) = Ends();
        bool isTcp = _random.Next(2) == 0;
        int first = 43_000 + _random.Next(64);
        return (from.Port, [.. Enumerable.Range(first, 10 + _random.Next(40)).Select(port => isTcp
            ? Frames.Tcp(from.Addresses, (ushort)port, 80, TcpBits.Syn)
            : Frames.Udp(from.Addresses, (ushort)port, 1000))]);
    }

    /// <summary>Two ends that could reach each other if the rules let them.</summary>
    public (TrafficEnd A, TrafficEnd B) Ends()
    {
        while (true)
        {
            (TrafficEnd A, TrafficEnd B)? ends = _random.Next(10) switch
            {
                < 5 => Inside(),
                < 9 => Public(),
                _ => Hairpin(),
            };
            if (ends is { } found)
            {
                return _random.Next(2) == 0 ? found : (found.B, found.A);
            }
        }
    }

    private (TrafficEnd A, TrafficEnd B)? Inside()
    {
        EniConfig a = AnyEni();
        EniConfig b = AnyEni();
        IpAddress from = Pick(a.PrivateIps);
        IpAddress to = Pick(b.PrivateIps);
        if (from.IsV6 != to.IsV6 || !MayTalk(VpcOf(a).Name, VpcOf(b).Name) || (from == to && _random.Next(10) != 0))
        {
            return null;
        }

        bool isSwitched = a.Name != b.Name && a.Subnet == b.Subnet && _random.Next(4) != 0;
        return (
            new TrafficEnd(a.Name, new FrameAddresses(a.Mac, isSwitched ? b.Mac : GatewayMac, from, to)),
            new TrafficEnd(b.Name, new FrameAddresses(b.Mac, isSwitched ? a.Mac : GatewayMac, to, from)));
    }

    /// <summary>In one VPC, or in two with a peering, accepted or not.</summary>
    private bool MayTalk(string a, string b) => a == b || Config.Peerings.Any(p => p.Joins(a, b));

    private (TrafficEnd A, TrafficEnd B)? Public()
    {
        if (Config.Internet is null || Remotes.Count == 0)
        {
            return null;
        }

        EniConfig eni = AnyEni();
        IpAddress inside = Pick(eni.PrivateIps);
        (IpAddress remote, MacAddress mac) = Pick(Remotes);
        IpAddress? seen = inside.IsV6 ? inside : EipOf(eni, inside);
        if (inside.IsV6 != remote.IsV6 || (seen is null && _random.Next(10) != 0))
        {
            return null;
        }

        return (
            new TrafficEnd(eni.Name, new FrameAddresses(eni.Mac, GatewayMac, inside, remote)),
            new TrafficEnd(Outside, new FrameAddresses(mac, Config.Internet.Mac, remote, seen ?? inside)));
    }

    private (TrafficEnd A, TrafficEnd B)? Hairpin()
    {
        EniConfig a = AnyEni();
        EniConfig b = AnyEni();
        IpAddress from = Pick(a.PrivateIps);
        IpAddress to = Pick(b.PrivateIps);
        if (from.IsV6 || to.IsV6 || EipOf(a, from) is not { } publicFrom || EipOf(b, to) is not { } publicTo)
        {
            return null;
        }

        return (
            new TrafficEnd(a.Name, new FrameAddresses(a.Mac, GatewayMac, from, publicTo)),
            new TrafficEnd(b.Name, new FrameAddresses(b.Mac, GatewayMac, to, publicFrom)));
    }

    /// <summary>Some addresses behind every route, every static neighbour, and one on-link address nobody knows yet.</summary>
    private static List<(IpAddress Address, MacAddress Mac)> RemotesOf(SwitchConfig config)
    {
        if (config.Internet is not { } internet)
        {
            return [];
        }

        UInt128[] offsets = [5, 70, 200];
        var behind =
            from route in internet.Routes
            from offset in offsets
            let network = route.Destination.Network
            let filler = network.IsV6 ? (UInt128)0x1_0000 << 64 : 0x0808_0800
            let host = (filler & ~route.Destination.Mask) + offset
            select (network with { Bits = network.Bits + host }, internet.Neighbors.GetValueOrDefault(route.NextHop));
        var onLink =
            from own in internet.Addresses
            select (own.Network with { Bits = own.Network.Bits + 88 }, new MacAddress(0x0200_0000_9988));
        var known = internet.Neighbors.Select(neighbor => (neighbor.Key, neighbor.Value));
        return
        [
            .. behind.Concat(known).Concat(onLink).Where(remote => remote.Item2.Value != 0 &&
                config.Vpcs.All(vpc => vpc.Cidrs.All(cidr => !cidr.Contains(remote.Item1))) &&
                config.ElasticIps.All(eip => eip.Address != remote.Item1)),
        ];
    }
}
