using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Bench;

/// <summary>The network that figures are measured in, its connections, and their frames on the way in and on the way out.
/// Connection i belongs to group i mod <see cref="Groups"/>: two ENIs, or an ENI and the outside.</summary>
internal sealed class BenchLab
{
    /// <summary>ENIs; every even one opens connections.</summary>
    public const int Enis = 32;

    /// <summary>Groups of connections that share both ends.</summary>
    public const int Groups = Enis / 2;

    /// <summary>Bytes of the headers of a frame.</summary>
    public const int HeaderBytes = 54;

    private const int FirstPort = 1024;
    private const int PortsOfARound = 60_000;
    private const ushort Service = 443;
    private static readonly MacAddress Outside = new(0x0200_0000_9901);
    private static readonly int[] PrefixBits = [32, 28, 24, 20, 16];
    private readonly BenchScenario _scenario;

    /// <summary>Makes the network of a scenario.</summary>
    /// <param name="scenario">What connections go through.</param>
    /// <param name="rules">Rules of the security group in each direction; the last one decides.</param>
    /// <param name="capacity">Connections that the switch may hold.</param>
    public BenchLab(BenchScenario scenario, int rules, int capacity)
    {
        _scenario = scenario;
        Config = new SwitchConfig
        {
            Switch = new SwitchSettings { ConnectionCapacity = capacity },
            Internet = InternetSide(),
            Vpcs = [Vpc()],
            SecurityGroups = [GroupOf(scenario, rules)],
            Enis = [.. Enumerable.Range(0, Enis).Select(Eni)],
            ElasticIps = [.. Enumerable.Range(0, Enis).Select(i => new ElasticIpConfig
            {
                Name = $"x{i}", Address = ElasticIpOf(i), Eni = $"e{i}",
            })],
        };
    }

    /// <summary>The switch's configuration.</summary>
    public SwitchConfig Config { get; }

    /// <summary>The port by which a connection's packets of one direction come in; 0 is the internet side.</summary>
    /// <param name="connection">Its number.</param>
    /// <param name="isReply">False for the direction of its first packet.</param>
    public int InPort(int connection, bool isReply) =>
        !isReply ? Sender(connection) + 1 : _scenario == BenchScenario.Eip ? 0 : Sender(connection) + 2;

    /// <summary>The port by which they leave.</summary>
    public int OutPort(int connection, bool isReply) => InPort(connection, !isReply);

    /// <summary>Writes a frame as its sender sends it: <paramref name="frame"/> is filled, headers, payload and checksums.</summary>
    public void Write(Span<byte> frame, int connection, bool isReply, TcpFlags flags, uint sequence, uint acknowledgment)
    {
        (IpAddress from, IpAddress to) = AddressesIn(connection, isReply);
        int round = connection / Groups;
        ushort client = (ushort)(FirstPort + (round % PortsOfARound));
        ushort service = (ushort)(Service + (_scenario == BenchScenario.Eip ? 0 : round / PortsOfARound));
        frame.Clear();
        DestinationMac(connection, isReply).Write(frame);
        SourceMac(connection, isReply).Write(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], (ushort)EtherType.Ipv4);
        Span<byte> ip = frame[14..];
        (ip[0], ip[8], ip[9]) = (0x45, 64, (byte)IpProtocol.Tcp);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        from.Write(ip[12..]);
        to.Write(ip[16..]);
        Span<byte> tcp = ip[20..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, isReply ? service : client);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], isReply ? client : service);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgment);
        (tcp[12], tcp[13]) = (0x50, (byte)flags);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], ushort.MaxValue);
        for (int i = 20; i < tcp.Length; i++)
        {
            tcp[i] = (byte)i;
        }

        FrameChecksum.Fill(frame);
    }

    /// <summary>Turns a frame that <see cref="Write"/> made into what the switch must send: other MACs, one TTL less and the
    /// elastic IP where the scenario has them, and every checksum computed anew. Knows nothing of how the switch does it.</summary>
    public void RewriteAsExpected(Span<byte> frame, int connection, bool isReply)
    {
        if (_scenario == BenchScenario.L2)
        {
            return;
        }

        int from = Sender(connection);
        bool leaves = _scenario == BenchScenario.Eip && !isReply;
        MacAddress destination = leaves ? Outside : MacOf(isReply ? from : from + 1);
        destination.Write(frame);
        (leaves ? Config.Internet!.Mac : Config.Switch.GatewayMac).Write(frame[6..]);
        Span<byte> ip = frame[14..];
        ip[8]--;
        if (leaves)
        {
            ElasticIpOf(from).Write(ip[12..]);
        }
        else if (_scenario == BenchScenario.Eip)
        {
            AddressOf(from).Write(ip[16..]);
        }

        FrameChecksum.Fill(frame);
    }

    /// <summary>The same network with another group of rules, for a policy that changes while the switch works.</summary>
    /// <param name="rules">Rules in each direction.</param>
    /// <param name="salt">Another salt gives other rules; the one that decides stays.</param>
    public SwitchConfig WithRules(int rules, int salt) => Config with { SecurityGroups = [GroupOf(_scenario, rules, salt)] };

    /// <summary>The same network with one rule of the group changed, each time another way.</summary>
    public SwitchConfig WithOneRuleChanged(int salt)
    {
        SecurityGroupConfig group = Config.SecurityGroups[0];
        List<RuleConfig> changed = [.. group.Ingress];
        ushort port = (ushort)(1 + salt);
        int place = changed.Count / 2;
        changed[place] = changed[place] with { Ports = [new PortRange(port, port)] };
        return Config with { SecurityGroups = [group with { Ingress = changed }] };
    }

    private static int Sender(int connection) => connection % Groups * 2;

    private static MacAddress MacOf(int eni) => new(0x0200_0000_0100UL + (ulong)eni);

    private static IpAddress ElasticIpOf(int eni) => IpAddress.V4(0xCB00_7100u + (uint)eni + 1);

    private IpAddress AddressOf(int eni) =>
        IpAddress.V4((eni % 2 == 0 || _scenario == BenchScenario.L2 ? 0x0A00_0100u : 0x0A00_0200u) + 10 + (uint)eni);

    private MacAddress SourceMac(int connection, bool isReply) =>
        !isReply ? MacOf(Sender(connection)) : _scenario == BenchScenario.Eip ? Outside : MacOf(Sender(connection) + 1);

    private MacAddress DestinationMac(int connection, bool isReply) => _scenario switch
    {
        BenchScenario.L2 => MacOf(Sender(connection) + (isReply ? 0 : 1)),
        BenchScenario.Eip when isReply => Config.Internet!.Mac,
        _ => Config.Switch.GatewayMac,
    };

    private (IpAddress From, IpAddress To) AddressesIn(int connection, bool isReply)
    {
        int eni = Sender(connection);
        if (_scenario != BenchScenario.Eip)
        {
            return isReply ? (AddressOf(eni + 1), AddressOf(eni)) : (AddressOf(eni), AddressOf(eni + 1));
        }

        IpAddress remote = IpAddress.V4(0xC612_0000u + (uint)(connection / Groups / PortsOfARound) + 1);
        return isReply ? (remote, ElasticIpOf(eni)) : (AddressOf(eni), remote);
    }

    private EniConfig Eni(int i) => new()
    {
        Name = $"e{i}",
        Subnet = i % 2 == 0 || _scenario == BenchScenario.L2 ? "a" : "b",
        Mac = MacOf(i),
        PrivateIps = [AddressOf(i)],
        SecurityGroups = ["g"],
    };

    private static InternetConfig InternetSide()
    {
        var gateway = IpAddress.Parse("198.51.100.254");
        return new InternetConfig
        {
            Addresses = [IpPrefix.Parse("198.51.100.1/24")],
            Routes = [new InternetRouteConfig(IpPrefix.Parse("0.0.0.0/0"), gateway, default)],
            Neighbors = new Dictionary<IpAddress, MacAddress> { [gateway] = Outside },
        };
    }

    private static VpcConfig Vpc() => new()
    {
        Name = "v",
        Cidrs = [IpPrefix.Parse("10.0.0.0/16")],
        Subnets =
        [
            new SubnetConfig { Name = "a", Cidrs = [IpPrefix.Parse("10.0.1.0/24")] },
            new SubnetConfig { Name = "b", Cidrs = [IpPrefix.Parse("10.0.2.0/24")] },
        ],
        RouteTables =
        [
            new RouteTableConfig { Name = "m", Main = true, Routes = [new RouteConfig(IpPrefix.Parse("0.0.0.0/0"), "internet", default)] },
        ],
    };

    /// <summary>The group of all ENIs: rules of mixed prefix lengths that match nothing, and one that decides.</summary>
    private static SecurityGroupConfig GroupOf(BenchScenario scenario, int rules, int salt = 0)
    {
        if (scenario == BenchScenario.L2)
        {
            return new SecurityGroupConfig { Name = "g", Vpc = "v", Ingress = [Rule(new IpPrefix(IpAddress.V4(0), 0), null, default)] };
        }

        var list = new List<RuleConfig>();
        for (int i = 0; i < rules - 1; i++)
        {
            int bits = PrefixBits[i % PrefixBits.Length];
            uint network = (0xAC10_0000u + ((uint)((i + salt) % 10_007) * 0x9E37u)) & (uint.MaxValue << (32 - bits));
            ushort port = (ushort)(1 + ((i + salt) * 7 % 60_000));
            list.Add(Rule(new IpPrefix(IpAddress.V4(network), bits), (byte)IpProtocol.Tcp, new PortRange(port, (ushort)(port + (i % 3)))));
        }

        bool allows = scenario != BenchScenario.Denied;
        list.Add(Rule(new IpPrefix(IpAddress.V4(0), 0), (byte)IpProtocol.Tcp, new PortRange(1, allows ? ushort.MaxValue : (ushort)(Service - 1))));
        return new SecurityGroupConfig { Name = "g", Vpc = "v", Ingress = list, Egress = allows ? list : null };
    }

    private static RuleConfig Rule(IpPrefix peer, byte? protocol, PortRange ports) => new()
    {
        Protocol = protocol,
        Ports = protocol == null ? [] : [ports],
        Peer = new PeerConfig(peer, null, null),
    };
}
