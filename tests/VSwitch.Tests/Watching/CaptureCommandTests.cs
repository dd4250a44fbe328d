using VSwitch.Commands;
using VSwitch.Devices.Pcap;
using VSwitch.Watching;
using Xunit;

namespace VSwitch.Tests.Watching;

/// <summary>What the capture command makes of a stream that ends, breaks off, or cannot be written.</summary>
public sealed class CaptureCommandTests
{
    private static readonly byte[] Frame = [.. Enumerable.Range(0, 61).Select(i => (byte)i)];

    [Fact]
    public void A_whole_capture_is_copied_byte_for_byte()
    {
        byte[] capture = Capture(50);
        var copy = new MemoryStream();
        Assert.Equal(0, CaptureCommand.Take(new ChunkedStream(capture, 7), copy, "x", default));
        Assert.Equal(capture, copy.ToArray());
    }

    [Fact]
    public void Wherever_a_capture_breaks_off_the_copy_ends_with_a_whole_block()
    {
        byte[] capture = Capture(3);
        for (int length = 4; length < capture.Length; length++)
        {
            var copy = new MemoryStream();
            CaptureCommand.Take(new MemoryStream(capture, 0, length), copy, "x", default);
            if (copy.Length > 0)
            {
                using CaptureReader reader = CaptureReader.Open("x", new MemoryStream(copy.ToArray()));
                while (reader.TryReadNext(out _))
                {
                }

                Assert.Null(reader.Error);
                Assert.Equal(copy.Length, reader.Offset);
            }
        }
    }

    [Fact]
    public void Stopped_it_ends_well()
    {
        using var stop = new CancellationTokenSource();
        byte[] capture = Capture(3);
        var copy = new MemoryStream();
        // The last block, statistics, is cut.
        var source = new ChunkedStream(capture[..^10], capture.Length, stop);

        Assert.Equal(0, CaptureCommand.Take(source, copy, "x", stop.Token));

        using CaptureReader reader = CaptureReader.Open("x", new MemoryStream(copy.ToArray()));
        Assert.True(reader.TryReadNext(out _) && reader.TryReadNext(out _) && reader.TryReadNext(out _), "what came whole is there");
        Assert.False(reader.TryReadNext(out _));
        Assert.Null(reader.Error);
    }

    [Fact]
    public void A_full_disk_ends_it_with_1() =>
        Assert.Equal(1, CaptureCommand.Take(new MemoryStream(Capture(3)), new FullStream(), "x", default));

    private static byte[] Capture(int packets)
    {
        var bytes = new MemoryStream();
        using (var writer = new PcapngWriter("x", bytes, ["a", "b"], new PcapngOrigin("h", "s", "p")))
        {
            for (int i = 0; i < packets; i++)
            {
                writer.Write(i % 2, Frame.AsSpan(0, 20 + (i % 40)), i, "dropped: no-route", CaptureDirection.Outbound, 61, i);
                writer.WriteStatistics(0, i, new PcapngStatistics(i, 0, 0, i));
            }
        }

        return bytes.ToArray();
    }

    /// <summary>Gives a few bytes at a time; at its end it can say that the user stops.</summary>
    private sealed class ChunkedStream(byte[] bytes, int chunk, CancellationTokenSource? stop = null) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position == Length && stop != null)
            {
                await stop.CancelAsync();
                throw new OperationCanceledException(stop.Token);
            }

            return await base.ReadAsync(buffer[..Math.Min(chunk, buffer.Length)], CancellationToken.None);
        }
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("No space left on device");
    }
}
