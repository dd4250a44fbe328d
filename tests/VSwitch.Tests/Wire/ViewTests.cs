using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>The views' safety, and that they judge a frame as the pipeline does.</summary>
public class ViewTests
{
    private const int Rounds = 200_000;

    public static TheoryData<string> Names() => [.. WireFrames.All.Select(frame => frame.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_cut_of_a_frame_is_read_without_an_exception(string name)
    {
        byte[] frame = WireFrames.All.Single(f => f.Name == name).Frame;
        for (int length = 0; length <= frame.Length; length++)
        {
            // An array of its own: a read beyond the cut throws instead of finding the rest of the frame.
            byte[] cut = frame[..length];
            ViewReader.ReadFrame(cut);
            for (int start = 0; start <= length; start++)
            {
                ViewReader.ReadAll(cut.AsSpan(start));
            }

            Agree(cut);
        }
    }

    [Fact]
    public void Random_bytes_are_read_without_an_exception()
    {
        var random = new Random(Seeded.Take("random bytes for the views"));
        for (int i = 0; i < Rounds; i++)
        {
            byte[] bytes = new byte[random.Next(120)];
            random.NextBytes(bytes);
            if (bytes.Length > 0 && i % 2 == 0)
            {
                bytes[0] = (byte)(i % 4 == 0 ? 0x40 | random.Next(4, 16) : 0x60);
            }

            ViewReader.ReadAll(bytes);
        }
    }

    [Fact]
    public void Spoiled_frames_are_judged_as_the_pipeline_judges_them()
    {
        var random = new Random(Seeded.Take("spoiled frames"));
        var seen = new HashSet<DropReason>();
        for (int i = 0; i < Rounds; i++)
        {
            byte[] frame = [.. WireFrames.All[random.Next(WireFrames.All.Count)].Frame];
            for (int spoils = random.Next(4); spoils > 0; spoils--)
            {
                frame[random.Next(12, frame.Length)] = (byte)(random.Next(3) == 0 ? random.Next(8) : random.Next(256));
            }

            if (random.Next(4) == 0)
            {
                frame = frame[..random.Next(frame.Length + 1)];
            }

            if (random.Next(2) == 0)
            {
                FrameChecksum.Fill(frame);
            }

            ViewReader.ReadFrame(frame);
            seen.Add(Agree(frame));
        }

        Assert.Superset(
            new HashSet<DropReason>
            {
                DropReason.None, DropReason.MalformedEthernet, DropReason.VlanTagged, DropReason.UnsupportedEthertype,
                DropReason.MalformedArp, DropReason.MalformedIpv4, DropReason.BadIpv4Checksum, DropReason.MalformedIpv6,
                DropReason.MalformedL4,
            },
            seen);
    }

    /// <summary>The views and the pipeline's parser find the same reason and, in a good packet, the same places.</summary>
    private static unsafe DropReason Agree(byte[] frame)
    {
        ParsedFrame parsed = ViewReader.Judge(frame);
        fixed (byte* bytes = frame)
        {
            PacketBuffer p = default;
            p.Data = bytes;
            p.Length = frame.Length;
            DropReason reason = ParseStage.Parse(&p);
            Assert.True(reason == parsed.Reason, $"pipeline {reason}, views {parsed.Reason}: {Convert.ToHexString(frame)}");
            bool isIp = p.L3Length != 0 && reason == DropReason.None;
            Assert.Equal(isIp, parsed.TotalBytes != 0);
            if (isIp)
            {
                bool isLater = (p.Flags & PacketFlags.LaterFragment) != 0;
                Assert.Equal((p.L3Length, p.Protocol, isLater), (parsed.TotalBytes, (byte)parsed.Protocol, parsed.IsLaterFragment));
                Assert.True(isLater || p.L4Offset == parsed.L4Offset, Convert.ToHexString(frame));
            }

            return reason;
        }
    }
}
