using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.Captures;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.Gateways.GatewayLab;

namespace VSwitch.Tests.DataPlane.Gateways;

/// <summary>Packets through gateways of every kind, byte by byte where a tunnel writes them.</summary>
public sealed class GatewayPacketTests : IDisposable
{
    private const long StartNs = 1_000_000_000_000;
    private readonly SwitchUnderTest _real = new(Config);
    private long _nowNs = StartNs;

    public void Dispose() => _real.Dispose();

    [Fact]
    public void Two_VPCs_with_the_same_addresses_are_told_apart_by_VLAN()
    {
        ReferenceOutcome blue = Receive(Trunk, Tagged(100, "192.168.0.5", "10.0.1.10", priority: 5));
        ReferenceOutcome red = Receive(Trunk, Tagged(200, "192.168.0.5", "10.0.1.10"));

        Assert.Equal("blue-1", Assert.Single(blue.Sent).Port);
        Assert.Equal("red-1", Assert.Single(red.Sent).Port);
        byte[] expected = PacketBuilder.Eth(Router, Blue).IPv4(Ip("192.168.0.5"), Ip("10.0.1.10"), ip => ip with { Ttl = 63 }).Udp(1000, 2000).Payload(16).Build();
        Assert.Equal(expected, blue.Sent[0].Frame);

        // The answers go back by the VLAN that each connection came by, to the MAC that brought it.
        byte[] answer = Frame("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5"), Trunk);
        Assert.Equal(
            PacketBuilder.Eth(Own, Peer).Vlan(100).IPv4(Ip("10.0.1.10"), Ip("192.168.0.5"), ip => ip with { Ttl = 63 }).Udp(2000, 1000).Payload(16).Build(),
            answer);
        Assert.Equal(200, Short(Frame("red-1", Out(Red, "10.0.1.10", "192.168.0.5"), Trunk), 14));
        Assert.Equal(2, _real.ConnectionCount);
    }

    [Fact]
    public void A_gateway_asks_for_its_next_hop_and_answers_for_its_own_addresses_in_its_VLAN()
    {
        ReferenceOutcome asked = Receive("red-1", Out(Red, "10.0.1.10", "192.168.0.5"));
        Assert.Equal(OutcomeKind.Held, asked.Kind);
        byte[] question = asked.Sent.Single(s => s.Port == Trunk).Frame;
        Assert.Equal(
            PacketBuilder.Eth(Own, MacAddress.Broadcast).Vlan(200)
                .Arp(new ArpLayer(1, Own, Ip("169.254.100.1"), default, Ip("169.254.100.2"))).Build(), question);

        // In the other VLAN the same address is somebody else's.
        byte[] Says(int vlan) => PacketBuilder.Eth(Peer, Own).Vlan(vlan).Arp(new ArpLayer(2, Peer, Ip("169.254.100.2"), Own, Ip("169.254.100.1"))).Build();
        Assert.Empty(Receive(Trunk, Says(100)).Sent);
        ReferenceOutcome released = Receive(Trunk, Says(200));
        Assert.Equal(200, Short(released.Sent.Single(s => s.Port == Trunk).Frame, 14));

        byte[] who = PacketBuilder.Eth(Peer, MacAddress.Broadcast).Vlan(100).Arp(new ArpLayer(1, Peer, Ip("169.254.100.2"), default, Ip("169.254.100.1"))).Build();
        ReferenceOutcome answered = Receive(Trunk, who);
        Assert.Equal(OutcomeKind.Answered, Assert.Single(answered.Ends).Kind);
        Assert.Equal(
            PacketBuilder.Eth(Own, Peer).Vlan(100).Arp(new ArpLayer(2, Own, Ip("169.254.100.1"), Peer, Ip("169.254.100.2"))).Build(),
            answered.Sent.Single(s => s.Port == Trunk).Frame);
        Assert.Equal(OutcomeKind.Answered, Receive("line-blue", In("169.254.100.2", "169.254.100.1").Echo(false, 1, 1).Payload(8).Build()).Kind);
    }

    [Fact]
    public void IPv6_goes_by_a_gateway_untranslated()
    {
        byte[] sent = Frame("blue-1", Out(Blue, "fd00:b:0:1::10", "fd00:c::5"), Trunk);
        Assert.Equal(PacketBuilder.Eth(Own, Peer).Vlan(100).IPv6(Ip("fd00:b:0:1::10"), Ip("fd00:c::5"), ip => ip with { HopLimit = 63 }).Udp(2000, 1000).Payload(16).Build(), sent);
        Assert.Equal("blue-1", Receive("line-blue", In("fd00:c::5", "fd00:b:0:1::10").Udp(1000, 2000).Payload(4).Build()).Sent[0].Port);
    }

    [Fact]
    public void VXLAN_is_put_on_and_taken_off()
    {
        byte[] inner = In("172.16.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build();
        ReferenceOutcome arrived = Receive("internet", Vxlan(inner));
        Assert.Equal("blue-1", Assert.Single(arrived.Sent).Port);
        Assert.Equal("vx", Assert.Single(arrived.Ends).Port);

        byte[] outer = Frame("blue-1", Out(Blue, "10.0.1.10", "172.16.0.5"), "internet");
        byte[] carried = PacketBuilder.Eth(Own, Peer).IPv4(Ip("10.0.1.10"), Ip("172.16.0.5"), ip => ip with { Ttl = 63 }).Udp(2000, 1000).Payload(16).Build();
        ushort sourcePort = Short(outer, 34);
        Assert.InRange(sourcePort, 49152, 65535);
        byte[] expected = PacketBuilder.Eth(Internet, OuterPeer).IPv4(Ip("198.51.100.1"), Ip("198.51.100.9"), ip => ip with { DontFragment = true })
            .Udp(sourcePort, 4789, u => u with { Checksum = 0 }).Payload([8, 0, 0, 0, 0, 0, 42, 0, .. carried]).Build();
        Assert.Equal(expected, outer);

        // RFC 7348 section 5: a connection keeps its source port, others have others.
        Assert.Equal(sourcePort, Short(Frame("blue-1", Out(Blue, "10.0.1.10", "172.16.0.5"), "internet"), 34));
        Assert.True(Enumerable.Range(1, 32).Select(i => Short(Frame("blue-1", Out(Blue, "10.0.1.10", "172.16.0.5", (ushort)i), "internet"), 34)).Distinct().Count() > 16);
        Assert.Equal(OutcomeKind.Forwarded, Receive("internet", Vxlan(inner, checksum: null)).Ends[0].Kind);
    }

    [Fact]
    public void GRE_carries_packets_of_both_families_with_its_key_and_frames_without_one()
    {
        byte[] inner = In("172.17.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build();
        Assert.Equal("blue-1", Assert.Single(Receive("internet", Gre(inner.AsSpan(14), 0x0800)).Sent).Port);
        byte[] outer = Frame("blue-1", Out(Blue, "10.0.1.10", "172.17.0.5"), "internet");
        Assert.Equal(47, outer[23]);
        Assert.Equal(0x2000_0800u, Long(outer, 34));
        Assert.Equal(7u, Long(outer, 38));
        Assert.Equal(PacketBuilder.Eth(Own, Own).IPv4(Ip("10.0.1.10"), Ip("172.17.0.5"), ip => ip with { Ttl = 63 }).Udp(2000, 1000).Payload(16).Build()[14..], outer[42..]);

        byte[] inner6 = In("fd00:d::5", "fd00:b:0:1::10").Udp(1000, 2000).Payload(16).Build();
        Assert.Equal("blue-1", Assert.Single(Receive("internet", Gre(inner6.AsSpan(14), 0x86DD)).Sent).Port);
        Assert.Equal(0x2000_86DDu, Long(Frame("blue-1", Out(Blue, "fd00:b:0:1::10", "fd00:d::5"), "internet"), 34));

        byte[] frame = In("172.18.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build();
        Assert.Equal("blue-1", Assert.Single(Receive("internet", Gre(frame, 0x6558, key: null, remote: "203.0.113.9")).Sent).Port);
        byte[] bridged = Frame("blue-1", Out(Blue, "10.0.1.10", "172.18.0.5"), "internet");
        Assert.Equal(0x0000_6558u, Long(bridged, 34));
        Assert.Equal(Peer, MacAddress.Read(bridged.AsSpan(38)));
    }

    [Theory]
    [InlineData("vx", "172.16.0.5", 1450)]
    [InlineData("gre", "172.17.0.5", 1472)]
    [InlineData("gretap", "172.18.0.5", 1462)]
    public void A_tunnel_s_MTU_is_smaller_by_its_headers(string gateway, string destination, int mtu)
    {
        ReferenceOutcome tooLong = Receive("blue-1", Out(Blue, "10.0.1.10", destination, payload: mtu - 27, df: true));
        Assert.Equal(DropReason.MtuExceeded, tooLong.DropReason);
        byte[] told = Assert.Single(tooLong.Sent).Frame;
        Assert.Equal((3, 4, mtu), ((int)told[34], (int)told[35], (int)Short(told, 40)));

        byte[] largest = Frame("blue-1", Out(Blue, "10.0.1.10", destination, payload: mtu - 28, df: true), "internet");
        Assert.Equal(1514, largest.Length);
        IReadOnlyList<(string Port, byte[] Frame)> cut = Receive("blue-1", Out(Blue, "10.0.1.10", destination, payload: mtu)).Sent;
        Assert.Equal(2, cut.Count(s => s.Port == "internet"));
        Assert.Equal(2, cut.Count(s => s.Port == gateway));
    }

    [Fact]
    public void The_bytes_do_not_depend_on_the_workers()
    {
        (string, long, byte[])[] frames =
        [
            .. Enumerable.Range(0, 60).SelectMany(i => new (string, long, byte[])[]
            {
                (Trunk, i, Tagged(i % 2 == 0 ? 100 : 200, $"192.168.0.{i}", "10.0.1.10", (ushort)i)),
                ("internet", i, Vxlan(In($"172.16.0.{i}", "10.0.1.10").Udp(7, (ushort)i).Payload(20).Build())),
                ("internet", i, Gre(In($"172.17.0.{i}", "10.0.1.10").Udp(7, (ushort)i).Payload(20).Build().AsSpan(14), 0x0800)),
                ("blue-1", i, Out(Blue, "10.0.1.10", $"172.{16 + (i % 3)}.1.1", (ushort)(3000 + i))),
                ("line-blue", i, In("192.168.7.7", "10.0.1.10").Udp(9, (ushort)i).Payload(20).Build()),
            }).Select(f => (f.Item1, StartNs + (f.Item2 * 1_000_000), f.Item3)),
        ];
        TraceResult[] runs = [.. new[] { 1, 2, 4 }.Select(workers => TraceReplay.RunPorts(Config, frames, workers))];

        Assert.Equal(frames.Length, runs[0].Summary.Forwarded + runs[0].Summary.Dropped);
        Assert.Equal(0, runs[0].Summary.Dropped);
        foreach (TraceResult run in runs)
        {
            foreach ((string port, IReadOnlyList<VSwitch.Testing.Captures.CapturedFrame> sent) in runs[0].Sent)
            {
                Assert.Equal(sent.Select(f => Convert.ToHexString(f.Bytes)), run.Sent[port].Select(f => Convert.ToHexString(f.Bytes)));
            }
        }
    }

    [Fact]
    public void Nothing_is_allocated_on_the_way_in_or_out()
    {
        byte[] tagged = Tagged(100, "192.168.0.5", "10.0.1.10");
        byte[] vxlan = Vxlan(In("172.16.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build());
        byte[] gre = Gre(In("172.17.0.5", "10.0.1.10").Udp(1000, 2000).Payload(16).Build().AsSpan(14), 0x0800);
        byte[][] outs = [Out(Blue, "10.0.1.10", "192.168.0.5"), Out(Blue, "10.0.1.10", "172.16.0.5"), Out(Blue, "10.0.1.10", "172.17.0.5")];
        byte[] lost = Tagged(300, "192.168.0.5", "10.0.1.10");
        using var quiet = new QuietSwitch(Config);
        AllocationGuard.RequireNone("gateways", () =>
        {
            for (int i = 0; i < 200; i++)
            {
                quiet.Inject(Trunk, tagged);
                quiet.Inject("internet", vxlan);
                quiet.Inject("internet", gre);
                quiet.Inject(Trunk, lost);
                foreach (byte[] frame in outs)
                {
                    quiet.Inject("blue-1", frame);
                }
            }
        });
        Assert.Equal(3 * 2 * 200, quiet.Forwarded("blue-1"));
    }

    private ReferenceOutcome Receive(string port, byte[] frame) => _real.Receive(port, frame, _nowNs += 1_000_000);

    /// <summary>The frame that leaves by a port when one comes in by another.</summary>
    private byte[] Frame(string port, byte[] frame, string by) => Receive(port, frame).Sent.Single(s => s.Port == by).Frame;
}
