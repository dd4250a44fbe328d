using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Devices.Pcap;

/// <summary>A port of a running switch that reads a capture once, as fast as the switch polls, and writes what it is sent to
/// another, with the time of the wall clock.</summary>
public sealed unsafe class PcapDevice : IPacketDevice
{
    private readonly CaptureReader? _reader;
    private readonly PcapWriter? _writer;
    private readonly Lock _writing = new();

    /// <summary>Opens the files; either may be null.</summary>
    /// <exception cref="IOException">A file cannot be opened or is no capture.</exception>
    public PcapDevice(string? input, string? output)
    {
        Name = $"pcap {input ?? "-"} > {output ?? "-"}";
        _reader = input == null ? null : CaptureReader.Open(input);
        _writer = output == null ? null : new PcapWriter(output);
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
        while (_reader != null && count < maxCount && pool.SmallFreeCount > 0 && pool.LargeFreeCount > 0 &&
            _reader.TryReadNext(out CaptureRecord record))
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

        Status.LastError ??= _reader?.Error;
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
            long nowNs = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100;
            try
            {
                for (int i = 0; i < count; i++)
                {
                    _writer.Write(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length), nowNs);
                }

                return count;
            }
            catch (IOException e)
            {
                Status.TransmitErrorCount++;
                Status.LastError = e.Message;
                Status.IsUp = false;
                return 0;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader?.Dispose();
        _writer?.Dispose();
    }
}
