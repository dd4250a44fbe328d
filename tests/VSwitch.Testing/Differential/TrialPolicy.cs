using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>Configurations for a trial of the switch against a router: three ENIs, each in a subnet of its own, with
/// security groups at random. Markers always pass.</summary>
public static class TrialPolicy
{
    /// <summary>UDP port of the frames that only show that all before them are through.</summary>
    public const ushort MarkerPort = 65000;

    /// <summary>Ports that conversations go to: some that the base group lets in, some that only a random rule may.</summary>
    internal static readonly ushort[] Services = [80, 80, 81, 85, 443, 443, 1000, 1007, 53, 22];

    private static readonly string[] Names = ["a", "b", "c"];

    /// <summary>Makes one; nothing in it expires before <paramref name="timeout"/>.</summary>
    public static SwitchConfig Make(Random random, TimeSpan timeout) => new()
    {
        Switch = new SwitchSettings
        {
            ConnectionCapacity = 1 << 18,
            Timeouts = new TimeoutSettings
            {
                TcpEstablished = timeout,
                TcpTransient = timeout,
                TcpClosing = timeout,
                TcpReset = timeout,
                Udp = timeout,
                UdpStream = timeout,
                Icmp = timeout,
                Other = timeout,
            },
        },
        Vpcs =
        [
            new VpcConfig
            {
                Name = "v",
                Cidrs = [Net("10.0.0.0/16"), Net("fd00:b::/48")],
                Subnets = [.. Names.Select((name, i) => new SubnetConfig
                {
                    Name = "s" + name,
                    Cidrs = [Net($"10.0.{i + 1}.0/24"), Net($"fd00:b:0:{i + 1}::/64")],
                })],
                RouteTables = [new RouteTableConfig { Name = "main", Main = true }],
            },
        ],
        SecurityGroups = [Base(), .. Names.Select(name => Group(random, name))],
        Enis = [.. Names.Select((name, i) =>
            TestTopologies.Eni(name, "s" + name, (byte)(0x31 + i), ["base", name], Addresses(i + 1)))],
    };

    private static string[] Addresses(int subnet) =>
        [.. Enumerable.Range(10, 4).SelectMany(host => new[] { $"10.0.{subnet}.{host}", $"fd00:b:0:{subnet}::{host}" })];

    private static IpPrefix Net(string text) => IpPrefix.Parse(text);

    private static SecurityGroupConfig Base() => new()
    {
        Name = "base",
        Vpc = "v",
        Ingress = [.. Both(6, 80, 90), .. Both(132, 80, 90), .. Both(17, 1000, 1003), .. Pings, Marker],
        Egress = [.. Both(6, 1, 65535), .. Both(132, 1, 65535), .. Both(17, 1000, 1015), .. Pings, Marker],
    };

    private static RuleConfig[] Pings => [TestTopologies.Rule("0.0.0.0/0", 1), TestTopologies.Rule("::/0", 58)];

    private static RuleConfig Marker => TestTopologies.Rule("10.0.0.0/16", 17, MarkerPort, MarkerPort);

    private static RuleConfig[] Both(byte protocol, int first, int last) =>
        [TestTopologies.Rule("0.0.0.0/0", protocol, first, last), TestTopologies.Rule("::/0", protocol, first, last)];

    private static SecurityGroupConfig Group(Random random, string name) => new()
    {
        Name = name,
        Vpc = "v",
        Ingress = [.. Enumerable.Range(0, 1 + random.Next(8)).Select(_ => RandomRule(random))],
        Egress = random.Next(3) == 0 ? null : [.. Enumerable.Range(0, random.Next(8)).Select(_ => RandomRule(random))],
    };

    private static RuleConfig RandomRule(Random random)
    {
        int subnet = 1 + random.Next(3);
        string[] v4 =
        [
            "0.0.0.0/0", "10.0.0.0/16", "10.0.0.0/22", "192.0.2.0/24", $"10.0.{subnet}.0/24", $"10.0.{subnet}.{10 + random.Next(4)}/32",
        ];
        string[] v6 = ["::/0", "fd00:b::/48", $"fd00:b:0:{subnet}::/64", $"fd00:b:0:{subnet}::{10 + random.Next(4)}/128"];
        bool isV6 = random.Next(2) == 0;
        string cidr = isV6 ? v6[random.Next(v6.Length)] : v4[random.Next(v4.Length)];
        RuleConfig rule = random.Next(5) == 0 ? TestTopologies.FromGroup(Names[random.Next(3)]) : TestTopologies.From(cidr);
        ushort first = Services[random.Next(Services.Length)];
        PortRange[] ports = random.Next(4) == 0
            ? [new PortRange(first, first), new PortRange(53, 53)]
            : [new PortRange(first, (ushort)(first + random.Next(20)))];
        return random.Next(10) switch
        {
            0 => rule,
            1 or 2 or 3 => rule with { Protocol = 6, Ports = ports },
            4 or 5 => rule with { Protocol = 17, Ports = ports },
            6 when isV6 && rule.Peer.Cidr is not null => rule with { Protocol = 58, IcmpType = 128 },
            6 => rule with { Protocol = 1, IcmpType = 8 },
            7 => rule with { Protocol = 132, Ports = ports },
            8 => rule with { Protocol = TrialTraffic.RareProtocols[random.Next(TrialTraffic.RareProtocols.Length)] },
            _ => rule with { Protocol = (byte)(random.Next(2) == 0 ? 6 : 17) },
        };
    }
}
