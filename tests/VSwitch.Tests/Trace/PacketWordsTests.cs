using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Trace;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Trace;

/// <summary>A frame in words: what the packet language can say comes back as it was, everything else is said plainly, and no bytes are too
/// strange.</summary>
public class PacketWordsTests(ITestOutputHelper output)
{
    private static readonly MacAddress MacA = new(0x0200_0000_000A);
    private static readonly MacAddress MacB = new(0x0200_0000_000B);

    private static PacketBuilder Blank => PacketBuilder.Eth(MacA, MacB);

    private static PacketBuilder Four => Blank.IPv4(Ip("10.0.1.10"), Ip("10.0.2.20"));

    private static PacketBuilder Six => Blank.IPv6(Ip("fd00::a"), Ip("fd00::b"));

    [Theory]
    [InlineData("tcp 10.0.1.10:40000 > 10.0.2.20:443 syn", null)]
    [InlineData("tcp 10.0.1.10:40000 > 10.0.2.20:443", "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn")]
    [InlineData("tcp 10.0.1.10:1 > 10.0.2.20:2 ack,psh fin", "tcp 10.0.1.10:1 > 10.0.2.20:2 fin+psh+ack")]
    [InlineData("tcp 10.0.1.10:0 > 10.0.2.20:65535 fin+syn+rst+psh+ack+urg+ece+cwr", null)]
    [InlineData("tcp [fd00::a]:40000 > [2001:db8::1]:443 syn+ack", null)]
    [InlineData("udp 10.0.1.10:53 > 198.51.100.7:5353", null)]
    [InlineData("udp [fd00::a]:53 > [fd00::b]:5353", null)]
    [InlineData("udp 10.0.1.10:68 > 10.0.2.20:67", null)]
    [InlineData("udp [fd00::a]:546 > [fd00::b]:547", null)]
    [InlineData("sctp 10.0.1.10:5000 > 10.0.2.20:6000", null)]
    [InlineData("icmp 10.0.1.10 > 198.51.100.7", null)]
    [InlineData("icmpv6 fd00::a > fd00::b", null)]
    [InlineData("icmp fd00::a > fd00::b", "icmpv6 fd00::a > fd00::b")]
    [InlineData("proto 47 10.0.1.10 > 10.0.2.20", null)]
    [InlineData("proto 58 10.0.1.10 > 10.0.2.20", null)]
    [InlineData("proto 132 10.0.1.10 > 10.0.2.20", "sctp 10.0.1.10:0 > 10.0.2.20:0")]
    [InlineData("proto 17 10.0.1.10:7 > 10.0.2.20:9", "udp 10.0.1.10:7 > 10.0.2.20:9")]
    public void What_the_language_says_comes_back(string said, string? heard)
    {
        SwitchConfig config = TestTopologies.Rich();
        byte[] frame = TracePacket.Parse(said, "web", config);
        string words = PacketWords.Describe(frame);
        Assert.Equal(heard ?? said, words);
        Assert.Equal(frame, TracePacket.Parse(words, "web", config));
    }

    [Fact]
    public void Random_packets_of_the_language_come_back()
    {
        int seed = Seeded.Take("packet words round trip", output.WriteLine);
        var random = new Random(seed);
        SwitchConfig config = TestTopologies.Rich();
        byte[] bits = new byte[32];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bits);
            bool isV6 = random.Next(2) == 0;
            (IpAddress a, IpAddress b) = (IpAddress.Read(bits, isV6), IpAddress.Read(bits.AsSpan(16), isV6));
            string said = random.Next(4) switch
            {
                0 => $"tcp {End(a)} > {End(b)} {string.Join('+', TracePacket.Flags.Where(_ => random.Next(2) == 0).Select(f => f.Name).DefaultIfEmpty("syn"))}",
                1 => $"udp {End(a)} > {End(b)}",
                2 => $"sctp {End(a)} > {End(b)}",
                _ => $"proto {NextUnnamed()} {a} > {b}",
            };
            Assert.Equal(said, PacketWords.Describe(TracePacket.Parse(said, "internet", config)));
        }

        string End(IpAddress address) => $"{(address.IsV6 ? $"[{address}]" : address)}:{random.Next(65536)}";

        // Below 60 and at 132 are the protocols that have words, and the extension headers of IPv6.
        int NextUnnamed() => random.Next(61, 132);
    }

    public static TheoryData<string, byte[]> Rows() => new()
    {
        { "arp who-has 10.0.1.1 tell 10.0.1.10", Frames.ArpRequest(MacA, Ip("10.0.1.10"), Ip("10.0.1.1")) },
        { "arp 10.0.1.10 is-at 02:00:00:00:00:0a", Frames.ArpReply(MacA, Ip("10.0.1.10"), MacB, Ip("10.0.1.1")) },
        { "arp opcode 9 10.0.1.10 > 10.0.1.1", Blank.Arp(new ArpLayer(9, MacA, Ip("10.0.1.10"), MacB, Ip("10.0.1.1"))).Build() },
        { "arp hardware 6 protocol 0x0800 sizes 6 and 4", Blank.Arp(new ArpLayer(1, MacA, Ip("10.0.1.10"), MacB, Ip("10.0.1.1")) { HardwareType = 6 }).Build() },
        { "arp cut short", Frames.ArpRequest(MacA, Ip("10.0.1.10"), Ip("10.0.1.1"))[..30] },
        { "icmpv6 fd00::a > ff02::1:ff00:b neighbor-solicitation for fd00::b", Frames.Solicitation(MacA, Ip("fd00::a"), Ip("fd00::b")) },
        { "icmpv6 fd00::a > fd00::b neighbor-advertisement of fd00::a at 02:00:00:00:00:0a", Six.NeighborAdvertisement(Ip("fd00::a"), MacA, 0x60).Build() },
        { "icmpv6 fd00::a > fd00::b neighbor-advertisement of fd00::a", Six.NeighborAdvertisement(Ip("fd00::a"), null, 0x60).Build() },
        { "icmpv6 fd00::a > fd00::b neighbor-solicitation cut short", Six.Icmp(135, 0).Payload(5).Build() },
        { "icmpv6 fd00::a > fd00::b router-solicitation", Six.Icmp(133, 0).Build() },
        { "icmpv6 fd00::a > fd00::b multicast-listener-report", Six.Icmp(143, 0).Payload(20).Build() },
        { "icmp 10.0.1.10 > 10.0.2.20 echo-reply", Four.Echo(reply: true, 1, 1).Payload(8).Build() },
        { "icmp 10.0.1.10 > 10.0.2.20 type 8 code 3", Four.Icmp(8, 3).Payload(8).Build() },
        {
            "icmp 10.0.1.10 > 10.0.2.20 port-unreachable about udp 10.0.2.20:9 > 10.0.1.10:7",
            Four.IcmpError(3, 3, Blank.IPv4(Ip("10.0.2.20"), Ip("10.0.1.10")).Udp(9, 7).Payload(100).Build(), quoteBytes: 28).Build()
        },
        {
            "icmp 10.0.1.10 > 10.0.2.20 fragmentation-needed mtu 1400 about tcp 10.0.2.20:9 > 10.0.1.10:7",
            Four.IcmpError(3, 4, Blank.IPv4(Ip("10.0.2.20"), Ip("10.0.1.10")).Tcp(9, 7, TcpBits.Ack).Payload(100).Build(), quoteBytes: 28, rest: 1400).Build()
        },
        {
            "icmpv6 fd00::a > fd00::b packet-too-big mtu 1280 about tcp [fd00::b]:9 > [fd00::a]:7 ack",
            Six.IcmpError(2, 0, Blank.IPv6(Ip("fd00::b"), Ip("fd00::a")).Tcp(9, 7, TcpBits.Ack).Payload(100).Build(), rest: 1280).Build()
        },
        { "udp 0.0.0.0:68 > 255.255.255.255:67 dhcp discover", Blank.IPv4(Ip("0.0.0.0"), Ip("255.255.255.255")).Udp(68, 67).Payload(Dhcp(1)).Build() },
        { "udp 0.0.0.0:68 > 255.255.255.255:67 dhcp message 77", Blank.IPv4(Ip("0.0.0.0"), Ip("255.255.255.255")).Udp(68, 67).Payload(Dhcp(77)).Build() },
        { "udp [fe80::1]:546 > [ff02::1:2]:547 dhcpv6 solicit", Blank.IPv6(Ip("fe80::1"), Ip("ff02::1:2")).Udp(546, 547).Payload([1, 0, 0, 1]).Build() },
        { "tcp 10.0.1.10:1 > 10.0.2.20:2 no-flags", Four.Tcp(1, 2, 0).Build() },
        { "tcp 10.0.1.10:1 > 10.0.2.20:2 syn", Four.Tcp(1, 2, TcpBits.Syn).PadTo(60).Build() },
        { "vlan 100 udp 10.0.1.10:1 > 10.0.2.20:2", Blank.Vlan(100).IPv4(Ip("10.0.1.10"), Ip("10.0.2.20")).Udp(1, 2).Build() },
        { "vlan 100 vlan 7 icmp 10.0.1.10 > 10.0.2.20", Blank.Vlan(100).Vlan(7).IPv4(Ip("10.0.1.10"), Ip("10.0.2.20")).Echo(false, 1, 1).Build() },
        { "ethernet 02:00:00:00:00:0a > 02:00:00:00:00:0b type 0x88cc", PacketBuilder.Eth(MacA, MacB, 0x88CC).Payload(40).Build() },
        { "ethernet 02:00:00:00:00:0a > 02:00:00:00:00:0b length 38", PacketBuilder.Eth(MacA, MacB, 38).Payload(40).Build() },
        { "ethernet frame of 9 bytes", new byte[9] },
        { "ethernet frame of 0 bytes", [] },
        { "ipv4 header cut short", Four.Udp(1, 2).CutTo(33).Build() },
        { "ipv4 10.0.1.10 > 10.0.2.20 version 7, header length 20", Four.Udp(1, 2).Spoil(14, 0x75).Build() },
        { "ipv4 10.0.1.10 > 10.0.2.20 version 4, header length 12", Four.Udp(1, 2).Spoil(14, 0x43).Build() },
        { "udp 10.0.1.10:1 > 10.0.2.20:2, ip length 900 in 28 bytes", Blank.IPv4(Ip("10.0.1.10"), Ip("10.0.2.20"), ip => ip with { TotalLength = 900 }).Udp(1, 2).Build() },
        { "ipv6 header cut short", Six.Udp(1, 2).CutTo(50).Build() },
        { "ipv6 fd00::a > fd00::b version 1", Six.Udp(1, 2).Spoil(14, 0x10).Build() },
        { "ipv6 fd00::a > fd00::b extension headers wrong", Six.HopByHop().Udp(1, 2).Spoil(55, 200).Build() },
        { "udp [fd00::a]:1 > [fd00::b]:2, payload length 80 in 48 bytes", Blank.IPv6(Ip("fd00::a"), Ip("fd00::b"), ip => ip with { PayloadLength = 80 }).Udp(1, 2).Build() },
        { "udp [fd00::a]:1 > [fd00::b]:2", Six.HopByHop().DestinationOptions().Udp(1, 2).Build() },
        { "tcp 10.0.1.10:1 > 10.0.2.20:2 cut short", Four.Tcp(1, 2, TcpBits.Syn).Spoil(17, 34).CutTo(48).Build() },
        { "udp 10.0.1.10 > 10.0.2.20 cut short", Four.Protocol(17).Payload(3).Build() },
        { "udp 10.0.1.10:1 > 10.0.2.20:2, udp length 5 in 8 bytes", Four.Udp(1, 2, udp => udp with { Length = 5 }).Build() },
        { "tcp 10.0.1.10:1 > 10.0.2.20:2 syn, tcp header length 60 in 20 bytes", Four.Tcp(1, 2, TcpBits.Syn, tcp => tcp with { DataOffset = 15 }).Build() },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void Other_packets_are_said_plainly(string words, byte[] frame) => Assert.Equal(words, PacketWords.Describe(frame));

    [Theory]
    [InlineData(false, "udp 10.0.1.10:1 > 10.0.2.20:2 fragment id 77 at 0", "udp 10.0.1.10 > 10.0.2.20 last fragment id 77 at 1000")]
    [InlineData(true, "udp [fd00::a]:1 > [fd00::b]:2 fragment id 77 at 0", "udp fd00::a > fd00::b last fragment id 77 at 1000")]
    public void Fragments_have_their_place(bool isV6, string first, string last)
    {
        IReadOnlyList<byte[]> fragments = Frames.Fragments((isV6 ? Six : Four).Udp(1, 2).Payload(1500).Build(), 1000, 77);
        Assert.Equal([first, last], fragments.Select(f => PacketWords.Describe(f)));
    }

    [Fact]
    public void What_was_not_kept_is_not_called_missing()
    {
        byte[] frame = Four.Tcp(1, 2, TcpBits.Syn).Payload(1000).Build();
        Assert.Equal("tcp 10.0.1.10:1 > 10.0.2.20:2 syn", PacketWords.Describe(frame.AsSpan(0, 128), frame.Length));
        Assert.Equal("tcp 10.0.1.10:1 > 10.0.2.20:2 …", PacketWords.Describe(frame.AsSpan(0, 40), frame.Length));
        Assert.Equal("tcp 10.0.1.10 > 10.0.2.20 …", PacketWords.Describe(frame.AsSpan(0, 35), frame.Length));
        Assert.Equal("ipv4 …", PacketWords.Describe(frame.AsSpan(0, 20), frame.Length));
        Assert.Equal("ethernet …", PacketWords.Describe(frame.AsSpan(0, 3), frame.Length));
        byte[] chain = Six.HopByHop(new byte[200]).Udp(1, 2).Build();
        Assert.Equal("ipv6 fd00::a > fd00::b …", PacketWords.Describe(chain.AsSpan(0, 128), chain.Length));
    }

    [Fact]
    public void Any_bytes_will_do()
    {
        int seed = Seeded.Take("packet words on damaged frames", output.WriteLine);
        var random = new Random(seed);
        byte[][] good = [.. Rows().Select(row => (byte[])row[1])];
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = (byte[])good[random.Next(good.Length)].Clone();
            for (int damage = random.Next(6); damage > 0 && frame.Length > 0; damage--)
            {
                frame[random.Next(frame.Length)] = (byte)(random.Next(3) switch { 0 => 0, 1 => 255, _ => random.Next(256) });
            }

            ReadOnlySpan<byte> head = frame.AsSpan(0, random.Next(frame.Length + 1));
            string words = PacketWords.Describe(head, random.Next(2) == 0 ? head.Length : frame.Length);
            Assert.NotEmpty(words);
            Assert.InRange(words.Length, 1, 400);
            Assert.DoesNotContain(words, char.IsControl);
        }
    }

    private static byte[] Dhcp(byte kind)
    {
        byte[] message = new byte[250];
        (message[0], message[1], message[2]) = (1, 1, 6);
        byte[] options = [0, 12, 1, 65, 53, 1, kind, 255];
        options.CopyTo(message, 240);
        return message;
    }

    private static IpAddress Ip(string text) => IpAddress.Parse(text);
}
