using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>What is written reads back; what is damaged is delivered up to the damage, and never throws.</summary>
public sealed class CaptureFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-capture-").FullName;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Written_frames_read_back(bool isNg)
    {
        string path = Write(isNg, 50);
        using CaptureReader reader = CaptureReader.Open(path);
        int count = 0;
        while (reader.TryReadNext(out CaptureRecord record))
        {
            Assert.Equal(Frame(count), record.Bytes.ToArray());
            Assert.Equal(TimeOf(count), record.TimestampNs);
            Assert.Equal(1, record.LinkType);
            count++;
        }

        Assert.Equal(50, count);
        Assert.Null(reader.Error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_cut_anywhere_gives_the_whole_records_before_the_cut(bool isNg)
    {
        byte[] whole = File.ReadAllBytes(Write(isNg, 5));
        int before = 0;
        for (int length = 4; length <= whole.Length; length++)
        {
            using CaptureReader reader = CaptureReader.Open("cut", new MemoryStream(whole[..length]));
            int count = 0;
            while (reader.TryReadNext(out CaptureRecord record))
            {
                Assert.Equal(Frame(count), record.Bytes.ToArray());
                count++;
            }

            Assert.InRange(count, before, 5);
            Assert.True(length == whole.Length ? reader.Error == null && count == 5 : count < 5);
            before = count;
        }
    }

    [Fact]
    public void Random_damage_never_throws()
    {
        var random = new Random(Seeded.Take("capture damage"));
        foreach (bool isNg in (ReadOnlySpan<bool>)[false, true])
        {
            byte[] whole = File.ReadAllBytes(Write(isNg, 20));
            for (int i = 0; i < 3000; i++)
            {
                byte[] damaged = [.. whole];
                for (int flips = random.Next(1, 8); flips > 0; flips--)
                {
                    damaged[random.Next(4, damaged.Length)] = (byte)random.Next(256);
                }

                using CaptureReader reader = CaptureReader.Open("damaged", new MemoryStream(damaged));
                int count = 0;
                while (reader.TryReadNext(out _))
                {
                    count++;
                }

                Assert.InRange(count, 0, whole.Length);
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("this is not a capture")]
    public void What_is_no_capture_is_refused_in_one_line(string text)
    {
        IOException error = Assert.Throws<IOException>(() => CaptureReader.Open("x", new MemoryStream(System.Text.Encoding.ASCII.GetBytes(text))));
        Assert.StartsWith("x: is no capture", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Reading_allocates_nothing_per_record()
    {
        string path = Write(false, 20_000);
        using CaptureReader reader = CaptureReader.Open(path);
        for (int i = 0; i < 5000; i++)
        {
            reader.TryReadNext(out _);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5000; i++)
        {
            reader.TryReadNext(out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Frame(int i) => [.. Enumerable.Range(0, 14 + (i % 60)).Select(b => (byte)(b + i))];

    private static long TimeOf(int i) => 1_700_000_000_123_456_789 + (i * 1_000_001L);

    private string Write(bool isNg, int count)
    {
        string path = Path.Combine(_folder, isNg ? "a.pcapng" : "a.pcap");
        if (isNg)
        {
            using var writer = new PcapngWriter(path, ["internet", "vm1"]);
            for (int i = 0; i < count; i++)
            {
                writer.Write(i % 2, Frame(i), TimeOf(i), $"comment {i}");
            }
        }
        else
        {
            using var writer = new PcapWriter(path);
            for (int i = 0; i < count; i++)
            {
                writer.Write(Frame(i), TimeOf(i));
            }
        }

        return path;
    }
}
