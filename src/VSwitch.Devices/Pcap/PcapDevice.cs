using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Devices.Pcap;

/// <summary>A port of a running switch that reads a capture once, as fast as the switch polls, and writes what it is sent to
/// another, with the time of a clock. Records that are not Ethernet, or longer than any buffer, are counted as lost; what the
/// capture cut goes in as it is, and the pipeline finds it too short for its own headers. Damage in the input ends it, a
/// failure of the output takes the port down: both are in <see cref="Status"/>. One worker receives; any may transmit.
/// </summary>
public sealed unsafe class PcapDevice : IPacketDevice
{
    private readonly CaptureReader? _reader;
    private readonly PcapWriter? _writer;
    private readonly Func<long> _clock;
    private readonly Lock _writing = new();
    private bool _isClosed;

    /// <summary>Opens the files; either may be null.</summary>
    /// <param name="input">Capture to read, "-" for standard input.</param>
    /// <param name="output">Capture to write, "-" for standard output.</param>
    /// <param name="clock">Nanoseconds since 1970, UTC, for what is written; null = the wall clock.</param>
    /// <exception cref="IOException">A file cannot be opened, is no capture, or is both input and output.</exception>
    public PcapDevice(string? input, string? output, Func<long>? clock = null)
    {
        Name = $"pcap {input ?? "nothing"} > {output ?? "nothing"}";
        _clock = clock ?? WallClockNs;
        if (input != null && output != null && CaptureFile.IsSame(input, output))
        {
            throw new IOException($"{output}: is the input of the same port: writing it would destroy what is to be read");
        }

        _reader = input == null ? null : CaptureReader.Open(input);
        try
        {
            _writer = output == null ? null : new PcapWriter(output);
        }
        catch
        {
            _reader?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; } = new(1, 65535, Offload: false);

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <inheritdoc/>
    public int PollHandle(int queue) => -1;

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        while (_reader != null && count < maxCount && pool.HasRoomForAny && _reader.TryReadNext(out CaptureRecord record))
        {
            PacketBuffer* p = record.LinkType == CaptureReader.LinkTypeEthernet ? pool.Rent(record.Bytes.Length) : null;
            if (p == null)
            {
                Status.LostCount++;
                continue;
            }

            record.Bytes.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = record.Bytes.Length;
            packets[count++] = p;
        }

        if (_reader?.Error is string error && Status.LastError == null)
        {
            Status.LastError = error;
            Status.ReceiveErrorCount++;
        }

        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        if (_writer == null)
        {
            return count;
        }

        lock (_writing)
        {
            if (_isClosed || !Status.IsUp)
            {
                return 0;
            }

            int taken = 0;
            try
            {
                long nowNs = _clock();
                for (; taken < count; taken++)
                {
                    _writer.Write(new ReadOnlySpan<byte>(packets[taken]->Data, packets[taken]->Length), nowNs);
                }
            }
            catch (IOException e)
            {
                TakeDown(e);
            }

            return taken;
        }
    }

    /// <summary>Writes out the rest and closes the files. It does not throw, so that the devices beside this one are closed too:
    /// what could not be written is in <see cref="Status"/>.</summary>
    public void Dispose()
    {
        lock (_writing)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            _reader?.Dispose();
            try
            {
                _writer?.Dispose();
            }
            catch (IOException e)
            {
                TakeDown(e);
            }
        }
    }

    private static long WallClockNs() => (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;

    private void TakeDown(IOException error)
    {
        Status.TransmitErrorCount++;
        Status.LastError = error.Message;
        Status.IsUp = false;
    }
}
