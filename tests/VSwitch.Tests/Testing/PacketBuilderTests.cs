using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Testing;

/// <summary>The builder and the assertions against bytes that were known before them.</summary>
public sealed class PacketBuilderTests
{
    private static readonly MacAddress A = new(0x0200_0000_0001);
    private static readonly MacAddress B = new(0x0200_0000_0002);
    private static readonly IpAddress Source = IpAddress.Parse("192.168.0.1");
    private static readonly IpAddress Destination = IpAddress.Parse("192.168.0.199");
    private static readonly PacketBuilder V4 = PacketBuilder.Eth(A, B).IPv4(Source, Destination);
    private static readonly PacketBuilder V6 = PacketBuilder.Eth(A, B).IPv6(IpAddress.Parse("2001:db8::1"), IpAddress.Parse("2001:db8::2"));

    [Fact]
    public void Ipv4_header_checksum_is_that_of_the_well_known_example()
    {
        // The example of Wikipedia's "Internet checksum" page: 45000073 0000 4000 4011 c0a80001 c0a800c7 gives b861.
        byte[] frame = PacketBuilder.Eth(A, B).IPv4(Source, Destination, ip => ip with { DontFragment = true })
            .Udp(1, 2).Payload(0x73 - 28).Build();
        Assert.Equal("45000073000040004011b861c0a80001c0a800c7", Convert.ToHexStringLower(frame, 14, 20));
    }

    [Fact]
    public void Crc32c_is_that_of_rfc_3720() =>
        Assert.Equal(0x8A9136AAu, SctpLayer.Crc32c(new byte[32]));

    [Fact]
    public void Eq3_gives_the_example_of_rfc_1624() =>
        Assert.Equal(0, OnesComplement.Update(0xDD2F, [(0x5555, 0x3285)]));

    public static TheoryData<string, byte[]> Valid() => new()
    {
        { "tcp", V4.Tcp(1, 2, TcpBits.Syn, t => t with { Options = [2, 4, 5, 0xB4] }).Payload("hello").Build() },
        { "udp", V4.Udp(1, 2).Payload(33).Build() },
        { "icmp", V4.Echo(false, 1, 2).Payload(5).Build() },
        { "sctp", V4.Sctp(1, 2).Payload(16).Build() },
        { "padded", V4.Udp(1, 2).PadTo(60).Build() },
        { "options", PacketBuilder.Eth(A,
            B).IPv4(Source, Destination, ip => ip with { Options = [1, 1, 1] }).Udp(1, 2).Build() },
        { "vlan", PacketBuilder.Eth(A, B).Vlan(7).IPv4(Source, Destination).Udp(1, 2).Build() },
        { "tcp6", V6.Tcp(1, 2, TcpBits.Ack).Payload(9).Build() },
        { "udp6", V6.HopByHop().Routing().DestinationOptions().Udp(1, 2).Payload(9).Build() },
        { "atomic", V6.Fragment6(0, false, 1).Udp(1, 2).Payload(9).Build() },
        { "echo6", V6.Echo(true, 1, 2).Payload(9).Build() },
        { "ns", Frames.Solicitation(A, IpAddress.Parse("2001:db8::1"), IpAddress.Parse("2001:db8::2")) },
        { "arp", Frames.ArpRequest(A, Source, Destination) },
        { "error", V4.IcmpError(3, 3, V4.Udp(1, 2).Payload(9).Build()).Build() },
        { "error6", V6.IcmpError(1, 4, V6.Udp(1, 2).Payload(9).Build(), 48).Build() },
        { "fragment", Frames.Fragments(V4.Udp(1, 2).Payload(100).Build(), 48, 9)[1] },
        { "fragment6", Frames.Fragments(V6.Udp(1, 2).Payload(100).Build(), 48, 9)[2] },
    };

    [Theory]
    [MemberData(nameof(Valid))]
    public void What_is_not_spoiled_is_valid(string what, byte[] frame)
    {
        PacketAssert.IsValid(frame);
        Assert.NotEmpty(what);
    }

    public static TheoryData<string, byte[], string> Spoiled() => new()
    {
        { "ip checksum", PacketBuilder.Eth(A,
            B).IPv4(Source, Destination, ip => ip with { Checksum = 1 }).Udp(1, 2).Build(), "ip header checksum" },
        { "total length", PacketBuilder.Eth(A,
            B).IPv4(Source, Destination, ip => ip with { TotalLength = 999 }).Udp(1, 2).Build(), "total length" },
        { "tcp checksum", V4.Tcp(1, 2, TcpBits.Syn, t => t with { Checksum = 1 }).Build(), "tcp checksum" },
        { "udp length", V4.Udp(1, 2, u => u with { Length = 99 }).Build(), "udp length" },
        { "icmp6 checksum", V6.Echo(false, 1, 2, i => i with { Checksum = 1 }).Build(), "icmp checksum" },
        { "sctp checksum", V4.Sctp(1, 2, 3, s => s with { Checksum = 1 }).Build(), "sctp checksum" },
        { "cut", V4.Udp(1, 2).CutTo(40).Build(), "total length" },
        { "payload", V4.Udp(1, 2).Payload(8).Spoil(45, 0xEE).Build(), "udp checksum" },
        { "arp", PacketBuilder.Eth(A,
            B).Arp(new ArpLayer(1, A, Source, B, Destination) { HardwareType = 6 }).Build(), "arp types" },
    };

    [Theory]
    [MemberData(nameof(Spoiled))]
    public void What_is_spoiled_is_named(string what, byte[] frame, string fault)
    {
        var thrown = Assert.Throws<PacketAssertException>(() => PacketAssert.IsValid(frame));
        Assert.True(thrown.Message.Contains(fault, StringComparison.Ordinal), $"{what}: {thrown.Message}");
    }

    [Fact]
    public void A_builder_is_not_changed_by_what_is_built_on_it()
    {
        byte[] before = V4.Udp(1, 2).Build();
        _ = V4.Tcp(3, 4, TcpBits.Rst).Payload(50).Build();
        Assert.Equal(before, V4.Udp(1, 2).Build());
    }

    [Fact]
    public void Fragments_join_to_the_whole()
    {
        byte[] whole = V4.Udp(1, 2).Payload(100).Build();
        IReadOnlyList<byte[]> fragments = Frames.Fragments(whole, 48, 9);
        Assert.Equal(3, fragments.Count);
        Assert.Equal(whole[34..], fragments.SelectMany(fragment => fragment[34..]));
        Assert.Equal([0x2000, 0x2006, 0x000C], fragments.Select(fragment => (fragment[20] << 8) | fragment[21]));
    }

    [Fact]
    public void Eui64_and_solicited_node_are_those_of_rfc_4291()
    {
        Assert.Equal("fe80::3656:78ff:fe9a:bcde", Frames.LinkLocal(MacAddress.Parse("34:56:78:9a:bc:de")).ToString());
        Assert.Equal("ff02::1:ff0e:8c6c", Frames.SolicitedNode(IpAddress.Parse("4037::1:800:200e:8c6c")).ToString());
        Assert.Equal("33:33:ff:0e:8c:6c", Frames.SolicitedNodeMac(IpAddress.Parse("4037::1:800:200e:8c6c")).ToString());
    }

    [Fact]
    public void A_difference_names_the_fields()
    {
        byte[] left = V4.Udp(1, 2).Build();
        byte[] right = PacketBuilder.Eth(A, B).IPv4(Source, Destination, ip => ip with { Ttl = 63 }).Udp(1, 2).Build();
        string difference = PacketAssert.Difference(left, right);
        Assert.Contains("ip.ttl: expected 64, got 63", difference, StringComparison.Ordinal);
        Assert.DoesNotContain("udp.src", difference, StringComparison.Ordinal);
        Assert.Equal("", PacketAssert.Difference(left, [.. left]));
        Assert.Throws<PacketAssertException>(() => PacketAssert.Equal(left, right));
    }

    [Fact]
    public void Checks_that_fail_are_all_named()
    {
        byte[] frame = V4.Tcp(1, 2, TcpBits.Syn).Build();
        PacketAssert.That(frame, PacketAssert.Macs(A, B), PacketAssert.Addresses(Source, Destination), PacketAssert.Ports(1, 2),
            PacketAssert.Flags(TcpBits.Syn), PacketAssert.Ttl(64), PacketAssert.Unpadded());
        var thrown = Assert.Throws<PacketAssertException>(
            () => PacketAssert.That(frame, PacketAssert.Ttl(63), PacketAssert.Ports(1, 3)));
        Assert.Contains("ip.ttl is 64, not 63; tcp.dst is 2, not 3", thrown.Message, StringComparison.Ordinal);
    }
}
