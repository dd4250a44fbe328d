using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.Bench.Throughput;

/// <summary>The networks and connections of the throughput grid.</summary>
internal static class BenchLab
{
    /// <summary>ENIs; half of them send to the other half.</summary>
    public const int Enis = 32;

    private const int FirstPort = 1024;
    private static readonly MacAddress Outside = new(0x0200_0000_9901);

    public static SwitchConfig Config(int rules, int flows) => new()
    {
        Switch = new SwitchSettings { ConnectionCapacity = Math.Max(1024, flows + (flows / 8)) },
        Internet = new InternetConfig
        {
            Addresses = [IpPrefix.Parse("198.51.100.1/24")],
            Routes = [new InternetRouteConfig(IpPrefix.Parse("0.0.0.0/0"), IpAddress.Parse("198.51.100.254"), default)],
            Neighbors = new Dictionary<IpAddress, MacAddress> { [IpAddress.Parse("198.51.100.254")] = Outside },
        },
        Vpcs =
        [
            new VpcConfig
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
            },
        ],
        SecurityGroups = [Group(rules)],
        Enis = [.. Enumerable.Range(0, Enis).Select(i => new EniConfig
        {
            Name = $"e{i}", Subnet = i % 2 == 0 ? "a" : "b", Mac = MacOf(i), PrivateIps = [AddressOf(i)], SecurityGroups = ["g"],
        })],
        ElasticIps = [.. Enumerable.Range(0, Enis).Select(i => new ElasticIpConfig
        {
            Name = $"x{i}", Address = IpAddress.V4(0xCB00_7100u + (uint)i + 1), Eni = $"e{i}",
        })],
    };

    /// <summary>The first three packets of connection i, each with the port it comes in by: SYN, SYN+ACK, ACK. The last two are
    /// also what the measurement sends, in both directions.</summary>
    public static (int Port, byte[] Frame)[] Handshake(string scenario, SwitchConfig config, int i, int frameBytes)
    {
        int from = i * 2 % Enis;
        int to = (from + 1) % Enis;
        int round = i / (Enis / 2);
        ushort sourcePort = (ushort)(FirstPort + (round % 60_000));
        FrameAddresses out1;
        FrameAddresses back;
        int outPort = from + 1;
        int backPort;
        if (scenario == "eip")
        {
            IpAddress remote = IpAddress.V4(0xC612_0000u + (uint)(round / 60_000) + 1);
            IpAddress eip = config.ElasticIps[from].Address;
            out1 = new FrameAddresses(MacOf(from), config.Switch.GatewayMac, AddressOf(from), remote);
            back = new FrameAddresses(Outside, config.Internet!.Mac, remote, eip);
            backPort = 0;
        }
        else
        {
            out1 = new FrameAddresses(MacOf(from), config.Switch.GatewayMac, AddressOf(from), AddressOf(to));
            back = new FrameAddresses(MacOf(to), config.Switch.GatewayMac, AddressOf(to), AddressOf(from));
            backPort = to + 1;
        }

        ushort service = (ushort)(443 + (scenario == "eip" ? 0 : round / 60_000));
        int payload = frameBytes - 54;
        return
        [
            (outPort, Frames.Tcp(out1, sourcePort, service, TcpBits.Syn, 0, 0, 0)),
            (backPort, Frames.Tcp(back, service, sourcePort, TcpBits.Syn | TcpBits.Ack, 0, 0, 1)),
            (outPort, Frames.Tcp(out1, sourcePort, service, TcpBits.Ack, payload, 1, 1)),
            (backPort, Frames.Tcp(back, service, sourcePort, TcpBits.Ack, payload, 1, 1)),
        ];
    }

    private static SecurityGroupConfig Group(int rules)
    {
        var ingress = new List<RuleConfig>();
        for (int i = 0; i < rules - 1; i++)
        {
            ingress.Add(TestTopologies.Rule($"172.{16 + (i >> 8 & 15)}.{i & 255}.0/24", 6, i % 60_000, i % 60_000));
        }

        ingress.Add(TestTopologies.Rule("0.0.0.0/0", 6, 1, 65535));
        return new SecurityGroupConfig { Name = "g", Vpc = "v", Ingress = ingress, Egress = ingress };
    }

    private static MacAddress MacOf(int i) => new(0x0200_0000_0100UL + (ulong)i);

    private static IpAddress AddressOf(int i) => IpAddress.V4((i % 2 == 0 ? 0x0A00_0100u : 0x0A00_0200u) + 10 + (uint)i);
}
