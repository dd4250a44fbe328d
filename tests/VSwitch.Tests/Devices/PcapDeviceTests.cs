using VSwitch.Devices.Pcap;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>A port over capture files: everything in once, everything out with the clock's time, failures in its status.</summary>
public sealed class PcapDeviceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-pcapdevice-").FullName;
    private readonly PortFixture _port = new();

    [Fact]
    public void Feeds_the_input_once_in_order()
    {
        using var device = new PcapDevice(Image(CaptureImages.Pcapng(100)), null);
        var frames = new List<byte[]>();
        for (List<byte[]> burst = _port.Poll(device); burst.Count > 0; burst = _port.Poll(device))
        {
            frames.AddRange(burst);
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(CaptureImages.Frame), frames);
        Assert.Empty(_port.Poll(device));
        Assert.Null(device.Status.LastError);
        Assert.Equal(0, device.Status.LostCount);
    }

    [Fact]
    public void Waits_for_a_buffer_instead_of_losing_a_record()
    {
        using var device = new PcapDevice(Image(CaptureImages.Pcap(3)), null);
        using var empty = new PortFixture(smallCount: 1, largeCount: 1);
        unsafe
        {
            VSwitch.DataPlane.Buffers.PacketBuffer* held = empty.Pool.RentLarge();
            Assert.Empty(empty.Poll(device));
            empty.Pool.Return(held);
        }

        Assert.Single(empty.Poll(device));
        Assert.Single(empty.Poll(device, maxCount: 1));
        Assert.Equal(0, device.Status.LostCount);
    }

    [Fact]
    public void A_pool_without_large_buffers_loses_only_large_records()
    {
        byte[] image =
        [
            .. CaptureImages.Pcap(0), .. CaptureImages.PcapRecord(false, 1, 0, new byte[9000], 9000),
            .. CaptureImages.PcapRecord(false, 1, 0, new byte[60], 60),
        ];
        using var device = new PcapDevice(Image(image), null);
        using var small = new PortFixture(smallCount: 4, largeCount: 0);
        Assert.Equal(60, Assert.Single(small.Poll(device)).Length);
        Assert.Equal(1, device.Status.LostCount);
    }

    [Fact]
    public void Counts_what_is_not_Ethernet_or_longer_than_any_buffer()
    {
        byte[] image =
        [
            .. CaptureImages.Section(false), .. CaptureImages.Interface(false, 101, 0), .. CaptureImages.Interface(false, 1, 0),
            .. CaptureImages.Packet(false, 0, 1, new byte[40], 40), .. CaptureImages.Packet(false, 1, 1, new byte[70_000], 70_000),
            .. CaptureImages.Packet(false, 1, 1, new byte[60], 60),
        ];
        using var device = new PcapDevice(Image(image), null);
        Assert.Equal(60, Assert.Single(_port.Poll(device)).Length);
        Assert.Equal(2, device.Status.LostCount);
    }

    [Fact]
    public void Damage_in_the_input_is_told_once_and_ends_it()
    {
        using var device = new PcapDevice(Image(CaptureImages.Pcap(10)[..^1]), null);
        Assert.Equal(9, _port.Poll(device).Count);
        Assert.Empty(_port.Poll(device));
        Assert.Contains("the file is cut off in a record", device.Status.LastError, StringComparison.Ordinal);
        Assert.Equal(1, device.Status.ReceiveErrorCount);
        Assert.True(device.Status.IsUp);
    }

    [Fact]
    public void Writes_what_it_is_sent_with_the_clocks_time()
    {
        string output = Path.Combine(_folder, "out.pcap");
        long nowNs = 1_700_000_000_000_000_001;
        using (var device = new PcapDevice(null, output, () => nowNs))
        {
            Assert.Equal(2, _port.Send(device, [[1], [2, 3]]));
            nowNs += 5;
            Assert.Equal(1, _port.Send(device, [[4]]));
            Assert.Empty(_port.Poll(device));
        }

        Assert.Equal(["01 1700000000000000001", "0203 1700000000000000001", "04 1700000000000000006"], Lines(output));
    }

    [Fact]
    public void Threads_that_transmit_at_once_leave_whole_records()
    {
        const int Threads = 4;
        const int Rounds = 2000;
        string output = Path.Combine(_folder, "many.pcap");
        using (var device = new PcapDevice(null, output, () => 7))
        {
            Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() =>
            {
                using var port = new PortFixture();
                for (int i = 0; i < Rounds; i++)
                {
                    port.Send(device, [Enumerable.Repeat((byte)t, 60 + (i % 40)).ToArray()]);
                }
            }))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
        }

        var perThread = new int[Threads];
        using CaptureReader reader = CaptureReader.Open(output);
        while (reader.TryReadNext(out CaptureRecord record))
        {
            int from = record.Bytes[0];
            Assert.Equal(60 + (perThread[from]++ % 40), record.Bytes.Length);
            Assert.Equal(-1, record.Bytes.IndexOfAnyExcept((byte)from));
        }

        Assert.Null(reader.Error);
        Assert.All(perThread, n => Assert.Equal(Rounds, n));
    }

    [Fact]
    public void An_output_that_is_the_input_is_refused_and_left_alone()
    {
        byte[] image = CaptureImages.Pcap(10);
        string input = Image(image);
        string link = Path.Combine(_folder, "link.pcap");
        File.CreateSymbolicLink(link, input);
        string detour = Path.Combine(_folder, ".", Path.GetFileName(input));
        foreach (string output in (string[])[input, link, detour])
        {
            IOException error = Assert.Throws<IOException>(() => new PcapDevice(input, output).Dispose());
            Assert.Contains("is the input of the same port", error.Message, StringComparison.Ordinal);
            Assert.Equal(image, File.ReadAllBytes(input));
        }
    }

    [Fact]
    public void A_full_disk_takes_the_port_down_and_closing_it_does_not_throw()
    {
        if (!File.Exists("/dev/full"))
        {
            Assert.Throws<IOException>(() => new PcapDevice(null, Path.Combine(_folder, "no", "folder")));
            return;
        }

        var device = new PcapDevice(null, "/dev/full", () => 0);
        Assert.Equal(1, _port.Send(device, [new byte[60]]));
        device.Dispose();
        Assert.False(device.Status.IsUp);
        Assert.Equal(1, device.Status.TransmitErrorCount);
        Assert.Equal("/dev/full: cannot be written: No space left on device", device.Status.LastError);
        Assert.Equal(0, _port.Send(device, [new byte[60]]));
        device.Dispose();

        using var busy = new PcapDevice(null, "/dev/full", () => 0);
        int taken = 0;
        for (int i = 0; i < 100 && busy.Status.IsUp; i++)
        {
            taken += _port.Send(busy, [new byte[60_000]]);
        }

        Assert.InRange(taken, 1, 20);
        Assert.Equal(0, _port.Send(busy, [new byte[60]]));
        Assert.Equal(1, busy.Status.TransmitErrorCount);
    }

    [Fact]
    public void A_port_without_files_takes_everything_and_gives_nothing()
    {
        using var device = new PcapDevice(null, null);
        Assert.Equal(1, _port.Send(device, [[1]]));
        Assert.Empty(_port.Poll(device));
        Assert.Equal("pcap nothing > nothing", device.Name);
    }

    public void Dispose()
    {
        _port.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static List<string> Lines(string path)
    {
        var lines = new List<string>();
        using CaptureReader reader = CaptureReader.Open(path);
        while (reader.TryReadNext(out CaptureRecord record))
        {
            lines.Add($"{Convert.ToHexString(record.Bytes)} {record.TimestampNs}");
        }

        Assert.Null(reader.Error);
        return lines;
    }

    private string Image(byte[] bytes)
    {
        string path = Path.Combine(_folder, "in.pcap");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
