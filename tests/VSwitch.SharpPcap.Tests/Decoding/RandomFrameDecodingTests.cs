using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Single frames at random, with tags, options, extension headers, fragments and every size: decoded alike, and their checksums
/// right; with one bit of what a checksum covers spoiled, wrong by PacketDotNet and by us.</summary>
public class RandomFrameDecodingTests(ITestOutputHelper output)
{
    private const int FrameCount = 40_000;

    [Fact]
    public void Random_frames_are_decoded_alike_and_their_checksums_are_right()
    {
        int seed = Seeded.Take("random frames", output.WriteLine);
        var frames = new RandomFrames(new Random(seed));
        var tally = new DecodingTally("random frames");
        long right = 0;
        for (int i = 0; i < FrameCount; i++)
        {
            byte[] frame = frames.Next();
            FrameComparison comparison = tally.Add(frame, $"seed {seed}");
            Assert.False(comparison.IsMalformed, comparison.ToString());
            Assert.True(FrameChecksum.Verify(frame), comparison.ToString());
            right += comparison.Theirs.Checksums.Values.Count(isRight => isRight);
            AssertWrongOnlyWhereKnown(comparison);
        }

        output.WriteLine($"{tally}; {right} checksums right by PacketDotNet");
        tally.AssertSeen("VLAN", "ARP", "IPv4", "IPv6", "IPv6 extensions", "TCP", "UDP", "ICMP", "ICMPv6", "ICMP errors", "ND", "fragments", "SCTP");
        Assert.InRange(right, tally.Checksums * 8 / 10, tally.Checksums);
    }

    [Fact]
    public void A_spoiled_bit_is_a_wrong_checksum_by_PacketDotNet_and_by_us()
    {
        int seed = Seeded.Take("spoiled frames", output.WriteLine);
        var random = new Random(seed);
        var frames = new RandomFrames(random);
        var tally = new DecodingTally("spoiled frames");
        Dictionary<string, int> wrong = [];
        for (int i = 0; i < FrameCount; i++)
        {
            byte[] frame = frames.NextWhole(out int from, out string checksum);
            frame[from + random.Next(frame.Length - from)] ^= (byte)(1 << random.Next(8));
            FrameComparison comparison = tally.Add(frame, $"seed {seed}");
            if (!comparison.IsMalformed)
            {
                Assert.False(FrameChecksum.Verify(frame), comparison.ToString());
                Assert.Contains(PacketFields.Of(frame).Faults, fault => fault.EndsWith("checksum is wrong", StringComparison.Ordinal));
                Assert.Contains(comparison.Theirs.Checksums, c => !c.Value && c.Key == checksum);
                wrong[checksum] = wrong.GetValueOrDefault(checksum) + 1;
            }
        }

        output.WriteLine($"{tally}; called wrong by both: {string.Join(", ", wrong.Select(w => $"{w.Key} {w.Value}"))}");
        Assert.Equal(["checksum.icmp", "checksum.ip", "checksum.tcp", "checksum.udp"], wrong.Keys.Order(StringComparer.Ordinal));
        Assert.True(wrong.Values.Sum() > FrameCount / 2 && wrong.Values.Min() > 1000);
    }

    /// <summary>The frames are right: PacketDotNet may call one wrong only for a reason in the list.</summary>
    private static void AssertWrongOnlyWhereKnown(FrameComparison comparison)
    {
        if (comparison.Theirs.Checksums.Any(c => !c.Value))
        {
            Assert.True(comparison.Explained.Count > 0, comparison.ToString());
        }
    }
}
