using System.Text;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Devices;

/// <summary>What is written reads back; what is damaged is delivered up to the damage, and never throws.</summary>
public sealed class CaptureFileTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-capture-").FullName;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Written_frames_read_back(bool isNg)
    {
        byte[] image = CaptureImages.Of(isNg, 120);
        Assert.Equal(image, CaptureImages.Of(isNg, 120));
        using CaptureReader reader = CaptureImages.Open(image);
        int count = 0;
        while (reader.TryReadNext(out CaptureRecord record))
        {
            AssertIsRecord(count, record);
            Assert.Equal(isNg ? count % 2 : 0, record.InterfaceId);
            count++;
        }

        Assert.Equal(120, count);
        Assert.Null(reader.Error);
        Assert.Equal(image.Length, reader.Offset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_cut_anywhere_gives_the_whole_records_before_the_cut_and_an_error(bool isNg)
    {
        byte[] whole = CaptureImages.Of(isNg, 70);
        HashSet<long> ends = CaptureImages.Ends(whole, isNg);
        int headerBlocks = isNg ? 3 : 0;
        for (int length = 4; length <= whole.Length; length++)
        {
            using CaptureReader reader = CaptureImages.Open(whole[..length]);
            int count = 0;
            while (reader.TryReadNext(out CaptureRecord record))
            {
                AssertIsRecord(count, record);
                count++;
            }

            int expected = Math.Max(0, ends.Count(e => e <= length) - 1 - headerBlocks);
            Assert.Equal(expected, count);
            Assert.Equal(ends.Contains(length), reader.Error == null);
            Assert.False(reader.TryReadNext(out _));
            if (reader.Error is string error)
            {
                long start = ends.Where(e => e < length).DefaultIfEmpty(0).Max();
                Assert.StartsWith($"{CaptureImages.Name}: at byte {start}: the file", error, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', error);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Random_damage_never_throws_and_never_gives_more_than_there_is(bool isNg)
    {
        var random = new Random(Seeded.Take("capture damage", output.WriteLine));
        byte[] whole = CaptureImages.Of(isNg, 40);
        for (int i = 0; i < 5000; i++)
        {
            byte[] damaged = [.. whole];
            for (int flips = random.Next(1, 8); flips > 0; flips--)
            {
                damaged[random.Next(4, damaged.Length)] ^= (byte)(1 << random.Next(8));
            }

            using CaptureReader reader = CaptureImages.Open(damaged);
            long bytes = 0;
            while (reader.TryReadNext(out CaptureRecord record))
            {
                bytes += 16 + record.Bytes.Length;
                Assert.True(record.TimestampNs >= 0);
            }

            Assert.InRange(bytes, 0, damaged.Length);
            Assert.InRange(reader.Offset, 0, damaged.Length);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("this is not a capture")]
    public void What_is_no_capture_is_refused_in_one_line(string text)
    {
        var stream = new MemoryStream(Encoding.ASCII.GetBytes(text));
        IOException error = Assert.Throws<IOException>(() => Reading(() => CaptureReader.Open("x", stream)));
        Assert.StartsWith("x: is no capture", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(stream.CanRead);
    }

    [Fact]
    public void What_cannot_be_opened_is_named_with_its_cause()
    {
        string missing = Path.Combine(_folder, "missing.pcap");
        string nowhere = Path.Combine(_folder, "no", "where.pcap");
        Assert.Equal($"{missing}: cannot be opened: there is no such file", Message(() => CaptureReader.Open(missing)));
        Assert.Equal($"{_folder}: cannot be opened: it is a folder", Message(() => CaptureReader.Open(_folder)));
        Assert.Equal($"{nowhere}: cannot be created: there is no such folder", Message(() => new PcapWriter(nowhere)));
        Assert.Equal($"{_folder}: cannot be created: it is a folder", Message(() => new PcapngWriter(_folder, [])));
        Assert.Equal("a capture file needs a name", Message(() => CaptureReader.Open("")));
    }

    [Theory]
    [InlineData(false, 100)]
    [InlineData(true, 100)]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    public void A_stream_that_fails_while_it_is_read_is_an_error_after_the_records_before(bool isNg, int records)
    {
        byte[] image = CaptureImages.Of(isNg, records);
        using CaptureReader reader = CaptureReader.Open("wire", new FailingStream(image));
        int count = 0;
        while (reader.TryReadNext(out CaptureRecord record))
        {
            AssertIsRecord(count++, record);
        }

        Assert.Equal(records, count);
        Assert.Equal($"wire: at byte {image.Length}: cannot be read further: the cable is out", reader.Error);
    }

    [Fact]
    public void A_stream_that_fails_at_once_is_told_apart_from_one_that_is_no_capture() =>
        Assert.Equal("wire: cannot be read: the cable is out", Message(() => CaptureReader.Open("wire", new FailingStream([]))));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_full_disk_is_told_once_by_dispose_and_by_every_write_after_the_first(bool isNg)
    {
        CaptureWriter quiet = Writer(isNg, new FullStream());
        Assert.Equal("disk: cannot be written: no space", Assert.Throws<IOException>(quiet.Dispose).Message);
        quiet.Dispose();

        CaptureWriter loud = Writer(isNg, new FullStream());
        byte[] frame = new byte[60_000];
        int written = 0;
        IOException error = Assert.Throws<IOException>(() =>
        {
            for (; written < 100; written++)
            {
                Write(loud, frame, written);
            }
        });
        Assert.Equal("disk: cannot be written: no space", error.Message);
        Assert.InRange(written, 1, 20);
        Assert.Throws<IOException>(() => Write(loud, frame, 0));
        Assert.Throws<IOException>(loud.Flush);
        loud.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Write(loud, frame, 0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Reading_and_writing_allocate_nothing_per_record_nor_per_block(bool isNg)
    {
        const int Records = 100_000;
        string path = Path.Combine(_folder, "many");
        byte[] frame = new byte[200];
        using (CaptureWriter writer = Writer(isNg, File.Create(path)))
        {
            void WriteMany()
            {
                for (int i = 0; i < Records; i++)
                {
                    Write(writer, frame, i);
                }
            }

            Assert.Equal(0, AllocationGuard.BytesOf(WriteMany));
            Assert.Equal(2 * Records, writer.Count);
        }

        using CaptureReader reader = CaptureReader.Open(path);
        int read = 0;
        void ReadMany()
        {
            for (int i = 0; i < Records && reader.TryReadNext(out _); i++)
            {
                read++;
            }
        }

        Assert.Equal(0, AllocationGuard.BytesOf(ReadMany));
        Assert.Equal(2 * Records, read);
        Assert.True(reader.Offset > 40 << 20);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void AssertIsRecord(int i, CaptureRecord record)
    {
        Assert.Equal(CaptureImages.Frame(i), record.Bytes.ToArray());
        Assert.Equal(CaptureImages.TimeOf(i), record.TimestampNs);
        Assert.Equal(record.Bytes.Length + (i % 3), record.OriginalLength);
        Assert.Equal(i % 3 != 0, record.IsCut);
        Assert.Equal(CaptureReader.LinkTypeEthernet, record.LinkType);
    }

    private static CaptureWriter Writer(bool isNg, Stream stream) =>
        isNg ? new PcapngWriter("disk", stream, ["vm1"]) : new PcapWriter("disk", stream);

    private static void Write(CaptureWriter writer, byte[] frame, long timestampNs)
    {
        if (writer is PcapngWriter ng)
        {
            ng.Write(0, frame, timestampNs, "no-route");
        }
        else
        {
            ((PcapWriter)writer).Write(frame, timestampNs);
        }
    }

    private static string Message(Func<IDisposable> open) => Assert.Throws<IOException>(() => Reading(open)).Message;

    private static void Reading(Func<IDisposable> open) => open().Dispose();

    /// <summary>Gives what it has and then fails instead of ending.</summary>
    private sealed class FailingStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer)
        {
            int read = base.Read(buffer);
            return read > 0 ? read : throw new IOException("the cable is out");
        }
    }

    private sealed class FullStream : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("no space");
    }
}
