using VSwitch.ControlPlane.Config;

namespace VSwitch.Testing;

/// <summary>Topologies for network ACLs, an ENI that routes for others, and changes of the policy.</summary>
public static partial class TestTopologies
{
    /// <summary>As <see cref="Transit"/>, with network ACLs on three subnets.</summary>
    public static SwitchConfig Guarded(string router = "box")
    {
        SwitchConfig transit = Transit(router);
        return transit with
        {
            NetworkAcls = Acls(),
            Vpcs = [.. transit.Vpcs.Select(vpc => vpc with
            {
                Subnets = [.. vpc.Subnets.Select(subnet => subnet with { NetworkAcl = "around-" + subnet.Name })],
            })],
        };
    }

    /// <summary>As <see cref="Rich"/>, with two ENIs with <c>sourceDestCheck: false</c>, box and relay, of which subnet blue-b's packets
    /// to 203.0.113.64/26 go by one.</summary>
    public static SwitchConfig Transit(string router = "box")
    {
        SwitchConfig rich = Rich();
        return rich with
        {
            Vpcs = [.. rich.Vpcs.Select(vpc => vpc with
            {
                RouteTables = vpc.Name == "blue"
                    ? [.. vpc.RouteTables, new RouteTableConfig { Name = "by-box", Routes = [Out("0.0.0.0/0"), Out("::/0"), By(router)] }]
                    : vpc.RouteTables,
            }).Select(vpc => vpc with
            {
                Subnets = [.. vpc.Subnets.Select(subnet => subnet.Name == "blue-b" ? subnet with { RouteTable = "by-box" } : subnet)],
            })],
            Enis =
            [
                .. rich.Enis,
                Eni("box", "blue-a", 0x15, ["open"], "10.0.1.15", "fd00:b:0:1::15") with { SourceDestCheck = false },
                Eni("relay", "blue-a", 0x16, ["open"], "10.0.1.16", "fd00:b:0:1::16") with { SourceDestCheck = false },
            ],
        };
    }

    /// <summary>Configurations to change between: rules, prefix lists and EIPs as in <see cref="RichChanged"/>, each mode for live
    /// connections, network ACLs that come and go, a route that leads elsewhere, an ENI that leaves and comes back, an EIP that moves.</summary>
    public static IReadOnlyList<SwitchConfig> Changes() =>
    [
        Rich(),
        WithMode(RichChanged(), LiveConnectionPolicy.Keep),
        WithMode(Rich(), LiveConnectionPolicy.Cut),
        WithMode(RichChanged(), LiveConnectionPolicy.Cut),
        Guarded(),
        Guarded("relay"),
        WithMode(Rich() with { Enis = [.. Rich().Enis.Where(eni => eni.Name != "app")], ElasticIps = [.. Rich().ElasticIps.Where(eip => eip.Eni != "app")] },
            LiveConnectionPolicy.Keep),
        Rich() with
        {
            ElasticIps = [.. Rich().ElasticIps.Select(eip => eip.Name == "web-ip" ? eip with { Eni = "db" } : eip)],
        },
        Detached(Rich(), "web", "app"),
        Detached(Guarded("relay"), "relay"),
    ];

    /// <summary>A configuration whose ENIs of these names are plugged into nothing.</summary>
    private static SwitchConfig Detached(SwitchConfig config, params string[] names) => config with
    {
        Enis = [.. config.Enis.Select(eni => names.Contains(eni.Name) ? eni with { Detached = true } : eni)],
    };

    private static SwitchConfig WithMode(SwitchConfig config, LiveConnectionPolicy mode) => config with
    {
        SecurityGroups = [.. config.SecurityGroups.Select(group => group with { LiveConnections = mode })],
    };

    private static RouteConfig By(string router) => new(Net("203.0.113.64/26"), "eni:" + router, default);

    private static IReadOnlyList<NetworkAclConfig> Acls() =>
    [
        new NetworkAclConfig
        {
            Name = "around-blue-a",
            Vpc = "blue",
            Ingress =
            [
                Acl(10, false, Rule("203.0.113.5/32", 17)), Acl(20, true, Rule("0.0.0.0/0", 6)), Acl(30, true, Rule("0.0.0.0/0", 17)),
                Acl(40, true, Rule("0.0.0.0/0", 1)), Acl(50, false, Rule("::/0", 6, 443, 443)), Acl(60, true, From("::/0")),
            ],
            Egress =
            [
                Acl(5, false, Rule("0.0.0.0/0", 1) with { IcmpType = 3 }), Acl(10, false, Rule("0.0.0.0/0", 6, 22, 22)),
                Acl(20, true, From("0.0.0.0/0")), Acl(30, true, From("::/0")),
            ],
        },
        new NetworkAclConfig
        {
            Name = "around-blue-b",
            Vpc = "blue",
            Ingress = [Acl(1, true, From("0.0.0.0/0")), Acl(2, true, From("::/0"))],
            Egress =
            [
                Acl(7, false, Rule("10.0.1.11/32", 17, 40_008, 40_015)), Acl(8, true, From("0.0.0.0/0")),
                Acl(9, false, Rule("::/0", 58) with { IcmpType = 129 }), Acl(10, true, From("::/0")),
            ],
        },
        new NetworkAclConfig
        {
            Name = "around-green-a",
            Vpc = "green",
            Ingress = [Acl(100, true, Rule("0.0.0.0/0", 6)), Acl(90, false, Rule("0.0.0.0/0", 6, 53, 53)), Acl(110, true, Rule("0.0.0.0/0", 17))],
            Egress = [Acl(100, true, From("0.0.0.0/0"))],
        },
    ];

    private static NetworkAclRuleConfig Acl(int priority, bool allows, RuleConfig match) => new(priority, allows, match);
}
