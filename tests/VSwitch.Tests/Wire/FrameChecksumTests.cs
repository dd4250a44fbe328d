using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>Whole frames: what the tests' builder computed is computed again, and one wrong bit is seen.</summary>
public class FrameChecksumTests
{
    /// <summary>The frames whose checksums are all there and right as built, and the bytes of those checksums.</summary>
    public static TheoryData<string, int[]> Covered() => new()
    {
        { "tcp", [24, 50] },
        { "tcp padded", [24, 50] },
        { "ip options", [24, 44] },
        { "udp", [24, 40] },
        { "icmp", [24, 36] },
        { "sctp", [24] },
        { "other", [24] },
        { "first fragment", [24] },
        { "later fragment", [24] },
        { "tcp6", [70] },
        { "udp6 padded", [60] },
        { "icmp6", [56] },
        { "neighbor", [56] },
        { "extensions", [54 + 8 + 16 + 8 + 16 + 16] },
        { "eight extensions", [54 + 64 + 6] },
        { "atomic fragment 6", [54 + 8 + 6] },
        { "vlan", [28, 44] },
        { "qinq", [78] },
    };

    [Theory]
    [MemberData(nameof(Covered))]
    public void Fill_gives_back_what_was_spoiled(string name, int[] fields)
    {
        byte[] built = WireFrames.All.Single(f => f.Name == name).Frame;
        Assert.True(FrameChecksum.Verify(built));
        foreach (int at in fields)
        {
            byte[] spoiled = [.. built];
            spoiled[at] ^= 0x01;
            Assert.False(FrameChecksum.Verify(spoiled), $"byte {at}");
            Assert.True(FrameChecksum.Fill(spoiled));
            Assert.Equal(built, spoiled);
        }

        byte[] again = [.. built];
        Assert.True(FrameChecksum.Fill(again));
        Assert.Equal(built, again);
    }

    [Theory]
    [MemberData(nameof(VectorFrames))]
    public void Frames_of_the_nat_vectors(string name, string kind, string hex)
    {
        byte[] frame = Convert.FromHexString(hex);
        Assert.True(FrameChecksum.Verify(frame), name);
        byte[] filled = [.. frame];
        Assert.True(FrameChecksum.Fill(filled));
        Assert.True(FrameChecksum.Verify(filled));
        if (kind == "udp-zero-csum")
        {
            Assert.NotEqual(0, filled[40] | filled[41]);
        }
        else
        {
            Assert.Equal(hex, Convert.ToHexStringLower(filled));
        }
    }

    public static TheoryData<string, string, string> VectorFrames()
    {
        var rows = new TheoryData<string, string, string>();
        foreach (TsvRow row in TsvFile.Read(RepositoryRoot.Vector("nat_1to1_rewrite.tsv")).Rows)
        {
            rows.Add(row["name"] + " before", row["kind"], row["frame_before_hex"]);
            rows.Add(row["name"] + " after", row["kind"], row["frame_after_hex(TTL and MACs unchanged)"]);
        }

        return rows;
    }

    [Fact]
    public void A_udp_checksum_of_zero_is_none_over_ipv4_and_wrong_over_ipv6()
    {
        PacketBuilder ethernet = PacketBuilder.Eth(WireFrames.A, WireFrames.B);
        byte[] v4 = ethernet.IPv4(WireFrames.A4, WireFrames.B4).Udp(1, 2, udp => udp with { Checksum = 0 }).Payload(4).Build();
        byte[] v6 = ethernet.IPv6(WireFrames.A6, WireFrames.B6).Udp(1, 2, udp => udp with { Checksum = 0 }).Payload(4).Build();
        Assert.True(FrameChecksum.Verify(v4));
        Assert.False(FrameChecksum.Verify(v6));
        Assert.True(FrameChecksum.Fill(v6) && FrameChecksum.Verify(v6));
    }

    [Fact]
    public void A_udp_checksum_that_comes_out_as_zero_is_sent_as_ones()
    {
        // One free data word runs through all values, so exactly one sum is all ones.
        int reserved = 0;
        byte[] frame = PacketBuilder.Eth(WireFrames.A, WireFrames.B).IPv4(WireFrames.A4, WireFrames.B4).Udp(1, 2).Payload(2).Build();
        for (int word = 0; word <= 0xFFFF; word++)
        {
            (frame[42], frame[43]) = ((byte)(word >> 8), (byte)word);
            Assert.True(FrameChecksum.Fill(frame));
            Assert.NotEqual(0, frame[40] | frame[41]);
            reserved += frame[40] == 0xFF && frame[41] == 0xFF ? 1 : 0;
        }

        Assert.Equal(1, reserved);
    }

    [Fact]
    public void The_last_destination_of_a_routing_header_is_not_guessed()
    {
        byte[] frame = PacketBuilder.Eth(WireFrames.A, WireFrames.B).IPv6(WireFrames.A6, WireFrames.B6)
            .Routing([4, 1, 0, 0, 0, 0]).Udp(1, 2, udp => udp with { Checksum = 0x1234 }).Payload(4).Build();
        byte[] filled = [.. frame];
        Assert.True(FrameChecksum.Verify(frame) && FrameChecksum.Fill(filled));
        Assert.Equal(frame, filled);
    }

    [Fact]
    public void A_malformed_frame_is_refused_and_left_alone()
    {
        foreach (string name in new[] { "tcp", "udp", "icmp", "tcp6", "vlan", "extensions" })
        {
            byte[] frame = WireFrames.All.Single(f => f.Name == name).Frame;
            for (int length = 0; length < frame.Length; length++)
            {
                byte[] cut = frame[..length];
                Assert.False(FrameChecksum.Verify(cut), $"{name} cut to {length}");
                Assert.False(FrameChecksum.Fill(cut), $"{name} cut to {length}");
                Assert.Equal(frame[..length], cut);
            }
        }
    }

    [Fact]
    public void A_frame_without_a_checksum_is_right()
    {
        byte[] arp = Frames.ArpRequest(WireFrames.A, WireFrames.A4, WireFrames.B4);
        Assert.True(FrameChecksum.Verify(arp));
        byte[] filled = [.. arp];
        Assert.True(FrameChecksum.Fill(filled));
        Assert.Equal(arp, filled);
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] frame = [.. WireFrames.All.Single(f => f.Name == "extensions").Frame];
        AllocationGuard.RequireNone("filling a frame", () => FrameChecksum.Fill(frame));
        AllocationGuard.RequireNone("verifying a frame", () => FrameChecksum.Verify(frame));
    }
}
