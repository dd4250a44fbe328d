using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap;

/// <summary>Frames that the worker takes from a handle of libpcap itself: <see cref="PcapDevice.GetNextPacketPointers"/> is SharpPcap's
/// one way that neither waits (its others poll for half a second) nor allocates (a header and a time a frame).</summary>
internal sealed unsafe class PolledSource : IFrameSource
{
    private const int FrameRead = 1;
    private const int NothingNow = 0;
    private const long StatisticsEveryMs = 1000;

    /// <summary>struct pcap_pkthdr: a struct timeval, then the captured length and the length on the wire. A timeval is two 32-bit
    /// numbers on Windows and on 32-bit systems.</summary>
    private static readonly int LengthsOffset = OperatingSystem.IsWindows() || nint.Size == 4 ? 8 : 16;

    private readonly PcapDevice _device;
    private readonly DeviceStatus _status;
    private readonly int _mtuBytes;
    private readonly bool _isLive;
    private uint _kernelLost;
    private long _statisticsAtMs;
    private bool _isAtEnd;

    /// <summary>Takes an open device; a live one does not block.</summary>
    public PolledSource(PcapDevice device, DeviceStatus status, int mtuBytes)
    {
        _mtuBytes = mtuBytes;
        _device = device;
        _status = status;
        _isLive = device is LibPcapLiveDevice;
        PollHandle = LinuxCapture.DescriptorOf(device);
    }

    /// <inheritdoc/>
    public int PollHandle { get; }

    /// <inheritdoc/>
    public int Receive(PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        for (int looked = 0; !_isAtEnd && looked < maxCount && pool.HasRoomForAny; looked++)
        {
            nint header = 0;
            nint data = 0;
            int result = _device.GetNextPacketPointers(ref header, ref data);
            if (result != FrameRead)
            {
                NoteNoFrame(result);
                break;
            }

            int captured = *(int*)(header + LengthsOffset);
            int onWire = *(int*)(header + LengthsOffset + sizeof(int));
            PacketBuffer* p = captured == onWire || !_isLive ? pool.Rent(captured) : null;
            if (p == null)
            {
                NoteTooLong(onWire);
                continue;
            }

            Buffer.MemoryCopy((void*)data, p->Data, p->CapacityBytes, captured);
            p->Length = captured;
            if (_isLive && OperatingSystem.IsLinux() && !LinuxOffload.TryMark(p, _mtuBytes))
            {
                pool.Return(p);
                NoteTooLong(onWire);
                continue;
            }

            packets[count++] = p;
        }

        if (count > 0)
        {
            _status.NoteUp();
        }

        ReadStatistics();
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Nothing waits, a file is at its end, or reading failed: said once, until frames come again.</summary>
    private void NoteNoFrame(int result)
    {
        bool failed = result is not NothingNow and not (int)GetPacketStatus.NoRemainingPackets;
        _isAtEnd = !_isLive && result != NothingNow;
        if (failed && _status.IsUp)
        {
            _status.IsUp = !_isLive;
            _status.ReceiveErrorCount++;
            _status.LastError = $"{_device.Name}: {_device.LastError}";
        }
    }

    private void NoteTooLong(int onWire)
    {
        _status.LostCount++;
        _status.LastError ??= _isLive
            ? $"{_device.Name}: a frame of {onWire} bytes is longer than its MTU and no super-packet of TCP that could be cut: switch off what " +
                "made it (ethtool -K NAME tso off gso off gro off, at the sender and here)"
            : $"{_device.Name}: a record of {onWire} bytes is longer than any buffer";
    }

    /// <summary>What the kernel had no room for, looked up now and then.</summary>
    private void ReadStatistics()
    {
        long nowMs = Environment.TickCount64;
        if (!_isLive || nowMs - _statisticsAtMs < StatisticsEveryMs)
        {
            return;
        }

        _statisticsAtMs = nowMs;
        if (OperatingSystem.IsLinux())
        {
            _status.LostCount += LinuxCapture.LostSinceLastLook(PollHandle);
            return;
        }

        try
        {
            uint lost = _device.Statistics?.DroppedPackets ?? 0;
            _status.LostCount += lost - _kernelLost;
            _kernelLost = lost;
        }
        catch (StatisticsException)
        {
            // The interface is gone; receiving says so.
        }
    }
}
