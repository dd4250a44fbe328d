using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Demo;

/// <summary>One line of the demo's table.</summary>
/// <param name="Name">What is shown.</param>
/// <param name="Port">Port by which the packet comes in.</param>
/// <param name="Packet">The packet in the words of trace.</param>
/// <param name="Reason">Expected drop reason; None when it passes or is answered.</param>
/// <param name="Live">The same with real sockets in namespaces; gives what was seen, or null when it did not pass.</param>
internal sealed record DemoScenario(string Name, string Port, string Packet, DropReason Reason, Func<string?> Live)
{
    private const string Web1 = "10.0.1.10";
    private const string EipWeb1 = "203.0.113.10";
    private const string OutsideHost = "198.51.100.254";

    /// <summary>The scenarios of captures/demo.yaml.</summary>
    public static IReadOnlyList<DemoScenario> All(Func<string, string> ns) =>
    [
        new("ping within a subnet: the group allows its own members", "web2", $"icmp 10.0.1.11 > {Web1}", DropReason.None,
            () => DemoTraffic.Ping(ns("web2"), Web1)),
        new("ping the router", "web1", $"icmp {Web1} > 10.0.1.1", DropReason.None,
            () => DemoTraffic.Ping(ns("web1"), "10.0.1.1")),
        new("web1 to the database, TCP 5432, another subnet", "web1", $"tcp {Web1}:40000 > 10.0.2.10:5432 syn", DropReason.None,
            () => DemoTraffic.Transfer(ns("web1"), "10.0.2.10", ns("db"), 5432)),
        new("web1 to the database, TCP 22: no rule", "web1", $"tcp {Web1}:40000 > 10.0.2.10:22 syn", DropReason.SecurityGroupIngress,
            () => DemoTraffic.Connect(ns("web1"), "10.0.2.10", 22)),
        new("database pings web2: not a member of the group", "db", "icmp 10.0.2.10 > 10.0.1.11", DropReason.SecurityGroupIngress,
            () => DemoTraffic.Ping(ns("db"), "10.0.1.11")),
        new("red VPC, the same addresses: HTTP from its 10.0.1.11 to its 10.0.1.10", "red2", $"tcp 10.0.1.11:40000 > {Web1}:80 syn", DropReason.None,
            () => DemoTraffic.Transfer(ns("red2"), Web1, ns("red1"), 80)),
        new("red VPC to an address that only blue has", "red2", "icmp 10.0.1.11 > 10.0.2.10", DropReason.NoRoute,
            () => DemoTraffic.Ping(ns("red2"), "10.0.2.10")),
        new("a guest lies about its address", "red2", "udp 10.0.1.66:9 > 10.0.1.10:9", DropReason.SpoofedIp,
            () => DemoTraffic.Spoof(ns("red2"), "vsd-red2", "10.0.1.66", Web1)),
        new("in by the elastic IP: HTTP from outside to web1", "internet", $"tcp {OutsideHost}:40000 > {EipWeb1}:80 syn", DropReason.None,
            () => DemoTraffic.Transfer(ns("internet"), EipWeb1, ns("web1"), 80)),
        new("in by the elastic IP, TCP 22: no rule", "internet", $"tcp {OutsideHost}:40000 > {EipWeb1}:22 syn", DropReason.SecurityGroupIngress,
            () => DemoTraffic.Connect(ns("internet"), EipWeb1, 22)),
        new("out by the elastic IP: web1 to a server outside", "web1", $"tcp {Web1}:40000 > {OutsideHost}:80 syn", DropReason.None,
            () => DemoTraffic.Transfer(ns("web1"), OutsideHost, ns("internet"), 80)),
        new("hairpin: red1 to web1 by their elastic IPs", "red1", $"tcp {Web1}:40000 > {EipWeb1}:80 syn", DropReason.None,
            () => DemoTraffic.Transfer(ns("red1"), EipWeb1, ns("web1"), 80)),
        new("the database has no elastic IP: it cannot go out", "db", $"icmp 10.0.2.10 > {OutsideHost}", DropReason.EipUnbound,
            () => DemoTraffic.Ping(ns("db"), OutsideHost)),
        new("from outside to an elastic IP that is bound to nothing", "internet", $"icmp {OutsideHost} > 203.0.113.99", DropReason.EipUnbound,
            () => DemoTraffic.Ping(ns("internet"), "203.0.113.99")),
    ];
}
