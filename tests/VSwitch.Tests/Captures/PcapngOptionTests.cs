using System.Text;
using VSwitch.Devices.Pcap;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>What pcapng tells beside the packets, written and read back.</summary>
public sealed class PcapngOptionTests
{
    private static readonly byte[] Frame = [.. Enumerable.Range(0, 61).Select(i => (byte)i)];

    [Fact]
    public void Names_comments_directions_losses_and_statistics_come_back()
    {
        var bytes = new MemoryStream();
        using (var writer = new PcapngWriter("x", bytes, [], new PcapngOrigin("cpu", "system", "program 1")))
        {
            Assert.Equal(0, writer.AddInterface("web", "ENI 10.0.1.10", 100));
            writer.Write(0, Frame, 5, "dropped: no-route", CaptureDirection.Inbound);
            Assert.Equal(1, writer.AddInterface("internet"));
            writer.Write(1, Frame, 6, null, CaptureDirection.Outbound, 1000, lostBefore: 7);
            writer.WriteStatistics(0, 7, new PcapngStatistics(10, 2, 3, 5));
            writer.WriteStatistics(0, 8, new PcapngStatistics(20, 4, 3, 13));
            writer.Write(1, Frame, 9, "ü", CaptureDirection.Unknown, null, lostBefore: 1L << 40);
            writer.WriteStatistics(1, 10, new PcapngStatistics(5, 1, 0, 4));
        }

        byte[] file = bytes.ToArray();
        Assert.Contains("program 1", Encoding.UTF8.GetString(file), StringComparison.Ordinal);
        using CaptureReader reader = CaptureReader.Open("x", new MemoryStream(file));
        Assert.True(reader.TryReadNext(out CaptureRecord first));
        Assert.Equal(("dropped: no-route", CaptureDirection.Inbound, 0L), (Text(first), first.Direction, first.LostBefore));
        Assert.Equal(Frame, first.Bytes.ToArray());
        Assert.True(reader.TryReadNext(out CaptureRecord second));
        Assert.Equal(("", CaptureDirection.Outbound, 7L, 1000L), (Text(second), second.Direction, second.LostBefore, second.OriginalLength));
        Assert.Equal(("web", "internet", 0L), (reader.InterfaceName(0), reader.InterfaceName(1), reader.LostCount));
        Assert.True(reader.TryReadNext(out CaptureRecord third));
        Assert.Equal(("ü", CaptureDirection.Unknown, 1L << 40, 9L), (Text(third), third.Direction, third.LostBefore, third.TimestampNs));
        Assert.Equal(7, reader.LostCount);
        Assert.False(reader.TryReadNext(out _));
        Assert.Null(reader.Error);
        Assert.Equal((8L, (long)file.Length), (reader.LostCount, reader.WholeBytes));

        // A section of its own counts from 0; what was lost before it stays lost.
        using CaptureReader twice = CaptureReader.Open("x", new MemoryStream([.. file, .. file]));
        while (twice.TryReadNext(out _))
        {
        }

        Assert.Equal((16L, null), (twice.LostCount, twice.Error));
    }

    [Fact]
    public void A_packet_with_damaged_options_is_a_packet_without_them()
    {
        var bytes = new MemoryStream();
        using (var writer = new PcapngWriter("x", bytes, ["a"]))
        {
            writer.Write(0, Frame, 5, "words", CaptureDirection.Inbound);
        }

        byte[] file = bytes.ToArray();
        int at = file.AsSpan().IndexOf("words"u8);
        file[at - 2] = 0xFF;
        using CaptureReader reader = CaptureReader.Open("x", new MemoryStream(file));

        Assert.True(reader.TryReadNext(out CaptureRecord record));
        Assert.Equal(("", CaptureDirection.Unknown), (Text(record), record.Direction));
        Assert.Equal(Frame, record.Bytes.ToArray());
        Assert.False(reader.TryReadNext(out _));
        Assert.Null(reader.Error);
    }

    private static string Text(in CaptureRecord record) => Encoding.UTF8.GetString(record.Comment);
}
