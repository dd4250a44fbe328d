using PacketDotNet;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>What the switch wraps for a gateway, by PacketDotNet: the tag, VXLAN or GRE around it, and inside it the packet that an ENI sent,
/// one hop older, with right checksums.</summary>
public class GatewayDecodingTests(ITestOutputHelper output)
{
    private const long StartNs = 1_000_000_000_000;
    private const string Yaml = """
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
                  - { destination: 192.168.0.0/16, target: "gateway:line" }
                  - { destination: "fd00:c::/32", target: "gateway:line" }
                  - { destination: 172.16.0.0/16, target: "gateway:vx" }
                  - { destination: 172.17.0.0/16, target: "gateway:gre" }
                  - { destination: "fd00:d::/32", target: "gateway:gre" }
                  - { destination: 172.18.0.0/16, target: "gateway:gretap" }
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: blue-1, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [open] }]
        gateways:
          - name: line
            vpc: blue
            device: { interface: dc0 }
            vlan: 100
            addresses: [169.254.100.1/30, "fd00:e::1/64"]
            neighbors: { 169.254.100.2: "02:00:00:00:88:02", "fd00:e::2": "02:00:00:00:88:02" }
            routes: [{ destination: 192.168.0.0/16, nextHop: 169.254.100.2 }, { destination: "fd00:c::/32", nextHop: "fd00:e::2" }]
          - name: vx
            vpc: blue
            vxlan: { vni: 42, local: 198.51.100.1, remote: 198.51.100.9 }
            addresses: [169.254.42.1/30]
            neighbors: { 169.254.42.2: "02:00:00:00:88:02" }
            routes: [{ destination: 172.16.0.0/16, nextHop: 169.254.42.2 }]
          - { name: gre, vpc: blue, gre: { local: 198.51.100.1, remote: 198.51.100.9, key: 7 }, addresses: [169.254.7.1/30] }
          - name: gretap
            vpc: blue
            gre: { local: 198.51.100.1, remote: 198.51.100.9, ethernet: true }
            addresses: [169.254.8.1/30]
            neighbors: { 169.254.8.2: "02:00:00:00:88:02" }
            routes: [{ destination: 172.18.0.0/16, nextHop: 169.254.8.2 }]
        """;

    private static readonly MacAddress Eni = MacAddress.Parse("02:00:00:00:01:10");

    [Theory]
    [InlineData("192.168.3.4", "VLAN")]
    [InlineData("fd00:c::5", "VLAN")]
    [InlineData("172.16.3.4", "VXLAN")]
    [InlineData("172.17.3.4", "GRE")]
    [InlineData("fd00:d::5", "GRE")]
    [InlineData("172.18.3.4", "GRE frames")]
    public void What_leaves_by_a_gateway_is_decoded_alike(string destination, string kind)
    {
        ConfigResult read = ConfigReader.Parse("gateways.yaml", Yaml);
        Assert.Empty(read.Errors);
        using var real = new SwitchUnderTest(read.Config!);
        var outer = new DecodingTally($"{kind} to {destination}");
        var inner = new DecodingTally($"{kind} to {destination}, inside");
        IpAddress to = IpAddress.Parse(destination);
        IpAddress from = IpAddress.Parse(to.IsV6 ? "fd00:b:0:1::10" : "10.0.1.10");
        PacketBuilder ip = PacketBuilder.Eth(Eni, read.Config!.Switch.GatewayMac).Ip(from, to);
        for (int i = 0; i < 600; i++)
        {
            PacketBuilder packet = (i % 3) switch
            {
                0 => ip.Tcp((ushort)(2000 + i), 80, TcpBits.Syn),
                1 => ip.Udp((ushort)(2000 + i), 1000),
                _ => ip.Echo(false, (ushort)i, 1),
            };
            byte[] frame = packet.Payload(i * 2).Build();
            ReferenceOutcome outcome = real.Receive("blue-1", frame, StartNs + (i * 1_000_000L));

            // It is also told what left by the gateway itself, before it was wrapped.
            byte[] sent = Assert.Single(outcome.Sent, s => s.Port == (kind == "VLAN" ? "dc0" : "internet")).Frame;
            FrameComparison comparison = outer.Add(sent);
            Assert.DoesNotContain(comparison.Theirs.Checksums, c => !c.Value && !comparison.Explained.Contains("udp-without-checksum"));
            DecodedPacket seen = kind == "VLAN" ? comparison.Theirs : inner.Add(Unwrap(kind, sent)).Theirs;
            AssertOneHop(PacketDotNetDecoder.Decode(frame), seen);
        }

        output.WriteLine(kind == "VLAN" ? outer.ToString() : $"{outer}\n{inner}");
        (kind == "VLAN" ? outer : inner).AssertSeen("TCP", "UDP", to.IsV6 ? "ICMPv6" : "ICMP");
        Assert.Equal(600, kind == "VLAN" ? outer["VLAN"] : inner.Frames);
    }

    /// <summary>The frame inside, by PacketDotNet; what GRE carries without one gets a header with the type that GRE says.</summary>
    private static byte[] Unwrap(string kind, byte[] sent)
    {
        Packet packet = Packet.ParsePacket(LinkLayers.Ethernet, sent.ToArray());
        if (kind == "VXLAN")
        {
            VxlanPacket vxlan = packet.Extract<VxlanPacket>();
            Assert.Equal((42u, 8), (vxlan.Vni, vxlan.Flags));
            return vxlan.HeaderDataSegment.ActualBytes();
        }

        GrePacket gre = packet.Extract<GrePacket>();
        Assert.Equal(kind == "GRE", gre.HasKey);
        Assert.Equal((false, false, 0), (gre.HasCheckSum, gre.HasSequence, gre.Version));
        byte[] content = gre.HeaderDataSegment.ActualBytes();
        if (kind == "GRE frames")
        {
            Assert.Equal(EthernetType.TransparentEthernetBridging, gre.Protocol);
            return content;
        }

        Assert.Equal([0, 0, 0, 7], gre.HeaderData[4..]);
        return [.. new byte[12], (byte)((ushort)gre.Protocol >> 8), (byte)gre.Protocol, .. content];
    }

    private static void AssertOneHop(DecodedPacket before, DecodedPacket after)
    {
        string[] hop = ["eth.dst", "eth.src", "vlan.id", "vlan.priority", "vlan.drop-eligible", "ip.ttl", "ip6.hop-limit", "ip.checksum"];
        Assert.Equal(before.Fields.Where(f => !hop.Contains(f.Name)), after.Fields.Where(f => !hop.Contains(f.Name)));
        Assert.Equal("63", after["ip.ttl"] ?? after["ip6.hop-limit"]);
        Assert.All(after.Checksums, c => Assert.True(c.Value, c.Key));
    }
}
