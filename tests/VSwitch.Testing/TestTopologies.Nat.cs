using VSwitch.ControlPlane.Config;

namespace VSwitch.Testing;

/// <content>NAT gateways.</content>
public static partial class TestTopologies
{
    /// <summary>A VPC whose two subnets go out by a NAT gateway with one EIP; one of its ENIs, "c", has an EIP of its own. Another VPC has
    /// a server with an EIP.</summary>
    public static SwitchConfig Nat() => new()
    {
        Internet = Internet(),
        Vpcs =
        [
            Vpc("blue", ["10.0.0.0/16"], [Subnet("blue-a", "10.0.1.0/24"), Subnet("blue-b", "10.0.2.0/24")],
                [new RouteConfig(Net("0.0.0.0/0"), "nat:out", default)]),
            Vpc("green", ["10.1.0.0/16"], [Subnet("green-a", "10.1.1.0/24")], [Out("0.0.0.0/0")]),
        ],
        SecurityGroups =
        [
            new SecurityGroupConfig { Name = "open", Vpc = "blue", Ingress = [From("0.0.0.0/0")] },
            new SecurityGroupConfig { Name = "service", Vpc = "green", Ingress = [Rule("198.51.100.0/24", 6), Rule("0.0.0.0/0", 17, 53, 1015), Rule("0.0.0.0/0", 1)] },
        ],
        NatGateways = [new NatGatewayConfig { Name = "out", Vpc = "blue" }],
        Enis =
        [
            Eni("a", "blue-a", 0x31, ["open"], "10.0.1.10"),
            Eni("b", "blue-a", 0x32, ["open"], "10.0.1.11"),
            Eni("c", "blue-b", 0x33, ["open"], "10.0.2.12"),
            Eni("server", "green-a", 0x41, ["service"], "10.1.1.10"),
        ],
        ElasticIps = [NatIp("nat-ip", "198.51.100.50"), Eip("c-ip", "198.51.100.52", "c"), Eip("server-ip", "198.51.100.60", "server")],
    };

    /// <summary>As <see cref="Nat"/> in small: idle times of seconds, few connections, two EIPs.</summary>
    public static SwitchConfig TightNat()
    {
        SwitchConfig nat = Nat();
        return nat with
        {
            Switch = Tight().Switch with { ConnectionCapacity = 200 },
            NatGateways =
            [
                nat.NatGateways[0] with
                {
                    ConnectionCapacity = 60,
                    Timeouts = new NatTimeoutSettings
                    {
                        TcpEstablished = TimeSpan.FromSeconds(4),
                        TcpTransient = TimeSpan.FromSeconds(3),
                        Udp = TimeSpan.FromSeconds(2),
                        Icmp = TimeSpan.FromSeconds(1),
                    },
                },
            ],
            ElasticIps = [.. nat.ElasticIps, NatIp("nat-second", "198.51.100.51")],
        };
    }

    /// <summary>Generations of <see cref="Nat"/>: EIPs come and go, the gateway's only one moves, the routes leave the gateway.</summary>
    public static IReadOnlyList<SwitchConfig> NatChanges()
    {
        SwitchConfig nat = Nat();
        ElasticIpConfig second = NatIp("nat-second", "198.51.100.51");
        return
        [
            nat,
            nat with { ElasticIps = [.. nat.ElasticIps, second] },
            nat with { ElasticIps = [second, .. nat.ElasticIps.Select(e => e.Name == "nat-ip" ? e with { NatGateway = null } : e)] },
            nat with { ElasticIps = [second, .. nat.ElasticIps.Select(e => e.Name == "nat-ip" ? e with { NatGateway = null, Eni = "a" } : e)] },
            nat with { Vpcs = [.. nat.Vpcs.Select(v => v with { RouteTables = [.. v.RouteTables.Select(t => t with { Routes = [Out("0.0.0.0/0")] })] })] },
            nat with { NatGateways = [nat.NatGateways[0] with { ConnectionCapacity = 10 }] },
        ];
    }

    /// <summary>An EIP of the NAT gateway "out".</summary>
    public static ElasticIpConfig NatIp(string name, string address) => Eip(name, address, null) with { NatGateway = "out" };
}
