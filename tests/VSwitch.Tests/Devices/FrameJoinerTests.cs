using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Devices.Linux;
using VSwitch.Devices.Tap;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>Frames that one write hands over together: cut up again they must be what they were.</summary>
public sealed unsafe class FrameJoinerTests : IDisposable
{
    private static readonly MacAddress From = MacAddress.Parse("02:00:00:00:00:01");
    private static readonly MacAddress To = MacAddress.Parse("02:00:00:00:00:02");
    private static readonly byte[] Timestamps = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    private readonly PacketPool _pool = new(0, 128, 8);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Joined_and_cut_again_frames_are_what_they_were(bool isV6, bool isTcp)
    {
        var random = new Random(Seeded.Take($"IPv{(isV6 ? 6 : 4)} {(isTcp ? "TCP" : "UDP")}"));
        for (int i = 0; i < 100; i++)
        {
            int count = random.Next(2, FrameJoiner.MostFrames + 1);
            int bytes = random.Next(1, Math.Min(1448, 65_000 / count));
            int last = random.Next(1, bytes + 1);
            byte[] options = random.Next(2) == 0 ? Timestamps : [];
            TcpBits end = random.Next(2) == 0 ? TcpBits.Psh : TcpBits.None;
            byte[][] frames = [.. Enumerable.Range(0, count).Select(n => Frame(
                isV6, isTcp, n, n * bytes, n == count - 1 ? last : bytes, options, n == count - 1 ? end : TcpBits.None))];
            (byte[] joined, VirtioNetHeader offload) = Join(frames, count);
            Assert.Equal(bytes, offload.GsoSize);
            Assert.Equal(SuperPackets.HeaderBytes(joined), offload.HeaderLength);

            // The header of the whole is right for a device that cuts: partial checksum of the whole length.
            byte[] complete = Complete(joined, offload);
            (byte[] again, VirtioNetHeader expected) = SuperPackets.Of(complete, bytes);
            Assert.Equal(again, joined);
            Assert.Equal(expected, offload);
            SuperPackets.AssertCut(complete, bytes, frames);
        }
    }

    [Fact]
    public void A_run_ends_with_a_short_frame_a_pushed_one_and_the_largest_packet_there_is()
    {
        Assert.Equal(3, Count(Tcp(0, 100), Tcp(100, 100), Tcp(200, 40), Tcp(240, 40)));
        Assert.Equal(2, Count(Tcp(0, 100), Tcp(100, 100, TcpBits.Psh), Tcp(200, 100)));
        Assert.Equal(1, Count(Tcp(0, 100, TcpBits.Psh), Tcp(100, 100)));
        Assert.Equal(1, Count(Tcp(0, 100), Tcp(100, 101)));
        Assert.Equal(1, Count(Tcp(0, 0), Tcp(0, 0)));
        Assert.Equal(45, Count([.. Enumerable.Range(0, 60).Select(n => Tcp(n * 1448, 1448))]));
        Assert.Equal(FrameJoiner.MostFrames, Count([.. Enumerable.Range(0, 90).Select(n => Udp(18))]));
    }

    [Fact]
    public void Only_what_the_kernel_cuts_up_again_to_the_byte_is_joined()
    {
        byte[] first = Tcp(0, 100);
        Assert.Equal(2, Count(first, Tcp(100, 100)));
        Assert.Equal(1, Count(first, Tcp(101, 100)));
        foreach (TcpBits bits in new[] { TcpBits.Fin, TcpBits.Syn, TcpBits.Rst, TcpBits.Urg, TcpBits.Ece, TcpBits.Cwr })
        {
            Assert.Equal(1, Count(first, Tcp(100, 100, bits)));
            Assert.Equal(1, Count(Tcp(0, 100, bits), Tcp(100, 100)));
        }

        // Each of these bytes means something that the joined frame has but once: MACs, TOS, DF, TTL, protocol, addresses, ports,
        // acknowledgment, data offset, window, urgent pointer, options.
        foreach (int at in new[] { 0, 5, 6, 11, 15, 22, 26, 29, 30, 33, 34, 36, 42, 45, 48, 52, 56, 65 })
        {
            byte[] other = Tcp(100, 100);
            other[at] ^= 0x40;
            Assert.True(Count(first, Mended(other)) == 1, $"byte {at}");
        }
    }

    [Fact]
    public void Identifications_count_where_a_packet_may_be_fragmented()
    {
        Assert.Equal(3, Count(Udp(18, id: 7), Udp(18, id: 8), Udp(18, id: 9)));
        Assert.Equal(2, Count(Udp(18, id: 7), Udp(18, id: 8), Udp(18, id: 8)));
        Assert.Equal(1, Count(Udp(18, id: 7), Udp(18, id: 7)));
        Assert.Equal(2, Count(Udp(18, id: 7, dontFragment: true), Udp(18, id: 7, dontFragment: true)));
    }

    /// <summary>A wrong checksum would become a right one.</summary>
    [Fact]
    public void Frames_with_a_checksum_of_their_own_stand_alone()
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[2];
        packets[0] = Rent(Udp(18), default);
        packets[1] = Rent(Udp(18), default);
        Assert.Equal(1, FrameJoiner.Count(packets, 2));
        (byte[] whole, VirtioNetHeader cut) = SuperPackets.Of(Udp(180), 18);
        packets[0] = Rent(whole, cut);
        packets[1] = Rent(whole, cut);
        Assert.Equal(1, FrameJoiner.Count(packets, 2));
    }

    private int Count(params byte[][] frames)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[frames.Length];
        RentAll(frames, packets);
        int count = FrameJoiner.Count(packets, frames.Length);
        ReturnAll(frames.Length, packets);
        return count;
    }

    private (byte[] Frame, VirtioNetHeader Offload) Join(byte[][] frames, int expected)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[frames.Length];
        RentAll(frames, packets);
        Assert.Equal(expected, FrameJoiner.Count(packets, frames.Length));
        IoVector* parts = stackalloc IoVector[FrameJoiner.MostParts];
        byte* headers = stackalloc byte[FrameJoiner.MostHeaderBytes];
        FrameJoiner.Join(packets, expected, headers, parts);
        var written = new List<byte>();
        for (int i = 0; i <= expected; i++)
        {
            written.AddRange(new ReadOnlySpan<byte>(parts[i].Start, (int)parts[i].Bytes));
        }

        ReturnAll(frames.Length, packets);
        return ([.. written[sizeof(VirtioNetHeader)..]], *(VirtioNetHeader*)headers);
    }

    private void RentAll(byte[][] frames, PacketBuffer** packets)
    {
        for (int i = 0; i < frames.Length; i++)
        {
            (byte[] partial, VirtioNetHeader offload) = SuperPackets.Of(frames[i]);
            packets[i] = Rent(partial, offload);
        }
    }

    private void ReturnAll(int count, PacketBuffer** packets)
    {
        for (int i = 0; i < count; i++)
        {
            _pool.Return(packets[i]);
        }
    }

    private PacketBuffer* Rent(byte[] frame, VirtioNetHeader offload)
    {
        PacketBuffer* p = _pool.Rent(frame.Length);
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        _ = ParseStage.Parse(p);
        p->Offload = offload;
        return p;
    }

    private static byte[] Complete(byte[] frame, VirtioNetHeader offload)
    {
        byte[] complete = [.. frame];
        ushort sum = OnesComplement.Checksum(frame.AsSpan(offload.ChecksumStart));
        BinaryPrimitives.WriteUInt16BigEndian(
            complete.AsSpan(offload.ChecksumStart + offload.ChecksumOffset), sum == 0 ? ushort.MaxValue : sum);
        return complete;
    }

    /// <summary>The IPv4 header's checksum set right, so that a changed byte is all that differs.</summary>
    private static byte[] Mended(byte[] frame)
    {
        frame.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), OnesComplement.Checksum(frame.AsSpan(14, 20)));
        return frame;
    }

    private static byte[] Tcp(int sequence, int bytes, TcpBits bits = TcpBits.None) =>
        Frame(isV6: false, isTcp: true, sequence / 100, sequence, bytes, Timestamps, bits, dontFragment: true);

    private static byte[] Udp(int bytes, int id = 0, bool dontFragment = false) =>
        Frame(isV6: false, isTcp: false, id, 0, bytes, [], TcpBits.None, dontFragment || id == 0);

    private static byte[] Frame(
        bool isV6, bool isTcp, int id, int sequence, int bytes, byte[] options, TcpBits bits, bool dontFragment = false)
    {
        PacketBuilder ip = isV6
            ? PacketBuilder.Eth(From, To).IPv6(IpAddress.Parse("fd00::1"), IpAddress.Parse("fd00::2"))
            : PacketBuilder.Eth(From, To).IPv4(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"), v4 => v4 with
            {
                Identification = (ushort)(65_530 + id),
                DontFragment = dontFragment,
            });
        byte[] payload = new byte[bytes];
        new Random(sequence + bytes).NextBytes(payload);
        return (isTcp
            ? ip.Tcp(40_000, 443, TcpBits.Ack | bits, tcp => tcp with
            {
                Sequence = uint.MaxValue - 1000 + (uint)sequence,
                Acknowledgment = 77,
                Options = options,
            })
            : ip.Udp(40_000, 443)).Payload(payload).Build();
    }
}
