using VSwitch.DataPlane.Buffers;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>Finding a partial checksum in a frame, and leaving every other frame as it is.</summary>
public sealed unsafe class LinuxOffloadTests(ITestOutputHelper output) : IDisposable
{
    private const int MtuBytes = 1500;
    private readonly PacketPool _pool = new(0, 2, 2);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void A_partial_checksum_is_found_and_its_completion_is_the_whole_one()
    {
        int count = 0;
        for (int payload = 0; payload < 1400; payload += 7)
        {
            foreach (PartialFrame frame in PartialFrame.All(payload))
            {
                (bool isGood, VirtioNetHeader offload, byte[] completed) = Mark(frame.Bytes);
                Assert.True(isGood);
                Assert.Equal(frame.Offload, offload);
                PacketAssert.Equal(frame.Whole, completed);
                (_, offload, _) = Mark(frame.Whole);
                Assert.Equal(default, offload);
                count++;
            }
        }

        Assert.Equal(200 * 8, count);
    }

    [Fact]
    public void A_whole_checksum_that_looks_partial_by_chance_stays_what_it_is()
    {
        // The payload is searched for which the right checksum is the pseudo header's sum: one in 65 536 is.
        PartialFrame frame = PartialFrame.All(payload: 100).First();
        int found = 0;
        for (int i = 0; i <= ushort.MaxValue; i++)
        {
            byte[] whole = [.. frame.Whole];
            (whole[^2], whole[^1]) = ((byte)(i >> 8), (byte)i);
            Assert.True(FrameChecksum.Fill(whole));
            (_, VirtioNetHeader offload, byte[] completed) = Mark(whole);
            if (offload.Flags != 0)
            {
                found++;
                PacketAssert.Equal(whole, completed);
            }
        }

        Assert.InRange(found, 1, 2);
    }

    [Fact]
    public void What_is_too_long_is_good_only_as_a_super_packet_of_TCP()
    {
        foreach (PartialFrame frame in PartialFrame.All(payload: 4000))
        {
            (bool isGood, VirtioNetHeader offload, _) = Mark(frame.Bytes);
            Assert.Equal(frame.IsTcp, isGood);
            Assert.Equal(frame.IsTcp ? MtuBytes - 20 - (frame.IsV6 ? 40 : 20) : 0, isGood ? offload.GsoSize : 0);
            Assert.False(Mark(frame.Whole).IsGood);
        }

        byte[] congested = [.. PartialFrame.All(payload: 4000).First(f => f is { IsTcp: true, IsV6: false, Bytes: var b } && b[12] == 8).Bytes];
        congested[14 + 20 + 13] |= 0x80;
        Assert.Equal(VirtioNetHeader.Tcp4 | VirtioNetHeader.EcnBit, Mark(congested).Offload.GsoType);
        Assert.False(Mark(congested, mtuBytes: 40).IsGood);
    }

    [Fact]
    public void Damaged_frames_and_other_protocols_are_left_alone()
    {
        var random = new Random(Seeded.Take("damaged frames", output.WriteLine));
        byte[][] good = [.. PartialFrame.All(payload: 20).Select(f => f.Bytes)];
        int marked = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = good[i % good.Length][..random.Next(good[i % good.Length].Length + 1)];
            for (int change = random.Next(3); change > 0 && frame.Length > 0; change--)
            {
                frame[random.Next(frame.Length)] = (byte)random.Next(256);
            }

            (bool isGood, VirtioNetHeader offload, _) = Mark(frame, completes: false);
            Assert.True(isGood);
            bool isInside = offload.GsoType == 0 && (offload.Flags == 0 || offload.ChecksumStart + offload.ChecksumOffset + 2 <= frame.Length);
            Assert.True(isInside, Convert.ToHexString(frame));
            marked += offload.Flags;
        }

        Assert.InRange(marked, 1, 200_000 - 1);

        // No fragment's checksum is judged, and UDP's zero means none.
        byte[] fragment = [.. PartialFrame.All(payload: 20).First(f => f is { IsV6: false, Bytes: var b } && b[12] == 8).Bytes];
        fragment[20] |= 0x20;
        Assert.Equal(default, Mark(fragment).Offload);
        PartialFrame udp = PartialFrame.All(payload: 20).First(f => f is { IsTcp: false, IsV6: false, Bytes: var b } && b[12] == 8);
        byte[] without = [.. udp.Bytes];
        (without[34 + 6], without[34 + 7]) = (0, 0);
        Assert.Equal(default, Mark(without).Offload);
    }

    private (bool IsGood, VirtioNetHeader Offload, byte[] Completed) Mark(byte[] frame, int mtuBytes = MtuBytes, bool completes = true)
    {
        PacketBuffer* p = _pool.Rent(Math.Max(1, frame.Length));
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        bool isGood = LinuxOffload.TryMark(p, mtuBytes);
        VirtioNetHeader offload = p->Offload;
        // PacketDotNet throws for some damaged frames.
        byte[] completed = completes && offload.Flags != 0 && offload.GsoType == 0 ? PacketDotNetFrames.ToPacket(p).Bytes : [];
        _pool.Return(p);
        return (isGood, offload, completed);
    }
}
