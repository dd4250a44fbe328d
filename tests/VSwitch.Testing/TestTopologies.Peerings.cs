using VSwitch.ControlPlane.Config;

namespace VSwitch.Testing;

/// <summary>Topologies with peerings.</summary>
public static partial class TestTopologies
{
    private const string ToBlue = "gold-blue";
    private const string ToGreen = "green-gold";

    /// <summary>As <see cref="Guarded"/>, with a VPC gold that has peerings with blue and with green, which overlap each other: of its
    /// subnets each has another idea of where 10.0.0.0/16 is, and one has no way back to IPv6. Groups name groups of the other
    /// side, also members whose address both others have.</summary>
    public static SwitchConfig Joined(bool isBlueAccepted = true, bool isGreenThere = true)
    {
        SwitchConfig guarded = Guarded();
        var blue = new PeeringConfig { Name = ToBlue, Requester = "gold", Accepter = "blue", Accepted = isBlueAccepted };
        var green = new PeeringConfig { Name = ToGreen, Requester = "green", Accepter = "gold", Accepted = true };
        return guarded with
        {
            Peerings = isGreenThere ? [blue, green] : [blue],
            Vpcs =
            [
                .. guarded.Vpcs.Select(vpc => vpc with
                {
                    RouteTables = [.. vpc.RouteTables.Select(table => table with { Routes = [.. table.Routes, .. WaysToGold(vpc.Name)] })],
                }),
                Gold(),
            ],
            SecurityGroups =
            [
                .. guarded.SecurityGroups,
                new SecurityGroupConfig { Name = "blue-friends", Vpc = "blue", Ingress = [FromGroup("gold-web")], Egress = [] },
                new SecurityGroupConfig
                {
                    Name = "gold-web",
                    Vpc = "gold",
                    Ingress = [FromGroup("inside"), FromGroup("open"), FromGone("green-open"), Rule("10.0.1.11/32", 6), Rule("fd00:9::/48", 17)],
                },
                new SecurityGroupConfig { Name = "gold-open", Vpc = "gold", Ingress = [From("0.0.0.0/0"), From("::/0")] },
            ],
            Enis =
            [
                .. guarded.Enis.Select(eni => eni.Name == "app" ? eni with { SecurityGroups = [.. eni.SecurityGroups, "blue-friends"] } : eni),
                Eni("gold", "gold-a", 0x31, ["gold-open"], "10.3.1.10", "fd00:3:0:1::10"),
                Eni("gilt", "gold-a", 0x32, ["gold-web"], "10.3.1.11", "fd00:3:0:1::11") with { TcpLoose = true },
                Eni("aurum", "gold-b", 0x33, ["gold-open", "gold-web"], "10.3.2.10", "fd00:3:0:2::10") with { Mtu = 1400 },
                Eni("foundry", "gold-b", 0x34, ["gold-open"], "10.3.2.11") with { SourceDestCheck = false },
            ],
            ElasticIps = [.. guarded.ElasticIps, Eip("gold-ip", "198.51.100.33", "gold")],
        };
    }

    /// <summary>Configurations to change between: a peering is accepted and not, another is there and gone, with and without the routes
    /// into it.</summary>
    public static IReadOnlyList<SwitchConfig> JoinedChanges() =>
    [
        Joined(),
        Joined(isBlueAccepted: false),
        Joined(),
        Joined(isGreenThere: false),
        WithMode(Joined(), LiveConnectionPolicy.Keep),
        Guarded(),
        WithMode(Joined(), LiveConnectionPolicy.Cut),
        Joined() with { Enis = [.. Joined().Enis.Where(eni => eni.Name != "gilt")] },
    ];

    private static VpcConfig Gold() => new()
    {
        Name = "gold",
        Cidrs = [Net("10.3.0.0/16"), Net("fd00:3::/48")],
        Subnets =
        [
            Subnet("gold-a", "10.3.1.0/24", "fd00:3:0:1::/64"),
            Subnet("gold-b", "10.3.2.0/24", "fd00:3:0:2::/64") with { RouteTable = "gold-far" },
        ],
        RouteTables =
        [
            new RouteTableConfig
            {
                Name = "gold-main",
                Main = true,
                Routes = [Into("10.0.0.0/16", ToBlue), Into("fd00:b::/48", ToBlue), Into("fd00:9::/48", ToGreen), Out("0.0.0.0/0")],
            },
            new RouteTableConfig
            {
                Name = "gold-far",
                Routes = [Into("10.0.0.0/16", ToBlue), Into("10.0.1.0/28", ToGreen), Into("172.16.0.0/12", ToGreen), Out("0.0.0.0/0"), Out("::/0")],
            },
        ],
    };

    private static IEnumerable<RouteConfig> WaysToGold(string vpc) =>
        vpc == "blue" ? [Into("10.3.0.0/16", ToBlue), Into("fd00:3::/48", ToBlue)] : [Into("10.3.1.0/24", ToGreen), Into("fd00:3::/32", ToGreen)];

    private static RouteConfig Into(string cidr, string peering) => new(Net(cidr), "peering:" + peering, default);

    private static RuleConfig FromGone(string group) => new() { Peer = new PeerConfig(null, group, null) { Peering = ToGreen } };
}
