namespace VSwitch.Tests.DataPlane.Peerings;

/// <summary>A chain of three VPCs as text: blue (ENIs a, t), green (g in subnet green-a, h in green-b, which has no way back), red (r).
/// t routes for others; a has an EIP.</summary>
internal static class PeeringText
{
    public const string A4 = "10.0.1.10";
    public const string A6 = "fd00:b:0:1::10";
    public const string G4 = "10.1.1.10";
    public const string G6 = "fd00:c:0:1::10";
    public const string H4 = "10.1.2.10";
    public const string R4 = "10.2.1.10";

    /// <summary>Both peerings, accepted.</summary>
    public const string Both = "{ name: bg, requester: blue, accepter: green, accepted: true }, { name: gr, requester: green, accepter: red, accepted: true }";

    /// <summary>The group of green's ENIs lets everything in.</summary>
    public const string Open = "ingress: [{ protocol: all, source: 0.0.0.0/0 }, { protocol: all, source: \"::/0\" }]";

    /// <summary>The configuration.</summary>
    /// <param name="peerings">The peerings.</param>
    /// <param name="green">What the group of green's ENIs says.</param>
    /// <param name="routes">Routes of blue besides those to green and red.</param>
    /// <param name="back">Routes of green-a; null = back to blue and on to red.</param>
    /// <param name="more">To the end.</param>
    public static string Of(string peerings = Both, string green = Open, string routes = "", string? back = null, string more = "") => $$"""
        internet:
          mac: "02:76:73:00:00:02"
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }]
            routeTables:
              - name: main
                main: true
                routes:
                  - { destination: 10.1.0.0/16, target: "peering:bg" }
                  - { destination: 10.2.0.0/16, target: "peering:bg" }
                  - { destination: "fd00:c::/48", target: "peering:bg" }
                  - { destination: 0.0.0.0/0, target: internet }
                  {{routes}}
          - name: green
            cidrs: [10.1.0.0/16, "fd00:c::/48"]
            subnets:
              - { name: green-a, cidrs: [10.1.1.0/24, "fd00:c:0:1::/64"], routeTable: ways }
              - { name: green-b, cidrs: [10.1.2.0/24] }
            routeTables:
              - name: ways
                routes: [{{back ?? "{ destination: 10.0.0.0/16, target: \"peering:bg\" }, { destination: \"fd00:b::/48\", target: \"peering:bg\" }, { destination: 10.2.0.0/16, target: \"peering:gr\" }"}}]
              - { name: none, main: true, routes: [] }
          - name: red
            cidrs: [10.2.0.0/16]
            subnets: [{ name: red-a, cidrs: [10.2.1.0/24] }]
            routeTables: [{ name: main, main: true, routes: [{ destination: 10.0.0.0/8, target: "peering:gr" }] }]
        peerings: [{{peerings}}]
        securityGroups:
          - { name: blue-open, vpc: blue, {{Open}} }
          - { name: blue-web, vpc: blue, ingress: [] }
          - { name: green-sg, vpc: green, {{green}} }
          - { name: red-open, vpc: red, {{Open}} }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:00:0a", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [blue-open, blue-web] }
          - { name: t, subnet: blue-a, mac: "02:00:00:00:00:0d", privateIps: [10.0.1.20], securityGroups: [blue-open], sourceDestCheck: false }
          - { name: g, subnet: green-a, mac: "02:00:00:00:00:0b", privateIps: [10.1.1.10, "fd00:c:0:1::10"], securityGroups: [green-sg] }
          - { name: h, subnet: green-b, mac: "02:00:00:00:00:0e", privateIps: [10.1.2.10], securityGroups: [green-sg] }
          - { name: r, subnet: red-a, mac: "02:00:00:00:00:0c", privateIps: [10.2.1.10], securityGroups: [red-open] }
        elasticIps:
          - { name: eip-a, address: 203.0.113.10, eni: a }
        {{more}}
        """;
}
