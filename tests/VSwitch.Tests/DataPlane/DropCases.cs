using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Balancing;
using VSwitch.Tests.DataPlane.Gateways;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>The table: reason, how it is provoked. What needs a device or a file of another kind stands in <see
/// cref="DropReasonReachTests"/>.</summary>
internal static class DropCases
{
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses AppToDb = Routed("app", "10.0.1.11", "10.0.2.10");

    public static IEnumerable<DropCase> All() => [.. Parse(), .. Ingress(), .. Way(), .. Rates(), .. Connection(), .. AtGateways()];

    private static IEnumerable<DropCase> AtGateways()
    {
        byte[] inner = GatewayLab.In("172.16.0.5", "10.0.1.10").Udp(1, 2).Payload(40).Build();
        return
        [
            Case("unknown-vlan", "a VLAN that no gateway has", () => GatewayLab.Config,
                Drop(GatewayLab.Trunk, GatewayLab.Tagged(300, "192.168.0.5", "10.0.1.10"))),
            Case("malformed-tunnel", "VXLAN without the VNI flag", () => GatewayLab.Config, Drop("internet", GatewayLab.Vxlan(inner, flags: 0))),
            Case("tunnel-fragment", "the first fragment of a VXLAN packet", () => GatewayLab.Config,
                Drop("internet", Frames.Fragments(GatewayLab.Vxlan(inner), 64, 3)[0])),
            Case("unknown-tunnel-remote", "VXLAN from somebody else", () => GatewayLab.Config,
                Drop("internet", GatewayLab.Vxlan(inner, remote: "198.51.100.8"))),
            Case("unknown-tunnel-id", "a VNI that no gateway has", () => GatewayLab.Config, Drop("internet", GatewayLab.Vxlan(inner, vni: 43))),
        ];
    }

    private static IEnumerable<DropCase> Parse() =>
    [
        Case("malformed-ethernet", "ten bytes", Drop("web", new byte[10])),
        Case("malformed-ethernet", "an 802.3 length",
            Drop("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"), 46).Payload(46).Build())),
        Case("vlan-tagged", "a tag on an access port",
            Drop("web", PacketBuilder.Eth(MacOf("web"), MacOf("app")).Vlan(5).IPv4(WebToApp.Source,
                WebToApp.Destination).Udp(1, 2).Build())),
        Case("unsupported-ethertype", "LLDP",
            Drop("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"), 0x88CC).Payload(46).Build())),
        Case("malformed-arp", "hardware type 6", Drop("web", PacketBuilder.Eth(MacOf("web"), MacAddress.Broadcast)
            .Arp(new ArpLayer(1, MacOf("web"), Ip("10.0.1.10"), default,
                Ip("10.0.1.1")) { HardwareType = 6 }).Build())),
        Case("malformed-ipv4", "total length beyond the frame",
            Drop("web", Eth(WebToApp).IPv4(WebToApp.Source, WebToApp.Destination,
                ip => ip with { TotalLength = 100 }).Udp(1, 2).Payload(8).Build())),
        Case("malformed-ipv6", "payload length beyond the frame",
            Drop("web", PacketBuilder.Eth(MacOf("web"), MacOf("app"))
            .IPv6(Ip(Web6), Ip(App6), ip => ip with { PayloadLength = 100 }).Udp(1, 2).Payload(8).Build())),
        Case("malformed-l4", "UDP of length 7",
            Drop("web", Frames.Begin(WebToApp).Udp(1, 2, udp => udp with { Length = 7 }).Payload(8).Build())),
        Case("bad-ipv4-checksum", "checksum 1",
            Drop("web", Eth(WebToApp).IPv4(WebToApp.Source, WebToApp.Destination, ip => ip with { Checksum = 1 }).Udp(1,
                2).Payload(8).Build())),
    ];

    private static IEnumerable<DropCase> Ingress() =>
    [
        Case("spoofed-mac", "another ENI's MAC",
            Drop("web", Frames.Udp(WebToApp with { SourceMac = MacOf("db") }, 1, 2))),
        Case("spoofed-ip", "another ENI's address",
            Drop("web", Frames.Udp(WebToApp with { Source = Ip("10.0.2.10") }, 1, 2))),
        Case("spoofed-ip", "an inside address from outside",
            Drop("internet", Frames.Udp(Outside("10.0.2.10", "198.51.100.10"), 1, 1000))),
        Case("martian-address", "to 127.0.0.1", Drop("web", Frames.Udp(Routed("web", "10.0.1.10", "127.0.0.1"), 1, 2))),
        Case("multicast", "UDP to the broadcast MAC",
            Drop("web", Frames.Udp(WebToApp with { DestinationMac = MacAddress.Broadcast }, 1, 2))),
        Case("unsupported-protocol", "ARP with opcode 3",
            Drop("web", PacketBuilder.Eth(MacOf("web"), MacAddress.Broadcast)
            .Arp(new ArpLayer(3, MacOf("web"), Ip("10.0.1.10"), default, Ip("10.0.1.1"))).Build())),
        Case("unsupported-protocol", "UDP to the router",
            Drop("web", Frames.Udp(Routed("web", "10.0.1.10", "10.0.1.1"), 1, 2))),
    ];

    private static IEnumerable<DropCase> Way() =>
    [
        Case("unknown-destination-mac", "a MAC that nobody has",
            Drop("web", Frames.Udp(WebToApp with { DestinationMac = MacAddress.Parse("02:00:00:00:77:77") }, 1, 2))),
        Case("vpc-isolation", "an ENI's MAC of another VPC",
            Drop("web", Frames.Udp(WebToApp with { DestinationMac = MacOf("green") }, 1, 2))),
        Case("no-route", "an address of the VPC that no ENI has",
            Drop("web", Frames.Udp(Routed("web", "10.0.1.10", "10.0.2.77"), 1, 2))),
        Case("no-route", "a blackhole", Drop("web", Frames.Udp(Routed("web", "10.0.1.10", "203.0.113.200"), 1, 2))),
        Case("ttl-expired", "TTL 1 at the router",
            Drop("loose", Frames.Begin(Routed("loose", "10.0.2.11", "10.0.1.10"), ttl: 1).Tcp(1, 80,
                TcpBits.Syn).Build())),
        Case("eip-unbound", "to the unbound EIP",
            Drop("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.30"), 1, 2))),
        Case("eip-unbound", "out by a sender without an EIP",
            Drop("twin", Frames.Udp(Routed("twin", "10.0.1.11", "203.0.113.5"), 1, 2))),
        Case("neighbor-unresolved", "an on-link address that nobody answers for, and a second of time",
            Drop("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.99"), 1, 2)),
                Pass("web", Frames.Udp(WebToApp, 1, 2), 3000)),
        Case("mtu-exceeded", "1500 bytes with DF to a port of 1400",
            Drop("web", PacketBuilder.Eth(MacOf("web"), Gateway)
            .IPv4(Ip("10.0.1.10"), Ip("10.0.2.11"), ip => ip with { DontFragment = true }).Udp(1,
                2).Payload(1472).Build())),
        Case("nat-unsolicited", "to a NAT gateway's EIP, and nobody behind it asked", TestTopologies.Nat,
            Drop("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.50"), 1, 2))),
        Case("nat-connections-exhausted", "the second connection of a gateway of one", NatOfOne,
            Pass("a", Frames.Udp(Nat.NatBench.From("a"), 1, 2), 0), Drop("a", Frames.Udp(Nat.NatBench.From("a"), 2, 2))),
        Case("nat-ports-exhausted", "one connection more than there are ports from 1024 on", TestTopologies.Nat,
            [.. Enumerable.Range(1024, 64_512).Select(port => Pass("a", Frames.Udp(Nat.NatBench.From("a"), (ushort)port, 2), 0)),
                Drop("b", Frames.Udp(Nat.NatBench.From("b"), 2000, 2))]),
        Case("no-healthy-backend", "a load balancer whose backend drains", Balanced,
            Drop("c", Frames.Tcp(ToBalancer, 1, 80, TcpBits.Syn))),
        Case("no-listener", "a load balancer's port that nobody serves", Balanced,
            Drop("c", Frames.Tcp(ToBalancer, 1, 81, TcpBits.Syn))),
        Case("eip-bandwidth", "the fourth packet of 40 000 bytes at a megabit a second", Megabit,
            Pass("internet", Big(1), 0), Pass("internet", Big(2), 0),
            Pass("internet", Big(3), 0), Drop("internet", Big(4))),
    ];

    private static readonly FrameAddresses ToBalancer =
        new(MacAddress.Parse("02:00:00:00:00:0c"), BalancerLab.Gateway, Ip(BalancerLab.Client), Ip(BalancerLab.Vip));

    private static SwitchConfig Balanced() =>
        BalancerLab.Read(BalancerLab.Text($"- {{ protocol: tcp, port: 80, {BalancerLab.Backends("draining: true")} }}"));

    private static IEnumerable<DropCase> Rates() =>
    [
        Case("eni-packet-rate", "the seventeenth packet at once at one a second",
            () => Limited(new EniLimitsConfig { EgressPacketsPerSecond = 1 }), Times(16, "a", Frames.Udp(AToB, 1, 2))),
        Case("eni-bandwidth", "more than 131 072 bytes at once at a megabit a second",
            () => Limited(new EniLimitsConfig { EgressBitsPerSecond = 1_000_000 }), Times(90, "a", Frames.Udp(AToB, 1, 2, 1400))),
        Case("scrubbing-syn", "the second SYN of a second where one is the threshold",
            () => Protected(new ProtectionConfig { SynsPerSecond = 1 }), Times(1, "internet", Frames.Tcp(Outside("203.0.113.5", "198.51.100.10"), 1, 80, TcpBits.Syn),
                Frames.Tcp(Outside("203.0.113.6", "198.51.100.10"), 1, 80, TcpBits.Syn))),
        Case("scrubbing-rate", "the sixth flow at once where one a second is the threshold",
            () => Protected(new ProtectionConfig { NewConnectionsPerSecond = 1 }),
            [
                .. Enumerable.Range(1, 5).Select(i => Pass("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.10"), (ushort)i, 1000), 0)),
                Drop("internet", Frames.Udp(Outside("203.0.113.5", "198.51.100.10"), 6, 1000)),
            ]),
    ];

    private static FrameAddresses AToB => Switched("a", "b", "10.0.1.10", "10.0.1.11");

    private static SwitchConfig Limited(EniLimitsConfig limits) =>
        Small with { Enis = [.. Small.Enis.Select(e => e.Name == "a" ? e with { Limits = limits } : e)] };

    private static SwitchConfig Protected(ProtectionConfig protection) =>
        Rich with { ElasticIps = [.. Rich.ElasticIps.Select(e => e.Name == "web-ip" ? e with { Protection = protection } : e)] };

    /// <summary>A frame so often, and then the one that is dropped: the same, or another.</summary>
    private static DropStep[] Times(int count, string port, byte[] frame, byte[]? dropped = null) =>
        [.. Enumerable.Repeat(Pass(port, frame, 0), count), Drop(port, dropped ?? frame)];

    private static IEnumerable<DropCase> Connection() =>
    [
        Case("security-group-egress", "a group with egress: []",
            Drop("db", Frames.Udp(Routed("db", "10.0.2.10", "10.0.1.11"), 1, 2))),
        Case("security-group-ingress", "a port that no rule names",
            Drop("internet", Frames.Tcp(Outside("203.0.113.70", "198.51.100.10"), 1, 22, TcpBits.Syn))),
        Case("network-acl", "denied on its way into the subnet", Acl, Drop("vm1", Frames.Tcp(
            new FrameAddresses(MacAddress.Parse("02:00:00:00:00:31"), Gateway, Ip("10.0.1.10"), Ip("10.0.2.10")), 1, 23,
                TcpBits.Syn))),
        Case("connection-invalid", "an ACK of no connection", Drop("web", Frames.Tcp(WebToApp, 1, 2, TcpBits.Ack))),
        Case("connection-table-full", "room for one, which is answered",
            () => Rich with { Switch = Rich.Switch with { ConnectionCapacity = 1 } },
            Pass("web", Frames.Udp(WebToApp, 1, 2), 0), Pass("app", Frames.Udp(WebToApp.Reverse(), 2, 1), 1),
                Drop("web", Frames.Udp(WebToApp, 1, 3), 2)),
        Case("fragment-unmatched", "a later fragment, and a second of time",
            Drop("web", Frames.Fragments(Frames.Udp(WebToApp, 1, 2, 64), 32, 9)[1]),
                Pass("web", Frames.Udp(WebToApp, 1, 2), 1001)),
        Case("fragment-overlap", "the same range once more",
            Pass("app", Frames.Fragments(Frames.Udp(AppToDb, 1, 2, 64), 32, 9)[0], 0),
            Drop("app", Frames.Fragments(Frames.Udp(AppToDb, 1, 2, 64), 32, 9)[0])),
    ];

    /// <summary>One megabit a second: a bucket of 131 072 bytes, which three packets of 40 000 leave too empty for a
    /// fourth.</summary>
    private static SwitchConfig Megabit() =>
        Rich with { Enis = [.. Rich.Enis.Select(e => e.Name == "app" ? e with { Mtu = 65535 } : e)] };

    private static byte[] Big(ushort port) => Frames.Udp(Outside("203.0.113.5", "198.51.100.11"), port, 2, 40_000);

    private static SwitchConfig NatOfOne()
    {
        SwitchConfig nat = TestTopologies.Nat();
        return nat with { NatGateways = [nat.NatGateways[0] with { ConnectionCapacity = 1 }] };
    }

    /// <summary>Two subnets; the second lets in by number: telnet denied, the rest allowed.</summary>
    private static SwitchConfig Acl()
    {
        ConfigResult read = ConfigReader.Parse("acl.yaml", """
            vpcs:
              - name: blue
                cidrs: [10.0.0.0/16]
                subnets:
                  - { name: blue-a, cidrs: [10.0.1.0/24] }
                  - { name: blue-b, cidrs: [10.0.2.0/24], networkAcl: no-telnet }
                routeTables: [{ name: main, main: true }]
            networkAcls:
              - name: no-telnet
                vpc: blue
                ingress:
                  - { priority: 10, action: deny, protocol: tcp, ports: "23", source: 0.0.0.0/0 }
                  - { priority: 20, action: allow, protocol: all, source: 0.0.0.0/0 }
                egress: [{ priority: 10, action: allow, protocol: all, destination: 0.0.0.0/0 }]
            securityGroups: [{ name: open, vpc: blue, ingress: [{ protocol: all, source: 0.0.0.0/0 }] }]
            enis:
              - { name: vm1, subnet: blue-a, mac: "02:00:00:00:00:31", privateIps: [10.0.1.10], securityGroups: [open] }
              - { name: vm2, subnet: blue-b, mac: "02:00:00:00:00:32", privateIps: [10.0.2.10], securityGroups: [open] }
            """);
        Assert.Equal([], read.Errors);
        return read.Config!;
    }

    private static PacketBuilder Eth(FrameAddresses ends) => PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac);

    private static DropStep Drop(string port, byte[] frame, long atMs = 0) => new(port, frame, atMs, IsDropped: true);

    private static DropStep Pass(string port, byte[] frame, long atMs) => new(port, frame, atMs, IsDropped: false);

    private static DropCase Case(string reason, string how, params DropStep[] steps) => new(reason, how, () => Rich,
        steps);

    private static DropCase Case(string reason, string how, Func<SwitchConfig> config,
        params DropStep[] steps) => new(reason, how, config, steps);
}
