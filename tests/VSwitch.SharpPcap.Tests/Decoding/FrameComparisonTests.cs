using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>The comparison itself: it sees every difference of a header byte, and nothing that it is given makes it throw.</summary>
public class FrameComparisonTests(ITestOutputHelper output)
{
    private static readonly MacAddress A = MacAddress.Parse("02:00:00:00:00:0a");
    private static readonly MacAddress B = MacAddress.Parse("02:00:00:00:00:0b");
    private static readonly IpAddress Four = IpAddress.Parse("10.1.2.3");
    private static readonly IpAddress OtherFour = IpAddress.Parse("198.51.100.7");
    private static readonly IpAddress Six = IpAddress.Parse("fd00::1:2");
    private static readonly IpAddress OtherSix = IpAddress.Parse("2001:db8::7");

    /// <summary>A frame of each kind, and the bytes of which no decoder tells: unused ones, and the checksummed part of nothing.</summary>
    private static readonly Dictionary<string, (byte[] Frame, int[] Silent)> Kinds = new()
    {
        ["ARP"] = (Frames.ArpRequest(A, Four, OtherFour), [14, 15, 16, 17, 18, 19]),
        ["IPv4 TCP"] = (PacketBuilder.Eth(A, B).IPv4(Four, OtherFour).Tcp(1025, 80, TcpBits.Syn, tcp => tcp with { Options = [2, 4, 5, 180, 1, 3, 3, 7] }).Payload(20).Build(), []),
        ["IPv4 UDP"] = (PacketBuilder.Eth(A, B).IPv4(Four, OtherFour, ip => ip with { Options = [7, 4, 4, 0] }).Udp(1025, 53).Payload(9).Build(), []),
        ["IPv4 echo"] = (PacketBuilder.Eth(A, B).IPv4(Four, OtherFour).Echo(false, 7, 8).Payload(5).Build(), []),
        ["IPv6 TCP"] = (PacketBuilder.Eth(A, B).IPv6(Six, OtherSix).Tcp(1025, 80, TcpBits.Ack).Payload(3).Build(), []),
        ["IPv6 UDP"] = (PacketBuilder.Eth(A, B).Vlan(5).IPv6(Six, OtherSix).DestinationOptions().Udp(1025, 53).Payload(9).Build(), []),
        ["IPv6 echo"] = (PacketBuilder.Eth(A, B).IPv6(Six, OtherSix).Echo(true, 7, 8).Payload(5).Build(), []),
        ["ND"] = (Frames.Solicitation(A, Six, OtherSix), []),
    };

    public static TheoryData<string> Names() => [.. Kinds.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_byte_that_differs_is_seen(string kind)
    {
        (byte[] frame, int[] silent) = Kinds[kind];
        Assert.Empty(FrameComparison.Of(frame).Differences);
        for (int at = 0; at < frame.Length; at++)
        {
            byte[] other = [.. frame];
            other[at] ^= 0x10;
            FrameComparison comparison = FrameComparison.Of(frame, other);
            Assert.True(comparison.Differences.Count > 0 || silent.Contains(at), $"byte {at} of {kind}");
        }
    }

    [Fact]
    public void A_checksum_that_only_one_side_finds_wrong_is_seen()
    {
        byte[] frame = Kinds["IPv4 UDP"].Frame;
        byte[] spoiled = [.. frame];
        spoiled[^1] ^= 1;
        Assert.Contains(FrameComparison.Of(frame, spoiled).Differences, d => d.StartsWith("checksum.udp", StringComparison.Ordinal));
        Assert.Contains(FrameComparison.Of(frame, spoiled).Differences, d => d.StartsWith("verify", StringComparison.Ordinal));
    }

    [Fact]
    public void A_refusal_without_a_cause_is_seen()
    {
        byte[] frame = Kinds["IPv4 TCP"].Frame;
        byte[] refused = [.. frame];
        refused[14] = 0x55;
        Assert.Contains(FrameComparison.Of(frame, refused).Differences, d => d.StartsWith("refusal.ipv4", StringComparison.Ordinal));
    }

    [Fact]
    public void Damaged_frames_are_compared_as_far_as_they_go()
    {
        int seed = Seeded.Take("damaged frames", output.WriteLine);
        var random = new Random(seed);
        var tally = new DecodingTally("damaged frames");
        byte[][] frames = [.. Kinds.Values.Select(k => k.Frame)];
        for (int i = 0; i < 60_000; i++)
        {
            byte[] frame = [.. frames[random.Next(frames.Length)]];
            for (int flips = random.Next(6); flips > 0; flips--)
            {
                frame[random.Next(Math.Min(frame.Length, 100))] ^= (byte)(1 << random.Next(8));
            }

            tally.Add(random.Next(2) == 0 ? frame : frame[..random.Next(frame.Length + 1)], $"seed {seed}");
        }

        output.WriteLine(tally.ToString());
        tally.AssertSeen("ARP", "TCP", "UDP", "ICMP", "ICMPv6", "VLAN");
        Assert.InRange(tally.Malformed, 10_000, 59_000);
    }
}
