using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Gateways.GatewayLab;

namespace VSwitch.Tests.DataPlane.Gateways;

/// <summary>What a gateway refuses, and by which name.</summary>
public sealed class GatewayRefusalTests
{
    private const long StartNs = 1_000_000_000_000;
    private static readonly byte[] Good = In("172.16.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build();

    public static TheoryData<string, string, string, byte[]> Rows()
    {
        byte[] sum = Vxlan(Good, checksum: 0x1234);
        byte[] cut = PacketBuilder.Eth(OuterPeer, GatewayLab.Internet).IPv4(Ip("198.51.100.9"), Ip("198.51.100.1")).Udp(5, 4789).Payload([8, 0, 0, 0, 0, 0, 42]).Build();
        return new()
        {
            { "a VLAN that no gateway has", "dc0", "unknown-vlan", Tagged(300, "192.168.0.5", "10.0.1.10") },
            { "no tag on a shared device", "dc0", "unknown-vlan", In("192.168.0.5", "10.0.1.10").Udp(1, 2).Build() },
            { "a second tag", "dc0", "vlan-tagged", PacketBuilder.Eth(Peer, Own).Vlan(100).Vlan(7).IPv4(Ip("192.168.0.5"), Ip("10.0.1.10")).Udp(1, 2).Build() },
            { "a tag on a gateway's own port", "line-blue", "vlan-tagged", Tagged(100, "192.168.0.5", "10.0.1.10") },
            { "a frame of ten bytes", "dc0", "malformed-ethernet", new byte[10] },
            { "for another MAC", "line-blue", "unknown-destination-mac", PacketBuilder.Eth(Peer, Blue).IPv4(Ip("192.168.0.5"), Ip("10.0.1.10")).Udp(1, 2).Build() },
            { "from the gateway's own MAC", "line-blue", "spoofed-mac", PacketBuilder.Eth(Own, Own).IPv4(Ip("192.168.0.5"), Ip("10.0.1.10")).Udp(1, 2).Build() },
            { "an inside address from outside", "line-blue", "spoofed-ip", In("10.0.1.11", "10.0.1.10").Udp(1, 2).Build() },
            { "the gateway's own address", "line-blue", "spoofed-ip", In("169.254.100.1", "10.0.1.10").Udp(1, 2).Build() },
            { "an address that no ENI has", "line-blue", "no-route", In("192.168.0.5", "10.0.1.77").Udp(1, 2).Build() },
            { "to another gateway", "line-blue", "no-route", In("192.168.0.5", "172.16.0.5").Udp(1, 2).Build() },
            { "to the internet", "line-blue", "no-route", In("192.168.0.5", "203.0.113.5").Udp(1, 2).Build() },
            { "from where no route leads back", "line-blue", "no-route", In("172.16.0.6", "10.0.1.10").Udp(1, 2).Build() },
            { "a datagram for the gateway itself", "line-blue", "unsupported-protocol", In("192.168.0.5", "169.254.100.1").Udp(1, 2).Build() },
            { "TTL 1", "line-blue", "ttl-expired", In("192.168.0.5", "10.0.1.10", 1).Udp(1, 2).Build() },
            { "another VNI", "internet", "unknown-tunnel-id", Vxlan(Good, vni: 43) },
            { "another remote", "internet", "unknown-tunnel-remote", Vxlan(Good, remote: "198.51.100.8") },
            { "without the VNI flag", "internet", "malformed-tunnel", Vxlan(Good, flags: 0) },
            { "a wrong UDP checksum", "internet", "malformed-tunnel", sum },
            { "a VXLAN header cut short", "internet", "malformed-tunnel", cut },
            { "a VXLAN packet without a frame", "internet", "malformed-tunnel", Vxlan(new byte[13]) },
            { "a malformed frame inside", "vx", "malformed-ipv4", Good[..30] },
            { "a GRE key that no gateway has", "internet", "unknown-tunnel-id", Gre(Good.AsSpan(14), 0x0800, key: 8) },
            { "GRE without the key", "internet", "unknown-tunnel-id", Gre(Good.AsSpan(14), 0x0800, key: null) },
            { "GRE from another remote", "internet", "unknown-tunnel-remote", Gre(Good.AsSpan(14), 0x0800, remote: "198.51.100.8") },
            { "GRE with frames where packets are carried", "internet", "malformed-tunnel", Gre(Good, 0x6558) },
            { "GRE with routing", "internet", "malformed-tunnel", Gre(Good.AsSpan(14), 0x0800, flags: 0x40) },
            { "a wrong GRE checksum", "internet", "malformed-tunnel", Gre(Good.AsSpan(14), 0x0800, flags: 0x80) },
            { "a fragment of GRE", "internet", "tunnel-fragment", Frames.Fragments(Gre(Good.AsSpan(14), 0x0800), 16, 5)[0] },
            { "a later fragment of VXLAN", "internet", "tunnel-fragment", Frames.Fragments(Vxlan(Good), 32, 6)[1] },
            { "a datagram to the switch that is no tunnel's", "internet", "unsupported-protocol", PacketBuilder.Eth(OuterPeer, GatewayLab.Internet).IPv4(Ip("198.51.100.9"), Ip("198.51.100.1")).Udp(1, 4790).Payload(8).Build() },
        };
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void Each_refusal_has_its_name(string what, string port, string reason, byte[] frame)
    {
        using var real = new SwitchUnderTest(Config);
        ReferenceOutcome outcome = real.Receive(port, frame, StartNs);
        DropReason dropped = outcome.Kind == OutcomeKind.Dropped ? outcome.DropReason
            : outcome.Ends.Where(e => e.Kind == OutcomeKind.Dropped).Select(e => e.DropReason).FirstOrDefault();
        Assert.True(dropped.Name() == reason, $"{what}: {outcome.Kind} {dropped.Name()}");
        Assert.Equal(0, real.ConnectionCount);
        Assert.Equal(0, real.MissingBuffers(StartNs));
    }

    [Fact]
    public void Cut_anywhere_and_spoiled_anywhere_an_outer_packet_ends_by_a_name()
    {
        var random = new Random(Seeded.Take("spoiled tunnels"));
        using var real = new SwitchUnderTest(Config);
        byte[][] frames = [Vxlan(Good), Gre(Good.AsSpan(14), 0x0800), Gre(Good, 0x6558, key: null, remote: "203.0.113.9"), Tagged(100, "192.168.0.5", "10.0.1.10")];
        long nowNs = StartNs;
        for (int i = 0; i < 4000; i++)
        {
            byte[] frame = [.. frames[i % 4]];
            int at = random.Next(14, frame.Length);
            frame[at] = (byte)random.Next(256);
            byte[] spoiled = i % 3 == 0 ? frame[..random.Next(frame.Length)] : frame;
            real.Receive(i % 4 == 3 ? Trunk : "internet", spoiled, nowNs += 1000);
        }

        Assert.Equal(0, real.MissingBuffers(nowNs + 2_000_000_000));
    }
}
