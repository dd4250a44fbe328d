using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Gateways;

/// <summary>Two VPCs with the same addresses behind two VLANs of one device, tunnels of every kind, and the frames that go there.</summary>
internal static class GatewayLab
{
    public const string Trunk = "dc0";
    public static readonly MacAddress Router = MacAddress.Parse("02:76:73:00:00:01");
    public static readonly MacAddress Own = MacAddress.Parse("02:76:73:00:00:03");
    public static readonly MacAddress Internet = MacAddress.Parse("02:76:73:00:00:02");
    public static readonly MacAddress Peer = MacAddress.Parse("02:00:00:00:88:02");
    public static readonly MacAddress OuterPeer = MacAddress.Parse("02:00:00:00:99:09");
    public static readonly MacAddress Blue = MacAddress.Parse("02:00:00:00:01:10");
    public static readonly MacAddress Red = MacAddress.Parse("02:00:00:00:02:10");

    public const string Yaml = """
        internet:
          addresses: [198.51.100.1/24]
          neighbors: { 198.51.100.9: "02:00:00:00:99:09" }
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.9 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }]
            routeTables:
              - name: blue-main
                main: true
                routes:
                  - { destination: 192.168.0.0/16, target: "gateway:line-blue" }
                  - { destination: "fd00:c::/32", target: "gateway:line-blue" }
                  - { destination: 172.16.0.0/16, target: "gateway:vx" }
                  - { destination: 172.17.0.0/16, target: "gateway:gre" }
                  - { destination: "fd00:d::/32", target: "gateway:gre" }
                  - { destination: 172.18.0.0/16, target: "gateway:gretap" }
                  - { destination: 0.0.0.0/0, target: internet }
          - name: red
            cidrs: [10.0.0.0/16]
            subnets: [{ name: red-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: red-main, main: true, routes: [{ destination: 192.168.0.0/16, target: "gateway:line-red" }] }]
        securityGroups:
          - { name: blue-open, vpc: blue, template: open }
          - { name: red-open, vpc: red, template: open }
        enis:
          - { name: blue-1, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [blue-open] }
          - { name: red-1, subnet: red-a, mac: "02:00:00:00:02:10", privateIps: [10.0.1.10], securityGroups: [red-open] }
        gateways:
          - name: line-blue
            vpc: blue
            device: { interface: dc0 }
            vlan: 100
            addresses: [169.254.100.1/30, "fd00:e::1/64"]
            neighbors: { 169.254.100.2: "02:00:00:00:88:02", "fd00:e::2": "02:00:00:00:88:02" }
            routes: [{ destination: 192.168.0.0/16, nextHop: 169.254.100.2 }, { destination: "fd00:c::/32", nextHop: "fd00:e::2" }]
          - name: line-red
            vpc: red
            device: { interface: dc0 }
            vlan: 200
            addresses: [169.254.100.1/30]
            routes: [{ destination: 192.168.0.0/16, nextHop: 169.254.100.2 }]
          - name: vx
            vpc: blue
            vxlan: { vni: 42, local: 198.51.100.1, remote: 198.51.100.9 }
            addresses: [169.254.42.1/30]
            neighbors: { 169.254.42.2: "02:00:00:00:88:02" }
            routes: [{ destination: 172.16.0.0/16, nextHop: 169.254.42.2 }]
          - { name: gre, vpc: blue, gre: { local: 198.51.100.1, remote: 198.51.100.9, key: 7 }, addresses: [169.254.7.1/30] }
          - name: gretap
            vpc: blue
            gre: { local: 198.51.100.1, remote: 203.0.113.9, ethernet: true }
            addresses: [169.254.8.1/30]
            neighbors: { 169.254.8.2: "02:00:00:00:88:02" }
            routes: [{ destination: 172.18.0.0/16, nextHop: 169.254.8.2 }]
        """;

    public static SwitchConfig Config => Parse(Yaml);

    public static SwitchConfig Parse(string yaml)
    {
        ConfigResult read = ConfigReader.Parse("gateways.yaml", yaml);
        Assert.Equal([], read.Errors);
        return read.Config!;
    }

    public static IpAddress Ip(string text) => IpAddress.Parse(text);

    /// <summary>A datagram from beyond a gateway, as a frame of its link.</summary>
    public static PacketBuilder In(string source, string destination, byte ttl = 64) =>
        PacketBuilder.Eth(Peer, Own).Ip(Ip(source), Ip(destination), ttl);

    /// <summary>The same on the shared device.</summary>
    public static byte[] Tagged(int vlan, string source, string destination, ushort port = 2000, int priority = 0) =>
        PacketBuilder.Eth(Peer, Own).Vlan(vlan, v => v with { Priority = priority }).IPv4(Ip(source), Ip(destination)).Udp(1000, port).Payload(16).Build();

    /// <summary>A datagram from an ENI by the router.</summary>
    public static byte[] Out(MacAddress eni, string source, string destination, ushort sourcePort = 2000, int payload = 16, bool df = false) =>
        Ip(source).IsV6 ? PacketBuilder.Eth(eni, Router).IPv6(Ip(source), Ip(destination)).Udp(sourcePort, 1000).Payload(payload).Build()
        : PacketBuilder.Eth(eni, Router).IPv4(Ip(source), Ip(destination), ip => ip with { DontFragment = df }).Udp(sourcePort, 1000).Payload(payload).Build();

    /// <summary>A frame in VXLAN, from the remote end.</summary>
    public static byte[] Vxlan(byte[] inner, uint vni = 42, string remote = "198.51.100.9", byte flags = 8, ushort? checksum = 0) =>
        PacketBuilder.Eth(OuterPeer, Internet).IPv4(Ip(remote), Ip("198.51.100.1")).Udp(50000, 4789, u => u with { Checksum = checksum })
            .Payload([flags, 0, 0, 0, (byte)(vni >> 16), (byte)(vni >> 8), (byte)vni, 0, .. inner]).Build();

    /// <summary>A GRE packet from the remote end.</summary>
    public static byte[] Gre(ReadOnlySpan<byte> inner, ushort type, uint? key = 7, string remote = "198.51.100.9", byte flags = 0)
    {
        byte[] header = new byte[key == null ? 4 : 8];
        header[0] = (byte)(flags | (key == null ? 0 : 0x20));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), type);
        if (key is uint number)
        {
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), number);
        }

        return PacketBuilder.Eth(OuterPeer, Internet).IPv4(Ip(remote), Ip("198.51.100.1")).Protocol(47).Payload([.. header, .. inner]).Build();
    }

    public static uint Long(byte[] frame, int at) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(at));

    public static ushort Short(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));
}
