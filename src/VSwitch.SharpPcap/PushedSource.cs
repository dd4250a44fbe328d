using SharpPcap;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap;

/// <summary>Frames that a thread of SharpPcap's brings (<see cref="ICaptureDevice.StartCapture"/>), from a device that is not libpcap's:
/// it hands out spans that are its own, so they wait in a queue for the worker.</summary>
internal sealed unsafe class PushedSource : IFrameSource
{
    private const int HeaderBytes = 14 + 8;
    private readonly ICaptureDevice _device;
    private readonly DeviceStatus _status;
    private readonly FrameQueue _queue;
    private readonly Lock _arriving = new();
    private bool _isClosed;

    /// <summary>Takes an open device and starts its thread.</summary>
    public PushedSource(ICaptureDevice device, DeviceStatus status, int mtuBytes, int queueBytes)
    {
        _device = device;
        _status = status;
        _queue = new FrameQueue(mtuBytes + HeaderBytes, queueBytes);
        _device.OnPacketArrival += Arrive;
        _device.OnCaptureStopped += Stop;
        _device.StartCapture();
    }

    /// <inheritdoc/>
    public int PollHandle => -1;

    /// <inheritdoc/>
    public int Receive(PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        while (count < maxCount && pool.HasRoomForAny && _queue.TryPeek(out ReadOnlySpan<byte> frame))
        {
            PacketBuffer* p = pool.Rent(frame.Length);
            if (p == null)
            {
                Interlocked.Increment(ref _status.LostCount);
            }
            else
            {
                frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
                p->Length = frame.Length;
                packets[count++] = p;
            }

            _queue.Release();
        }

        return count;
    }

    /// <summary>The device's thread may still bring a frame: it finds the door closed, and the memory goes only then.</summary>
    public void Dispose()
    {
        _device.OnPacketArrival -= Arrive;
        _device.OnCaptureStopped -= Stop;
        lock (_arriving)
        {
            _isClosed = true;
            _queue.Dispose();
        }
    }

    private void Arrive(object sender, PacketCapture capture)
    {
        lock (_arriving)
        {
            if (_isClosed)
            {
                return;
            }

            _status.NoteUp();
            if (!_queue.TryPut(capture.Data))
            {
                Interlocked.Increment(ref _status.LostCount);
            }
        }
    }

    private void Stop(object sender, CaptureStoppedEventStatus status)
    {
        if (status != CaptureStoppedEventStatus.CompletedWithoutError)
        {
            _status.IsUp = false;
            Interlocked.Increment(ref _status.ReceiveErrorCount);
            _status.LastError = $"{_device.Name}: the capture ended with an error: {_device.LastError}";
        }
    }
}
