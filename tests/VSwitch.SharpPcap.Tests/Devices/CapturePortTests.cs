using PacketDotNet;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using VSwitch.Tests;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>Capture files by libpcap as a port, against the switch's own reader and writer.</summary>
public sealed class CapturePortTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-sharppcap-").FullName;
    private readonly PacketPool _pool = new(0, 256, 8);

    public void Dispose()
    {
        _pool.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [LibpcapFact]
    public void The_demo_gives_the_frames_that_our_reader_gives() =>
        Assert.Equal(14, CompareAll([Path.Combine(RepositoryRoot.Folder, "captures", "demo.pcap")]));

    [SharedFact]
    public void Every_public_capture_gives_the_frames_that_our_reader_gives()
    {
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Shared!, "captures"), "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) is ".pcap" or ".pcapng" or ".cap").Order(StringComparer.Ordinal)];
        Assert.Equal(91, files.Length);
        Assert.InRange(CompareAll(files), 2000, int.MaxValue);
    }

    [LibpcapFact]
    public void What_is_sent_is_written_with_the_time_of_the_clock()
    {
        string file = Path.Combine(_folder, "out.pcap");
        long beforeNs = NowNs();
        byte[][] frames = [.. Enumerable.Range(14, 200).Append(9000).Append(65_000).Select(n => Enumerable.Range(0, n).Select(i => (byte)(i * n)).ToArray())];
        using (SharpPcapDevice device = SharpPcapDevice.OpenFiles(null, file))
        {
            Assert.Empty(device.ReceivePackets(_pool));
            Assert.All(frames, frame => Assert.True(device.SendPacket(_pool, new Raw(frame))));
            Assert.False(device.SendPacket(_pool, new Raw(new byte[200_000])), "there is no buffer of that size");
        }

        using var reader = CaptureReader.Open(file);
        long lastNs = beforeNs - 1000;
        foreach (byte[] frame in frames)
        {
            Assert.True(reader.TryReadNext(out CaptureRecord record));
            Assert.Equal(frame, record.Bytes.ToArray());
            Assert.InRange(record.TimestampNs, lastNs, NowNs());
            lastNs = record.TimestampNs;
        }

        Assert.False(reader.TryReadNext(out _));
        Assert.Null(reader.Error);
    }

    [LibpcapFact]
    public void From_one_file_to_another_nothing_changes()
    {
        string input = Path.Combine(RepositoryRoot.Folder, "captures", "demo.pcap");
        string copy = Path.Combine(_folder, "copy.pcap");
        using (SharpPcapDevice device = SharpPcapDevice.OpenFiles(input, copy))
        {
            for (IReadOnlyList<Packet> packets = device.ReceivePackets(_pool); packets.Count > 0; packets = device.ReceivePackets(_pool))
            {
                Assert.All(packets, p => Assert.True(device.SendPacket(_pool, p)));
            }

            Assert.Null(device.Status.LastError);
        }

        Assert.Equal(ReadOurs(input).Frames, ReadOurs(copy).Frames);
    }

    [LibpcapFact]
    public void A_damaged_capture_gives_what_stands_before_the_damage_and_says_so_once()
    {
        byte[] whole = File.ReadAllBytes(Path.Combine(RepositoryRoot.Folder, "captures", "demo.pcap"));
        string file = Path.Combine(_folder, "cut.pcap");
        File.WriteAllBytes(file, whole[..^5]);
        using SharpPcapDevice device = SharpPcapDevice.OpenFiles(file, null);
        List<string> frames = ReadAll(device);
        Assert.Equal(ReadOurs(file).Frames, frames);
        Assert.Empty(ReadAll(device));
        Assert.Equal(1, device.Status.ReceiveErrorCount);
        Assert.Contains("cut.pcap: truncated dump file", device.Status.LastError, StringComparison.Ordinal);
    }

    [LibpcapFact]
    public void A_record_that_fits_no_buffer_is_lost_by_name()
    {
        string file = Path.Combine(_folder, "long.pcap");
        using (var writer = new PcapWriter(file))
        {
            writer.Write(new byte[5000], 1);
            writer.Write(new byte[60], 2);
        }

        using SharpPcapDevice device = SharpPcapDevice.OpenFiles(file, null);
        using var small = new PacketPool(0, 4, 0);
        Assert.Equal(60, Assert.Single(device.ReceivePackets(small)).Bytes.Length);
        Assert.Equal(1, device.Status.LostCount);
        Assert.Equal($"{file}: a record of 5000 bytes is longer than any buffer", device.Status.LastError);
    }

    [LibpcapFact]
    public void What_is_no_capture_of_Ethernet_is_refused_in_one_line()
    {
        string text = Path.Combine(_folder, "text.pcap");
        File.WriteAllText(text, "this is no capture at all, but it is long enough for a header");
        string raw = Path.Combine(_folder, "raw.pcap");
        byte[] header = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
        File.WriteAllBytes(raw, header);
        Assert.StartsWith($"sharppcap '{text}': ", Refusal(text, null), StringComparison.Ordinal);
        Assert.Equal($"sharppcap '{raw}': its frames are RawLegacy, not Ethernet; choose another device", Refusal(raw, null));
        Assert.Contains("No such file", Refusal(Path.Combine(_folder, "absent.pcap"), null), StringComparison.Ordinal);
        Assert.Contains("No such file", Refusal(null, Path.Combine(_folder, "absent", "out.pcap")), StringComparison.Ordinal);
        Assert.EndsWith("is the input of the same port: writing it would destroy what is to be read", Refusal(raw, raw), StringComparison.Ordinal);
        string link = Path.Combine(_folder, "link.pcap");
        File.CreateSymbolicLink(link, raw);
        Assert.Contains("is the input of the same port", Refusal(raw, link), StringComparison.Ordinal);
    }

    /// <summary>Compares files by libpcap with the same by our reader; gives the frames that are equal.</summary>
    private int CompareAll(string[] files)
    {
        int frames = 0;
        var refused = new List<string>();
        foreach (string file in files)
        {
            (List<string> ours, string? error, bool isEthernet) = ReadOurs(file);
            try
            {
                using SharpPcapDevice device = SharpPcapDevice.OpenFiles(file, null);
                List<string> theirs = ReadAll(device);
                // Libpcap stops at damage that is in its way; what both read is the same.
                int both = device.Status.LastError == null && error == null ? ours.Count : Math.Min(ours.Count, theirs.Count);
                Assert.True(ours.Take(both).SequenceEqual(theirs.Take(both)), file);
                Assert.True(both == theirs.Count, $"{file}: {theirs.Count} frames, ours {ours.Count}");
                frames += both;
            }
            catch (DeviceException e)
            {
                refused.Add($"{Path.GetFileName(file)}: {e.Message}");
                Assert.True(!isEthernet || error != null || e.Message.Contains("link-layer", StringComparison.Ordinal) || e.Message.Contains("snapshot", StringComparison.Ordinal),
                    refused[^1]);
            }
        }

        output.WriteLine($"{files.Length} files, {frames} frames equal, {refused.Count} refused");
        refused.ForEach(output.WriteLine);
        return frames;
    }

    private static string Refusal(string? input, string? output)
    {
        string words = Assert.Throws<DeviceException>(() => SharpPcapDevice.OpenFiles(input, output)).Message;
        Assert.DoesNotContain('\n', words);
        return words;
    }

    private static (List<string> Frames, string? Error, bool IsEthernet) ReadOurs(string file)
    {
        var frames = new List<string>();
        bool isEthernet = true;
        CaptureReader reader;
        try
        {
            reader = CaptureReader.Open(file);
        }
        catch (IOException e)
        {
            return (frames, e.Message, isEthernet);
        }

        using (reader)
        {
            while (reader.TryReadNext(out CaptureRecord record))
            {
                isEthernet &= record.LinkType == CaptureReader.LinkTypeEthernet;
                frames.Add(Convert.ToHexString(record.Bytes));
            }

            return (frames, reader.Error, isEthernet);
        }
    }

    private List<string> ReadAll(SharpPcapDevice device)
    {
        var frames = new List<string>();
        for (List<string> some = Read(device); some.Count > 0; some = Read(device))
        {
            frames.AddRange(some);
        }

        return frames;
    }

    private unsafe List<string> Read(SharpPcapDevice device)
    {
        PacketBuffer** buffers = stackalloc PacketBuffer*[64];
        int count = device.Receive(0, _pool, buffers, 64);
        var frames = new List<string>();
        for (int i = 0; i < count; i++)
        {
            frames.Add(Convert.ToHexString(new ReadOnlySpan<byte>(buffers[i]->Data, buffers[i]->Length)));
            _pool.Return(buffers[i]);
        }

        return frames;
    }

    private static long NowNs() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;

    /// <summary>Bytes that PacketDotNet need not understand.</summary>
    private sealed class Raw(byte[] bytes) : Packet
    {
        public override byte[] Bytes => bytes;
    }
}
